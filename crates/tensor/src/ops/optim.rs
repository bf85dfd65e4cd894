//! The update rules of the optimisers, each one pass over a parameter, its gradient and its state.

use super::check::{check_alike, check_float};
use crate::{Error, Result, Tensor};

/// One step of stochastic gradient descent: PyTorch's `torch.optim.SGD`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdStep {
    /// The learning rate.
    pub lr: f64,
    /// The share of the momentum buffer that is kept.
    pub momentum: f64,
    /// The share of the gradient that stays out of the momentum buffer.
    pub dampening: f64,
    /// The L2 penalty, added to the gradient times the parameter.
    pub weight_decay: f64,
    /// Whether the step looks ahead along the momentum.
    pub nesterov: bool,
    /// Whether this is the parameter's first step, which fills the momentum buffer with the gradient.
    pub first: bool,
}

/// One step of Adam, or of AdamW where `decoupled`: PyTorch's `torch.optim.Adam` and `AdamW`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// The learning rate.
    pub lr: f64,
    /// The share of the gradient's running mean that is kept.
    pub beta1: f64,
    /// The share of the squared gradient's running mean that is kept.
    pub beta2: f64,
    /// What is added to the denominator.
    pub eps: f64,
    /// The weight decay.
    pub weight_decay: f64,
    /// Whether the decay shrinks the parameter (AdamW) or is added to the gradient (Adam).
    pub decoupled: bool,
    /// The number of this step: 1 for the first.
    pub step: u64,
}

/// One step of RMSprop: PyTorch's `torch.optim.RMSprop`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmspropStep {
    /// The learning rate.
    pub lr: f64,
    /// The share of the squared gradient's running mean that is kept.
    pub alpha: f64,
    /// What is added to the denominator.
    pub eps: f64,
    /// The L2 penalty, added to the gradient times the parameter.
    pub weight_decay: f64,
    /// The share of the momentum buffer that is kept.
    pub momentum: f64,
}

/// Updates `param` in place from its gradient. `momentum_buffer` is needed where the momentum is not zero.
///
/// # Errors
/// Where a shape or an element type is not the parameter's, or the momentum buffer is missing.
pub fn sgd_step(param: &mut Tensor, grad: &Tensor, momentum_buffer: Option<&mut Tensor>, step: &SgdStep) -> Result<()> {
    let op = "sgd_step";
    let grad = like(op, param, grad)?;
    let momentum_buffer = momentum_state(op, param, momentum_buffer, step.momentum)?;
    param.device().backend()?.sgd_step(param, &grad, momentum_buffer, step)
}

/// Updates `param`, the running mean of its gradient `exp_avg` and of the gradient's square `exp_avg_sq` in place.
///
/// # Errors
/// Where a shape or an element type is not the parameter's, or the step's number is 0.
pub fn adam_step(param: &mut Tensor, grad: &Tensor, exp_avg: &mut Tensor, exp_avg_sq: &mut Tensor, step: &AdamStep) -> Result<()> {
    let op = "adam_step";
    if step.step == 0 {
        return Err(Error::argument(op, "steps are counted from 1"));
    }
    let grad = like(op, param, grad)?;
    let (exp_avg, exp_avg_sq) = (state(op, param, exp_avg)?, state(op, param, exp_avg_sq)?);
    param.device().backend()?.adam_step(param, &grad, exp_avg, exp_avg_sq, step)
}

/// Updates `param` and the running mean of its squared gradient `square_avg` in place. `momentum_buffer` is needed where the
/// momentum is not zero.
///
/// # Errors
/// Where a shape or an element type is not the parameter's, or the momentum buffer is missing.
pub fn rmsprop_step(
    param: &mut Tensor,
    grad: &Tensor,
    square_avg: &mut Tensor,
    momentum_buffer: Option<&mut Tensor>,
    step: &RmspropStep,
) -> Result<()> {
    let op = "rmsprop_step";
    let grad = like(op, param, grad)?;
    let square_avg = state(op, param, square_avg)?;
    let momentum_buffer = momentum_state(op, param, momentum_buffer, step.momentum)?;
    param.device().backend()?.rmsprop_step(param, &grad, square_avg, momentum_buffer, step)
}

/// The momentum buffer, checked, where there is a momentum.
fn momentum_state<'a>(op: &'static str, param: &Tensor, buffer: Option<&'a mut Tensor>, momentum: f64) -> Result<Option<&'a mut Tensor>> {
    match buffer {
        _ if momentum == 0.0 => Ok(None),
        Some(buffer) => state(op, param, buffer).map(Some),
        None => Err(Error::argument(op, "a momentum needs a momentum buffer")),
    }
}

/// State of the optimiser, brought into the parameter's memory order.
fn state<'a>(op: &'static str, param: &Tensor, tensor: &'a mut Tensor) -> Result<&'a mut Tensor> {
    *tensor = like(op, param, tensor)?;
    Ok(tensor)
}

/// `tensor` in the parameter's memory order, where its shape and element type are the parameter's.
fn like(op: &'static str, param: &Tensor, tensor: &Tensor) -> Result<Tensor> {
    if tensor.shape() != param.shape() {
        return Err(Error::shapes(op, param.dims(), tensor.dims(), "gradient and state must have the parameter's shape"));
    }
    check_float(op, param)?;
    check_alike(op, param, tensor)?;
    tensor.to_layout(param.layout())
}
