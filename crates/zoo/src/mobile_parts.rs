//! What the mobile networks share: their convolutions and how these begin.

use layers::{
    Conv2d, Linear,
    init::{FanMode, Init, Nonlinearity},
};

/// How the weight of every convolution begins.
pub(crate) const CONV_INIT: Init = Init::KaimingNormal { mode: FanMode::FanOut, nonlinearity: Nonlinearity::ReLU };

/// A convolution before a norm, padded so that stride 1 keeps the picture's size.
pub(crate) fn conv(in_channels: usize, out_channels: usize, kernel_size: usize, stride: usize) -> Conv2d {
    Conv2d::new(in_channels, out_channels, kernel_size).stride(stride).padding(kernel_size / 2).bias(false).weight_init(CONV_INIT)
}

/// The same with a kernel for each channel by itself.
pub(crate) fn depthwise(channels: usize, kernel_size: usize, stride: usize) -> Conv2d {
    conv(channels, channels, kernel_size, stride).groups(channels)
}

/// A layer of the MobileNets' classifiers.
pub(crate) fn linear(in_features: usize, out_features: usize) -> Linear {
    Linear::new(in_features, out_features).weight_init(Init::Normal { mean: 0.0, std: 0.01 }).bias_init(Init::Zeros)
}
