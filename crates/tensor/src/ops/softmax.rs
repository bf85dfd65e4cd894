//! Softmax and its logarithm along a dimension, and their gradients.

use super::check::{check_alike, check_float, unblocked};
use crate::{Error, Layout, Result, Tensor};

/// Which of the two functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Softmax {
    /// eˣ / Σ eˣ
    Plain,
    /// Its logarithm, x - ln Σ eˣ.
    Log,
}

impl Softmax {
    fn name(self) -> &'static str {
        match self {
            Softmax::Plain => "softmax",
            Softmax::Log => "log_softmax",
        }
    }
}

impl Tensor {
    /// `eˣ / Σ eˣ` along `dim`; that of bf16 is `f32`.
    pub fn softmax(&self, dim: isize) -> Result<Tensor> {
        softmax_along(Softmax::Plain, self, dim)
    }

    /// `x - ln Σ eˣ` along `dim`; that of bf16 is `f32`.
    pub fn log_softmax(&self, dim: isize) -> Result<Tensor> {
        softmax_along(Softmax::Log, self, dim)
    }

    /// The gradient of [`softmax`](Tensor::softmax) from its `output`; `self` is the gradient of the output.
    pub fn softmax_backward(&self, output: &Tensor, dim: isize) -> Result<Tensor> {
        backward_along(Softmax::Plain, self, output, dim)
    }

    /// The gradient of [`log_softmax`](Tensor::log_softmax) from its `output`; `self` is the gradient of the output.
    pub fn log_softmax_backward(&self, output: &Tensor, dim: isize) -> Result<Tensor> {
        backward_along(Softmax::Log, self, output, dim)
    }
}

fn softmax_along(op: Softmax, x: &Tensor, dim: isize) -> Result<Tensor> {
    check_float(op.name(), x)?;
    let x = &x.widened()?;
    let d = x.shape().dim_index(op.name(), dim)?;
    let backend = x.device().backend()?;
    innermost(d, &[&unblocked(x)?], |operands| backend.softmax(op, &operands[0], d))
}

fn backward_along(op: Softmax, grad: &Tensor, output: &Tensor, dim: isize) -> Result<Tensor> {
    check_float(op.name(), grad)?;
    let (grad, output) = (&grad.widened()?, &output.widened()?);
    check_alike(op.name(), grad, output)?;
    if grad.shape() != output.shape() {
        return Err(Error::shapes(op.name(), grad.dims(), output.dims(), "the gradient has the output's shape"));
    }
    let d = output.shape().dim_index(op.name(), dim)?;
    let output = unblocked(output)?;
    let grad = grad.to_layout(output.layout())?;
    let backend = output.device().backend()?;
    innermost(d, &[&grad, &output], |operands| backend.softmax_backward(op, &operands[0], &operands[1], d))
}

/// Runs `f` on the operands, all of one shape and memory order, arranged so that dimension `d` is the innermost in memory.
fn innermost(d: usize, operands: &[&Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) -> Result<Tensor> {
    let (rank, last) = (operands[0].shape().rank(), operands[0].shape().rank() as isize - 1);
    let arranged = |arrange: &dyn Fn(&Tensor) -> Result<Tensor>| operands.iter().map(|t| arrange(t)).collect::<Result<Vec<_>>>();
    if rank == 4 && d == 1 {
        f(&arranged(&Tensor::channels_last)?)
    } else if d as isize == last {
        f(&arranged(&|t| t.to_layout(Layout::Contiguous))?)
    } else {
        f(&arranged(&|t| t.transpose(d as isize, last))?)?.transpose(d as isize, last)
    }
}
