//! The networks for CIFAR-10 of He et al., "Deep residual learning for image recognition" (2015, arXiv:1512.03385), section 4.2.

use layers::{
    AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Linear, MaxPool2d, Mode, Module, Result, Sequential, Var, children,
    init::{FanMode, Init, Nonlinearity},
};
use tensor::Tensor;

/// How a network is made.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    /// Layers with weights: 6n + 2.
    pub depth: usize,
    /// Whether each block's input is added to its output.
    pub residual: bool,
    /// Whether a batch norm follows each convolution.
    pub batch_norm: bool,
    /// How the convolutions begin.
    pub init: Init,
}

/// He's initialisation, which the paper uses: it keeps the variance through a convolution and a ReLU.
pub const HE: Init = Init::KaimingNormal { mode: FanMode::FanIn, nonlinearity: Nonlinearity::ReLU };

/// `[N, 3, 32, 32]` to `[N, 10]`: a convolution, three stages of n blocks with 16, 32 and 64 channels, a linear layer.
pub struct Network {
    conv: Convolution,
    blocks: Sequential,
    pool: AdaptiveAvgPool2d,
    fc: Linear,
}

impl Network {
    /// A network with random weights.
    pub fn new(recipe: &Recipe) -> Self {
        let mut blocks = Sequential::new();
        let mut in_channels = 16;
        for out_channels in [16, 32, 64] {
            for _ in 0..(recipe.depth - 2) / 6 {
                blocks = blocks.push(Block::new(in_channels, out_channels, recipe));
                in_channels = out_channels;
            }
        }
        Network { conv: Convolution::new(3, 16, 1, recipe), blocks, pool: AdaptiveAvgPool2d::new((1, 1)), fc: Linear::new(64, 10) }
    }
}

impl Module for Network {
    children!(Network { conv, blocks, pool, fc });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = self.blocks.forward(&self.conv.forward(x, mode)?.relu()?, mode)?;
        self.fc.forward(&self.pool.forward(&x, mode)?.flatten(1, -1)?, mode)
    }
}

/// Two convolutions, and what goes around them where the network is residual.
struct Block {
    first: Convolution,
    second: Convolution,
    /// Takes every other pixel where the block does.
    skip: Option<MaxPool2d>,
}

impl Block {
    fn new(in_channels: usize, out_channels: usize, recipe: &Recipe) -> Self {
        let stride = if in_channels == out_channels { 1 } else { 2 };
        Block {
            first: Convolution::new(in_channels, out_channels, stride, recipe),
            second: Convolution::new(out_channels, out_channels, 1, recipe),
            skip: recipe.residual.then(|| MaxPool2d::new(1).stride(stride)),
        }
    }
}

impl Module for Block {
    children!(Block { first, second, skip });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let y = self.second.forward(&self.first.forward(x, mode)?.relu()?, mode)?;
        let Some(skip) = &self.skip else {
            return Ok(y.relu()?);
        };
        let mut x = skip.forward(x, mode)?;
        if x.dims() != y.dims() {
            // The paper's shortcut without parameters: zeros for the channels that are new.
            x = Var::cat(&[&x, &Tensor::zeros(x.dims(), x.value().dtype())?.into()], 1)?;
        }
        Ok((y + x)?.relu()?)
    }
}

/// A 3x3 convolution, and a batch norm where the recipe has it.
struct Convolution {
    conv: Conv2d,
    norm: Option<BatchNorm2d>,
}

impl Convolution {
    fn new(in_channels: usize, out_channels: usize, stride: usize, recipe: &Recipe) -> Self {
        Convolution {
            conv: Conv2d::new(in_channels, out_channels, 3).stride(stride).padding(1).bias(false).weight_init(recipe.init),
            norm: recipe.batch_norm.then(|| BatchNorm2d::new(out_channels)),
        }
    }
}

impl Module for Convolution {
    children!(Convolution { conv, norm });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let y = self.conv.forward(x, mode)?;
        self.norm.as_ref().map_or(Ok(y.clone()), |norm| norm.forward(&y, mode))
    }
}
