//! Tensors that change while others read them.

use std::{
    fmt,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tensor::Tensor;

/// How often any cell has been made or changed. On a line of the cache of its own, which all threads read.
#[repr(align(64))]
struct Changes(AtomicU64);

static CHANGES: Changes = Changes(AtomicU64::new(0));

impl Changes {
    fn count(&self) -> u64 {
        self.0.fetch_add(1, Ordering::AcqRel)
    }
}

/// A number that grows whenever a [`TensorCell`] of the program, such as a [`Parameter`](crate::Parameter)'s, is made or changed. What was
/// computed from cells that were read after it was asked for still holds while it stays the same.
pub fn changes() -> u64 {
    CHANGES.0.load(Ordering::Acquire)
}

/// Counts a change when it is done, however it ends; dropped while the cell is still locked.
struct Change;

impl Drop for Change {
    fn drop(&mut self) {
        CHANGES.count();
    }
}

/// A tensor that may be replaced and changed in place by whoever shares it.
pub struct TensorCell {
    value: RwLock<Tensor>,
    id: u64,
}

impl TensorCell {
    /// A cell that holds this tensor.
    pub fn new(value: Tensor) -> Self {
        TensorCell { value: RwLock::new(value), id: CHANGES.count() }
    }

    /// The value (shares the memory; a later change leaves the returned tensor as it is).
    pub fn value(&self) -> Tensor {
        self.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the value.
    pub fn set_value(&self, value: Tensor) {
        self.update(|old| *old = value);
    }

    /// Changes the value in place.
    pub fn update<R>(&self, f: impl FnOnce(&mut Tensor) -> R) -> R {
        let mut value = self.value.write().unwrap_or_else(PoisonError::into_inner);
        let _change = Change;
        f(&mut value)
    }

    /// A number that no other cell of the program has or had.
    pub fn id(&self) -> u64 {
        self.id
    }
}

impl fmt::Debug for TensorCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_counted() {
        let before = changes();
        let (a, b) = (TensorCell::new(Tensor::scalar(1f32)), TensorCell::new(Tensor::scalar(2f32)));
        assert!(a.id() != b.id() && changes() >= before + 2);
        let mut last = changes();
        let mut changed = |what: &str, f: &dyn Fn()| {
            f();
            assert!(changes() > last, "{what}");
            last = changes();
        };
        changed("replaced", &|| a.set_value(b.value()));
        changed("changed in place", &|| a.update(|t| *t = t.mul_scalar(3.0).unwrap()));
        let panics = || std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| a.update(|_| panic!("midway"))));
        changed("changed by what panics", &|| assert!(panics().is_err()));
        assert_eq!((a.value().item().unwrap(), b.value().item().unwrap()), (6.0, 2.0));
    }

    #[test]
    fn a_value_that_was_given_out_stays() {
        let cell = TensorCell::new(Tensor::scalar(1f32));
        let value = cell.value();
        cell.set_value(Tensor::scalar(5f32));
        assert_eq!((value.item().unwrap(), cell.value().item().unwrap()), (1.0, 5.0));
    }
}
