//! EfficientNet (Tan and Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", 2019, arXiv:1905.11946).

use layers::{
    AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Conv2dNormActivation, Dropout, Linear, Mode, Module, Result, Sequential, SiLU,
    SqueezeExcitation, StochasticDepth, Var, children, init::Init, sequential,
};

use crate::{
    Model,
    mobile_parts::{CONV_INIT, conv, depthwise},
    model::{out_features, put},
    registry::family,
};

/// What makes one EfficientNet differ from another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EfficientNetConfig {
    /// The stages in order.
    pub stages: &'static [MBConvConfig],
    /// The probability of the dropout before the classifier.
    pub dropout: f64,
    /// The probability that training leaves out a block: 0 at the first, growing towards this.
    pub stochastic_depth: f64,
}

/// A row of the paper's table 1: [`MBConv`] blocks of the same output channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MBConvConfig {
    /// The channels inside a block, as a multiple of its input's.
    pub expand_ratio: usize,
    /// The side of the depthwise kernels, in pixels.
    pub kernel: usize,
    /// Of the first block; the others have 1.
    pub stride: usize,
    /// The channels of each block's output.
    pub out_channels: usize,
    /// The number of blocks.
    pub blocks: usize,
}

const EFFICIENTNET_B0: EfficientNetConfig = EfficientNetConfig {
    stages: &[
        MBConvConfig { expand_ratio: 1, kernel: 3, stride: 1, out_channels: 16, blocks: 1 },
        MBConvConfig { expand_ratio: 6, kernel: 3, stride: 2, out_channels: 24, blocks: 2 },
        MBConvConfig { expand_ratio: 6, kernel: 5, stride: 2, out_channels: 40, blocks: 2 },
        MBConvConfig { expand_ratio: 6, kernel: 3, stride: 2, out_channels: 80, blocks: 3 },
        MBConvConfig { expand_ratio: 6, kernel: 5, stride: 1, out_channels: 112, blocks: 3 },
        MBConvConfig { expand_ratio: 6, kernel: 5, stride: 2, out_channels: 192, blocks: 4 },
        MBConvConfig { expand_ratio: 6, kernel: 3, stride: 1, out_channels: 320, blocks: 1 },
    ],
    dropout: 0.2,
    stochastic_depth: 0.2,
};
const STEM_CHANNELS: usize = 32;

family! {
    "EfficientNet": EfficientNet {
        /// EfficientNet-B0.
        efficientnet_b0 => EFFICIENTNET_B0,
    }
}

/// The network, with torchvision's fields. `[N, 3, H, W]` to `[N, num_classes]`.
pub struct EfficientNet {
    arch: &'static str,
    last_channels: usize,
    /// A convolution, the stages of [`MBConv`] blocks and a 1x1 convolution.
    pub features: Sequential,
    /// The mean over the picture.
    pub avgpool: AdaptiveAvgPool2d,
    /// The classifier, named `1`, behind a dropout.
    pub classifier: Sequential,
}

impl EfficientNet {
    /// A network of this shape with random weights. `arch` is the name that its checkpoints carry.
    pub fn new(arch: &'static str, config: &EfficientNetConfig, num_classes: usize) -> Self {
        let total: usize = config.stages.iter().map(|stage| stage.blocks).sum();
        let mut features = sequential![conv_norm_silu(conv(3, STEM_CHANNELS, 3, 2))];
        let (mut channels, mut index) = (STEM_CHANNELS, 0);
        for stage in config.stages {
            let mut blocks = sequential![];
            for block in 0..stage.blocks {
                let stride = if block == 0 { stage.stride } else { 1 };
                let drop = config.stochastic_depth * index as f64 / total as f64;
                blocks = blocks.push(MBConv::new(channels, &MBConvConfig { stride, ..*stage }, drop));
                channels = stage.out_channels;
                index += 1;
            }
            features = features.push(blocks);
        }
        let last_channels = 4 * channels;
        EfficientNet {
            arch,
            last_channels,
            features: features.push(conv_norm_silu(conv(channels, last_channels, 1, 1))),
            avgpool: AdaptiveAvgPool2d::new(1),
            classifier: sequential![Dropout::new(config.dropout).inplace(true), classifier(last_channels, num_classes)],
        }
    }
}

fn conv_norm(conv: Conv2d) -> Conv2dNormActivation {
    let norm = BatchNorm2d::new(conv.out_channels);
    Conv2dNormActivation::new(conv, norm)
}

fn conv_norm_silu(conv: Conv2d) -> Conv2dNormActivation {
    conv_norm(conv).activation(SiLU::new().inplace(true))
}

fn classifier(in_features: usize, num_classes: usize) -> Linear {
    let bound = 1.0 / (num_classes as f64).sqrt();
    Linear::new(in_features, num_classes).weight_init(Init::Uniform { low: -bound, high: bound }).bias_init(Init::Zeros)
}

impl Module for EfficientNet {
    children!(EfficientNet { features, avgpool, classifier });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.avgpool.forward(&self.features.forward(x, mode)?, mode)?;
        self.classifier.forward(&x.flatten(1, -1)?, mode)
    }
}

impl Model for EfficientNet {
    fn arch(&self) -> &'static str {
        self.arch
    }

    fn num_classes(&self) -> usize {
        out_features(&self.classifier, "1")
    }

    fn reset_classifier(&mut self, num_classes: usize) {
        put(&mut self.classifier, "1", classifier(self.last_channels, num_classes));
    }

    fn set_dropout(&mut self, p: f64) {
        put(&mut self.classifier, "0", Dropout::new(p).inplace(true));
    }
}

/// MobileNet's inverted residual with a squeeze-and-excitation: a 1x1 and a depthwise convolution, the excitation, a 1x1 convolution,
/// and a shortcut where input and output have the same shape. `[N, C, H, W]` to `[N, out_channels, H/stride, W/stride]`.
pub struct MBConv {
    /// The convolutions.
    pub block: Sequential,
    /// Leaves the block out at times, where there is a shortcut.
    pub stochastic_depth: StochasticDepth,
    shortcut: bool,
}

impl MBConv {
    /// One block of a stage, which training leaves out with probability `drop`.
    pub fn new(in_channels: usize, config: &MBConvConfig, drop: f64) -> Self {
        let inner = in_channels * config.expand_ratio;
        let squeeze = SqueezeExcitation::new(inner, (in_channels / 4).max(1)).activation(SiLU::new().inplace(true));
        let mut block = sequential![];
        if inner != in_channels {
            block = block.push(conv_norm_silu(conv(in_channels, inner, 1, 1)));
        }
        let block = block
            .push(conv_norm_silu(depthwise(inner, config.kernel, config.stride)))
            .push(squeeze.weight_init(CONV_INIT).bias_init(Init::Zeros))
            .push(conv_norm(conv(inner, config.out_channels, 1, 1)));
        let shortcut = config.stride == 1 && in_channels == config.out_channels;
        MBConv { block, stochastic_depth: StochasticDepth::new(drop), shortcut }
    }
}

impl Module for MBConv {
    children!(MBConv { block, stochastic_depth });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        self.forward_owned(x.clone(), mode)
    }

    fn forward_owned(&self, x: Var, mode: Mode) -> Result<Var> {
        match (self.shortcut, mode) {
            (false, _) => self.block.forward_owned(x, mode),
            (true, Mode::Eval) => self.block.forward_residual(x, mode),
            (true, Mode::Train) => Ok(self.stochastic_depth.forward(&self.block.forward(&x, mode)?, mode)?.add(&x)?),
        }
    }
}
