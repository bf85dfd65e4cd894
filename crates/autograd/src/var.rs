//! A tensor with the history of how it was computed.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use tensor::{Result, Shape, Tensor};

use crate::{
    Op, dominators,
    graph::{Kind, Node, SoFar, is_grad_enabled},
    record::{is_recording, note},
};

/// A tensor and the node of the graph that computed it; no node where no gradient flows.
#[derive(Clone)]
pub struct Var {
    pub(crate) value: Tensor,
    pub(crate) node: Option<Arc<Node>>,
}

impl Var {
    /// The result of the operation `op`: `rule` gets the output's gradient and, for each of `inputs`, whether one is needed.
    /// Keeps no history where gradients are off or no input needs one. Within [`record`](crate::record) the operation is noted instead.
    pub fn from_op(
        op: Op,
        value: Tensor,
        inputs: &[&Var],
        rule: impl FnOnce(Tensor, &[bool]) -> Result<Vec<Option<Tensor>>> + Send + 'static,
    ) -> Var {
        Var::from_op_onto(op, value, inputs, move |grad, needed, _| rule(grad, needed))
    }

    /// [`from_op`](Var::from_op) whose rule may add to what has been gathered of the first input's gradient so far: see
    /// [`Rule`](crate::graph::Rule).
    pub(crate) fn from_op_onto(
        op: Op,
        value: Tensor,
        inputs: &[&Var],
        rule: impl FnOnce(Tensor, &[bool], SoFar<'_>) -> Result<Vec<Option<Tensor>>> + Send + 'static,
    ) -> Var {
        if is_recording() || !Var::records(inputs) {
            return Var::without_history(op, value, inputs);
        }
        let (name, inputs) = (op.name(), inputs.iter().map(|v| v.node.clone()).collect());
        let node = Node::new(Kind::Op { name, inputs, rule: Mutex::new(Some(Box::new(rule))) }, value.dtype());
        let result = Var { value, node: Some(node) };
        dominators::note(&result);
        result
    }

    /// The result of an operation that no gradient flows through.
    pub(crate) fn without_history(op: Op, value: Tensor, inputs: &[&Var]) -> Var {
        if is_recording() { note(op, value, inputs) } else { Var::from(value) }
    }

    /// Whether an operation on these inputs is recorded: recording is on, and one of them needs a gradient.
    pub(crate) fn records(inputs: &[&Var]) -> bool {
        is_grad_enabled() && inputs.iter().any(|v| v.node.is_some())
    }

    /// The tensor.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The tensor, giving up the history.
    pub fn into_value(self) -> Tensor {
        self.value
    }

    /// The same tensor without history.
    pub fn detach(&self) -> Var {
        Var::from(self.value.clone())
    }

    /// Whether gradients flow through this value.
    pub fn requires_grad(&self) -> bool {
        self.node.is_some()
    }

    /// The logical shape.
    pub fn shape(&self) -> &Shape {
        self.value.shape()
    }

    /// The logical sizes.
    pub fn dims(&self) -> &[usize] {
        self.value.dims()
    }

    /// The one element of a value that has one.
    pub fn item(&self) -> Result<f64> {
        self.value.item()
    }
}

impl From<Tensor> for Var {
    fn from(value: Tensor) -> Self {
        Var { value, node: None }
    }
}

impl From<&Tensor> for Var {
    fn from(value: &Tensor) -> Self {
        Var::from(value.clone())
    }
}

impl fmt::Debug for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let history = match self.node.as_deref().map(|n| &n.kind) {
            None => "none",
            Some(Kind::Leaf(_)) => "parameter",
            Some(Kind::Recorded) => "a recording",
            Some(Kind::Op { name, .. }) => name,
        };
        write!(f, "Var({:?}, from {history})", self.value)
    }
}
