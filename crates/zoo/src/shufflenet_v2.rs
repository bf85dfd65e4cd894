//! ShuffleNet v2 (Ma et al., "ShuffleNet V2: Practical guidelines for efficient CNN architecture design", 2018, arXiv:1807.11164).

use layers::{BatchNorm2d, Conv2d, Linear, MaxPool2d, Mode, Module, ReLU, Result, Sequential, Var, children, sequential};

use crate::{Model, registry::family};

/// What makes one ShuffleNet differ from another: its channels, by the paper's table 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShuffleNetV2Config {
    /// Of stages 2 to 4.
    pub stage_channels: [usize; 3],
    /// Of the last convolution.
    pub last_channels: usize,
}

const X1_0: ShuffleNetV2Config = ShuffleNetV2Config { stage_channels: [116, 232, 464], last_channels: 1024 };
/// The blocks in stages 2 to 4.
const STAGE_BLOCKS: [usize; 3] = [4, 8, 4];
const STEM_CHANNELS: usize = 24;

family! {
    "ShuffleNetV2": ShuffleNetV2 {
        /// ShuffleNet v2 of width 1.
        shufflenet_v2_x1_0 => X1_0,
    }
}

/// The network, with torchvision's fields. `[N, 3, H, W]` to `[N, num_classes]`.
pub struct ShuffleNetV2 {
    arch: &'static str,
    /// 3x3, stride 2.
    pub conv1: Sequential,
    /// Stride 2.
    pub maxpool: MaxPool2d,
    /// At stride 8.
    pub stage2: Sequential,
    /// At stride 16.
    pub stage3: Sequential,
    /// At stride 32.
    pub stage4: Sequential,
    /// 1x1.
    pub conv5: Sequential,
    /// The classifier.
    pub fc: Linear,
}

impl ShuffleNetV2 {
    /// A network of this shape with random weights. `arch` is the name that its checkpoints carry.
    pub fn new(arch: &'static str, config: &ShuffleNetV2Config, num_classes: usize) -> Self {
        let mut channels = STEM_CHANNELS;
        let mut stage = |index: usize| {
            let out_channels = config.stage_channels[index];
            let mut blocks = sequential![InvertedResidual::halving(channels, out_channels)];
            for _ in 1..STAGE_BLOCKS[index] {
                blocks = blocks.push(InvertedResidual::keeping(out_channels));
            }
            channels = out_channels;
            blocks
        };
        let (stage2, stage3, stage4) = (stage(0), stage(1), stage(2));
        ShuffleNetV2 {
            arch,
            conv1: conv_norm_relu(conv(3, STEM_CHANNELS, 3).stride(2).padding(1)),
            maxpool: MaxPool2d::new(3).stride(2).padding(1),
            stage2,
            stage3,
            stage4,
            conv5: conv_norm_relu(conv(channels, config.last_channels, 1)),
            fc: Linear::new(config.last_channels, num_classes),
        }
    }
}

fn conv(in_channels: usize, out_channels: usize, kernel_size: usize) -> Conv2d {
    Conv2d::new(in_channels, out_channels, kernel_size).bias(false)
}

/// Each channel by itself.
fn depthwise(channels: usize, stride: usize) -> Conv2d {
    conv(channels, channels, 3).stride(stride).padding(1).groups(channels)
}

fn conv_norm_relu(conv: Conv2d) -> Sequential {
    let norm = BatchNorm2d::new(conv.out_channels);
    sequential![conv, norm, ReLU::new().inplace(true)]
}

impl Module for ShuffleNetV2 {
    children!(ShuffleNetV2 { conv1, maxpool, stage2, stage3, stage4, conv5, fc });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.conv1.forward(x, mode)?;
        let x = self.maxpool.forward(&x, mode)?;
        let x = self.stage2.forward(&x, mode)?;
        let x = self.stage3.forward(&x, mode)?;
        let x = self.stage4.forward(&x, mode)?;
        let x = self.conv5.forward(&x, mode)?.adaptive_avg_pool2d([Some(1); 2])?;
        self.fc.forward(&x.flatten(1, -1)?, mode)
    }
}

impl Model for ShuffleNetV2 {
    fn arch(&self) -> &'static str {
        self.arch
    }

    fn num_classes(&self) -> usize {
        self.fc.out_features
    }

    fn reset_classifier(&mut self, num_classes: usize) {
        self.fc = Linear::new(self.fc.in_features, num_classes);
    }
}

/// Two branches of half the output's channels each, joined and shuffled so that the next block's branches see channels of both.
pub struct InvertedResidual {
    /// Depthwise 3x3 and 1x1; empty where the branch passes the first half of the input.
    pub branch1: Sequential,
    /// 1x1, depthwise 3x3 and 1x1.
    pub branch2: Sequential,
    /// The channels of a branch's output.
    branch_channels: usize,
}

impl InvertedResidual {
    /// Both branches see the whole input: `[N, C, H, W]` to `[N, out_channels, H/2, W/2]`.
    pub fn halving(in_channels: usize, out_channels: usize) -> Self {
        let branch_channels = out_channels / 2;
        let branch1 = sequential![
            depthwise(in_channels, 2),
            BatchNorm2d::new(in_channels),
            conv(in_channels, branch_channels, 1),
            BatchNorm2d::new(branch_channels),
            ReLU::new().inplace(true),
        ];
        InvertedResidual { branch1, branch2: branch2(in_channels, branch_channels, 2), branch_channels }
    }

    /// One branch passes its half of the input: `[N, channels, H, W]` to the same shape.
    pub fn keeping(channels: usize) -> Self {
        let branch_channels = channels / 2;
        InvertedResidual { branch1: sequential![], branch2: branch2(branch_channels, branch_channels, 1), branch_channels }
    }
}

fn branch2(in_channels: usize, out_channels: usize, stride: usize) -> Sequential {
    sequential![
        conv(in_channels, out_channels, 1),
        BatchNorm2d::new(out_channels),
        ReLU::new().inplace(true),
        depthwise(out_channels, stride),
        BatchNorm2d::new(out_channels),
        conv(out_channels, out_channels, 1),
        BatchNorm2d::new(out_channels),
        ReLU::new().inplace(true),
    ]
}

impl Module for InvertedResidual {
    children!(InvertedResidual { branch1, branch2 });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let (first, second) = if self.branch1.is_empty() {
            let half = self.branch_channels;
            (x.narrow(1, 0, half)?, self.branch2.forward(&x.narrow(1, half, half)?, mode)?)
        } else {
            (self.branch1.forward(x, mode)?, self.branch2.forward(x, mode)?)
        };
        Ok(Var::cat(&[&first, &second], 1)?.channel_shuffle(2)?)
    }
}
