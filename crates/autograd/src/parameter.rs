//! Learned tensors.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tensor::{Result, Tensor};

use crate::{
    Var,
    cell::TensorCell,
    graph::{Kind, Node, is_grad_enabled},
};

struct Inner {
    value: TensorCell,
    grad: Mutex<Option<Tensor>>,
    requires_grad: AtomicBool,
}

/// A tensor to be learned, with its gradient. Clones are the same parameter.
#[derive(Clone)]
pub struct Parameter(Arc<Inner>);

impl Parameter {
    /// A parameter that requires a gradient.
    pub fn new(value: Tensor) -> Self {
        Parameter(Arc::new(Inner { value: TensorCell::new(value), grad: Mutex::new(None), requires_grad: AtomicBool::new(true) }))
    }

    /// The value (shares the memory; an update of the parameter leaves the returned tensor as it is).
    pub fn value(&self) -> Tensor {
        self.0.value.value()
    }

    /// Replaces the value.
    pub fn set_value(&self, value: Tensor) {
        self.0.value.set_value(value);
    }

    /// Changes the value in place.
    pub fn update<R>(&self, f: impl FnOnce(&mut Tensor) -> R) -> R {
        self.0.value.update(f)
    }

    /// The value as the start of a graph; gradients reach it where it requires them and recording is on.
    pub fn var(&self) -> Var {
        let value = self.value();
        let node = (self.requires_grad() && is_grad_enabled()).then(|| Node::new(Kind::Leaf(self.clone()), value.dtype()));
        Var { value, node }
    }

    /// Whether the backward pass computes this parameter's gradient.
    pub fn requires_grad(&self) -> bool {
        self.0.requires_grad.load(Ordering::Relaxed)
    }

    /// Freezes (`false`) or unfreezes the parameter.
    pub fn set_requires_grad(&self, requires_grad: bool) {
        self.0.requires_grad.store(requires_grad, Ordering::Relaxed);
    }

    fn grad_slot(&self) -> MutexGuard<'_, Option<Tensor>> {
        self.0.grad.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The gradient accumulated since it was last cleared.
    pub fn grad(&self) -> Option<Tensor> {
        self.grad_slot().clone()
    }

    /// Takes the gradient out, which clears it.
    pub fn take_grad(&self) -> Option<Tensor> {
        self.grad_slot().take()
    }

    /// Clears the gradient.
    pub fn zero_grad(&self) {
        *self.grad_slot() = None;
    }

    /// Adds to the gradient.
    pub fn accumulate_grad(&self, grad: Tensor) -> Result<()> {
        let mut slot = self.grad_slot();
        match slot.as_mut() {
            None => *slot = Some(grad),
            Some(sum) => sum.add_(&grad)?,
        }
        Ok(())
    }

    /// Whether both are the same parameter.
    pub fn same(&self, other: &Parameter) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A number that is this parameter's own while it lives.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameter({:?}, requires_grad={})", self.value(), self.requires_grad())
    }
}
