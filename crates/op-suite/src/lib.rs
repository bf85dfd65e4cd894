//! Development only: the comparison of every operation and model with PyTorch.
//!
//! The cases lie in `golden/`, whose README says what each file holds. `GOLDEN_DIR=DIR cargo test -p op-suite golden` runs the same
//! tests over another such folder; `-- --nocapture` shows each error beside its tolerance.

pub mod compare;
pub mod det;
mod golden;
pub mod train_step;

pub use golden::Golden;
