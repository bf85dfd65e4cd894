//! Copies of regularly spaced elements, and into other memory orders.

use super::{elementwise::parts, loops::Loops};
use crate::{Layout, Result, Tensor, layout::convert, ops::View, with_dtype};

pub(super) fn copy(x: &Tensor, view: &View) -> Result<Tensor> {
    let dims = view.layout.order(view.shape.rank()).into_iter().map(|d| (view.shape[d], [view.strides[d]]));
    let loops = Loops::new(dims, [view.offset]);
    with_dtype!(x.dtype(), T => {
        let mut out = Tensor::uninit::<T>(view.shape.clone(), view.layout)?;
        let x = x.data::<T>()?;
        parts(out.data_mut::<T>()?, |start, y| {
            for run in loops.runs(start..start + y.len()) {
                let (y, x) = (&mut y[run.at - start..][..run.len], &x[run.offsets[0]..]);
                match loops.steps {
                    [1] => y.copy_from_slice(&x[..run.len]),
                    [0] => y.fill(x[0]),
                    [step] => y.iter_mut().zip(x.iter().step_by(step)).for_each(|(y, &x)| *y = x),
                }
            }
        });
        Ok(out)
    })
}

/// The same elements in another memory order.
pub(super) fn to_layout(x: &Tensor, layout: Layout) -> Result<Tensor> {
    with_dtype!(x.dtype(), T => {
        let mut out = Tensor::uninit::<T>(x.shape().clone(), layout)?;
        convert(x.shape(), x.data::<T>()?, x.layout(), out.data_mut::<T>()?, layout);
        Ok(out)
    })
}
