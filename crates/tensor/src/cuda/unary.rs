//! Functions of one operand, and their gradients.

use super::{
    context::{Argument, arguments},
    kernels::ELEMENTWISE,
    operand::float_width,
};
use crate::{Result, Tensor, ops::Unary};

/// `Function` of functions.cuh.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Function {
    op: i32,
    unused: i32,
    p: f64,
    q: f64,
}

// SAFETY: the fields of the kernels' type in their order, without padding.
unsafe impl Argument for Function {}

impl From<Unary> for Function {
    fn from(op: Unary) -> Function {
        let with = |op, p, q| Function { op, unused: 0, p, q };
        let plain = |op| with(op, 0.0, 0.0);
        match op {
            Unary::Neg => plain(1),
            Unary::Abs => plain(2),
            Unary::Exp => plain(3),
            Unary::Ln => plain(4),
            Unary::Sqrt => plain(5),
            Unary::Tanh => plain(6),
            Unary::Sigmoid => plain(7),
            Unary::Relu => plain(8),
            Unary::Gelu => plain(9),
            Unary::Hardswish => plain(10),
            Unary::Hardsigmoid => plain(11),
            Unary::Silu => plain(12),
            Unary::Clamp { min, max } => with(13, min, max),
            Unary::Affine { mul, add } => with(14, mul, add),
            Unary::Pow(2.0) => plain(15),
            Unary::Pow(exponent) => with(16, exponent, 0.0),
        }
    }
}

/// `op` of each element.
pub(super) fn unary(op: Unary, x: &Tensor) -> Result<Tensor> {
    let (context, width, n) = (x.context()?, float_width(op.name(), x)?, x.stored());
    let mut y = context.like(x)?;
    let arguments = arguments![Function::from(op), x.address()?, y.address_mut()?, n as i64];
    // SAFETY: the kernel's parameters; both tensors hold n elements.
    unsafe { context.over(&ELEMENTWISE, width, "unary", n, arguments) }?;
    Ok(y)
}

/// The operand's gradient; both operands in one memory order.
pub(super) fn unary_backward(op: Unary, grad: &Tensor, saved: &Tensor) -> Result<Tensor> {
    let (context, width, n) = (saved.context()?, float_width(op.name(), saved)?, saved.stored());
    let mut dx = context.like(saved)?;
    let arguments = arguments![Function::from(op), grad.address()?, saved.address()?, dx.address_mut()?, n as i64];
    // SAFETY: the kernel's parameters; all tensors hold n elements.
    unsafe { context.over(&ELEMENTWISE, width, "unary_backward", n, arguments) }?;
    Ok(dx)
}
