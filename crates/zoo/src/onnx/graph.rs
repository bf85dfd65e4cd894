//! A network as ONNX describes it: nodes, and the constants that they use.

use std::collections::HashSet;

use tensor::{Tensor, with_dtype};

/// The name of the graph's input, `[N, C, H, W]`.
pub(super) const INPUT: &str = "input";
/// The name of the graph's output, `[N, …]`.
pub(super) const OUTPUT: &str = "logits";

/// A network. Its nodes are in an order in which they can run.
#[derive(Default)]
pub(super) struct Graph {
    pub nodes: Vec<Node>,
    pub constants: Vec<Constant>,
    /// The sizes of one picture, and of what is computed for it.
    pub input: Vec<usize>,
    pub output: Vec<usize>,
}

/// An operation that has one output, whose name is also the node's.
#[derive(Debug, PartialEq)]
pub(super) struct Node {
    pub op_type: &'static str,
    /// The names of constants and of outputs of earlier nodes.
    pub inputs: Vec<String>,
    pub output: String,
    pub attributes: Vec<(&'static str, Attribute)>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
}

/// A parameter, or a number that an operation needs.
pub(super) struct Constant {
    pub name: String,
    pub value: Tensor,
}

impl Graph {
    /// The first node in which two graphs differ, itself or in a constant that it uses; `None` where they are the same.
    pub fn difference<'a>(&'a self, other: &'a Graph) -> Option<&'a Node> {
        let constants = self.constants.iter().zip(&other.constants);
        let changed: HashSet<&str> = constants.filter(|(a, b)| !a.same(b)).map(|(a, _)| a.name.as_str()).collect();
        let differ = |(a, b): &(&Node, &Node)| a != b || a.inputs.iter().any(|input| changed.contains(input.as_str()));
        let (shorter, longer) = if self.nodes.len() < other.nodes.len() { (self, other) } else { (other, self) };
        let node = self.nodes.iter().zip(&other.nodes).find(differ).map(|(node, _)| node);
        node.or_else(|| longer.nodes.get(shorter.nodes.len())).or_else(|| self.nodes.last().filter(|_| self.output != other.output))
    }

    /// Gives an output another name.
    pub fn rename(&mut self, from: &str, to: &str) {
        for node in &mut self.nodes {
            node.inputs.iter_mut().chain([&mut node.output]).filter(|name| *name == from).for_each(|name| *name = to.to_owned());
        }
    }
}

impl Constant {
    fn same(&self, other: &Constant) -> bool {
        self.name == other.name && self.value.shape() == other.value.shape() && same_values(&self.value, &other.value)
    }
}

/// Whether two tensors of one shape hold the same numbers, bit for bit.
fn same_values(a: &Tensor, b: &Tensor) -> bool {
    a.shares_memory_with(b)
        || (a.layout() == b.layout()
            && with_dtype!(a.dtype(), T => match (a.data::<T>(), b.data::<T>()) {
                (Ok(a), Ok(b)) => a == b,
                _ => false,
            }))
}
