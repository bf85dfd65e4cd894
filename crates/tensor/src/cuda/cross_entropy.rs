//! Cross entropy of logits against class indices, and its gradient.

use super::{context::arguments, kernels::ROWS, operand::float_width, softmax::by_rows};
use crate::{Layout, Result, Tensor};

/// The loss of each row, and the probabilities.
pub(super) fn cross_entropy(logits: &Tensor, targets: &Tensor, smoothing: f64) -> Result<(Tensor, Tensor)> {
    let [rows, classes] = *logits.dims() else { unreachable!("ops checks the rank") };
    let context = logits.context()?;
    let mut losses = context.uninit([rows], logits.dtype(), Layout::Contiguous)?;
    let mut probabilities = context.like(logits)?;
    let (to, p) = (losses.address_mut()?, probabilities.address_mut()?);
    let arguments = arguments![smoothing, logits.address()?, targets.address()?, to, p, classes as i64];
    // SAFETY: the kernel's parameters; `ops` has checked that the targets are classes, one for each row.
    unsafe { by_rows("cross_entropy", logits, classes, arguments) }?;
    Ok((losses, probabilities))
}

/// The gradient of the logits; `grad` holds that of each row's loss.
pub(super) fn cross_entropy_backward(grad: &Tensor, probabilities: &Tensor, targets: &Tensor, smoothing: f64) -> Result<Tensor> {
    let (context, width) = (probabilities.context()?, float_width("cross_entropy", probabilities)?);
    let (n, classes) = (probabilities.stored(), probabilities.dims()[1]);
    let mut dx = context.like(probabilities)?;
    let (from, to) = ((grad.address()?, probabilities.address()?, targets.address()?), dx.address_mut()?);
    let arguments = arguments![smoothing, from.0, from.1, from.2, to, classes as i64, n as i64];
    // SAFETY: the kernel's parameters; gradients and targets are one for each row.
    unsafe { context.over(&ROWS, width, "cross_entropy_backward", n, arguments) }?;
    Ok(dx)
}
