//! The operations: each file checks shapes and types, infers the result's and dispatches to the device's backend.

mod avg_pool2d;
mod batch_norm;
mod binary;
mod cast;
mod cat;
mod channel_shuffle;
mod check;
mod conv2d;
mod cross_entropy;
mod dropout;
mod index_select;
mod layer_norm;
mod linear;
mod matmul;
mod max_pool2d;
pub mod optim;
mod reduce;
mod softmax;
mod top_k;
mod unary;
mod view;
mod window;

pub use avg_pool2d::AvgPool2dOptions;
pub use batch_norm::{BatchStats, Norm, NormBackward, NormGrads, ReluMask};
pub use binary::{Binary, Compare};
pub use conv2d::{CatPart, CatStep, Conv2dOptions, ConvMethod, ConvShape, ConvStep, Epilogue, FusedConv2d};
pub use cross_entropy::{CrossEntropyOptions, Reduction};
pub use layer_norm::{LayerNorm, LayerNormGrads};
pub use max_pool2d::MaxPool2dOptions;
pub(crate) use reduce::Cut;
pub use reduce::{Extreme, Reduce};
pub use softmax::Softmax;
pub use unary::{Saved, Unary};
pub use view::View;
pub use window::{Window, Windows};
