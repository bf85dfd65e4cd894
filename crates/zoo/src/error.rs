//! The errors of this crate.

use std::path::{Path, PathBuf};

use crate::checkpoint::CheckpointError;

/// What can go wrong in choosing, loading and saving a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registry has no model of this name.
    #[error("unknown model {name}: {hint}; `convoy models` and zoo::names() list them all")]
    UnknownModel {
        /// The name as given.
        name: String,
        /// What it could have been.
        hint: String,
    },
    /// A model was asked for with no classes.
    #[error("{arch}: a model needs at least one class")]
    NoClasses {
        /// The model.
        arch: &'static str,
    },
    /// The model has no published weights of this name.
    #[error("{arch} has no weights named {name:?}: {known}")]
    UnknownWeights {
        /// The model.
        arch: String,
        /// The name as given.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// The program holds no weights of this model.
    #[error("{arch} has no bundled weights: {}", if cfg!(feature = "bundled") { "only squeezenet1_1 has" } else { "zoo's feature `bundled` is off" })]
    NotBundled {
        /// The model.
        arch: String,
    },
    /// The published weights are neither at hand nor to be had.
    #[error("the weights of {arch}: {source}{}", remedy(source, path))]
    Unavailable {
        /// The model.
        arch: String,
        /// Where the file is looked for.
        path: PathBuf,
        /// What went wrong.
        source: Box<hub::Error>,
    },
    /// There is no folder to look for published weights in.
    #[error(transparent)]
    NoCache(hub::Error),
    /// A checkpoint does not say which model it is of, and its tensors are no known model's.
    #[error("{origin}: its tensors are those of no model in the zoo{nearest}; say which model it is")]
    UnknownArch {
        /// The file.
        origin: String,
        /// The model that comes closest, where one does.
        nearest: String,
    },
    /// A checkpoint does not fit the model.
    #[error("{origin}: {source}")]
    Misfit {
        /// The file.
        origin: String,
        /// What does not fit.
        source: layers::Error,
    },
    /// A network cannot be written as ONNX.
    #[error("{module} cannot be written as ONNX: {reason}")]
    Onnx {
        /// The network's class name.
        module: &'static str,
        /// What stands against it.
        reason: String,
    },
    /// A checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A layer or a tensor operation failed.
    #[error(transparent)]
    Layers(#[from] layers::Error),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] tensor::Error),
}

/// What to do where published weights cannot be had, where the reason does not say so already.
fn remedy(reason: &hub::Error, path: &Path) -> String {
    match reason {
        hub::Error::Offline { .. } => String::new(),
        _ => format!("; put a copy at {}, or set CONVOY_MIRROR to the address of a folder that has it", path.display()),
    }
}

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;
