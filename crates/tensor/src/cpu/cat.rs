//! Joining tensors, and picking entries: both copy stretches that lie together in memory.

use super::pool::{SharedMut, parallel_ranges};
use crate::{Element, Layout, Result, Shape, Tensor, with_dtype};

/// Bytes below which a second thread is not worth waking.
const GRAIN_BYTES: usize = 1 << 16;

/// The elements of one entry along dimension `dim` that lie together in memory.
pub(crate) fn entry(shape: &Shape, layout: Layout, dim: usize) -> usize {
    let order = layout.order(shape.rank());
    order.iter().skip_while(|&&d| d != dim).skip(1).map(|&d| shape[d]).product()
}

/// Fills `out`, cut into rows of `len` elements, by `task(row, part)`, in parallel.
fn rows<T: Element>(out: &mut [T], len: usize, task: impl Fn(usize, &mut [T]) + Sync) {
    let count = out.len().checked_div(len).unwrap_or(0);
    let shared = SharedMut::new(out);
    parallel_ranges(count, GRAIN_BYTES / (len * size_of::<T>()).max(1), |start, end| {
        // SAFETY: rows are disjoint, and `count` of them lie in `out`.
        (start..end).for_each(|i| task(i, unsafe { shared.slice(i * len, len) }));
    });
}

/// All parts in the layout of the result.
pub(super) fn cat(parts: &[Tensor], dim: usize, shape: &Shape, layout: Layout) -> Result<Tensor> {
    let entry = entry(shape, layout, dim);
    with_dtype!(parts[0].dtype(), T => {
        let mut out = Tensor::uninit::<T>(shape.clone(), layout)?;
        let parts = parts.iter().map(|t| Ok((t.data::<T>()?, t.dims()[dim] * entry))).collect::<Result<Vec<_>>>()?;
        rows(out.data_mut::<T>()?, shape[dim] * entry, |i, mut row| {
            for (part, len) in &parts {
                let (head, tail) = row.split_at_mut(*len);
                head.copy_from_slice(&part[i * len..][..*len]);
                row = tail;
            }
        });
        Ok(out)
    })
}

/// `indices` are in range.
pub(super) fn index_select(x: &Tensor, dim: usize, indices: &Tensor) -> Result<Tensor> {
    let (size, entry) = (x.dims()[dim], entry(x.shape(), x.layout(), dim));
    let indices = indices.data::<i64>()?;
    let mut shape = x.dims().to_vec();
    shape[dim] = indices.len();
    with_dtype!(x.dtype(), T => {
        let mut out = Tensor::uninit::<T>(shape, x.layout())?;
        let x = x.data::<T>()?;
        rows(out.data_mut::<T>()?, indices.len() * entry, |i, row| {
            if entry == 1 {
                let x = &x[i * size..][..size];
                row.iter_mut().zip(indices).for_each(|(y, &index)| *y = x[index as usize]);
                return;
            }
            for (y, &index) in row.chunks_exact_mut(entry).zip(indices) {
                y.copy_from_slice(&x[(i * size + index as usize) * entry..][..entry]);
            }
        });
        Ok(out)
    })
}
