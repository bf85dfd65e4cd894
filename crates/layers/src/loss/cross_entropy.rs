//! Cross entropy.

use autograd::Var;
use tensor::{
    Tensor,
    ops::{CrossEntropyOptions, Reduction},
};

use super::one_hot;
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
#[derive(Debug, Clone, Default)]
pub struct CrossEntropyLoss {
    options: CrossEntropyOptions,
    weight: Option<Vec<f64>>,
}

impl CrossEntropyLoss {
    /// The mean over the batch, without label smoothing, all classes alike.
    pub fn new() -> Self {
        Self::default()
    }

    /// The share, 0 to 1, of the target's probability that is spread evenly over all classes.
    pub fn label_smoothing(mut self, label_smoothing: f64) -> Self {
        self.options.label_smoothing = label_smoothing;
        self
    }

    /// How much each class counts. The mean is then that of the targets' weights.
    pub fn weight(mut self, weight: impl Into<Vec<f64>>) -> Self {
        self.weight = Some(weight.into());
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
    /// Where shapes do not fit, a target is not below K, or there are not K weights.
    pub fn forward(&self, logits: &Var, targets: &Tensor) -> Result<Var> {
        let Some(weight) = &self.weight else { return Ok(logits.cross_entropy(targets, &self.options)?) };
        let weight = self.class_weights(logits, weight)?;
        let chosen = one_hot(targets, weight.elements())?.to_dtype(weight.dtype())?;
        let total = chosen.mul(&weight)?.sum_all()?.item()?;
        let losses = self.expected(logits, &chosen, Some(&weight))?;
        Ok(match self.options.reduction {
            Reduction::Mean => losses.sum_all()?.mul_scalar(1.0 / total)?,
            Reduction::Sum => losses.sum_all()?,
            Reduction::None => losses,
        })
    }

    /// The loss against probabilities `[N, K]` of the classes, as of mixed pictures. Here the mean is that over the batch, also where
    /// classes have weights.
    ///
    /// # Errors
    /// Where shapes do not fit, or there are not K weights.
    pub fn forward_probabilities(&self, logits: &Var, targets: &Tensor) -> Result<Var> {
        let weight = self.weight.as_ref().map(|weight| self.class_weights(logits, weight)).transpose()?;
        let losses = self.expected(logits, targets, weight.as_ref())?;
        Ok(match self.options.reduction {
            Reduction::Mean => losses.mean_all()?,
            Reduction::Sum => losses.sum_all()?,
            Reduction::None => losses,
        })
    }

    /// The cross entropy `[N]` of each row against probabilities `[N, K]`, which are smoothed first.
    fn expected(&self, logits: &Var, targets: &Tensor, weight: Option<&Tensor>) -> Result<Var> {
        if logits.dims() != targets.dims() || targets.dims().len() != 2 {
            return Err(tensor::Error::shapes(OP, logits.dims(), targets.dims(), "a probability is needed for each logit of a row").into());
        }
        let smoothing = self.options.label_smoothing;
        if !(0.0..=1.0).contains(&smoothing) {
            return Err(tensor::Error::argument(OP, format!("label smoothing {smoothing} is not within 0 and 1")).into());
        }
        let even = smoothing / targets.dims()[1] as f64;
        let smooth = targets.to_dtype(logits.value().dtype().computed())?.affine(1.0 - smoothing, even)?;
        let smooth = weight.map_or(Ok(smooth.clone()), |weight| smooth.mul(weight))?;
        Ok(logits.log_softmax(-1)?.mul(&Var::from(smooth))?.sum(&[-1], false)?.neg()?)
    }

    /// The weights `[K]` in the type that the loss has.
    fn class_weights(&self, logits: &Var, weight: &[f64]) -> Result<Tensor> {
        let classes = logits.dims().last().copied().unwrap_or(0);
        if weight.len() != classes {
            return Err(tensor::Error::argument(OP, format!("{} weights for {classes} classes", weight.len())).into());
        }
        Ok(Tensor::from_slice(weight, [classes])?.to_dtype(logits.value().dtype().computed())?.to_device(logits.value().device())?)
    }
}

const OP: &str = "cross_entropy";

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
