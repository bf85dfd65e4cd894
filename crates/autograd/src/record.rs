//! The operations of a computation, recorded while it runs, so that it can be written down in another format.

use std::{cell::RefCell, sync::Arc};

use tensor::{Error, Shape, Tensor};

use crate::{
    Op, Var,
    graph::{Kind, Node, with_grad},
};

thread_local! {
    static OPERATIONS: RefCell<Option<Vec<Operation>>> = const { RefCell::new(None) };
}

/// A computation as the operations that it ran, in order.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The number of its input.
    pub input: u64,
    /// The operations; each uses outputs of earlier ones.
    pub operations: Vec<Operation>,
    /// The number of its result.
    pub output: u64,
}

/// One operation that ran.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Which, with its options.
    pub op: Op,
    /// What it was applied to.
    pub inputs: Vec<Operand>,
    /// The number of its result.
    pub output: u64,
    /// The shape of its result.
    pub shape: Shape,
}

/// What an operation was applied to.
#[derive(Debug, Clone)]
pub enum Operand {
    /// The input, or the result of an earlier operation.
    Computed {
        /// Its number.
        id: u64,
        /// Its shape.
        shape: Shape,
    },
    /// Anything else: a parameter, whose memory this shares, or what no operation computed.
    Constant(Tensor),
}

impl Operand {
    /// The logical sizes.
    pub fn dims(&self) -> &[usize] {
        match self {
            Operand::Computed { shape, .. } => shape,
            Operand::Constant(value) => value.dims(),
        }
    }

    fn of(var: &Var) -> Self {
        match var.node.as_deref() {
            Some(Node { id, kind: Kind::Recorded, .. }) => Operand::Computed { id: *id, shape: var.shape().clone() },
            _ => Operand::Constant(var.value.clone()),
        }
    }
}

/// Runs `f` on `input` and records the operations that it runs on this thread. What it computes without [`Var`]'s operations, on
/// [tensors](Var::value), appears as a constant of this one run. Within, every result says that it
/// [requires a gradient](Var::requires_grad), so layers run as for training, operation by operation; yet no gradient can be taken.
///
/// ```
/// use autograd::{Op, Operand, Var, record};
/// use tensor::{DType, Tensor};
/// let two = Tensor::full([], 2.0, DType::F32)?;
/// let recording = record(Tensor::ones([3], DType::F32)?, |x| x.mul(&Var::from(&two))?.relu())?;
/// let [mul, relu] = &recording.operations[..] else { panic!() };
/// assert!(matches!(mul.op, Op::Mul) && matches!(&mul.inputs[1], Operand::Constant(c) if c.shares_memory_with(&two)));
/// assert!(matches!(relu.inputs[0], Operand::Computed { id, .. } if id == mul.output));
/// assert_eq!(relu.output, recording.output);
/// # Ok::<(), tensor::Error>(())
/// ```
///
/// # Errors
/// Those of `f`, and where its result is that of no recorded operation.
pub fn record<E: From<Error>>(input: Tensor, f: impl FnOnce(&Var) -> Result<Var, E>) -> Result<Recording, E> {
    let input = recorded(input);
    let outer = OPERATIONS.replace(Some(Vec::new()));
    let result = with_grad(true, || f(&input));
    let operations = OPERATIONS.replace(outer).unwrap_or_default();
    match (Operand::of(&input), Operand::of(&result?)) {
        (Operand::Computed { id: input, .. }, Operand::Computed { id: output, .. }) => Ok(Recording { input, operations, output }),
        _ => Err(Error::argument("record", "the result is that of no recorded operation; it was computed on tensors or in no_grad").into()),
    }
}

/// Whether a recording is being taken on this thread.
pub(crate) fn is_recording() -> bool {
    OPERATIONS.with_borrow(Option::is_some)
}

/// The result of an operation, which is noted.
pub(crate) fn note(op: Op, value: Tensor, inputs: &[&Var]) -> Var {
    let inputs = inputs.iter().map(|input| Operand::of(input)).collect();
    let (shape, output) = (value.shape().clone(), recorded(value));
    if let Some(node) = &output.node {
        let operation = Operation { op, inputs, output: node.id, shape };
        OPERATIONS.with_borrow_mut(|operations| operations.get_or_insert_default().push(operation));
    }
    output
}

/// A value with a number of its own.
fn recorded(value: Tensor) -> Var {
    let node: Option<Arc<Node>> = Some(Node::new(Kind::Recorded, value.dtype()));
    Var { value, node }
}
