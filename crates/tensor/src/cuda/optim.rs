//! The optimisers' update rules over the elements as they lie in memory, whatever the layout. Zeros that fill up a blocked weight stay
//! zero, because their gradient and state are.

use super::{
    context::arguments,
    kernels::ELEMENTWISE,
    operand::{float_width, optional_mut},
};
use crate::{
    Result, Tensor,
    ops::optim::{AdamStep, RmspropStep, SgdStep},
};

pub(super) fn sgd_step(param: &mut Tensor, grad: &Tensor, momentum_buffer: Option<&mut Tensor>, step: &SgdStep) -> Result<()> {
    let (context, width, n) = (param.context()?, float_width("sgd_step", param)?, param.stored());
    let SgdStep { lr, momentum, dampening, weight_decay, nesterov, first } = *step;
    let (p, g, buffer) = (param.address_mut()?, grad.address()?, optional_mut(momentum_buffer)?);
    let (nesterov, first, undamped) = (i32::from(nesterov), i32::from(first), 1.0 - dampening);
    let arguments = arguments![lr, momentum, undamped, weight_decay, nesterov, first, p, g, buffer, n as i64];
    // SAFETY: the kernel's parameters; all tensors hold n elements.
    unsafe { context.over(&ELEMENTWISE, width, "sgd", n, arguments) }
}

pub(super) fn adam_step(param: &mut Tensor, grad: &Tensor, exp_avg: &mut Tensor, exp_avg_sq: &mut Tensor, step: &AdamStep) -> Result<()> {
    let (context, width, n) = (param.context()?, float_width("adam_step", param)?, param.stored());
    let AdamStep { lr, beta1, beta2, eps, weight_decay, decoupled, step } = *step;
    let correction = |beta: f64| 1.0 - beta.powf(step as f64);
    let (shrink, decay) = if decoupled { (1.0 - lr * weight_decay, 0.0) } else { (1.0, weight_decay) };
    let (size, root) = (lr / correction(beta1), correction(beta2).sqrt());
    let (p, g, mean, square) = (param.address_mut()?, grad.address()?, exp_avg.address_mut()?, exp_avg_sq.address_mut()?);
    let arguments = arguments![shrink, decay, eps, beta2, 1.0 - beta1, 1.0 - beta2, size, root, p, g, mean, square, n as i64];
    // SAFETY: the kernel's parameters; all tensors hold n elements.
    unsafe { context.over(&ELEMENTWISE, width, "adam", n, arguments) }
}

pub(super) fn rmsprop_step(
    param: &mut Tensor,
    grad: &Tensor,
    square_avg: &mut Tensor,
    momentum_buffer: Option<&mut Tensor>,
    step: &RmspropStep,
) -> Result<()> {
    let (context, width, n) = (param.context()?, float_width("rmsprop_step", param)?, param.stored());
    let RmspropStep { lr, alpha, eps, weight_decay, momentum } = *step;
    let (p, g, square, buffer) = (param.address_mut()?, grad.address()?, square_avg.address_mut()?, optional_mut(momentum_buffer)?);
    let arguments = arguments![lr, alpha, 1.0 - alpha, eps, weight_decay, momentum, p, g, square, buffer, n as i64];
    // SAFETY: the kernel's parameters; all tensors hold n elements.
    unsafe { context.over(&ELEMENTWISE, width, "rmsprop", n, arguments) }
}
