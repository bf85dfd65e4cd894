//! Gradients kept from growing too large.

use autograd::Parameter;
use tensor::{Result, Tensor};

/// Scales the gradients of `parameters` so that the norm of all of them together is at most `max_norm`; returns the norm before:
/// PyTorch's `clip_grad_norm_`. Parameters without a gradient do not count.
///
/// ```
/// use layers::{Linear, ModuleExt, optim::clip_grad_norm};
/// let model = Linear::new(4, 2);
/// for parameter in model.parameters() {
///     parameter.accumulate_grad(parameter.value())?;
/// }
/// clip_grad_norm(&model.parameters(), 0.1)?;
/// assert!((clip_grad_norm(&model.parameters(), 0.1)? - 0.1).abs() < 1e-5);
/// # Ok::<(), layers::Error>(())
/// ```
///
/// # Errors
/// Where a gradient is not of a floating-point type.
pub fn clip_grad_norm(parameters: &[Parameter], max_norm: f64) -> Result<f64> {
    /// What PyTorch adds to the norm that it divides by.
    const EPS: f64 = 1e-6;
    let squares = parameters.iter().filter_map(Parameter::grad).map(|grad| grad.mul(&grad)?.sum_all());
    let squares = squares.collect::<Result<Vec<Tensor>>>()?;
    // Read at once: a device is waited for once, not for each parameter.
    let squares = if squares.is_empty() { Vec::new() } else { Tensor::stack(&squares.iter().collect::<Vec<_>>(), 0)?.to_f64_vec()? };
    let norm = squares.iter().sum::<f64>().sqrt();
    let factor = max_norm / (norm + EPS);
    if factor < 1.0 {
        for parameter in parameters {
            if let Some(grad) = parameter.take_grad() {
                parameter.accumulate_grad(grad.mul_scalar(factor)?)?;
            }
        }
    }
    Ok(norm)
}
