//! Optimisers and learning-rate schedules.
//!
//! ```
//! use layers::{CrossEntropyLoss, Linear, Mode, Module, ModuleExt, Var, optim::{Optimizer, Sgd}};
//! use tensor::Tensor;
//! let model = Linear::new(2, 2);
//! let mut optimizer = Sgd::new(model.parameters(), 0.1).momentum(0.9);
//! let x = Var::from(Tensor::from_vec(vec![1f32, 0.0, 0.0, 1.0], [2, 2])?);
//! let classes = Tensor::from_vec(vec![0i64, 1], [2])?;
//! let mut losses = Vec::new();
//! for _ in 0..10 {
//!     optimizer.zero_grad();
//!     let loss = CrossEntropyLoss::new().forward(&model.forward(&x, Mode::Train)?, &classes)?;
//!     loss.backward()?;
//!     optimizer.step()?;
//!     losses.push(loss.item()?);
//! }
//! assert!(losses[9] < losses[0]);
//! # Ok::<(), layers::Error>(())
//! ```

mod adam;
mod clip_grad;
mod group;
mod optimizer;
mod rmsprop;
mod schedule;
mod sgd;

pub use adam::{Adam, AdamRule, AdamW};
pub use clip_grad::clip_grad_norm;
pub use group::ParamGroup;
pub use optimizer::{Optimizer, RuleOptimizer, State, UpdateRule};
pub use rmsprop::{RMSprop, RMSpropRule};
pub use schedule::{
    CosineAnnealingLR, ExponentialLR, LinearLR, LrScheduler, MultiStepLR, OneCycleLR, PlateauState, PolynomialLR, ReduceLROnPlateau,
    Schedule, SequentialLR, StepLR,
};
pub use sgd::{Sgd, SgdRule};
