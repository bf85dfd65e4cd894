//! ResNet (He et al., "Deep residual learning for image recognition", 2015, arXiv:1512.03385), ResNeXt (Xie et al.,
//! "Aggregated residual transformations for deep neural networks", 2016, arXiv:1611.05431) and Wide ResNet (Zagoruyko and
//! Komodakis, "Wide residual networks", 2016, arXiv:1605.07146).
//!
//! As in torchvision, a bottleneck's stride is in its 3x3 convolution ("ResNet v1.5").

use layers::{
    AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Linear, MaxPool2d, Mode, Module, ReLU, Result, Sequential, Unary, Var, children, conv_norm_act,
    init::{FanMode, Init, Nonlinearity},
    sequential,
};

use crate::{Model, registry::family};

/// What makes one residual network differ from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResNetConfig {
    /// What its stages are made of.
    pub block: Block,
    /// The number of blocks in each stage.
    pub layers: [usize; 4],
    /// The groups of a bottleneck's 3x3 convolution: ResNeXt's cardinality.
    pub groups: usize,
    /// The channels of one of these groups in the first stage.
    pub width_per_group: usize,
}

/// The kinds of residual blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// Two 3x3 convolutions: [`BasicBlock`].
    Basic,
    /// 1x1, 3x3 and 1x1 convolutions: [`Bottleneck`].
    Bottleneck,
}

const RESNET18: ResNetConfig = ResNetConfig { block: Block::Basic, layers: [2, 2, 2, 2], groups: 1, width_per_group: 64 };
const RESNET34: ResNetConfig = ResNetConfig { layers: [3, 4, 6, 3], ..RESNET18 };
const RESNET50: ResNetConfig = ResNetConfig { block: Block::Bottleneck, layers: [3, 4, 6, 3], ..RESNET18 };
const RESNET101: ResNetConfig = ResNetConfig { layers: [3, 4, 23, 3], ..RESNET50 };
const RESNET152: ResNetConfig = ResNetConfig { layers: [3, 8, 36, 3], ..RESNET50 };
const RESNEXT50_32X4D: ResNetConfig = ResNetConfig { groups: 32, width_per_group: 4, ..RESNET50 };
const RESNEXT101_32X8D: ResNetConfig = ResNetConfig { groups: 32, width_per_group: 8, ..RESNET101 };
const RESNEXT101_64X4D: ResNetConfig = ResNetConfig { groups: 64, width_per_group: 4, ..RESNET101 };
const WIDE_RESNET50_2: ResNetConfig = ResNetConfig { width_per_group: 128, ..RESNET50 };
const WIDE_RESNET101_2: ResNetConfig = ResNetConfig { width_per_group: 128, ..RESNET101 };

family! {
    "ResNet": ResNet {
        /// ResNet-18.
        resnet18 => RESNET18,
        /// ResNet-34.
        resnet34 => RESNET34,
        /// ResNet-50.
        resnet50 => RESNET50,
        /// ResNet-101.
        resnet101 => RESNET101,
        /// ResNet-152.
        resnet152 => RESNET152,
        /// ResNeXt-50, 32 groups of 4 channels.
        resnext50_32x4d => RESNEXT50_32X4D,
        /// ResNeXt-101, 32 groups of 8 channels.
        resnext101_32x8d => RESNEXT101_32X8D,
        /// ResNeXt-101, 64 groups of 4 channels.
        resnext101_64x4d => RESNEXT101_64X4D,
        /// Wide ResNet-50-2: bottlenecks of twice the width.
        wide_resnet50_2 => WIDE_RESNET50_2,
        /// Wide ResNet-101-2: bottlenecks of twice the width.
        wide_resnet101_2 => WIDE_RESNET101_2,
    }
}

/// A residual network with the fields of torchvision's, so that `model.fc = Linear::new(model.fc.in_features, 10)` replaces the
/// head. `[N, 3, H, W]` to `[N, num_classes]`.
pub struct ResNet {
    arch: &'static str,
    /// 7x7, stride 2: `[N, 64, H/2, W/2]`.
    pub conv1: Conv2d,
    /// The norm of `conv1`.
    pub bn1: BatchNorm2d,
    /// The activation of `conv1`.
    pub relu: ReLU,
    /// 3x3, stride 2: `[N, 64, H/4, W/4]`.
    pub maxpool: MaxPool2d,
    /// The first stage, at stride 4.
    pub layer1: Sequential,
    /// The second stage, at stride 8.
    pub layer2: Sequential,
    /// The third stage, at stride 16.
    pub layer3: Sequential,
    /// The fourth stage, at stride 32.
    pub layer4: Sequential,
    /// The mean over the picture.
    pub avgpool: AdaptiveAvgPool2d,
    /// The classifier.
    pub fc: Linear,
}

impl ResNet {
    /// A network of this shape with random weights. `arch` is the name that its checkpoints carry.
    pub fn new(arch: &'static str, config: &ResNetConfig, num_classes: usize) -> Self {
        let mut channels = 64;
        let mut stage = |index: usize| {
            let width = 64 << index;
            let mut blocks = Sequential::new();
            for block in 0..config.layers[index] {
                let stride = if index > 0 && block == 0 { 2 } else { 1 };
                blocks = match config.block {
                    Block::Basic => blocks.push(BasicBlock::new(channels, width, stride)),
                    Block::Bottleneck => blocks.push(Bottleneck::new(channels, width, stride, config)),
                };
                channels = width * config.block.expansion();
            }
            blocks
        };
        let (layer1, layer2, layer3, layer4) = (stage(0), stage(1), stage(2), stage(3));
        ResNet {
            arch,
            conv1: conv(3, 64, 7).stride(2).padding(3),
            bn1: BatchNorm2d::new(64),
            relu: ReLU::new().inplace(true),
            maxpool: MaxPool2d::new(3).stride(2).padding(1),
            layer1,
            layer2,
            layer3,
            layer4,
            avgpool: AdaptiveAvgPool2d::new((1, 1)),
            fc: Linear::new(channels, num_classes),
        }
    }
}

impl Module for ResNet {
    children!(ResNet { conv1, bn1, relu, maxpool, layer1, layer2, layer3, layer4, avgpool, fc });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = conv_norm_act(&self.conv1, &self.bn1, x, None, Unary::Relu, mode)?;
        let x = self.maxpool.forward(&x, mode)?;
        let x = self.layer1.forward_owned(x, mode)?;
        let x = self.layer2.forward_owned(x, mode)?;
        let x = self.layer3.forward_owned(x, mode)?;
        let x = self.layer4.forward_owned(x, mode)?;
        let x = self.avgpool.forward(&x, mode)?;
        self.fc.forward(&x.flatten(1, -1)?, mode)
    }
}

impl Model for ResNet {
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

impl Block {
    /// The channels of a block's output as a multiple of its width.
    pub fn expansion(self) -> usize {
        match self {
            Block::Basic => 1,
            Block::Bottleneck => 4,
        }
    }
}

/// Two 3x3 convolutions and a shortcut: `[N, C, H, W]` to `[N, width, H/stride, W/stride]`.
pub struct BasicBlock {
    /// 3x3, with the block's stride.
    pub conv1: Conv2d,
    /// The norm of `conv1`.
    pub bn1: BatchNorm2d,
    /// The activation.
    pub relu: ReLU,
    /// 3x3.
    pub conv2: Conv2d,
    /// The norm of `conv2`.
    pub bn2: BatchNorm2d,
    /// What brings the input to the output's shape, where it has another.
    pub downsample: Option<Sequential>,
}

impl BasicBlock {
    /// A block from `in_channels` to `width` channels.
    pub fn new(in_channels: usize, width: usize, stride: usize) -> Self {
        BasicBlock {
            conv1: conv(in_channels, width, 3).stride(stride).padding(1),
            bn1: BatchNorm2d::new(width),
            relu: ReLU::new().inplace(true),
            conv2: conv(width, width, 3).padding(1),
            bn2: BatchNorm2d::new(width),
            downsample: downsample(in_channels, width, stride),
        }
    }
}

impl Module for BasicBlock {
    children!(BasicBlock { conv1, bn1, relu, conv2, bn2, downsample });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        self.forward_owned(x.clone(), mode)
    }

    fn forward_owned(&self, x: Var, mode: Mode) -> Result<Var> {
        let out = conv_norm_act(&self.conv1, &self.bn1, &x, None, Unary::Relu, mode)?;
        let identity = shortcut(&self.downsample, x, mode)?;
        conv_norm_act(&self.conv2, &self.bn2, &out, Some(identity), Unary::Relu, mode)
    }
}

/// 1x1, 3x3 and 1x1 convolutions and a shortcut: `[N, C, H, W]` to `[N, 4 width, H/stride, W/stride]`.
pub struct Bottleneck {
    /// 1x1, to the inner width.
    pub conv1: Conv2d,
    /// The norm of `conv1`.
    pub bn1: BatchNorm2d,
    /// 3x3, with the block's stride and groups.
    pub conv2: Conv2d,
    /// The norm of `conv2`.
    pub bn2: BatchNorm2d,
    /// 1x1, to the output's channels.
    pub conv3: Conv2d,
    /// The norm of `conv3`.
    pub bn3: BatchNorm2d,
    /// The activation.
    pub relu: ReLU,
    /// What brings the input to the output's shape, where it has another.
    pub downsample: Option<Sequential>,
}

impl Bottleneck {
    /// A block from `in_channels` to `4 width` channels, with the groups and their width that `config` says.
    pub fn new(in_channels: usize, width: usize, stride: usize, config: &ResNetConfig) -> Self {
        let inner = width * config.width_per_group / 64 * config.groups;
        let out_channels = width * Block::Bottleneck.expansion();
        Bottleneck {
            conv1: conv(in_channels, inner, 1),
            bn1: BatchNorm2d::new(inner),
            conv2: conv(inner, inner, 3).stride(stride).padding(1).groups(config.groups),
            bn2: BatchNorm2d::new(inner),
            conv3: conv(inner, out_channels, 1),
            bn3: BatchNorm2d::new(out_channels),
            relu: ReLU::new().inplace(true),
            downsample: downsample(in_channels, out_channels, stride),
        }
    }
}

impl Module for Bottleneck {
    children!(Bottleneck { conv1, bn1, conv2, bn2, conv3, bn3, relu, downsample });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        self.forward_owned(x.clone(), mode)
    }

    fn forward_owned(&self, x: Var, mode: Mode) -> Result<Var> {
        let out = conv_norm_act(&self.conv1, &self.bn1, &x, None, Unary::Relu, mode)?;
        let out = conv_norm_act(&self.conv2, &self.bn2, &out, None, Unary::Relu, mode)?;
        let identity = shortcut(&self.downsample, x, mode)?;
        conv_norm_act(&self.conv3, &self.bn3, &out, Some(identity), Unary::Relu, mode)
    }
}

/// What brings a block's input to its output's shape, where it has another: a 1x1 convolution and a norm.
fn downsample(in_channels: usize, out_channels: usize, stride: usize) -> Option<Sequential> {
    let needed = stride != 1 || in_channels != out_channels;
    needed.then(|| sequential![conv(in_channels, out_channels, 1).stride(stride), BatchNorm2d::new(out_channels)])
}

/// The block's input as a summand of its output.
fn shortcut(downsample: &Option<Sequential>, x: Var, mode: Mode) -> Result<Var> {
    match downsample {
        Some(downsample) => downsample.forward_owned(x, mode),
        None => Ok(x),
    }
}

/// A convolution before a norm, with torchvision's initialisation.
fn conv(in_channels: usize, out_channels: usize, kernel_size: usize) -> Conv2d {
    let init = Init::KaimingNormal { mode: FanMode::FanOut, nonlinearity: Nonlinearity::ReLU };
    Conv2d::new(in_channels, out_channels, kernel_size).bias(false).weight_init(init)
}
