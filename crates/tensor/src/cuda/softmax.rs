//! Softmax and its logarithm along the innermost dimension in memory, and their gradients.

use super::{
    context::{Argument, Launch, THREADS, arguments},
    kernels::ROWS,
    operand::float_width,
};
use crate::{Result, Tensor, ops::Softmax};

/// Runs a kernel of rows.cu with a block for each of the rows of `len` elements in `x`.
///
/// # Safety
/// The arguments are the kernel's, of so many rows.
pub(super) unsafe fn by_rows(kernel: &'static str, x: &Tensor, len: usize, arguments: &[&dyn Argument]) -> Result<()> {
    let rows = x.elements().checked_div(len).unwrap_or(0);
    if rows == 0 {
        return Ok(());
    }
    let launch = Launch { program: &ROWS, width: float_width(kernel, x)?, kernel, grid: [rows as u32, 1, 1], block: [THREADS, 1, 1] };
    // SAFETY: the caller's promise.
    unsafe { x.context()?.launch(launch, arguments) }
}

pub(super) fn softmax(op: Softmax, x: &Tensor, dim: usize) -> Result<Tensor> {
    let len = x.dims()[dim];
    let mut y = x.context()?.like(x)?;
    let arguments = arguments![i32::from(op == Softmax::Log), x.address()?, y.address_mut()?, len as i64];
    // SAFETY: the kernel's parameters; both tensors are rows of len elements.
    unsafe { by_rows("softmax", x, len, arguments) }?;
    Ok(y)
}

pub(super) fn softmax_backward(op: Softmax, grad: &Tensor, output: &Tensor, dim: usize) -> Result<Tensor> {
    let len = output.dims()[dim];
    let mut dx = output.context()?.like(output)?;
    let arguments = arguments![i32::from(op == Softmax::Log), grad.address()?, output.address()?, dx.address_mut()?, len as i64];
    // SAFETY: the kernel's parameters; all tensors are rows of len elements.
    unsafe { by_rows("softmax_backward", output, len, arguments) }?;
    Ok(dx)
}
