//! The errors of this crate.

use crate::state_dict::LoadReport;

/// What can go wrong in a layer, in loading its state, and in choosing its parameters.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] tensor::Error),
    /// A layer was given settings that make no sense.
    #[error("{layer}: {reason}")]
    Config {
        /// The layer, as it prints.
        layer: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A state dict does not fit a module.
    #[error("the state dict does not fit {module}: {report}")]
    StateDict {
        /// The module's class name.
        module: &'static str,
        /// The keys that do not fit.
        report: LoadReport,
    },
    /// A pattern names no parameter.
    #[error("no parameter matches {pattern:?}; {hint}")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What it could have been.
        hint: String,
    },
    /// A module has no child of this name.
    #[error("{module} has no child {name:?}: it has {children}")]
    Child {
        /// The module's class name.
        module: &'static str,
        /// The name as given.
        name: String,
        /// The names of the children.
        children: String,
    },
    /// The saved state of an optimiser does not fit it.
    #[error("the optimiser's state does not fit: {0}")]
    OptimizerState(String),
}

impl Error {
    /// An [`Error::Config`] about `layer`.
    pub(crate) fn config(layer: &(impl crate::ModuleExt + ?Sized), reason: impl Into<String>) -> Self {
        Error::Config { layer: layer.repr(), reason: reason.into() }
    }
}

/// The result of a layer.
pub type Result<T> = std::result::Result<T, Error>;
