//! The backward pass.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use tensor::{Error, Result, Tensor};

use crate::{
    Parameter, Var,
    graph::{Kind, Node},
};

impl Var {
    /// Adds to every parameter the gradient of this value, which has one element.
    ///
    /// # Errors
    /// Where the value has several elements, where no gradient flows through it, or where the graph was used before.
    pub fn backward(&self) -> Result<()> {
        self.backward_with(|_| Ok(()))
    }

    /// As [`backward`](Var::backward); calls `complete` with each parameter as soon as its gradient is whole, while the rest of
    /// the pass is still to come.
    pub fn backward_with(&self, complete: impl FnMut(&Parameter) -> Result<()>) -> Result<()> {
        if self.value.elements() != 1 {
            return Err(Error::shape("backward", self.dims(), "one element is needed; use backward_from with the gradient of this value"));
        }
        let one = Tensor::full(self.shape().clone(), 1.0, self.value.dtype())?;
        self.backward_from(one.to_device(self.value.device())?, complete)
    }

    /// As [`backward_with`](Var::backward_with) for a value of any shape, given the gradient `grad` of that shape.
    pub fn backward_from(&self, grad: Tensor, mut complete: impl FnMut(&Parameter) -> Result<()>) -> Result<()> {
        let root = self.root_of(&grad)?;
        let mut pending = uses_of_parameters(root);
        let mut ready = Ready::new();
        add(&mut ready, root, grad)?;
        while let Some((_, (node, grad))) = ready.pop_last() {
            if let Kind::Leaf(parameter) = &node.kind {
                parameter.accumulate_grad(grad)?;
                if is_last(&mut pending, parameter) {
                    complete(parameter)?;
                }
            } else {
                pass_on(&mut ready, &node, grad, |_| true)?;
            }
        }
        Ok(())
    }

    /// The gradient at `input`, an earlier value of the same graph, given the gradient `grad` of this value: PyTorch's
    /// `torch.autograd.grad`. The gradients of parameters are neither computed nor changed.
    ///
    /// # Errors
    /// Where `input` does not lead to this value, where `grad` has another shape, or where the graph was used before.
    pub fn grad_of(&self, input: &Var, grad: Tensor) -> Result<Tensor> {
        let root = self.root_of(&grad)?;
        let target = input.node.as_ref().map_or(u64::MAX, |node| node.id);
        let mut ready = Ready::new();
        add(&mut ready, root, grad)?;
        // What is older than the input does not come from it.
        let leads_back = |node: &Node| node.id == target || (node.id > target && !matches!(node.kind, Kind::Leaf(_)));
        while let Some((id, (node, grad))) = ready.pop_last() {
            if id == target {
                return Ok(grad);
            }
            pass_on(&mut ready, &node, grad, leads_back)?;
        }
        Err(Error::argument("grad_of", "the input does not lead to this value"))
    }

    /// The node that a backward pass starts at with this gradient.
    fn root_of(&self, grad: &Tensor) -> Result<&Arc<Node>> {
        if grad.shape() != self.shape() {
            return Err(Error::shapes("backward", self.dims(), grad.dims(), "the gradient must have the value's shape"));
        }
        self.node.as_ref().ok_or_else(|| Error::argument("backward", "no parameter that requires a gradient leads to this value"))
    }
}

/// Nodes by number, with the gradient gathered so far. The highest number has no users left, so its gradient is whole.
type Ready = BTreeMap<u64, (Arc<Node>, Tensor)>;

/// Adds the gradients of those inputs of an operation that are wanted, given the gradient of its result.
fn pass_on(ready: &mut Ready, node: &Node, grad: Tensor, is_wanted: impl Fn(&Node) -> bool) -> Result<()> {
    let (name, inputs) = match &node.kind {
        Kind::Op { name, inputs, .. } => (name, inputs),
        Kind::Recorded => return Err(Error::argument("backward", "a recording takes no gradients; compute the value outside of it")),
        Kind::Leaf(_) => return Ok(()),
    };
    let wanted: Vec<Option<&Arc<Node>>> = inputs.iter().map(|input| input.as_ref().filter(|node| is_wanted(node))).collect();
    let needed: Vec<bool> = wanted.iter().map(Option::is_some).collect();
    if !needed.contains(&true) {
        return Ok(());
    }
    let rule = node.take_rule().ok_or_else(|| Error::argument(name, "backward ran through this graph before; compute it anew"))?;
    let first = wanted[0].map(|node| node.id);
    let grads = rule(grad, &needed, &mut || ready.remove(&first?).map(|(_, sum)| sum))?;
    debug_assert_eq!(grads.len(), inputs.len(), "{name}");
    for (input, grad) in wanted.into_iter().zip(grads) {
        if let Some(input) = input {
            let grad = grad.ok_or_else(|| Error::argument(name, "its gradient rule left out a gradient that is needed"))?;
            add(ready, input, grad)?;
        }
    }
    Ok(())
}

fn add(ready: &mut Ready, node: &Arc<Node>, grad: Tensor) -> Result<()> {
    let grad = grad.to_dtype(node.dtype)?;
    match ready.get_mut(&node.id) {
        Some((_, sum)) => sum.add_(&grad),
        None => {
            ready.insert(node.id, (node.clone(), grad));
            Ok(())
        }
    }
}

/// Counts one use of a parameter; whether it was the last.
fn is_last(pending: &mut HashMap<usize, usize>, parameter: &Parameter) -> bool {
    pending.get_mut(&parameter.id()).is_some_and(|n| {
        *n -= 1;
        *n == 0
    })
}

/// How many leaves of the graph each parameter has.
fn uses_of_parameters(root: &Arc<Node>) -> HashMap<usize, usize> {
    let mut uses = HashMap::new();
    let mut seen = HashSet::from([root.id]);
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        if let Kind::Leaf(parameter) = &node.kind {
            *uses.entry(parameter.id()).or_insert(0) += 1;
        }
        stack.extend(node.inputs().iter().flatten().filter(|n| seen.insert(n.id)));
    }
    uses
}
