//! MobileNet v2 (Sandler et al., "MobileNetV2: Inverted residuals and linear bottlenecks", 2018, arXiv:1801.04381).

use layers::{BatchNorm2d, Conv2d, Conv2dNormActivation, Dropout, Mode, Module, ReLU6, Result, Sequential, Var, children, sequential};

use crate::{
    Model,
    mobile_parts::{conv, depthwise, linear},
    model::{out_features, put},
    registry::family,
};

/// A row of the paper's table 2: blocks of the same output channels.
struct Stage {
    /// The channels inside a block, as a multiple of its input's.
    expand_ratio: usize,
    out_channels: usize,
    blocks: usize,
    /// Of the first block; the others have 1.
    stride: usize,
}

const STAGES: [Stage; 7] = [
    Stage { expand_ratio: 1, out_channels: 16, blocks: 1, stride: 1 },
    Stage { expand_ratio: 6, out_channels: 24, blocks: 2, stride: 2 },
    Stage { expand_ratio: 6, out_channels: 32, blocks: 3, stride: 2 },
    Stage { expand_ratio: 6, out_channels: 64, blocks: 4, stride: 2 },
    Stage { expand_ratio: 6, out_channels: 96, blocks: 3, stride: 1 },
    Stage { expand_ratio: 6, out_channels: 160, blocks: 3, stride: 2 },
    Stage { expand_ratio: 6, out_channels: 320, blocks: 1, stride: 1 },
];
const STEM_CHANNELS: usize = 32;
const LAST_CHANNELS: usize = 1280;

family! {
    "MobileNetV2": MobileNetV2 {
        /// MobileNet v2.
        mobilenet_v2,
    }
}

/// The network, with torchvision's fields. `[N, 3, H, W]` to `[N, num_classes]`.
pub struct MobileNetV2 {
    arch: &'static str,
    /// A convolution, seventeen [`InvertedResidual`] blocks and a 1x1 convolution.
    pub features: Sequential,
    /// The classifier, named `1`, behind a dropout.
    pub classifier: Sequential,
}

impl MobileNetV2 {
    /// A network with random weights. `arch` is the name that its checkpoints carry.
    pub fn new(arch: &'static str, num_classes: usize) -> Self {
        let mut features = sequential![conv_norm_relu6(conv(3, STEM_CHANNELS, 3, 2))];
        let mut channels = STEM_CHANNELS;
        for stage in &STAGES {
            for block in 0..stage.blocks {
                let stride = if block == 0 { stage.stride } else { 1 };
                features = features.push(InvertedResidual::new(channels, stage.out_channels, stride, stage.expand_ratio));
                channels = stage.out_channels;
            }
        }
        MobileNetV2 {
            arch,
            features: features.push(conv_norm_relu6(conv(channels, LAST_CHANNELS, 1, 1))),
            classifier: sequential![Dropout::new(0.2), linear(LAST_CHANNELS, num_classes)],
        }
    }
}

fn conv_norm_relu6(conv: Conv2d) -> Conv2dNormActivation {
    let norm = BatchNorm2d::new(conv.out_channels);
    Conv2dNormActivation::new(conv, norm).activation(ReLU6::new().inplace(true))
}

impl Module for MobileNetV2 {
    children!(MobileNetV2 { features, classifier });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.features.forward(x, mode)?.adaptive_avg_pool2d([Some(1); 2])?;
        self.classifier.forward(&x.flatten(1, -1)?, mode)
    }
}

impl Model for MobileNetV2 {
    fn arch(&self) -> &'static str {
        self.arch
    }

    fn num_classes(&self) -> usize {
        out_features(&self.classifier, "1")
    }

    fn reset_classifier(&mut self, num_classes: usize) {
        put(&mut self.classifier, "1", linear(LAST_CHANNELS, num_classes));
    }

    fn set_dropout(&mut self, p: f64) {
        put(&mut self.classifier, "0", Dropout::new(p));
    }
}

/// Many channels inside, few outside: a 1x1, a depthwise 3x3 and a 1x1 convolution, and a shortcut where input and output have the
/// same shape. `[N, C, H, W]` to `[N, out_channels, H/stride, W/stride]`.
pub struct InvertedResidual {
    /// The convolutions.
    pub conv: Sequential,
    shortcut: bool,
}

impl InvertedResidual {
    /// A block with `expand_ratio * in_channels` channels inside.
    pub fn new(in_channels: usize, out_channels: usize, stride: usize, expand_ratio: usize) -> Self {
        let inner = in_channels * expand_ratio;
        let mut layers = sequential![];
        if inner != in_channels {
            layers = layers.push(conv_norm_relu6(conv(in_channels, inner, 1, 1)));
        }
        let layers = layers.push(conv_norm_relu6(depthwise(inner, 3, stride)));
        InvertedResidual {
            conv: layers.push(conv(inner, out_channels, 1, 1)).push(BatchNorm2d::new(out_channels)),
            shortcut: stride == 1 && in_channels == out_channels,
        }
    }
}

impl Module for InvertedResidual {
    children!(InvertedResidual { conv });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        self.forward_owned(x.clone(), mode)
    }

    fn forward_owned(&self, x: Var, mode: Mode) -> Result<Var> {
        if self.shortcut { self.conv.forward_residual(x, mode) } else { self.conv.forward_owned(x, mode) }
    }
}
