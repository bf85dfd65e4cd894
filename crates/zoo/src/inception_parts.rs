//! What GoogLeNet and Inception v3 share.

use layers::{BatchNorm2d, Conv2d, ConvNormAct, Mode, Module, Result, Size2d, Unary, Var, call, children, conv_norm_act, init::Init};
use tensor::Tensor;

/// A convolution, a batch norm and a ReLU.
pub struct BasicConv2d {
    /// The convolution, without a bias.
    pub conv: Conv2d,
    /// The norm.
    pub bn: BatchNorm2d,
}

impl BasicConv2d {
    /// Stride 1, no padding; the weight is drawn with the standard deviation `std`.
    pub(crate) fn new(in_channels: usize, out_channels: usize, kernel_size: impl Into<Size2d>, std: f64) -> Self {
        BasicConv2d {
            conv: Conv2d::new(in_channels, out_channels, kernel_size).bias(false).weight_init(truncated_normal(std)),
            bn: BatchNorm2d::new(out_channels).eps(0.001),
        }
    }

    pub(crate) fn stride(self, stride: usize) -> Self {
        BasicConv2d { conv: self.conv.stride(stride), ..self }
    }

    pub(crate) fn padding(self, padding: impl Into<Size2d>) -> Self {
        BasicConv2d { conv: self.conv.padding(padding), ..self }
    }
}

impl Module for BasicConv2d {
    children!(BasicConv2d { conv, bn });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        conv_norm_act(&self.conv, &self.bn, x, None, Unary::Relu, mode)
    }

    fn as_conv_norm_act(&self) -> Option<ConvNormAct<'_>> {
        Some(ConvNormAct { conv: &self.conv, norm: Some(&self.bn), activation: Some(Unary::Relu) })
    }
}

/// torchvision's initialisation of both networks.
pub(crate) fn truncated_normal(std: f64) -> Init {
    Init::TruncNormal { mean: 0.0, std, low: -2.0, high: 2.0 }
}

/// The output of each module given to the next.
pub(crate) fn chain(modules: &[&dyn Module], x: &Var, mode: Mode) -> Result<Var> {
    modules.iter().try_fold(x.clone(), |x, module| call(*module, &x, mode))
}

/// Maps pictures normalised by ImageNet's mean and deviation to those normalised by 0.5 and 0.5.
pub(crate) fn transform_input(x: &Var) -> Result<Var> {
    const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
    const STD: [f64; 3] = [0.229, 0.224, 0.225];
    let channels = |values: [f64; 3]| -> Result<Var> {
        Ok(Tensor::from_slice(&values, [1, 3, 1, 1]).and_then(|t| t.to_dtype(x.value().dtype())?.to_device(x.value().device()))?.into())
    };
    let scaled = x.mul(&channels(STD.map(|std| std / 0.5))?)?;
    Ok(scaled.add(&channels(MEAN.map(|mean| (mean - 0.5) / 0.5))?)?)
}

/// The logits of an auxiliary classifier, in training and where there is one.
pub(crate) fn auxiliary_logits(classifier: Option<&impl Module>, x: &Var, mode: Mode) -> Result<Option<Var>> {
    classifier.filter(|_| mode == Mode::Train).map(|classifier| classifier.forward(x, mode)).transpose()
}
