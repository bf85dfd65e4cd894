//! Functions of two operands, comparisons and conversions, element by element.

use super::{
    context::arguments,
    kernels::{ELEMENTWISE, TYPED},
    operand::float_width,
    walk::{Walk, is_flat},
};
use crate::{
    DType, Layout, Result, Shape, Tensor,
    ops::{Binary, Compare},
};

/// `op` of each pair of elements, broadcast to `shape`.
pub(super) fn binary(op: Binary, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
    let (context, width) = (a.context()?, float_width("binary", a)?);
    let mut y = context.uninit(shape.clone(), a.dtype(), layout)?;
    let n = y.stored();
    let (op, at, from) = (op as i32, y.address_mut()?, (a.address()?, b.address()?));
    if is_flat(shape, layout, [a, b]) {
        // SAFETY: the kernel's parameters; all tensors hold n elements.
        unsafe { context.over(&ELEMENTWISE, width, "binary_flat", n, arguments![op, from.0, from.1, at, n as i64]) }?;
    } else {
        let walk = Walk::broadcast("binary", shape, layout, [a, b])?;
        // SAFETY: the kernel's parameters; the walk stays within the operands.
        unsafe { context.over(&ELEMENTWISE, width, "binary", n, arguments![op, walk, from.0, from.1, at, n as i64]) }?;
    }
    Ok(y)
}

/// `keep * a + take * b` in place of `a`.
pub(super) fn blend(a: &mut Tensor, b: &Tensor, keep: f64, take: f64) -> Result<()> {
    let (context, width, n) = (a.context()?, float_width("blend_", a)?, a.stored());
    let arguments = arguments![keep, take, a.address_mut()?, b.address()?, n as i64];
    // SAFETY: the kernel's parameters; both tensors hold n elements.
    unsafe { context.over(&ELEMENTWISE, width, "blend", n, arguments) }
}

/// `x * scale` where `mask` is not 0, else 0.
pub(super) fn masked_scale(x: &Tensor, mask: &Tensor, scale: f64) -> Result<Tensor> {
    let (context, width, n) = (x.context()?, float_width("masked_scale", x)?, x.stored());
    let mut y = context.like(x)?;
    let arguments = arguments![scale, x.address()?, mask.address()?, y.address_mut()?, n as i64];
    // SAFETY: the kernel's parameters; all tensors hold n elements.
    unsafe { context.over(&ELEMENTWISE, width, "masked_scale", n, arguments) }?;
    Ok(y)
}

/// How the kernels of typed.cu number element types.
pub(super) fn type_number(dtype: DType) -> i32 {
    match dtype {
        DType::F32 => 0,
        DType::F64 => 1,
        DType::Bf16 => 2,
        DType::I64 => 3,
        DType::U8 => 4,
    }
}

/// The values as another element type.
pub(super) fn cast(x: &Tensor, dtype: DType) -> Result<Tensor> {
    let (context, n) = (x.context()?, x.stored());
    let mut y = context.uninit(x.shape().clone(), dtype, x.layout())?;
    let arguments = arguments![type_number(x.dtype()), type_number(dtype), x.address()?, y.address_mut()?, n as i64];
    // SAFETY: the kernel's parameters; both tensors hold n elements.
    unsafe { context.over(&TYPED, 32, "cast", n, arguments) }?;
    Ok(y)
}

/// `op` of each pair of elements, broadcast to `shape`, as U8.
pub(super) fn compare(op: Compare, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
    let context = a.context()?;
    let mut y = context.uninit(shape.clone(), DType::U8, layout)?;
    let (n, walk) = (y.stored(), Walk::broadcast("compare", shape, layout, [a, b])?);
    let arguments = arguments![op as i32, type_number(a.dtype()), walk, a.address()?, b.address()?, y.address_mut()?, n as i64];
    // SAFETY: the kernel's parameters; the walk stays within the operands.
    unsafe { context.over(&TYPED, 32, "compare", n, arguments) }?;
    Ok(y)
}
