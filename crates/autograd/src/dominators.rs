//! The values that everything between an input and a result goes through.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tensor::Tensor;

use crate::{
    Parameter, Var,
    graph::{Kind, Node, with_grad},
};

thread_local! {
    static COMPUTED: RefCell<Option<Vec<Var>>> = const { RefCell::new(None) };
}

/// Runs `f` on `input` with gradients on, and returns its result with the results of operations that dominate it: those that every path
/// from the input to the result goes through, in order, the result itself last. [`Var::grad_of`] gives the gradients at them.
///
/// ```
/// use autograd::{Var, dominators};
/// use tensor::{DType, Tensor};
/// let (result, through) = dominators(Tensor::ones([2], DType::F32)?, |x| {
///     let branches = x.relu()?.add(x)?; // around the ReLU leads another path
///     branches.sigmoid()
/// })?;
/// assert_eq!(through.len(), 2); // the sum and the sigmoid
/// assert_eq!(through[1].value().to_vec::<f32>()?, result.value().to_vec::<f32>()?);
/// # Ok::<(), tensor::Error>(())
/// ```
///
/// # Errors
/// Those of `f`.
pub fn dominators<E>(input: Tensor, f: impl FnOnce(&Var) -> Result<Var, E>) -> Result<(Var, Vec<Var>), E> {
    let outer = COMPUTED.replace(Some(Vec::new()));
    let (input, result) = with_grad(true, || {
        let input = Parameter::new(input).var();
        let result = f(&input);
        (input, result)
    });
    let computed = COMPUTED.replace(outer).unwrap_or_default();
    let result = result?;
    let (Some(root), Some(start)) = (&result.node, &input.node) else { return Ok((result, Vec::new())) };
    let numbers = dominating(root, start.id);
    let through = computed.into_iter().filter(|var| var.node.as_ref().is_some_and(|node| numbers.contains(&node.id))).collect();
    Ok((result, through))
}

/// Keeps the result of an operation, where its thread is asked for dominators.
pub(crate) fn note(var: &Var) {
    COMPUTED.with_borrow_mut(|computed| {
        if let Some(computed) = computed {
            computed.push(var.clone());
        }
    });
}

/// The numbers of the nodes that every path from the node `start` to `root` goes through, without the start.
fn dominating(root: &Arc<Node>, start: u64) -> HashSet<u64> {
    let mut nodes = operations(root);
    nodes.sort_unstable_by_key(|node| node.id);
    // For each node that the start leads to, the last one that uses it. Nodes are numbered as they are made, so a node is passed by
    // exactly where an earlier one is used by a later one.
    let mut last_use = HashMap::from([(start, start)]);
    for node in &nodes {
        let mut leads_here = false;
        for input in node.inputs().iter().flatten() {
            if let Some(last) = last_use.get_mut(&input.id) {
                (*last, leads_here) = (node.id, true);
            }
        }
        if leads_here {
            last_use.insert(node.id, node.id);
        }
    }
    let mut dominating = HashSet::new();
    let mut reach = last_use[&start];
    for id in nodes.iter().map(|node| node.id).filter(|id| last_use.contains_key(id)) {
        if reach <= id {
            dominating.insert(id);
        }
        reach = reach.max(last_use[&id]);
    }
    dominating
}

/// The operations behind a node, itself included.
fn operations(root: &Arc<Node>) -> Vec<&Arc<Node>> {
    let mut seen = HashSet::from([root.id]);
    let (mut stack, mut found) = (vec![root], Vec::new());
    while let Some(node) = stack.pop() {
        if matches!(node.kind, Kind::Op { .. }) {
            found.push(node);
        }
        stack.extend(node.inputs().iter().flatten().filter(|input| seen.insert(input.id)));
    }
    found
}
