//! What can go wrong while a model is trained or used.

use std::io;

/// An error of this crate, in one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] tensor::Error),
    /// A layer or the optimiser failed.
    #[error(transparent)]
    Layers(#[from] layers::Error),
    /// A sample could not be had.
    #[error(transparent)]
    Datasets(#[from] datasets::Error),
    /// A setting makes no sense.
    #[error("{name} is {value}: {reason}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        reason: &'static str,
    },
    /// No parameter requires a gradient.
    #[error("every parameter is frozen: nothing is left to train")]
    Frozen,
    /// The training diverged.
    #[error("the loss is {loss} at epoch {epoch}, batch {batch}: training diverged; a lower learning rate than {learning_rate} may help")]
    Diverged {
        /// The loss, which is not a finite number.
        loss: f64,
        /// The epoch, from 1.
        epoch: usize,
        /// The batch of the epoch, from 1.
        batch: usize,
        /// The learning rate.
        learning_rate: f64,
    },
    /// The model's output holds infinities or NaN.
    #[error("the model's output is not finite: its weights are damaged, or its training diverged")]
    OutputNotFinite,
    /// The observer could not report, as where a pipe it writes to is closed.
    #[error("cannot report progress: {0}")]
    Observer(#[from] io::Error),
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
