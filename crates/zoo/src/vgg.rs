//! VGG (Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014, arXiv:1409.1556), with
//! and without batch norm.

use layers::{
    AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Dropout, Linear, MaxPool2d, Mode, Module, ReLU, Result, Sequential, Var, children,
    init::{FanMode, Init, Nonlinearity},
    sequential,
};

use crate::{
    Model,
    model::{out_features, put},
    registry::family,
};

/// What makes one VGG differ from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VggConfig {
    /// The number of 3x3 convolutions in each stage; a max pooling ends each.
    pub convolutions: [usize; 5],
    /// Whether a batch norm follows each convolution.
    pub batch_norm: bool,
}

/// The channels of each stage.
const WIDTHS: [usize; 5] = [64, 128, 256, 512, 512];

const VGG11: VggConfig = VggConfig { convolutions: [1, 1, 2, 2, 2], batch_norm: false };
const VGG13: VggConfig = VggConfig { convolutions: [2, 2, 2, 2, 2], ..VGG11 };
const VGG16: VggConfig = VggConfig { convolutions: [2, 2, 3, 3, 3], ..VGG11 };
const VGG19: VggConfig = VggConfig { convolutions: [2, 2, 4, 4, 4], ..VGG11 };

family! {
    "VGG": VGG {
        /// VGG-11, configuration A.
        vgg11 => VGG11,
        /// VGG-11 with batch norm.
        vgg11_bn => VggConfig { batch_norm: true, ..VGG11 },
        /// VGG-13, configuration B.
        vgg13 => VGG13,
        /// VGG-13 with batch norm.
        vgg13_bn => VggConfig { batch_norm: true, ..VGG13 },
        /// VGG-16, configuration D.
        vgg16 => VGG16,
        /// VGG-16 with batch norm.
        vgg16_bn => VggConfig { batch_norm: true, ..VGG16 },
        /// VGG-19, configuration E.
        vgg19 => VGG19,
        /// VGG-19 with batch norm.
        vgg19_bn => VggConfig { batch_norm: true, ..VGG19 },
    }
}

/// The network, with torchvision's fields. `[N, 3, H, W]`, sides at least 32, to `[N, num_classes]`.
pub struct VGG {
    arch: &'static str,
    /// The convolutions.
    pub features: Sequential,
    /// The means over 7x7 windows.
    pub avgpool: AdaptiveAvgPool2d,
    /// Three linear layers; the last, named `6`, has 4096 inputs.
    pub classifier: Sequential,
}

impl VGG {
    /// A network of this shape with random weights. `arch` is the name that its checkpoints carry.
    pub fn new(arch: &'static str, config: &VggConfig, num_classes: usize) -> Self {
        VGG {
            arch,
            features: features(config),
            avgpool: AdaptiveAvgPool2d::new((7, 7)),
            classifier: sequential![
                linear(512 * 7 * 7, 4096),
                ReLU::new().inplace(true),
                Dropout::new(0.5),
                linear(4096, 4096),
                ReLU::new().inplace(true),
                Dropout::new(0.5),
                linear(4096, num_classes),
            ],
        }
    }
}

fn features(config: &VggConfig) -> Sequential {
    let init = Init::KaimingNormal { mode: FanMode::FanOut, nonlinearity: Nonlinearity::ReLU };
    let mut features = Sequential::new();
    let mut in_channels = 3;
    for (width, convolutions) in WIDTHS.into_iter().zip(config.convolutions) {
        for _ in 0..convolutions {
            features = features.push(Conv2d::new(in_channels, width, 3).padding(1).weight_init(init).bias_init(Init::Zeros));
            if config.batch_norm {
                features = features.push(BatchNorm2d::new(width));
            }
            features = features.push(ReLU::new().inplace(true));
            in_channels = width;
        }
        features = features.push(MaxPool2d::new(2).stride(2));
    }
    features
}

fn linear(in_features: usize, out_features: usize) -> Linear {
    Linear::new(in_features, out_features).weight_init(Init::Normal { mean: 0.0, std: 0.01 }).bias_init(Init::Zeros)
}

impl Module for VGG {
    children!(VGG { features, avgpool, classifier });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.features.forward(x, mode)?;
        let x = self.avgpool.forward(&x, mode)?;
        self.classifier.forward(&x.flatten(1, -1)?, mode)
    }
}

impl Model for VGG {
    fn arch(&self) -> &'static str {
        self.arch
    }

    fn num_classes(&self) -> usize {
        out_features(&self.classifier, "6")
    }

    fn reset_classifier(&mut self, num_classes: usize) {
        put(&mut self.classifier, "6", linear(4096, num_classes));
    }

    fn set_dropout(&mut self, p: f64) {
        for name in ["2", "5"] {
            put(&mut self.classifier, name, Dropout::new(p));
        }
    }
}
