//! DenseNet (Huang et al., "Densely connected convolutional networks", 2016, arXiv:1608.06993).

use std::borrow::Cow;

use autograd::ops::Fused;
use layers::{
    AvgPool2d, BatchNorm2d, Conv2d, Linear, MaxPool2d, Mode, Module, ReLU, Result, Sequential, Unary, Var, call, children, conv_norm_act,
    init::{FanMode, Init, Nonlinearity},
};

use crate::{Model, registry::family};

/// What makes one DenseNet differ from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenseNetConfig {
    /// The channels that each layer adds: the paper's k.
    pub growth_rate: usize,
    /// The number of layers in each block.
    pub layers: [usize; 4],
    /// The channels of the first convolution.
    pub stem_channels: usize,
}

/// The channels inside a layer, as a multiple of the growth rate.
const BOTTLENECK: usize = 4;

const DENSENET121: DenseNetConfig = DenseNetConfig { growth_rate: 32, layers: [6, 12, 24, 16], stem_channels: 64 };
const DENSENET161: DenseNetConfig = DenseNetConfig { growth_rate: 48, layers: [6, 12, 36, 24], stem_channels: 96 };
const DENSENET169: DenseNetConfig = DenseNetConfig { layers: [6, 12, 32, 32], ..DENSENET121 };
const DENSENET201: DenseNetConfig = DenseNetConfig { layers: [6, 12, 48, 32], ..DENSENET121 };

family! {
    "DenseNet": DenseNet {
        /// DenseNet-121.
        densenet121 => DENSENET121,
        /// DenseNet-161, with a growth rate of 48.
        densenet161 => DENSENET161,
        /// DenseNet-169.
        densenet169 => DENSENET169,
        /// DenseNet-201.
        densenet201 => DENSENET201,
    }
}

/// The key that torchvision gives today to one of a DenseNet file of 2017, where `norm.1` stood for `norm1`.
pub(crate) fn modern_key(key: &str) -> Cow<'_, str> {
    let old = [".norm.", ".relu.", ".conv."].into_iter().find_map(|part| {
        let (layer, rest) = key.split_once(part)?;
        let of_layer = layer.rsplit('.').next()?.strip_prefix("denselayer")?.parse::<usize>().is_ok();
        (of_layer && rest.starts_with(['1', '2'])).then(|| format!("{layer}{}{rest}", part.trim_end_matches('.')))
    });
    old.map_or(Cow::Borrowed(key), Cow::Owned)
}

/// The network, with torchvision's fields. `[N, 3, H, W]`, sides at least 29, to `[N, num_classes]`.
pub struct DenseNet {
    arch: &'static str,
    /// A convolution, four blocks with transitions between them, and a norm.
    pub features: Sequential,
    /// The classifier.
    pub classifier: Linear,
}

impl DenseNet {
    /// A network of this shape with random weights. `arch` is the name that its checkpoints carry.
    pub fn new(arch: &'static str, config: &DenseNetConfig, num_classes: usize) -> Self {
        let mut channels = config.stem_channels;
        let mut features = Sequential::new()
            .push_named("conv0", conv(3, channels, 7).stride(2).padding(3))
            .push_named("norm0", BatchNorm2d::new(channels))
            .push_named("relu0", ReLU::new().inplace(true))
            .push_named("pool0", MaxPool2d::new(3).stride(2).padding(1));
        for (index, layers) in config.layers.into_iter().enumerate() {
            features = features.push_named(format!("denseblock{}", index + 1), DenseBlock::new(layers, channels, config.growth_rate));
            channels += layers * config.growth_rate;
            if index + 1 < config.layers.len() {
                features = features.push_named(format!("transition{}", index + 1), _Transition::new(channels, channels / 2));
                channels /= 2;
            }
        }
        let features = features.push_named("norm5", BatchNorm2d::new(channels));
        DenseNet { arch, features, classifier: classifier(channels, num_classes) }
    }
}

fn conv(in_channels: usize, out_channels: usize, kernel_size: usize) -> Conv2d {
    let init = Init::KaimingNormal { mode: FanMode::FanIn, nonlinearity: Nonlinearity::ReLU };
    Conv2d::new(in_channels, out_channels, kernel_size).bias(false).weight_init(init)
}

fn classifier(in_features: usize, num_classes: usize) -> Linear {
    Linear::new(in_features, num_classes).bias_init(Init::Zeros)
}

impl Module for DenseNet {
    children!(DenseNet { features, classifier });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.features.forward(x, mode)?.relu()?;
        let x = x.adaptive_avg_pool2d([Some(1); 2])?;
        self.classifier.forward(&x.flatten(1, -1)?, mode)
    }
}

impl Model for DenseNet {
    fn arch(&self) -> &'static str {
        self.arch
    }

    fn num_classes(&self) -> usize {
        self.classifier.out_features
    }

    fn reset_classifier(&mut self, num_classes: usize) {
        self.classifier = classifier(self.classifier.in_features, num_classes);
    }
}

/// Layers that each see the outputs of all before: `[N, C, H, W]` to `[N, C + layers growth_rate, H, W]`.
struct DenseBlock {
    layers: Vec<_DenseLayer>,
}

impl DenseBlock {
    fn new(layers: usize, in_channels: usize, growth_rate: usize) -> Self {
        DenseBlock { layers: (0..layers).map(|i| _DenseLayer::new(in_channels + i * growth_rate, growth_rate)).collect() }
    }
}

impl Module for DenseBlock {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        self.layers.iter().try_fold(x.clone(), |features, layer| {
            let new = call(layer, &features, mode)?;
            Ok(Var::cat(&[&features, &new], 1)?)
        })
    }

    fn class_name(&self) -> &'static str {
        "_DenseBlock"
    }

    fn children(&self) -> Vec<(String, &dyn Module)> {
        self.layers.iter().enumerate().map(|(i, layer)| (format!("denselayer{}", i + 1), layer as &dyn Module)).collect()
    }
}

/// `[N, C, H, W]` to the `growth_rate` new channels. The name is torchvision's, as printed.
struct _DenseLayer {
    norm1: BatchNorm2d,
    relu1: ReLU,
    conv1: Conv2d,
    norm2: BatchNorm2d,
    relu2: ReLU,
    conv2: Conv2d,
}

impl _DenseLayer {
    fn new(in_channels: usize, growth_rate: usize) -> Self {
        let inner = BOTTLENECK * growth_rate;
        _DenseLayer {
            norm1: BatchNorm2d::new(in_channels),
            relu1: ReLU::new().inplace(true),
            conv1: conv(in_channels, inner, 1),
            norm2: BatchNorm2d::new(inner),
            relu2: ReLU::new().inplace(true),
            conv2: conv(inner, growth_rate, 3).padding(1),
        }
    }
}

impl Module for _DenseLayer {
    children!(_DenseLayer { norm1, relu1, conv1, norm2, relu2, conv2 });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.norm1.forward_fused(x, Fused { residual: None, relu: true }, mode)?;
        let x = conv_norm_act(&self.conv1, &self.norm2, &x, None, Unary::Relu, mode)?;
        self.conv2.forward(&x, mode)
    }
}

/// Half the channels, half the size. The name is torchvision's, as printed.
struct _Transition {
    norm: BatchNorm2d,
    relu: ReLU,
    conv: Conv2d,
    pool: AvgPool2d,
}

impl _Transition {
    fn new(in_channels: usize, out_channels: usize) -> Self {
        _Transition {
            norm: BatchNorm2d::new(in_channels),
            relu: ReLU::new().inplace(true),
            conv: conv(in_channels, out_channels, 1),
            pool: AvgPool2d::new(2).stride(2),
        }
    }
}

impl Module for _Transition {
    children!(_Transition { norm, relu, conv, pool });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.norm.forward_fused(x, Fused { residual: None, relu: true }, mode)?;
        self.pool.forward(&self.conv.forward(&x, mode)?, mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_2017_become_todays_and_others_stay() {
        for (key, expected) in [
            ("features.denseblock1.denselayer12.norm.1.running_mean", "features.denseblock1.denselayer12.norm1.running_mean"),
            ("features.denseblock4.denselayer1.conv.2.weight", "features.denseblock4.denselayer1.conv2.weight"),
            ("features.denseblock4.denselayer1.conv2.weight", "features.denseblock4.denselayer1.conv2.weight"),
            ("features.transition1.norm.weight", "features.transition1.norm.weight"),
            ("layer1.0.conv.1.weight", "layer1.0.conv.1.weight"),
        ] {
            assert_eq!(modern_key(key), expected);
        }
    }
}
