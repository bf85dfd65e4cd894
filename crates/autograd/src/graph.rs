//! The graph of operations behind a [`Var`](crate::Var).

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tensor::{DType, Result, Tensor};

use crate::Parameter;

/// The gradient rule of one operation: from the gradient of its output, and which inputs need one, those of its inputs. It may take what has
/// been gathered of the first input's gradient so far; then it gives their sum.
pub(crate) type Rule = Box<dyn FnOnce(Tensor, &[bool], SoFar<'_>) -> Result<Vec<Option<Tensor>>> + Send>;

/// Takes what has been gathered so far of a gradient, if there is any.
pub(crate) type SoFar<'a> = &'a mut dyn FnMut() -> Option<Tensor>;

/// A node of the graph: a parameter, or the result of an operation.
pub(crate) struct Node {
    /// Nodes are numbered as they are made, so an operation's number is above its inputs'.
    pub(crate) id: u64,
    /// The element type of its value, and of its gradient.
    pub(crate) dtype: DType,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Leaf(Parameter),
    /// A value of a [recording](crate::record), which keeps no history.
    Recorded,
    Op {
        name: &'static str,
        inputs: Vec<Option<Arc<Node>>>,
        /// Taken by the one backward pass that uses it, which frees the tensors it saved.
        rule: Mutex<Option<Rule>>,
    },
}

impl Node {
    pub(crate) fn new(kind: Kind, dtype: DType) -> Arc<Node> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Node { id: NEXT.fetch_add(1, Ordering::Relaxed), dtype, kind })
    }

    pub(crate) fn inputs(&self) -> &[Option<Arc<Node>>] {
        match &self.kind {
            Kind::Leaf(_) | Kind::Recorded => &[],
            Kind::Op { inputs, .. } => inputs,
        }
    }

    pub(crate) fn take_rule(&self) -> Option<Rule> {
        match &self.kind {
            Kind::Leaf(_) | Kind::Recorded => None,
            Kind::Op { rule, .. } => rule.lock().unwrap_or_else(PoisonError::into_inner).take(),
        }
    }
}

impl Drop for Node {
    /// Takes long chains apart in a loop: dropping them by recursion could overflow the stack.
    fn drop(&mut self) {
        let Kind::Op { inputs, rule, .. } = &mut self.kind else { return };
        drop(rule.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        let mut stack: Vec<Arc<Node>> = inputs.drain(..).flatten().collect();
        while let Some(node) = stack.pop() {
            if let Some(mut node) = Arc::into_inner(node)
                && let Kind::Op { inputs, .. } = &mut node.kind
            {
                stack.extend(inputs.drain(..).flatten());
            }
        }
    }
}

thread_local! {
    static GRAD_ENABLED: Cell<bool> = const { Cell::new(true) };
}

/// Whether operations of this thread record how to take their gradient.
pub fn is_grad_enabled() -> bool {
    GRAD_ENABLED.get()
}

/// Runs `f` without recording a graph, as PyTorch's `torch.no_grad()`.
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    with_grad(false, f)
}

/// Runs `f` with the recording of the graph switched on or off.
pub(crate) fn with_grad<R>(enabled: bool, f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            GRAD_ENABLED.set(self.0);
        }
    }
    let _restore = Restore(GRAD_ENABLED.replace(enabled));
    f()
}
