//! Cross entropy of logits against class indices, and its gradient.

use super::check::{check_alike, check_float, check_indices};
use crate::{Error, Result, Tensor};

/// How the losses of a batch become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Not at all: a loss per row.
    None,
}

/// The options of [`Tensor::cross_entropy`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CrossEntropyOptions {
    /// The share, 0 to 1, of the target's probability that is spread evenly over all classes.
    pub label_smoothing: f64,
    /// How the losses of a batch become one.
    pub reduction: Reduction,
}

const OP: &str = "cross_entropy";

impl Tensor {
    /// The cross entropy of logits `[N, K]` against target classes `[N]` (I64): the loss (a scalar, or `[N]` where not reduced), and
    /// the probabilities `[N, K]` that [`cross_entropy_backward`](Tensor::cross_entropy_backward) needs. Both are `f32` where logits are bf16.
    pub fn cross_entropy(&self, targets: &Tensor, options: &CrossEntropyOptions) -> Result<(Tensor, Tensor)> {
        check_float(OP, self)?;
        check_targets(self, targets, options)?;
        let logits = self.widened()?.contiguous()?;
        let (losses, probabilities) = self.device().backend()?.cross_entropy(&logits, targets, options.label_smoothing)?;
        let loss = match options.reduction {
            Reduction::Mean => losses.mean_all()?,
            Reduction::Sum => losses.sum_all()?,
            Reduction::None => losses,
        };
        Ok((loss, probabilities))
    }

    /// The gradient of the logits, in one pass over the probabilities that [`cross_entropy`](Tensor::cross_entropy) returned
    /// (`self`); `grad` is the gradient of the loss.
    pub fn cross_entropy_backward(&self, grad: &Tensor, targets: &Tensor, options: &CrossEntropyOptions) -> Result<Tensor> {
        check_float(OP, self)?;
        check_alike(OP, self, grad)?;
        check_targets(self, targets, options)?;
        let rows = self.dims()[0];
        let per_row = match options.reduction {
            Reduction::Mean => grad.mul_scalar(1.0 / rows as f64)?.broadcast_to([rows])?,
            Reduction::Sum | Reduction::None => grad.broadcast_to([rows])?,
        };
        self.device().backend()?.cross_entropy_backward(&per_row, &self.contiguous()?, targets, options.label_smoothing)
    }
}

fn check_targets(logits: &Tensor, targets: &Tensor, options: &CrossEntropyOptions) -> Result<()> {
    let [rows, classes] = *logits.dims() else {
        return Err(Error::shape(OP, logits.dims(), "logits have two dimensions, batch and classes"));
    };
    if targets.dims() != [rows] {
        return Err(Error::shapes(OP, logits.dims(), targets.dims(), "one target is needed for each row of logits"));
    }
    if !(0.0..=1.0).contains(&options.label_smoothing) {
        return Err(Error::argument(OP, format!("label smoothing {} is not within 0 and 1", options.label_smoothing)));
    }
    logits.check_same_device(OP, [targets])?;
    check_indices(OP, targets, classes, "classes")
}
