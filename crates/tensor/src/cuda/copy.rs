//! Copies of elements into other arrangements, whatever their type.

use super::{context::arguments, kernels::COPY, walk::Walk};
use crate::{Layout, Result, Shape, Tensor, cpu::cat::entry, ops::View};

fn width(t: &Tensor) -> u32 {
    t.dtype().size() as u32
}

/// A copy of regularly spaced elements.
pub(super) fn copy(x: &Tensor, view: &View) -> Result<Tensor> {
    let context = x.context()?;
    let dims = view.layout.order(view.shape.rank()).into_iter().map(|d| (view.shape[d], [view.strides[d]]));
    let walk = Walk::new("copy", dims, [view.offset])?;
    let mut y = context.uninit(view.shape.clone(), x.dtype(), view.layout)?;
    let n = y.stored();
    let arguments = arguments![walk, x.address()?, y.address_mut()?, n as i64];
    // SAFETY: the kernel's parameters; the view stays within the operand.
    unsafe { context.over(&COPY, width(x), "copy", n, arguments) }?;
    Ok(y)
}

/// `a` where `cond` is not 0, else `b`, broadcast to `shape`.
pub(super) fn select(cond: &Tensor, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
    let context = a.context()?;
    let walk = Walk::broadcast("where_cond", shape, layout, [cond, a, b])?;
    let mut y = context.uninit(shape.clone(), a.dtype(), layout)?;
    let n = y.stored();
    let arguments = arguments![walk, cond.address()?, a.address()?, b.address()?, y.address_mut()?, n as i64];
    // SAFETY: the kernel's parameters; the walk stays within the operands.
    unsafe { context.over(&COPY, width(a), "select", n, arguments) }?;
    Ok(y)
}

/// All parts in the layout of the result.
pub(super) fn cat(parts: &[Tensor], dim: usize, shape: &Shape, layout: Layout) -> Result<Tensor> {
    let context = parts[0].context()?;
    let entry = entry(shape, layout, dim);
    let mut y = context.uninit(shape.clone(), parts[0].dtype(), layout)?;
    let (to, out_len, mut at) = (y.address_mut()?, shape[dim] * entry, 0);
    for part in parts {
        let (n, len) = (part.stored(), part.dims()[dim] * entry);
        let arguments = arguments![part.address()?, to, len as i64, out_len as i64, at as i64, n as i64];
        // SAFETY: the kernel's parameters; the parts fill the result's rows one behind the other.
        unsafe { context.over(&COPY, width(part), "cat", n, arguments) }?;
        at += len;
    }
    Ok(y)
}

/// `indices` are in range.
pub(super) fn index_select(x: &Tensor, dim: usize, indices: &Tensor) -> Result<Tensor> {
    let context = x.context()?;
    let (size, entry, count) = (x.dims()[dim], entry(x.shape(), x.layout(), dim), indices.elements());
    let mut shape = x.dims().to_vec();
    shape[dim] = count;
    let mut y = context.uninit(shape, x.dtype(), x.layout())?;
    let n = y.stored();
    let sizes = (count as i64, size as i64, entry as i64);
    let arguments = arguments![x.address()?, indices.address()?, y.address_mut()?, sizes.0, sizes.1, sizes.2, n as i64];
    // SAFETY: the kernel's parameters; `ops` has checked that the indices are in range.
    unsafe { context.over(&COPY, width(x), "index_select", n, arguments) }?;
    Ok(y)
}

/// The same elements in another memory order.
pub(super) fn to_layout(x: &Tensor, layout: Layout) -> Result<Tensor> {
    let context = x.context()?;
    let number = |layout| match layout {
        Layout::Contiguous => 0i32,
        Layout::ChannelsLast => 1,
        Layout::Blocked => 2,
    };
    let (outer, channels) = (x.dims()[0] as i64, x.dims()[1] as i64);
    let spatial = x.dims()[2..].iter().product::<usize>() as i64;
    let mut y = context.uninit(x.shape().clone(), x.dtype(), layout)?;
    let n = y.stored();
    let arguments = arguments![number(x.layout()), number(layout), x.address()?, y.address_mut()?, outer, channels, spatial, n as i64];
    // SAFETY: the kernel's parameters; both tensors hold what their layouts say of these sizes.
    unsafe { context.over(&COPY, width(x), "to_layout", n, arguments) }?;
    Ok(y)
}
