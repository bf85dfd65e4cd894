//! The layer that does nothing.

use autograd::Var;

use crate::{Mode, Module, Result};

/// Passes its input on: PyTorch's `Identity`, which stands in for a layer that was taken out.
///
/// ```
/// use layers::{Identity, ModuleExt};
/// assert_eq!(Identity.repr(), "Identity()");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity;

impl Module for Identity {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        Ok(x.clone())
    }

    fn class_name(&self) -> &'static str {
        "Identity"
    }
}
