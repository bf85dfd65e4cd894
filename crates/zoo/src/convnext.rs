//! ConvNeXt (Liu et al., "A ConvNet for the 2020s", 2022, arXiv:2201.03545).

use layers::{
    AdaptiveAvgPool2d, Conv2d, Conv2dNormActivation, Flatten, GELU, LayerNorm, LazyParameter, Linear, Mode, Module, Permute, Result,
    Sequential, Slot, StochasticDepth, Var, children, init::Init, sequential,
};

use crate::{
    Model,
    model::{out_features, put},
    registry::family,
};

/// What makes one ConvNeXt differ from another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvNeXtConfig {
    /// The four stages in order.
    pub stages: [Stage; 4],
    /// The probability that training leaves out the last block: 0 at the first, growing evenly.
    pub stochastic_depth: f64,
}

/// [`CNBlock`]s of the same channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// The channels of each block.
    pub channels: usize,
    /// The number of blocks.
    pub blocks: usize,
}

const TINY: ConvNeXtConfig = ConvNeXtConfig {
    stages: [
        Stage { channels: 96, blocks: 3 },
        Stage { channels: 192, blocks: 3 },
        Stage { channels: 384, blocks: 9 },
        Stage { channels: 768, blocks: 3 },
    ],
    stochastic_depth: 0.1,
};
/// What is added to the variances.
const EPS: f64 = 1e-6;
/// The factor of a block's output at the start.
const LAYER_SCALE: f64 = 1e-6;
const TRUNCATED_NORMAL: Init = Init::TruncNormal { mean: 0.0, std: 0.02, low: -2.0, high: 2.0 };

family! {
    "ConvNeXt": ConvNeXt {
        /// ConvNeXt-T.
        convnext_tiny => TINY,
    }
}

/// The network, with torchvision's fields. `[N, 3, H, W]`, sides at least 32, to `[N, num_classes]`.
pub struct ConvNeXt {
    arch: &'static str,
    last_channels: usize,
    /// A 4x4 convolution of stride 4, and four stages of [`CNBlock`]s with 2x2 convolutions of stride 2 between them.
    pub features: Sequential,
    /// The mean over the picture.
    pub avgpool: AdaptiveAvgPool2d,
    /// A norm and the classifier, which is named `2`.
    pub classifier: Sequential,
}

impl ConvNeXt {
    /// A network of this shape with random weights. `arch` is the name that its checkpoints carry.
    pub fn new(arch: &'static str, config: &ConvNeXtConfig, num_classes: usize) -> Self {
        let [first, .., last] = config.stages;
        let mut features = sequential![Conv2dNormActivation::new(conv(3, first.channels, 4).stride(4), LayerNorm2d::new(first.channels))];
        let last_index = config.stages.iter().map(|stage| stage.blocks).sum::<usize>() as f64 - 1.0;
        let (mut channels, mut index) = (first.channels, 0);
        for stage in config.stages {
            if stage.channels != channels {
                features = features.push(sequential![LayerNorm2d::new(channels), conv(channels, stage.channels, 2).stride(2)]);
                channels = stage.channels;
            }
            let mut blocks = sequential![];
            for _ in 0..stage.blocks {
                blocks = blocks.push(CNBlock::new(channels, config.stochastic_depth * index as f64 / last_index));
                index += 1;
            }
            features = features.push(blocks);
        }
        ConvNeXt {
            arch,
            last_channels: last.channels,
            features,
            avgpool: AdaptiveAvgPool2d::new(1),
            classifier: sequential![LayerNorm2d::new(last.channels), Flatten::new(), linear(last.channels, num_classes)],
        }
    }
}

fn conv(in_channels: usize, out_channels: usize, kernel_size: usize) -> Conv2d {
    Conv2d::new(in_channels, out_channels, kernel_size).weight_init(TRUNCATED_NORMAL).bias_init(Init::Zeros)
}

fn linear(in_features: usize, out_features: usize) -> Linear {
    Linear::new(in_features, out_features).weight_init(TRUNCATED_NORMAL).bias_init(Init::Zeros)
}

impl Module for ConvNeXt {
    children!(ConvNeXt { features, avgpool, classifier });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.avgpool.forward(&self.features.forward(x, mode)?, mode)?;
        self.classifier.forward(&x, mode)
    }
}

impl Model for ConvNeXt {
    fn arch(&self) -> &'static str {
        self.arch
    }

    fn num_classes(&self) -> usize {
        out_features(&self.classifier, "2")
    }

    fn reset_classifier(&mut self, num_classes: usize) {
        put(&mut self.classifier, "2", linear(self.last_channels, num_classes));
    }
}

/// A depthwise 7x7 convolution and two linear layers over the channels of each pixel, scaled and added to the input:
/// `[N, C, H, W]` to the same shape.
pub struct CNBlock {
    /// `[C, 1, 1]`: the factor of each channel before the sum.
    pub layer_scale: LazyParameter,
    /// The layers.
    pub block: Sequential,
    /// Leaves the block out at times.
    pub stochastic_depth: StochasticDepth,
}

impl CNBlock {
    /// A block that training leaves out with probability `drop`.
    pub fn new(channels: usize, drop: f64) -> Self {
        let depthwise = conv(channels, channels, 7).padding(3).groups(channels).bias_init(Init::Zeros);
        CNBlock {
            layer_scale: LazyParameter::new([channels, 1, 1], Init::Constant(LAYER_SCALE)),
            block: sequential![
                depthwise,
                Permute::new([0, 2, 3, 1]),
                LayerNorm::new([channels]).eps(EPS),
                linear(channels, 4 * channels),
                GELU,
                linear(4 * channels, channels),
                Permute::new([0, 3, 1, 2]),
            ],
            stochastic_depth: StochasticDepth::new(drop),
        }
    }
}

impl Module for CNBlock {
    children!(CNBlock { block, stochastic_depth });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let y = self.layer_scale.var().mul(&self.block.forward(x, mode)?)?;
        Ok(self.stochastic_depth.forward(&y, mode)?.add(x)?)
    }

    fn tensors(&self) -> Vec<(&'static str, Slot<'_>)> {
        vec![("layer_scale", Slot::Parameter(&self.layer_scale))]
    }
}

/// A [`LayerNorm`] over the channels of each pixel of `[N, C, H, W]`.
pub struct LayerNorm2d {
    norm: LayerNorm,
}

impl LayerNorm2d {
    /// A norm with weight 1 and bias 0.
    pub fn new(channels: usize) -> Self {
        LayerNorm2d { norm: LayerNorm::new([channels]).eps(EPS) }
    }
}

impl Module for LayerNorm2d {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let rows = x.permute(&[0, 2, 3, 1])?;
        Ok(self.norm.forward(&rows, mode)?.permute(&[0, 3, 1, 2])?)
    }

    fn class_name(&self) -> &'static str {
        "LayerNorm2d"
    }

    fn extra_repr(&self) -> String {
        self.norm.extra_repr()
    }

    fn tensors(&self) -> Vec<(&'static str, Slot<'_>)> {
        self.norm.tensors()
    }
}
