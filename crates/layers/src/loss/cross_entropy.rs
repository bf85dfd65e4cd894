//! Cross entropy.

use autograd::Var;
use tensor::{
    Tensor,
    ops::{CrossEntropyOptions, Reduction},
};

use crate::Result;

/// The cross entropy of logits `[N, K]` against target classes `[N]`: PyTorch's `CrossEntropyLoss`.
///
/// ```
/// use layers::{CrossEntropyLoss, Var};
/// use tensor::Tensor;
/// let logits = Var::from(Tensor::from_vec(vec![0.0f32, 0.0], [1, 2])?);
/// let target = Tensor::from_vec(vec![1i64], [1])?;
/// let loss = CrossEntropyLoss::new().forward(&logits, &target)?;
/// assert!((loss.item()? - 2f64.ln()).abs() < 1e-6);
/// # Ok::<(), layers::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CrossEntropyLoss {
    options: CrossEntropyOptions,
}

impl CrossEntropyLoss {
    /// The mean over the batch, without label smoothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The share, 0 to 1, of the target's probability that is spread evenly over all classes.
    pub fn label_smoothing(mut self, label_smoothing: f64) -> Self {
        self.options.label_smoothing = label_smoothing;
        self
    }

    /// How the losses of a batch become one.
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.options.reduction = reduction;
        self
    }

    /// The loss: a scalar, or `[N]` where not reduced. `targets` are I64.
    ///
    /// # Errors
    /// Where shapes do not fit, or a target is not below K.
    pub fn forward(&self, logits: &Var, targets: &Tensor) -> Result<Var> {
        Ok(logits.cross_entropy(targets, &self.options)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_and_reduction_are_pytorchs() {
        let logits = Var::from(Tensor::from_vec(vec![1f64, 2.0, 0.5, -1.0, 0.0, 1.0], [2, 3]).unwrap());
        let targets = Tensor::from_vec(vec![1i64, 0], [2]).unwrap();
        let loss = |l: CrossEntropyLoss| l.forward(&logits, &targets).unwrap().value().to_f64_vec().unwrap();
        // -log_softmax at the target, by hand; with smoothing s: (1 - s) times that, plus s times the mean over the classes.
        let log_sum = |row: [f64; 3]| row.iter().map(|x| x.exp()).sum::<f64>().ln();
        let rows = [([1.0, 2.0, 0.5], 2.0), ([-1.0, 0.0, 1.0], -1.0)];
        let plain = rows.map(|(row, at_target)| log_sum(row) - at_target);
        let uniform = rows.map(|(row, _)| log_sum(row) - row.iter().sum::<f64>() / 3.0);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(near(loss(CrossEntropyLoss::new())[0], (plain[0] + plain[1]) / 2.0));
        assert!(near(loss(CrossEntropyLoss::new().reduction(Reduction::Sum))[0], plain[0] + plain[1]));
        let smooth = loss(CrossEntropyLoss::new().label_smoothing(0.1).reduction(Reduction::None));
        assert!((0..2).all(|i| near(smooth[i], 0.9 * plain[i] + 0.1 * uniform[i])));
    }

    #[test]
    fn a_class_that_does_not_exist_is_an_error() {
        let logits = Var::from(Tensor::from_vec(vec![0f32; 6], [2, 3]).unwrap());
        let targets = Tensor::from_vec(vec![1i64, 3], [2]).unwrap();
        let error = CrossEntropyLoss::new().forward(&logits, &targets).unwrap_err().to_string();
        assert!(error.contains("index 3 at position 1") && error.contains("3 classes"), "{error}");
    }
}
