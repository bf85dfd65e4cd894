//! Batch normalisation.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use autograd::{Var, changes, ops::Fused};
use tensor::{
    DType, Tensor,
    ops::{BatchStats, Norm, Unary},
};

use crate::{
    Buffer, Error, LazyParameter, Mode, Module, Result, Slot,
    conv2d::weight_and_bias,
    init::Init,
    repr,
    trace::{self, Fusion},
};

/// Normalises each channel of `[N, num_features, H, W]` to mean 0 and variance 1, then scales and shifts it: PyTorch's
/// `BatchNorm2d` (Ioffe and Szegedy, "Batch normalization", 2015).
///
/// In training the batch's own statistics are used, and kept as running means for inference. A layer whose weight and bias are
/// frozen uses, and keeps, its running statistics in training too.
///
/// ```
/// use layers::{BatchNorm2d, ModuleExt};
/// let text = "BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)";
/// assert_eq!(BatchNorm2d::new(64).repr(), text);
/// ```
#[derive(Debug)]
pub struct BatchNorm2d {
    /// The channels.
    pub num_features: usize,
    /// What is added to the variance.
    pub eps: f64,
    /// The share of a new batch in the running statistics; `None` for the plain mean over all batches.
    pub momentum: Option<f64>,
    /// `[num_features]`: the scale.
    pub weight: Option<LazyParameter>,
    /// `[num_features]`: the shift.
    pub bias: Option<LazyParameter>,
    /// `[num_features]`: the running mean.
    pub running_mean: Buffer,
    /// `[num_features]`: the running variance, without bias.
    pub running_var: Buffer,
    /// How many batches the running statistics have seen. Files that PyTorch wrote before 0.4.1 lack it.
    pub num_batches_tracked: Buffer,
    affine: KeptAffine,
}

/// Scale and shift at inference, kept with what they were computed from: a network of small layers would spend several percent of its time
/// on computing them anew.
#[derive(Default)]
struct KeptAffine(Mutex<Option<(Sources, (Tensor, Tensor))>>);

impl fmt::Debug for KeptAffine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kept")
    }
}

/// What scale and shift depend on: which tensors, and that no tensor of a layer has changed since.
#[derive(PartialEq)]
struct Sources {
    changes: u64,
    eps: u64,
    buffers: [u64; 2],
    parameters: [Option<usize>; 3],
}

impl Sources {
    /// To be asked for before the values are read.
    fn of(norm: &BatchNorm2d, conv_bias: Option<&LazyParameter>) -> Self {
        let parameters = [norm.weight.as_ref(), norm.bias.as_ref(), conv_bias];
        Sources {
            changes: changes(),
            eps: norm.eps.to_bits(),
            buffers: [norm.running_mean.id(), norm.running_var.id()],
            parameters: parameters.map(|p| p.map(LazyParameter::identity)),
        }
    }
}

impl BatchNorm2d {
    /// A layer with PyTorch's defaults: eps 1e-5, momentum 0.1, weight 1, bias 0.
    pub fn new(num_features: usize) -> Self {
        let filled = |value| Buffer::new(Tensor::full([num_features], value, DType::F32).unwrap_or_else(|_| Tensor::scalar(0f32)));
        BatchNorm2d {
            num_features,
            eps: 1e-5,
            momentum: Some(0.1),
            weight: Some(LazyParameter::new([num_features], Init::Ones)),
            bias: Some(LazyParameter::new([num_features], Init::Zeros)),
            running_mean: filled(0.0),
            running_var: filled(1.0),
            num_batches_tracked: Buffer::optional(Tensor::scalar(0i64)),
            affine: KeptAffine::default(),
        }
    }

    /// What is added to the variance.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// The share of a new batch in the running statistics; `None` for the plain mean over all batches.
    pub fn momentum(mut self, momentum: impl Into<Option<f64>>) -> Self {
        self.momentum = momentum.into();
        self
    }

    /// Whether there are a weight and a bias.
    pub fn affine(mut self, affine: bool) -> Self {
        let parameter = |init| affine.then(|| LazyParameter::new([self.num_features], init));
        (self.weight, self.bias) = (parameter(Init::Ones), parameter(Init::Zeros));
        self
    }

    /// How the weight begins, where there is one.
    pub fn weight_init(mut self, init: Init) -> Self {
        self.weight = self.weight.map(|weight| weight.with_init(init));
        self
    }

    /// `relu(norm(x) + residual)`, of which `fused` may leave out either part, in one pass.
    ///
    /// # Errors
    /// Where the input does not fit, or in training has one value a channel.
    pub fn forward_fused(&self, x: &Var, fused: Fused<'_>, mode: Mode) -> Result<Var> {
        let y = self.normalized(x, fused, mode)?;
        trace::note_fused(
            self,
            x,
            &y,
            Fusion { residual: fused.residual.is_some(), activation: fused.relu.then_some(Unary::Relu), ..Default::default() },
        );
        Ok(y)
    }

    /// `activation(norm(x) + residual)`: in one pass where the activation is a ReLU, else in two.
    pub(crate) fn forward_activated(&self, x: &Var, residual: Option<&Var>, activation: Option<Unary>, mode: Mode) -> Result<Var> {
        let relu = activation == Some(Unary::Relu);
        let y = self.forward_fused(x, Fused { residual, relu }, mode)?;
        match activation.filter(|_| !relu) {
            Some(op) => Ok(y.unary(op)?),
            None => Ok(y),
        }
    }

    fn normalized(&self, x: &Var, fused: Fused<'_>, mode: Mode) -> Result<Var> {
        let (n, _, h, w) = x.shape().nchw("batch_norm")?;
        let weight = self.weight.as_ref().map(|p| p.var());
        let bias = self.bias.as_ref().map(|p| p.var());
        let affine = (weight.as_ref(), bias.as_ref());
        if mode == Mode::Eval || self.is_frozen() {
            let (mean, var) = (self.running_mean.value(), self.running_var.value());
            return Ok(x.batch_norm_eval(&mean, &var, affine.0, affine.1, self.eps, fused)?);
        }
        if n * h * w == 1 {
            let reason = "training needs more than 1 value per channel; use a larger batch, or freeze the layer";
            return Err(tensor::Error::shape("batch_norm", x.dims(), reason).into());
        }
        let (y, stats) = x.batch_norm_train(affine.0, affine.1, self.eps, fused)?;
        self.track(&stats)?;
        Ok(y)
    }

    /// Whether the weight and the bias exist and are excluded from training.
    pub fn is_frozen(&self) -> bool {
        let frozen = |p: &Option<LazyParameter>| p.as_ref().is_some_and(|p| !p.requires_grad());
        frozen(&self.weight) && frozen(&self.bias)
    }

    /// The layer at inference, behind a convolution with this bias, as `x * scale + shift`, `[num_features]` each.
    ///
    /// # Errors
    /// Where the statistics are neither `f32` nor `f64`.
    pub(crate) fn as_affine(&self, conv_bias: Option<&LazyParameter>) -> Result<(Tensor, Tensor)> {
        let sources = Sources::of(self, conv_bias);
        let kept = || self.affine.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, affine)) = kept().as_ref().filter(|(of, _)| *of == sources) {
            return Ok(affine.clone());
        }
        // Not under the lock: a thread that waits for others may meanwhile run what comes here too.
        let affine = self.affine_of(conv_bias)?;
        *kept() = Some((sources, affine.clone()));
        Ok(affine)
    }

    fn affine_of(&self, conv_bias: Option<&LazyParameter>) -> Result<(Tensor, Tensor)> {
        let (mean, var) = (self.running_mean.value(), self.running_var.value());
        let (weight, bias) = (self.weight.as_ref().map(|p| p.value()), self.bias.as_ref().map(|p| p.value()));
        let norm = Norm { mean: &mean, var: &var, weight: weight.as_ref(), bias: bias.as_ref(), eps: self.eps };
        let (scale, shift) = norm.affine()?;
        let shift = conv_bias.map_or(Ok(shift.clone()), |bias| bias.value().mul(&scale)?.add(&shift))?;
        Ok((scale, shift))
    }

    /// Takes the statistics of a batch into the running ones.
    fn track(&self, stats: &BatchStats) -> tensor::Result<()> {
        let batches = self.num_batches_tracked.update(|count| {
            let count = count.data_mut::<i64>()?;
            count.iter_mut().for_each(|n| *n = n.saturating_add(1));
            Ok::<_, tensor::Error>(count.first().copied().unwrap_or(1))
        })?;
        let share = self.momentum.unwrap_or(1.0 / batches as f64);
        let unbiased = stats.count as f64 / (stats.count as f64 - 1.0);
        self.running_mean.update(|running| running.blend_(&stats.mean, 1.0 - share, share))?;
        self.running_var.update(|running| running.blend_(&stats.var, 1.0 - share, share * unbiased))
    }
}

impl Module for BatchNorm2d {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        if self.num_features == 0 {
            return Err(Error::config(self, "num_features must be at least 1"));
        }
        self.forward_fused(x, Fused::default(), mode)
    }

    fn class_name(&self) -> &'static str {
        "BatchNorm2d"
    }

    fn extra_repr(&self) -> String {
        format!(
            "{}, eps={}, momentum={}, affine={}, bias={}, track_running_stats=True",
            self.num_features,
            repr::float(self.eps),
            self.momentum.map_or("None".to_string(), repr::float),
            repr::boolean(self.weight.is_some()),
            repr::boolean(self.bias.is_some()),
        )
    }

    fn tensors(&self) -> Vec<(&'static str, Slot<'_>)> {
        let mut tensors = weight_and_bias(self.weight.as_ref(), self.bias.as_ref());
        tensors.extend([
            ("running_mean", Slot::Buffer(&self.running_mean)),
            ("running_var", Slot::Buffer(&self.running_var)),
            ("num_batches_tracked", Slot::Buffer(&self.num_batches_tracked)),
        ]);
        tensors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModuleExt;

    fn batch() -> Var {
        let values = (0..24).map(|i| ((i * 7) % 11) as f32).collect();
        Var::from(Tensor::from_vec(values, [2, 3, 2, 2]).unwrap())
    }

    fn close(a: &Tensor, b: &[f64]) {
        let a = a.to_f64_vec().unwrap();
        assert!(a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-5), "{a:?} {b:?}");
    }

    /// The mean and the unbiased variance of channel `c` of the batch.
    fn statistics(c: usize) -> (f64, f64) {
        let all = batch().value().to_f64_vec().unwrap();
        let x: Vec<f64> = (0..24).filter(|i| i / 4 % 3 == c).map(|i| all[i]).collect();
        let mean = x.iter().sum::<f64>() / 8.0;
        (mean, x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 7.0)
    }

    #[test]
    fn training_normalises_and_moves_the_running_statistics() {
        let layer = BatchNorm2d::new(3);
        let y = layer.forward(&batch(), Mode::Train).unwrap().value().to_f64_vec().unwrap();
        for c in 0..3 {
            let channel: Vec<f64> = (0..24).filter(|i| i / 4 % 3 == c).map(|i| y[i]).collect();
            assert!(channel.iter().sum::<f64>().abs() < 1e-5);
            assert!((channel.iter().map(|v| v * v).sum::<f64>() / 8.0 - 1.0).abs() < 1e-4);
        }
        let expected = [0, 1, 2].map(statistics);
        close(&layer.running_mean.value(), &expected.map(|(mean, _)| 0.1 * mean));
        close(&layer.running_var.value(), &expected.map(|(_, var)| 0.9 + 0.1 * var));
        assert_eq!(layer.num_batches_tracked.value().item().unwrap(), 1.0);
    }

    #[test]
    fn without_momentum_the_running_mean_is_the_mean_of_all_batches() {
        let layer = BatchNorm2d::new(3).momentum(None);
        let doubled = batch().mul_scalar(2.0).unwrap();
        layer.forward(&batch(), Mode::Train).unwrap();
        layer.forward(&doubled, Mode::Train).unwrap();
        close(&layer.running_mean.value(), &[0, 1, 2].map(|c| 1.5 * statistics(c).0));
        assert!(layer.repr().contains("momentum=None"));
    }

    #[test]
    fn inference_uses_the_running_statistics_and_keeps_them() {
        let layer = BatchNorm2d::new(3);
        layer.forward(&batch(), Mode::Train).unwrap();
        let (mean, var) = (layer.running_mean.value().to_f64_vec().unwrap(), layer.running_var.value().to_f64_vec().unwrap());
        let y = layer.forward(&batch(), Mode::Eval).unwrap();
        let x = batch().value().to_f64_vec().unwrap();
        let expected: Vec<f64> = (0..24).map(|i| (x[i] - mean[i / 4 % 3]) / (var[i / 4 % 3] + 1e-5).sqrt()).collect();
        close(y.value(), &expected);
        close(&layer.running_mean.value(), &mean);
        assert_eq!(layer.num_batches_tracked.value().item().unwrap(), 1.0);
    }

    #[test]
    fn a_frozen_layer_acts_in_training_as_in_inference() {
        let layer = BatchNorm2d::new(3);
        layer.freeze("*").unwrap();
        let trained = layer.forward(&batch(), Mode::Train).unwrap();
        let evaluated = layer.forward(&batch(), Mode::Eval).unwrap();
        close(trained.value(), &evaluated.value().to_f64_vec().unwrap());
        close(&layer.running_mean.value(), &[0.0; 3]);
        assert_eq!(layer.num_batches_tracked.value().item().unwrap(), 0.0);
    }

    #[test]
    fn kept_factors_follow_every_change() {
        let mut layer = BatchNorm2d::new(3);
        layer.forward(&batch(), Mode::Train).unwrap();
        let bias = LazyParameter::new([3], Init::Ones);
        let check = |layer: &BatchNorm2d, conv_bias: Option<&LazyParameter>| {
            for _ in 0..3 {
                let ((scale, shift), expected) = (layer.as_affine(conv_bias).unwrap(), layer.affine_of(conv_bias).unwrap());
                assert_eq!(scale.to_f64_vec().unwrap(), expected.0.to_f64_vec().unwrap());
                assert_eq!(shift.to_f64_vec().unwrap(), expected.1.to_f64_vec().unwrap());
            }
        };
        let values = |scale: f32| Tensor::from_vec(vec![scale, 2.0, -1.0], [3]).unwrap();
        check(&layer, None);
        check(&layer, Some(&bias));
        layer.weight.as_ref().unwrap().set_value(values(3.0));
        check(&layer, None);
        layer.bias.as_ref().unwrap().load(&values(4.0)).unwrap();
        check(&layer, Some(&bias));
        bias.update(|bias| *bias = bias.mul_scalar(2.0).unwrap());
        check(&layer, Some(&bias));
        layer.forward(&batch(), Mode::Train).unwrap();
        check(&layer, None);
        layer.eps = 0.5;
        check(&layer, None);
        let mut other = BatchNorm2d::new(3);
        check(&other, None);
        std::mem::swap(&mut layer.running_var, &mut other.running_var);
        check(&layer, None);
        std::mem::swap(&mut layer.weight, &mut other.weight);
        check(&layer, None);
        check(&other, None);
        layer.weight = None;
        check(&layer, None);
    }

    #[test]
    fn one_value_a_channel_cannot_be_trained_on() {
        let x = Var::from(Tensor::ones([1, 3, 1, 1], DType::F32).unwrap());
        let error = BatchNorm2d::new(3).forward(&x, Mode::Train).unwrap_err().to_string();
        assert!(error.contains("more than 1 value per channel") && error.contains("[1, 3, 1, 1]"), "{error}");
        assert!(BatchNorm2d::new(3).forward(&x, Mode::Eval).is_ok());
    }

    #[test]
    fn tensors_come_in_the_state_dicts_order() {
        let state = BatchNorm2d::new(2).state_dict().unwrap();
        let keys: Vec<_> = state.keys().collect();
        assert_eq!(keys, ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]);
        assert_eq!(state.get("num_batches_tracked").unwrap().dtype(), DType::I64);
    }
}
