//! MnasNet, variant B1 (Tan et al., "MnasNet: Platform-aware neural architecture search for mobile", 2018, arXiv:1807.11626).

use layers::{
    BatchNorm2d, Dropout, Linear, Mode, Module, ReLU, Result, Sequential, Var, children,
    init::{FanMode, Init, Nonlinearity},
    sequential,
};

use crate::{
    Model,
    mobile_parts::{conv, depthwise},
    model::{out_features, put},
    registry::family,
};

/// Blocks of the same output channels.
struct Stage {
    out_channels: usize,
    /// The side of the depthwise kernels, in pixels.
    kernel: usize,
    /// Of the first block; the others have 1.
    stride: usize,
    /// The channels inside a block, as a multiple of its input's.
    expand_ratio: usize,
    blocks: usize,
}

const STAGES: [Stage; 6] = [
    Stage { out_channels: 24, kernel: 3, stride: 2, expand_ratio: 3, blocks: 3 },
    Stage { out_channels: 40, kernel: 5, stride: 2, expand_ratio: 3, blocks: 3 },
    Stage { out_channels: 80, kernel: 5, stride: 2, expand_ratio: 6, blocks: 3 },
    Stage { out_channels: 96, kernel: 3, stride: 1, expand_ratio: 6, blocks: 2 },
    Stage { out_channels: 192, kernel: 5, stride: 2, expand_ratio: 6, blocks: 4 },
    Stage { out_channels: 320, kernel: 3, stride: 1, expand_ratio: 6, blocks: 1 },
];
/// The outputs of the first convolution and of the separable one behind it.
const STEM_CHANNELS: [usize; 2] = [32, 16];
const LAST_CHANNELS: usize = 1280;
/// The share of a new batch in the running statistics: the paper's 0.9997 is that of the old ones.
const NORM_MOMENTUM: f64 = 1.0 - 0.9997;

family! {
    "MNASNet": MNASNet {
        /// MnasNet of width 1.
        mnasnet1_0,
    }
}

/// The network, with torchvision's fields. `[N, 3, H, W]` to `[N, num_classes]`.
pub struct MNASNet {
    arch: &'static str,
    /// Two convolutions, six stages of blocks and a 1x1 convolution.
    pub layers: Sequential,
    /// The classifier, named `1`, behind a dropout.
    pub classifier: Sequential,
}

impl MNASNet {
    /// A network with random weights. `arch` is the name that its checkpoints carry.
    pub fn new(arch: &'static str, num_classes: usize) -> Self {
        let [stem, mut channels] = STEM_CHANNELS;
        let mut layers = sequential![
            conv(3, stem, 3, 2),
            norm(stem),
            ReLU::new().inplace(true),
            depthwise(stem, 3, 1),
            norm(stem),
            ReLU::new().inplace(true),
            conv(stem, channels, 1, 1),
            norm(channels),
        ];
        for stage in &STAGES {
            let mut blocks = sequential![_InvertedResidual::new(channels, stage, stage.stride)];
            for _ in 1..stage.blocks {
                blocks = blocks.push(_InvertedResidual::new(stage.out_channels, stage, 1));
            }
            layers = layers.push(blocks);
            channels = stage.out_channels;
        }
        MNASNet {
            arch,
            layers: layers.push(conv(channels, LAST_CHANNELS, 1, 1)).push(norm(LAST_CHANNELS)).push(ReLU::new().inplace(true)),
            classifier: sequential![Dropout::new(0.2).inplace(true), classifier(num_classes)],
        }
    }
}

fn norm(channels: usize) -> BatchNorm2d {
    BatchNorm2d::new(channels).momentum(NORM_MOMENTUM)
}

fn classifier(num_classes: usize) -> Linear {
    let init = Init::KaimingUniform { mode: FanMode::FanOut, nonlinearity: Nonlinearity::Sigmoid };
    Linear::new(LAST_CHANNELS, num_classes).weight_init(init).bias_init(Init::Zeros)
}

impl Module for MNASNet {
    children!(MNASNet { layers, classifier });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.layers.forward(x, mode)?.adaptive_avg_pool2d([Some(1); 2])?;
        self.classifier.forward(&x.flatten(1, -1)?, mode)
    }
}

impl Model for MNASNet {
    fn arch(&self) -> &'static str {
        self.arch
    }

    fn num_classes(&self) -> usize {
        out_features(&self.classifier, "1")
    }

    fn reset_classifier(&mut self, num_classes: usize) {
        put(&mut self.classifier, "1", classifier(num_classes));
    }

    fn set_dropout(&mut self, p: f64) {
        put(&mut self.classifier, "0", Dropout::new(p).inplace(true));
    }
}

/// Many channels inside, few outside: a 1x1, a depthwise and a 1x1 convolution, and a shortcut where input and output have the same
/// shape. The name is torchvision's, as printed.
struct _InvertedResidual {
    layers: Sequential,
    shortcut: bool,
}

impl _InvertedResidual {
    fn new(in_channels: usize, stage: &Stage, stride: usize) -> Self {
        let (inner, out_channels) = (in_channels * stage.expand_ratio, stage.out_channels);
        let layers = sequential![
            conv(in_channels, inner, 1, 1),
            norm(inner),
            ReLU::new().inplace(true),
            depthwise(inner, stage.kernel, stride),
            norm(inner),
            ReLU::new().inplace(true),
            conv(inner, out_channels, 1, 1),
            norm(out_channels),
        ];
        _InvertedResidual { layers, shortcut: stride == 1 && in_channels == out_channels }
    }
}

impl Module for _InvertedResidual {
    children!(_InvertedResidual { layers });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        self.forward_owned(x.clone(), mode)
    }

    fn forward_owned(&self, x: Var, mode: Mode) -> Result<Var> {
        if self.shortcut { self.layers.forward_residual(x, mode) } else { self.layers.forward_owned(x, mode) }
    }
}
