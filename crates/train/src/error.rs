//! What can go wrong while a model is trained or used.

use std::{io, path::PathBuf};

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
    /// A file that a training is to be resumed from does not fit it.
    #[error("{}: cannot be resumed: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or folder of a run could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file of settings makes no sense.
    #[error("{}, line {line}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// There is no run that could be resumed.
    #[error("{}: no run {name} with a checkpoint is there to be resumed", parent.display())]
    NoRun {
        /// Where runs are looked for.
        parent: PathBuf,
        /// Their name.
        name: String,
    },
    /// A model or a checkpoint could not be read or written.
    #[error(transparent)]
    Zoo(#[from] zoo::Error),
    /// The model's output holds infinities or NaN.
    #[error("the model's output is not finite: its weights are damaged, or its training diverged")]
    OutputNotFinite,
    /// No value of the model is a map of places that all of its output depends on.
    #[error(
        "{class_name} has no spatial map: at this size no layer that all of its output depends on is more than one pixel high and wide"
    )]
    NoSpatialMap {
        /// The model's class name.
        class_name: &'static str,
    },
    /// The observer could not report, as where a pipe it writes to is closed.
    #[error("cannot report progress: {0}")]
    Observer(#[from] io::Error),
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
