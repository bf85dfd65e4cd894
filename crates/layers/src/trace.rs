//! The shapes of what modules compute, noted while they run.

use std::{
    any::{Any, TypeId},
    cell::RefCell,
    collections::HashMap,
    ptr,
};

use autograd::Var;
use tensor::Shape;

use crate::{Mode, Module, Result};

thread_local! {
    static TRACE: RefCell<Option<Trace>> = const { RefCell::new(None) };
}

/// The output shape of each module that ran, of its last run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    outputs: HashMap<Key, Shape>,
}

/// Where a module lies, and its type: a module and its first field share the place.
type Key = (usize, TypeId);

/// None for modules without a size, which may share a place with others of their type.
fn key(module: &dyn Module) -> Option<Key> {
    let any: &dyn Any = module;
    (size_of_val(module) > 0).then(|| (ptr::from_ref(module).cast::<()>().addr(), any.type_id()))
}

impl Trace {
    /// Runs `f`; what the modules in it computed.
    pub(crate) fn of<R>(f: impl FnOnce() -> R) -> (R, Trace) {
        let outer = TRACE.replace(Some(Trace::default()));
        let result = f();
        (result, TRACE.replace(outer).unwrap_or_default())
    }

    /// The shape of a module's output, where it ran.
    pub(crate) fn output(&self, module: &dyn Module) -> Option<&Shape> {
        self.outputs.get(&key(module)?)
    }
}

/// Notes what a module computed, where a trace is being taken.
pub(crate) fn note(module: &dyn Module, output: &Var) {
    TRACE.with_borrow_mut(|trace| {
        if let Some(trace) = trace
            && let Some(key) = key(module)
        {
            trace.outputs.insert(key, output.shape().clone());
        }
    });
}

/// `module.forward(x, mode)`, of which a [`Summary`](crate::Summary) knows the output's shape. Layers and [`Sequential`] note
/// theirs on their own; a block of one's own that is run by another block is run by this to appear with its shape.
///
/// [`Sequential`]: crate::Sequential
///
/// # Errors
/// Those of `forward`.
pub fn call(module: &dyn Module, x: &Var, mode: Mode) -> Result<Var> {
    let y = module.forward(x, mode)?;
    note(module, &y);
    Ok(y)
}
