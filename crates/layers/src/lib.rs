//! Layers, initialisation, losses, optimisers and learning-rate schedules.
//!
//! A network of one's own is a struct of layers, [`children!`] and `forward`. It prints, saves, loads and trains as PyTorch's does:
//!
//! ```
//! use layers::{BatchNorm2d, Conv2d, Linear, Mode, Module, ModuleExt, Result, Var, children};
//!
//! struct Net {
//!     conv: Conv2d,
//!     bn: BatchNorm2d,
//!     fc: Linear,
//! }
//!
//! impl Module for Net {
//!     children!(Net { conv, bn, fc });
//!
//!     fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
//!         let x = self.bn.forward(&self.conv.forward(x, mode)?, mode)?.relu()?;
//!         self.fc.forward(&x.mean(&[2, 3], false)?, mode)
//!     }
//! }
//!
//! let net = Net { conv: Conv2d::new(3, 8, 3).padding(1).bias(false), bn: BatchNorm2d::new(8), fc: Linear::new(8, 10) };
//! assert_eq!(net.repr(), "\
//! Net(
//!   (conv): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)
//!   (bn): BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
//!   (fc): Linear(in_features=8, out_features=10, bias=True)
//! )");
//!
//! let x = Var::from(tensor::Tensor::ones([2, 3, 8, 8], tensor::DType::F32)?);
//! assert_eq!(net.forward(&x, Mode::Train)?.dims(), [2, 10]);
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
mod branch;
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
pub use branch::{Branch, cat_branches};
pub use buffer::Buffer;
pub use conv_norm_act::{ConvNormAct, conv_norm_act, conv_norm_act_pair, conv_norm_act_pair_with_means, conv_norm_act_scaled};
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
pub use module::{ChannelGate, Mode, Module, Slot};
pub use module_ext::ModuleExt;
pub use permute::Permute;
pub use sequential::Sequential;
pub use size::Size2d;
pub use squeeze_excitation::SqueezeExcitation;
pub use state_dict::{LoadReport, Matching, Misshapen, StateDict};
pub use stochastic_depth::StochasticDepth;
pub use summary::Summary;
pub use tensor::ops::Unary;
pub use trace::{Call, Fusion, call, call_owned, calls};
