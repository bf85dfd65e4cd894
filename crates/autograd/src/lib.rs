//! Reverse-mode gradients over the operations of the tensor crate.
//!
//! A [`Var`] is a tensor with the history of how it was computed; a [`Parameter`] is a tensor to be learned. The graph is
//! built as operations run and consumed by [`Var::backward`].
//!
//! ```
//! use autograd::{Parameter, Var};
//! use tensor::Tensor;
//! let w = Parameter::new(Tensor::from_vec(vec![2.0f32, -3.0], [1, 2])?);
//! let x = Var::from(Tensor::from_vec(vec![1.0f32, 4.0], [1, 2])?);
//! let y = x.linear(&w.var(), None)?; // x wᵀ
//! y.backward()?;
//! assert_eq!(w.grad().unwrap().to_vec::<f32>()?, [1.0, 4.0]);
//! # Ok::<(), tensor::Error>(())
//! ```

mod autocast;
mod backward;
mod cell;
mod dominators;
mod gradcheck;
mod graph;
pub mod op;
pub mod ops;
mod parameter;
mod record;
mod var;

pub use autocast::{activation_dtype, autocast_bf16, conv_method};
pub use cell::{TensorCell, changes};
pub use dominators::dominators;
pub use gradcheck::gradcheck;
pub use graph::{is_grad_enabled, no_grad};
pub use op::Op;
pub use parameter::Parameter;
pub use record::{Operand, Operation, Recording, record};
pub use tensor::{Error, Result};
pub use var::Var;
