//! Layers, initialisation, losses, optimisers and learning-rate schedules.
//!
//! A block of one's own is a struct of layers, [`children!`] and `forward`. It prints, saves, loads and trains as PyTorch's does:
//!
//! ```
//! use layers::{BatchNorm2d, Conv2d, Mode, Module, ModuleExt, Result, Sequential, Var, children, sequential};
//!
//! struct ResidualBlock {
//!     conv1: Conv2d,
//!     bn1: BatchNorm2d,
//!     conv2: Conv2d,
//!     bn2: BatchNorm2d,
//!     skip: Sequential,
//! }
//!
//! impl ResidualBlock {
//!     fn new(in_channels: usize, out_channels: usize, stride: usize) -> Self {
//!         // Skip connection
//!         let mut skip = sequential![];
//!         if stride != 1 || in_channels != out_channels {
//!             skip = sequential![
//!                 Conv2d::new(in_channels, out_channels, 1).stride(stride).bias(false),
//!                 BatchNorm2d::new(out_channels),
//!             ];
//!         }
//!         ResidualBlock {
//!             // Convolutional layers
//!             conv1: Conv2d::new(in_channels, out_channels, 3).stride(stride).padding(1).bias(false),
//!             bn1: BatchNorm2d::new(out_channels),
//!             conv2: Conv2d::new(out_channels, out_channels, 3).padding(1).bias(false),
//!             bn2: BatchNorm2d::new(out_channels),
//!             skip,
//!         }
//!     }
//! }
//!
//! impl Module for ResidualBlock {
//!     children!(ResidualBlock { conv1, bn1, conv2, bn2, skip });
//!
//!     fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
//!         let out = self.bn1.forward(&self.conv1.forward(x, mode)?, mode)?.relu()?;
//!         let out = self.bn2.forward(&self.conv2.forward(&out, mode)?, mode)?;
//!         let out = (out + self.skip.forward(x, mode)?)?; // Skip connection
//!         Ok(out.relu()?)
//!     }
//! }
//!
//! let block = ResidualBlock::new(64, 64, 1);
//! assert_eq!(block.repr(), "\
//! ResidualBlock(
//!   (conv1): Conv2d(64, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
//!   (bn1): BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
//!   (conv2): Conv2d(64, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
//!   (bn2): BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
//!   (skip): Sequential()
//! )");
//!
//! let x = Var::from(tensor::Tensor::ones([2, 64, 8, 8], tensor::DType::F32)?);
//! let block = ResidualBlock::new(64, 128, 2);
//! assert_eq!(block.forward(&x, Mode::Train)?.dims(), [2, 128, 4, 4]);
//! # Ok::<(), layers::Error>(())
//! ```

mod error;
mod module;
mod module_ext;
mod pattern;
pub mod repr;
mod state_dict;
pub mod suggest;
mod summary;
mod trace;

mod buffer;
pub mod init;
mod lazy_parameter;
mod size;

mod activation;
mod adaptive_avg_pool2d;
mod avg_pool2d;
mod batch_norm2d;
mod conv2d;
mod conv2d_norm_activation;
mod conv_norm_act;
mod dropout;
mod flatten;
mod identity;
mod layer_norm;
mod linear;
mod max_pool2d;
mod permute;
mod sequential;
mod squeeze_excitation;
mod stochastic_depth;

pub mod loss;
pub mod optim;

pub use activation::{GELU, Hardsigmoid, Hardswish, ReLU, ReLU6, SiLU, Sigmoid};
pub use adaptive_avg_pool2d::{AdaptiveAvgPool2d, OutputSize};
pub use autograd::{Parameter, Var, autocast_bf16, no_grad};
pub use avg_pool2d::AvgPool2d;
pub use batch_norm2d::BatchNorm2d;
pub use buffer::Buffer;
pub use conv_norm_act::conv_norm_act;
pub use conv2d::Conv2d;
pub use conv2d_norm_activation::Conv2dNormActivation;
pub use dropout::Dropout;
pub use error::{Error, Result};
pub use flatten::Flatten;
pub use identity::Identity;
pub use layer_norm::LayerNorm;
pub use lazy_parameter::LazyParameter;
pub use linear::Linear;
pub use loss::{CrossEntropyLoss, one_hot};
pub use max_pool2d::MaxPool2d;
#[doc(hidden)]
pub use module::Child;
pub use module::{Mode, Module, Slot};
pub use module_ext::ModuleExt;
pub use permute::Permute;
pub use sequential::Sequential;
pub use size::Size2d;
pub use squeeze_excitation::SqueezeExcitation;
pub use state_dict::{LoadReport, Matching, Misshapen, StateDict};
pub use stochastic_depth::StochasticDepth;
pub use summary::Summary;
pub use tensor::ops::Unary;
pub use trace::{Call, Fusion, call, calls};
