//! SqueezeNet (Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", 2016,
//! arXiv:1602.07360); 1.1 is its authors' revision that needs 2.4 times less computation.

use layers::{
    AdaptiveAvgPool2d, Branch, Conv2d, ConvNormAct, Dropout, MaxPool2d, Mode, Module, ReLU, Result, Sequential, Unary, Var, cat_branches,
    children, conv_norm_act,
    init::{FanMode, Init, Nonlinearity},
    sequential,
};

use crate::{
    Model,
    model::{out_features, put},
    registry::family,
};

/// What makes one version differ from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqueezeNetConfig {
    /// The channels of the first convolution.
    pub stem_channels: usize,
    /// The side of the first convolution's kernel, in pixels.
    pub stem_kernel: usize,
    /// The squeezed channels of the [`Fire`] modules, in the three stretches that max poolings separate; each of a module's two
    /// expansions has four times as many.
    pub squeezes: [&'static [usize]; 3],
}

const SQUEEZENET1_0: SqueezeNetConfig =
    SqueezeNetConfig { stem_channels: 96, stem_kernel: 7, squeezes: [&[16, 16, 32], &[32, 48, 48, 64], &[64]] };
const SQUEEZENET1_1: SqueezeNetConfig =
    SqueezeNetConfig { stem_channels: 64, stem_kernel: 3, squeezes: [&[16, 16], &[32, 32], &[48, 48, 64, 64]] };

family! {
    "SqueezeNet": SqueezeNet {
        /// SqueezeNet 1.0.
        squeezenet1_0 => SQUEEZENET1_0,
        /// SqueezeNet 1.1.
        squeezenet1_1 => SQUEEZENET1_1,
    }
}

/// The network, with torchvision's fields. `[N, 3, H, W]`, sides at least 21, to `[N, num_classes]`.
pub struct SqueezeNet {
    arch: &'static str,
    /// A convolution and eight [`Fire`] modules.
    pub features: Sequential,
    /// A 1x1 convolution, named `1`, from 512 channels to the classes, and the mean over the picture.
    pub classifier: Sequential,
}

impl SqueezeNet {
    /// A network of this shape with random weights. `arch` is the name that its checkpoints carry.
    pub fn new(arch: &'static str, config: &SqueezeNetConfig, num_classes: usize) -> Self {
        let mut features = sequential![conv(3, config.stem_channels, config.stem_kernel).stride(2), ReLU::new().inplace(true)];
        let mut in_channels = config.stem_channels;
        for stretch in config.squeezes {
            features = features.push(MaxPool2d::new(3).stride(2).ceil_mode(true));
            for &squeeze in stretch {
                features = features.push(Fire::new(in_channels, squeeze, 4 * squeeze));
                in_channels = 8 * squeeze;
            }
        }
        let classifier = sequential![Dropout::new(0.5), final_conv(num_classes), ReLU::new().inplace(true), AdaptiveAvgPool2d::new((1, 1))];
        SqueezeNet { arch, features, classifier }
    }
}

fn conv(in_channels: usize, out_channels: usize, kernel_size: usize) -> Conv2d {
    let init = Init::KaimingUniform { mode: FanMode::FanIn, nonlinearity: Nonlinearity::ReLU };
    Conv2d::new(in_channels, out_channels, kernel_size).weight_init(init).bias_init(Init::Zeros)
}

fn final_conv(num_classes: usize) -> Conv2d {
    conv(512, num_classes, 1).weight_init(Init::Normal { mean: 0.0, std: 0.01 })
}

impl Module for SqueezeNet {
    children!(SqueezeNet { features, classifier });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.features.forward(x, mode)?;
        Ok(self.classifier.forward(&x, mode)?.flatten(1, -1)?)
    }
}

impl Model for SqueezeNet {
    fn arch(&self) -> &'static str {
        self.arch
    }

    fn num_classes(&self) -> usize {
        out_features(&self.classifier, "1")
    }

    fn reset_classifier(&mut self, num_classes: usize) {
        put(&mut self.classifier, "1", final_conv(num_classes));
    }

    fn set_dropout(&mut self, p: f64) {
        put(&mut self.classifier, "0", Dropout::new(p));
    }
}

/// Few channels, then a 1x1 and a 3x3 convolution side by side: `[N, C, H, W]` to `[N, 2 expand, H, W]`.
pub struct Fire {
    /// 1x1, to few channels.
    pub squeeze: Conv2d,
    /// The activation of `squeeze`.
    pub squeeze_activation: ReLU,
    /// The first half of the output.
    pub expand1x1: Conv2d,
    /// The activation of `expand1x1`.
    pub expand1x1_activation: ReLU,
    /// The second half of the output.
    pub expand3x3: Conv2d,
    /// The activation of `expand3x3`.
    pub expand3x3_activation: ReLU,
}

impl Fire {
    /// A module from `in_channels` through `squeeze` to twice `expand` channels.
    pub fn new(in_channels: usize, squeeze: usize, expand: usize) -> Self {
        Fire {
            squeeze: conv(in_channels, squeeze, 1),
            squeeze_activation: ReLU::new().inplace(true),
            expand1x1: conv(squeeze, expand, 1),
            expand1x1_activation: ReLU::new().inplace(true),
            expand3x3: conv(squeeze, expand, 3).padding(1),
            expand3x3_activation: ReLU::new().inplace(true),
        }
    }
}

impl Module for Fire {
    children!(Fire { squeeze, squeeze_activation, expand1x1, expand1x1_activation, expand3x3, expand3x3_activation });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = conv_norm_act(&self.squeeze, None, x, None, Unary::Relu, mode)?;
        let half = |conv| Branch::ConvNormAct(ConvNormAct { conv, norm: None, activation: Some(Unary::Relu) }, &x);
        cat_branches(&[half(&self.expand1x1), half(&self.expand3x3)], mode)
    }
}
