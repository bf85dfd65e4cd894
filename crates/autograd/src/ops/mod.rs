//! The operations on [`Var`](crate::Var): forward and gradient of one operation side by side. Each errs where shapes, element
//! types or arguments do not fit, and names the operation and the shapes.

mod avg_pool2d;
mod batch_norm;
mod binary;
mod cat;
mod channel_shuffle;
mod conv2d;
mod cross_entropy;
mod dropout;
mod layer_norm;
mod linear;
mod matmul;
mod max_pool2d;
mod reduce;
mod softmax;
mod unary;
mod view;

pub use batch_norm::Fused;
