//! MobileNet v3 (Howard et al., "Searching for MobileNetV3", 2019, arXiv:1905.02244).

use layers::{
    AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Conv2dNormActivation, Dropout, Hardsigmoid, Hardswish, Mode, Module, ReLU, Result, Sequential,
    SqueezeExcitation, Var, children, init::Init, sequential,
};

use crate::{
    Model,
    mobile_parts::{CONV_INIT, conv, depthwise, linear},
    model::{out_features, put},
    registry::family,
};

/// What makes one size differ from the other: the paper's tables 1 and 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MobileNetV3Config {
    /// The blocks in order.
    pub blocks: &'static [InvertedResidualConfig],
    /// The outputs of the classifier's first layer.
    pub last_channels: usize,
}

/// One [`InvertedResidual`] block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvertedResidualConfig {
    /// The side of the depthwise kernel, in pixels.
    pub kernel: usize,
    /// The channels inside.
    pub expanded: usize,
    /// The channels of the output.
    pub out: usize,
    /// Whether there is a squeeze-and-excitation.
    pub squeeze: bool,
    /// What follows the first two convolutions.
    pub activation: Activation,
    /// Of the depthwise convolution.
    pub stride: usize,
}

/// The activations of the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `max(x, 0)`, at high resolutions.
    ReLU,
    /// `x relu6(x + 3) / 6`, at low ones.
    Hardswish,
}

use Activation::{Hardswish as HS, ReLU as RE};

const LARGE: MobileNetV3Config = MobileNetV3Config {
    blocks: &[
        InvertedResidualConfig { kernel: 3, expanded: 16, out: 16, squeeze: false, activation: RE, stride: 1 },
        InvertedResidualConfig { kernel: 3, expanded: 64, out: 24, squeeze: false, activation: RE, stride: 2 },
        InvertedResidualConfig { kernel: 3, expanded: 72, out: 24, squeeze: false, activation: RE, stride: 1 },
        InvertedResidualConfig { kernel: 5, expanded: 72, out: 40, squeeze: true, activation: RE, stride: 2 },
        InvertedResidualConfig { kernel: 5, expanded: 120, out: 40, squeeze: true, activation: RE, stride: 1 },
        InvertedResidualConfig { kernel: 5, expanded: 120, out: 40, squeeze: true, activation: RE, stride: 1 },
        InvertedResidualConfig { kernel: 3, expanded: 240, out: 80, squeeze: false, activation: HS, stride: 2 },
        InvertedResidualConfig { kernel: 3, expanded: 200, out: 80, squeeze: false, activation: HS, stride: 1 },
        InvertedResidualConfig { kernel: 3, expanded: 184, out: 80, squeeze: false, activation: HS, stride: 1 },
        InvertedResidualConfig { kernel: 3, expanded: 184, out: 80, squeeze: false, activation: HS, stride: 1 },
        InvertedResidualConfig { kernel: 3, expanded: 480, out: 112, squeeze: true, activation: HS, stride: 1 },
        InvertedResidualConfig { kernel: 3, expanded: 672, out: 112, squeeze: true, activation: HS, stride: 1 },
        InvertedResidualConfig { kernel: 5, expanded: 672, out: 160, squeeze: true, activation: HS, stride: 2 },
        InvertedResidualConfig { kernel: 5, expanded: 960, out: 160, squeeze: true, activation: HS, stride: 1 },
        InvertedResidualConfig { kernel: 5, expanded: 960, out: 160, squeeze: true, activation: HS, stride: 1 },
    ],
    last_channels: 1280,
};
const SMALL: MobileNetV3Config = MobileNetV3Config {
    blocks: &[
        InvertedResidualConfig { kernel: 3, expanded: 16, out: 16, squeeze: true, activation: RE, stride: 2 },
        InvertedResidualConfig { kernel: 3, expanded: 72, out: 24, squeeze: false, activation: RE, stride: 2 },
        InvertedResidualConfig { kernel: 3, expanded: 88, out: 24, squeeze: false, activation: RE, stride: 1 },
        InvertedResidualConfig { kernel: 5, expanded: 96, out: 40, squeeze: true, activation: HS, stride: 2 },
        InvertedResidualConfig { kernel: 5, expanded: 240, out: 40, squeeze: true, activation: HS, stride: 1 },
        InvertedResidualConfig { kernel: 5, expanded: 240, out: 40, squeeze: true, activation: HS, stride: 1 },
        InvertedResidualConfig { kernel: 5, expanded: 120, out: 48, squeeze: true, activation: HS, stride: 1 },
        InvertedResidualConfig { kernel: 5, expanded: 144, out: 48, squeeze: true, activation: HS, stride: 1 },
        InvertedResidualConfig { kernel: 5, expanded: 288, out: 96, squeeze: true, activation: HS, stride: 2 },
        InvertedResidualConfig { kernel: 5, expanded: 576, out: 96, squeeze: true, activation: HS, stride: 1 },
        InvertedResidualConfig { kernel: 5, expanded: 576, out: 96, squeeze: true, activation: HS, stride: 1 },
    ],
    last_channels: 1024,
};
const STEM_CHANNELS: usize = 16;

family! {
    "MobileNetV3": MobileNetV3 {
        /// MobileNet v3, small.
        mobilenet_v3_small => SMALL,
        /// MobileNet v3, large.
        mobilenet_v3_large => LARGE,
    }
}

/// The network, with torchvision's fields. `[N, 3, H, W]` to `[N, num_classes]`.
pub struct MobileNetV3 {
    arch: &'static str,
    last_channels: usize,
    /// A convolution, the [`InvertedResidual`] blocks and a 1x1 convolution.
    pub features: Sequential,
    /// The mean over the picture.
    pub avgpool: AdaptiveAvgPool2d,
    /// Two linear layers; the last is named `3`.
    pub classifier: Sequential,
}

impl MobileNetV3 {
    /// A network of this shape with random weights. `arch` is the name that its checkpoints carry.
    pub fn new(arch: &'static str, config: &MobileNetV3Config, num_classes: usize) -> Self {
        let mut features = sequential![conv_norm(conv(3, STEM_CHANNELS, 3, 2)).activation(Hardswish::new())];
        let mut channels = STEM_CHANNELS;
        for block in config.blocks {
            features = features.push(InvertedResidual::new(channels, block));
            channels = block.out;
        }
        let features_out = 6 * channels;
        MobileNetV3 {
            arch,
            last_channels: config.last_channels,
            features: features.push(conv_norm(conv(channels, features_out, 1, 1)).activation(Hardswish::new())),
            avgpool: AdaptiveAvgPool2d::new(1),
            classifier: sequential![
                linear(features_out, config.last_channels),
                Hardswish::new(),
                Dropout::new(0.2).inplace(true),
                linear(config.last_channels, num_classes),
            ],
        }
    }
}

fn conv_norm(conv: Conv2d) -> Conv2dNormActivation {
    let norm = BatchNorm2d::new(conv.out_channels).eps(0.001).momentum(0.01);
    Conv2dNormActivation::new(conv, norm)
}

impl Module for MobileNetV3 {
    children!(MobileNetV3 { features, avgpool, classifier });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.avgpool.forward(&self.features.forward(x, mode)?, mode)?;
        self.classifier.forward(&x.flatten(1, -1)?, mode)
    }
}

impl Model for MobileNetV3 {
    fn arch(&self) -> &'static str {
        self.arch
    }

    fn num_classes(&self) -> usize {
        out_features(&self.classifier, "3")
    }

    fn reset_classifier(&mut self, num_classes: usize) {
        put(&mut self.classifier, "3", linear(self.last_channels, num_classes));
    }

    fn set_dropout(&mut self, p: f64) {
        put(&mut self.classifier, "2", Dropout::new(p).inplace(true));
    }
}

/// Many channels inside, few outside: a 1x1 and a depthwise convolution, perhaps a squeeze-and-excitation, a 1x1 convolution, and a
/// shortcut where input and output have the same shape. `[N, C, H, W]` to `[N, out, H/stride, W/stride]`.
pub struct InvertedResidual {
    /// The convolutions.
    pub block: Sequential,
    shortcut: bool,
}

impl InvertedResidual {
    /// A block with `in_channels` inputs.
    pub fn new(in_channels: usize, config: &InvertedResidualConfig) -> Self {
        let InvertedResidualConfig { kernel, expanded, out, squeeze, activation, stride } = *config;
        let activated = |conv| match activation {
            Activation::ReLU => conv_norm(conv).activation(ReLU::new().inplace(true)),
            Activation::Hardswish => conv_norm(conv).activation(Hardswish::new()),
        };
        let mut block = sequential![];
        if expanded != in_channels {
            block = block.push(activated(conv(in_channels, expanded, 1, 1)));
        }
        block = block.push(activated(depthwise(expanded, kernel, stride)));
        if squeeze {
            block = block.push(squeeze_excitation(expanded));
        }
        InvertedResidual { block: block.push(conv_norm(conv(expanded, out, 1, 1))), shortcut: stride == 1 && in_channels == out }
    }
}

impl Module for InvertedResidual {
    children!(InvertedResidual { block });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        self.forward_owned(x.clone(), mode)
    }

    fn forward_owned(&self, x: Var, mode: Mode) -> Result<Var> {
        if self.shortcut { self.block.forward_residual(x, mode) } else { self.block.forward_owned(x, mode) }
    }
}

fn squeeze_excitation(channels: usize) -> SqueezeExcitation {
    let layer = SqueezeExcitation::new(channels, multiple_of_8(channels / 4)).scale_activation(Hardsigmoid::new());
    layer.weight_init(CONV_INIT).bias_init(Init::Zeros)
}

/// The nearest multiple of 8, but the next where that is less than nine tenths.
fn multiple_of_8(channels: usize) -> usize {
    let rounded = ((channels + 4) / 8 * 8).max(8);
    if 10 * rounded < 9 * channels { rounded + 8 } else { rounded }
}
