//! The blocks of Inception v3, with torchvision's names: branches side by side, joined along the channels.

use layers::{Branch, Linear, Mode, Module, Result, Size2d, Var, call, cat_branches, children};
use tensor::ops::{AvgPool2dOptions, MaxPool2dOptions};

use crate::inception_parts::{BasicConv2d, chain, truncated_normal};

/// A convolution with the initialisation of all but the auxiliary classifier's.
pub(crate) fn conv(in_channels: usize, out_channels: usize, kernel_size: impl Into<Size2d>) -> BasicConv2d {
    BasicConv2d::new(in_channels, out_channels, kernel_size, 0.1)
}

/// 1 x `size` taps, the picture's size kept.
fn row(in_channels: usize, out_channels: usize, size: usize) -> BasicConv2d {
    conv(in_channels, out_channels, (1, size)).padding((0, size / 2))
}

/// `size` x 1 taps, the picture's size kept.
fn column(in_channels: usize, out_channels: usize, size: usize) -> BasicConv2d {
    conv(in_channels, out_channels, (size, 1)).padding((size / 2, 0))
}

pub(crate) fn linear(in_features: usize, out_features: usize, std: f64) -> Linear {
    Linear::new(in_features, out_features).weight_init(truncated_normal(std))
}

/// The means over 3x3 windows, the picture's size kept.
fn smooth(x: &Var) -> Result<Var> {
    Ok(x.avg_pool2d(&AvgPool2dOptions { stride: [1; 2], padding: [1; 2], ..AvgPool2dOptions::new(3) })?)
}

/// The largest of 3x3 windows, two apart.
fn halved(x: &Var) -> Result<Var> {
    Ok(x.max_pool2d(&MaxPool2dOptions { stride: [2; 2], ..MaxPool2dOptions::new(3) })?)
}

/// Branches of 1x1, 5x5 and twice 3x3 convolutions: `[N, C, H, W]` to `[N, 224 + pool_features, H, W]`.
pub struct InceptionA {
    branch1x1: BasicConv2d,
    branch5x5_1: BasicConv2d,
    branch5x5_2: BasicConv2d,
    branch3x3dbl_1: BasicConv2d,
    branch3x3dbl_2: BasicConv2d,
    branch3x3dbl_3: BasicConv2d,
    branch_pool: BasicConv2d,
}

impl InceptionA {
    pub(crate) fn new(in_channels: usize, pool_features: usize) -> Self {
        InceptionA {
            branch1x1: conv(in_channels, 64, 1),
            branch5x5_1: conv(in_channels, 48, 1),
            branch5x5_2: conv(48, 64, 5).padding(2),
            branch3x3dbl_1: conv(in_channels, 64, 1),
            branch3x3dbl_2: conv(64, 96, 3).padding(1),
            branch3x3dbl_3: conv(96, 96, 3).padding(1),
            branch_pool: conv(in_channels, pool_features, 1),
        }
    }
}

impl Module for InceptionA {
    children!(InceptionA { branch1x1, branch5x5_1, branch5x5_2, branch3x3dbl_1, branch3x3dbl_2, branch3x3dbl_3, branch_pool });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let branch5x5 = call(&self.branch5x5_1, x, mode)?;
        let branch3x3dbl = chain(&[&self.branch3x3dbl_1, &self.branch3x3dbl_2], x, mode)?;
        let branches = [
            Branch::Module(&self.branch1x1, x),
            Branch::Module(&self.branch5x5_2, &branch5x5),
            Branch::Module(&self.branch3x3dbl_3, &branch3x3dbl),
            Branch::Module(&self.branch_pool, &smooth(x)?),
        ];
        cat_branches(&branches, mode)
    }
}

/// Half the size: `[N, C, H, W]` to `[N, 480 + C, (H - 1) / 2, (W - 1) / 2]`.
pub struct InceptionB {
    branch3x3: BasicConv2d,
    branch3x3dbl_1: BasicConv2d,
    branch3x3dbl_2: BasicConv2d,
    branch3x3dbl_3: BasicConv2d,
}

impl InceptionB {
    pub(crate) fn new(in_channels: usize) -> Self {
        InceptionB {
            branch3x3: conv(in_channels, 384, 3).stride(2),
            branch3x3dbl_1: conv(in_channels, 64, 1),
            branch3x3dbl_2: conv(64, 96, 3).padding(1),
            branch3x3dbl_3: conv(96, 96, 3).stride(2),
        }
    }
}

impl Module for InceptionB {
    children!(InceptionB { branch3x3, branch3x3dbl_1, branch3x3dbl_2, branch3x3dbl_3 });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let branch3x3dbl = chain(&[&self.branch3x3dbl_1, &self.branch3x3dbl_2], x, mode)?;
        let branches =
            [Branch::Module(&self.branch3x3, x), Branch::Module(&self.branch3x3dbl_3, &branch3x3dbl), Branch::Value(&halved(x)?)];
        cat_branches(&branches, mode)
    }
}

/// 7x7 convolutions taken apart into rows and columns: `[N, C, H, W]` to `[N, 768, H, W]`.
pub struct InceptionC {
    branch1x1: BasicConv2d,
    branch7x7_1: BasicConv2d,
    branch7x7_2: BasicConv2d,
    branch7x7_3: BasicConv2d,
    branch7x7dbl_1: BasicConv2d,
    branch7x7dbl_2: BasicConv2d,
    branch7x7dbl_3: BasicConv2d,
    branch7x7dbl_4: BasicConv2d,
    branch7x7dbl_5: BasicConv2d,
    branch_pool: BasicConv2d,
}

impl InceptionC {
    pub(crate) fn new(in_channels: usize, inner: usize) -> Self {
        InceptionC {
            branch1x1: conv(in_channels, 192, 1),
            branch7x7_1: conv(in_channels, inner, 1),
            branch7x7_2: row(inner, inner, 7),
            branch7x7_3: column(inner, 192, 7),
            branch7x7dbl_1: conv(in_channels, inner, 1),
            branch7x7dbl_2: column(inner, inner, 7),
            branch7x7dbl_3: row(inner, inner, 7),
            branch7x7dbl_4: column(inner, inner, 7),
            branch7x7dbl_5: row(inner, 192, 7),
            branch_pool: conv(in_channels, 192, 1),
        }
    }
}

impl Module for InceptionC {
    children!(InceptionC {
        branch1x1,
        branch7x7_1,
        branch7x7_2,
        branch7x7_3,
        branch7x7dbl_1,
        branch7x7dbl_2,
        branch7x7dbl_3,
        branch7x7dbl_4,
        branch7x7dbl_5,
        branch_pool,
    });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let double: [&dyn Module; 4] = [&self.branch7x7dbl_1, &self.branch7x7dbl_2, &self.branch7x7dbl_3, &self.branch7x7dbl_4];
        let branch7x7 = chain(&[&self.branch7x7_1, &self.branch7x7_2], x, mode)?;
        let branch7x7dbl = chain(&double, x, mode)?;
        let branches = [
            Branch::Module(&self.branch1x1, x),
            Branch::Module(&self.branch7x7_3, &branch7x7),
            Branch::Module(&self.branch7x7dbl_5, &branch7x7dbl),
            Branch::Module(&self.branch_pool, &smooth(x)?),
        ];
        cat_branches(&branches, mode)
    }
}

/// Half the size: `[N, C, H, W]` to `[N, 512 + C, (H - 1) / 2, (W - 1) / 2]`.
pub struct InceptionD {
    branch3x3_1: BasicConv2d,
    branch3x3_2: BasicConv2d,
    branch7x7x3_1: BasicConv2d,
    branch7x7x3_2: BasicConv2d,
    branch7x7x3_3: BasicConv2d,
    branch7x7x3_4: BasicConv2d,
}

impl InceptionD {
    pub(crate) fn new(in_channels: usize) -> Self {
        InceptionD {
            branch3x3_1: conv(in_channels, 192, 1),
            branch3x3_2: conv(192, 320, 3).stride(2),
            branch7x7x3_1: conv(in_channels, 192, 1),
            branch7x7x3_2: row(192, 192, 7),
            branch7x7x3_3: column(192, 192, 7),
            branch7x7x3_4: conv(192, 192, 3).stride(2),
        }
    }
}

impl Module for InceptionD {
    children!(InceptionD { branch3x3_1, branch3x3_2, branch7x7x3_1, branch7x7x3_2, branch7x7x3_3, branch7x7x3_4 });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let branch3x3 = call(&self.branch3x3_1, x, mode)?;
        let branch7x7x3 = chain(&[&self.branch7x7x3_1, &self.branch7x7x3_2, &self.branch7x7x3_3], x, mode)?;
        let branches =
            [Branch::Module(&self.branch3x3_2, &branch3x3), Branch::Module(&self.branch7x7x3_4, &branch7x7x3), Branch::Value(&halved(x)?)];
        cat_branches(&branches, mode)
    }
}

/// 3x3 convolutions spread into a row and a column side by side: `[N, C, H, W]` to `[N, 2048, H, W]`.
pub struct InceptionE {
    branch1x1: BasicConv2d,
    branch3x3_1: BasicConv2d,
    branch3x3_2a: BasicConv2d,
    branch3x3_2b: BasicConv2d,
    branch3x3dbl_1: BasicConv2d,
    branch3x3dbl_2: BasicConv2d,
    branch3x3dbl_3a: BasicConv2d,
    branch3x3dbl_3b: BasicConv2d,
    branch_pool: BasicConv2d,
}

impl InceptionE {
    pub(crate) fn new(in_channels: usize) -> Self {
        InceptionE {
            branch1x1: conv(in_channels, 320, 1),
            branch3x3_1: conv(in_channels, 384, 1),
            branch3x3_2a: row(384, 384, 3),
            branch3x3_2b: column(384, 384, 3),
            branch3x3dbl_1: conv(in_channels, 448, 1),
            branch3x3dbl_2: conv(448, 384, 3).padding(1),
            branch3x3dbl_3a: row(384, 384, 3),
            branch3x3dbl_3b: column(384, 384, 3),
            branch_pool: conv(in_channels, 192, 1),
        }
    }
}

impl Module for InceptionE {
    children!(InceptionE {
        branch1x1,
        branch3x3_1,
        branch3x3_2a,
        branch3x3_2b,
        branch3x3dbl_1,
        branch3x3dbl_2,
        branch3x3dbl_3a,
        branch3x3dbl_3b,
        branch_pool,
    });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let branch3x3 = call(&self.branch3x3_1, x, mode)?;
        let branch3x3dbl = chain(&[&self.branch3x3dbl_1, &self.branch3x3dbl_2], x, mode)?;
        let branches = [
            Branch::Module(&self.branch1x1, x),
            Branch::Module(&self.branch3x3_2a, &branch3x3),
            Branch::Module(&self.branch3x3_2b, &branch3x3),
            Branch::Module(&self.branch3x3dbl_3a, &branch3x3dbl),
            Branch::Module(&self.branch3x3dbl_3b, &branch3x3dbl),
            Branch::Module(&self.branch_pool, &smooth(x)?),
        ];
        cat_branches(&branches, mode)
    }
}

/// A classifier for training only, which brings gradients to the middle of the network.
pub struct InceptionAux {
    conv0: BasicConv2d,
    conv1: BasicConv2d,
    fc: Linear,
}

impl InceptionAux {
    pub(crate) fn new(in_channels: usize, num_classes: usize) -> Self {
        InceptionAux { conv0: conv(in_channels, 128, 1), conv1: BasicConv2d::new(128, 768, 5, 0.01), fc: linear(768, num_classes, 0.001) }
    }

    /// Replaces the last layer by a fresh one.
    pub(crate) fn reset(&mut self, num_classes: usize) {
        self.fc = linear(768, num_classes, 0.001);
    }
}

impl Module for InceptionAux {
    children!(InceptionAux { conv0, conv1, fc });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        let x = x.avg_pool2d(&AvgPool2dOptions { stride: [3; 2], ..AvgPool2dOptions::new(5) })?;
        let x = chain(&[&self.conv0, &self.conv1], &x, mode)?.adaptive_avg_pool2d([Some(1); 2])?;
        self.fc.forward(&x.flatten(1, -1)?, mode)
    }
}
