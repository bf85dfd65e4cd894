//! What a network consists of and what it computes: shapes, parameters, multiply-adds.

use std::any::Any;

use crate::{Conv2d, Linear, Module, ModuleExt, Result, trace::Trace};

/// A module with its children at one shape of the input. Sizes include those of the children.
///
/// ```
/// use layers::{Conv2d, ReLU, Summary, sequential};
/// let network = sequential![Conv2d::new(3, 8, 3).padding(1), ReLU::new()];
/// let summary = Summary::of(&network, [2, 3, 16, 16])?;
/// assert_eq!(summary.output.as_deref(), Some(&[2, 8, 16, 16][..]));
/// assert_eq!((summary.parameters, summary.mult_adds), (8 * 27 + 8, 2 * 8 * 16 * 16 * 27));
/// # Ok::<(), layers::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The name among its siblings, such as `conv1`; empty for the network.
    pub name: String,
    /// The name of its class in PyTorch.
    pub class: &'static str,
    /// The shape of its output, where it ran: an auxiliary classifier does not at inference.
    pub output: Option<Vec<usize>>,
    /// The number of learned values.
    pub parameters: usize,
    /// The memory of the learned values, in bytes.
    pub parameter_bytes: usize,
    /// The multiplications with addition of convolutions and linear layers: what torchvision counts as floating-point operations.
    pub mult_adds: u64,
    /// The elements of the outputs of layers with parameters.
    pub activations: u64,
    /// What it is made of. Layers without parameters that run fused with others, or have no settings, are not listed.
    pub children: Vec<Summary>,
}

impl Summary {
    /// Finds the shapes by an inference in `f32` on one element of a batch, whose size is the first of the input's sizes. A
    /// module that runs several times is counted once.
    ///
    /// # Errors
    /// Where the input does not fit.
    pub fn of<const RANK: usize>(module: &dyn Module, input: [usize; RANK]) -> Result<Self> {
        let trace = Trace::of_inference(module, &input)?;
        Ok(Self::at(String::new(), module, &trace))
    }

    fn at(name: String, module: &dyn Module, trace: &Trace) -> Self {
        let children = module.children().into_iter().map(|(name, child)| Self::at(name, child, trace));
        let children: Vec<Summary> = children.filter(Summary::is_listed).collect();
        let output = trace.ran(module).map(|ran| ran.output.clone());
        let elements = output.iter().flatten().fold(1u64, |n, &size| n.saturating_mul(size as u64));
        let elements = if output.is_some() { elements } else { 0 };
        let parameters = module.num_parameters();
        let is_layer = module.children().is_empty() && parameters > 0;
        Summary {
            name,
            class: module.class_name(),
            output,
            parameters,
            parameter_bytes: module.named_parameters().iter().map(|(_, p)| p.shape().elements() * p.dtype().size()).sum(),
            mult_adds: elements.saturating_mul(mult_adds_per_output(module)) + total(&children, |child| child.mult_adds),
            activations: if is_layer { elements } else { total(&children, |child| child.activations) },
            children,
        }
    }

    fn is_listed(&self) -> bool {
        self.output.is_some() || self.parameters > 0
    }
}

fn total(children: &[Summary], size: impl Fn(&Summary) -> u64) -> u64 {
    children.iter().map(size).sum()
}

/// How many inputs each output of a convolution or a linear layer is the weighted sum of.
fn mult_adds_per_output(module: &dyn Module) -> u64 {
    let any: &dyn Any = module;
    let conv = any.downcast_ref::<Conv2d>().map(|conv| &conv.weight);
    let weight = conv.or_else(|| any.downcast_ref::<Linear>().map(|linear| &linear.weight));
    weight.map_or(0, |weight| weight.shape().iter().skip(1).map(|&size| size as u64).product())
}

#[cfg(test)]
mod tests {
    use autograd::Var;

    use super::*;
    use crate::{BatchNorm2d, Flatten, Mode, ReLU, Unary, children, conv_norm_act, sequential};

    struct Block {
        conv: Conv2d,
        bn: BatchNorm2d,
        relu: ReLU,
        unused: Linear,
    }

    impl Module for Block {
        children!(Block { conv, bn, relu, unused });

        fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
            conv_norm_act(&self.conv, &self.bn, x, None, Unary::Relu, mode)
        }
    }

    fn network() -> impl Module {
        let conv = Conv2d::new(4, 6, 3).stride(2).padding(1).groups(2).bias(false);
        let block = Block { conv, bn: BatchNorm2d::new(6), relu: ReLU::new(), unused: Linear::new(2, 2) };
        sequential![block, Flatten::new(), Linear::new(6 * 4 * 2, 5)]
    }

    #[test]
    fn sizes_are_those_of_the_whole_batch_and_add_up() {
        let summary = Summary::of(&network(), [3, 4, 8, 4]).unwrap();
        let [block, flatten, linear] = &summary.children[..] else { panic!("{summary:?}") };
        let [conv, bn, unused] = &block.children[..] else { panic!("{block:?}") };
        let shape = |summary: &Summary| summary.output.clone().unwrap_or_default();
        assert_eq!([shape(block), shape(conv), shape(bn)], [[3, 6, 4, 2]; 3]);
        assert_eq!([shape(flatten), shape(linear), shape(&summary)], [vec![3, 48], vec![3, 5], vec![3, 5]]);
        assert_eq!((unused.output.as_ref(), unused.parameters), (None, 6));
        assert_eq!((conv.mult_adds, linear.mult_adds), (3 * 48 * 18, 3 * 48 * 5));
        assert_eq!(summary.mult_adds, conv.mult_adds + linear.mult_adds);
        assert_eq!(summary.activations, 3 * (48 + 48 + 5));
        assert_eq!((summary.parameters, summary.parameter_bytes), (108 + 12 + 6 + 245, 4 * (108 + 12 + 6 + 245)));
    }

    #[test]
    fn an_input_that_does_not_fit_is_an_error() {
        assert!(Summary::of(&network(), [1, 3, 8, 4]).is_err());
        assert!(Summary::of(&network(), [1, 4, 8, 8]).is_err());
    }
}
