//! Tensors for convolutional networks: shapes, storage and the CPU kernels.
//!
//! [`Tensor`] is one concrete type: its element type ([`DType`]), its place ([`Device`]) and its memory order ([`Layout`])
//! are values, not type parameters. Shapes are logical, as in PyTorch (NCHW activations, OIHW weights); the memory order
//! of activations is channels-last and that of weights is blocked by output channel, as the kernels want them.
//!
//! ```
//! use tensor::Tensor;
//! let x = Tensor::from_vec(vec![1.0f32, -2.0, 3.0], [3])?;
//! assert_eq!(x.relu()?.to_vec::<f32>()?, [1.0, 0.0, 3.0]);
//! # Ok::<(), tensor::Error>(())
//! ```
#![allow(unsafe_code)] // the one crate that has kernels; `cargo xtask tidy` checks the others

mod backend;
pub mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
mod dtype;
mod error;
mod layout;
mod mapped_file;
pub mod ops;
pub mod random;
mod shape;
mod storage;
mod tensor;

pub use backend::Backend;
pub use device::{Device, tf32_switch};
pub use dtype::{DType, Element, Float};
pub use error::{Error, Result};
pub use half::bf16;
pub use layout::{BLOCK, Layout};
pub use mapped_file::MappedFile;
pub use shape::Shape;
pub use tensor::Tensor;
