//! Branches side by side, joined along the channels.

use autograd::{Var, is_grad_enabled};
use tensor::{
    Tensor,
    ops::{CatPart, FusedConv2d},
};

use crate::{
    ConvNormAct, Mode, Module, Result,
    conv_norm_act::{Folded, folds},
    trace,
};

/// A part of what [`cat_branches`] joins.
#[derive(Clone, Copy)]
pub enum Branch<'a> {
    /// A module's output for this input.
    Module(&'a dyn Module, &'a Var),
    /// That of a convolution and what is behind it.
    ConvNormAct(ConvNormAct<'a>, &'a Var),
    /// A value.
    Value(&'a Var),
}

impl Branch<'_> {
    fn forward(self, mode: Mode) -> Result<Var> {
        match self {
            Branch::Module(module, x) => trace::call(module, x, mode),
            Branch::ConvNormAct(layers, x) => layers.forward(x, mode),
            Branch::Value(x) => Ok(x.clone()),
        }
    }
}

/// A [`Branch`] that no gradient flows through.
enum Part<'a> {
    Conv { layers: ConvNormAct<'a>, folded: Box<Folded>, weight: Tensor, x: &'a Var },
    Value(&'a Var),
}

impl<'a> Part<'a> {
    /// Nothing for what is not one pass.
    fn new(branch: Branch<'a>, mode: Mode) -> Result<Option<Self>> {
        let (layers, x) = match branch {
            Branch::Value(x) => return Ok((!(is_grad_enabled() && x.requires_grad())).then_some(Part::Value(x))),
            Branch::Module(module, x) => match module.as_conv_norm_act() {
                Some(layers) => (layers, x),
                None => return Ok(None),
            },
            Branch::ConvNormAct(layers, x) => (layers, x),
        };
        let ConvNormAct { conv, norm, .. } = layers;
        if !folds(conv, norm, x, None, mode) {
            return Ok(None);
        }
        Ok(Some(Part::Conv { layers, folded: Box::new(Folded::new(conv, norm, x)?), weight: conv.weight.value(), x }))
    }

    fn operand(&self) -> CatPart<'_> {
        match self {
            Part::Conv { layers, folded, weight, x } => {
                let epilogue = folded.epilogue(None, layers.activation);
                CatPart::Conv(x.value(), FusedConv2d { weight, options: folded.options, epilogue })
            }
            Part::Value(x) => CatPart::Tensor(x.value()),
        }
    }
}

/// What several branches give, all `[N, _, H, W]`, joined along the channels. Without gradients, modules that are a convolution with what
/// usually follows it write to their place in the result: see [`Tensor::conv2d_cat`].
///
/// ```
/// use layers::{Branch, Conv2d, MaxPool2d, Mode, Module, Var, cat_branches};
/// use tensor::{DType, Tensor};
/// let x = Var::from(Tensor::ones([1, 3, 8, 8], DType::F32)?);
/// let (narrow, wide, pool) = (Conv2d::new(3, 4, 1), Conv2d::new(3, 6, 3).padding(1), MaxPool2d::new(3).stride(1).padding(1));
/// let pooled = pool.forward(&x, Mode::Eval)?;
/// let y = cat_branches(&[Branch::Module(&narrow, &x), Branch::Module(&wide, &x), Branch::Value(&pooled)], Mode::Eval)?;
/// assert_eq!(y.dims(), [1, 4 + 6 + 3, 8, 8]);
/// # Ok::<(), layers::Error>(())
/// ```
///
/// # Errors
/// Where there is nothing to join, or shapes do not fit.
pub fn cat_branches(branches: &[Branch<'_>], mode: Mode) -> Result<Var> {
    // Who looks at what each module computes wants to see all of them.
    let parts: Option<Vec<_>> =
        if trace::is_taken() { None } else { branches.iter().map(|&branch| Part::new(branch, mode)).collect::<Result<_>>()? };
    match parts {
        Some(parts) => Ok(Var::from(Tensor::conv2d_cat(parts.iter().map(Part::operand).collect())?)),
        None => {
            let values = branches.iter().map(|branch| branch.forward(mode)).collect::<Result<Vec<_>>>()?;
            Ok(Var::cat(&values.iter().collect::<Vec<_>>(), 1)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use autograd::{Parameter, no_grad};
    use tensor::{DType, random::Generator};

    use super::*;
    use crate::{BatchNorm2d, Conv2d, Conv2dNormActivation, MaxPool2d, ModuleExt, ReLU, SiLU, Unary, sequential};

    #[test]
    fn each_way_computes_the_same() {
        let mut generator = Generator::new(5);
        let mut draw = |shape: [usize; 4]| Var::from(Tensor::normal(shape, 0.3, 1.0, &mut generator).unwrap());
        let (x, ready) = (draw([2, 6, 9, 9]), draw([2, 5, 9, 9]));
        let block = Conv2dNormActivation::new(Conv2d::new(6, 40, 3).padding(1).bias(false), BatchNorm2d::new(40)).activation(SiLU::new());
        let row = sequential![Conv2d::new(6, 8, (1, 3)).padding((0, 1)), ReLU::new()];
        let (conv, pool) = (Conv2d::new(6, 33, 1), MaxPool2d::new(3).stride(1).padding(1));
        let layers = ConvNormAct { conv: &conv, norm: None, activation: Some(Unary::Relu) };
        no_grad(|| block.forward(&x, Mode::Train)).unwrap(); // running statistics other than 0 and 1
        for dtype in [DType::F32, DType::F64] {
            let as_type = |x: &Var| Var::from(x.value().to_dtype(dtype).unwrap());
            let (x, ready) = (as_type(&x), as_type(&ready));
            [&block as &dyn Module, &row, &conv].iter().for_each(|module| module.to_dtype(dtype).unwrap());
            let all = [
                Branch::Module(&block, &x),
                Branch::Value(&ready),
                Branch::Module(&row, &x),
                Branch::ConvNormAct(layers, &x),
                Branch::Module(&pool, &x),
            ];
            let run = |branches: &[Branch<'_>]| cat_branches(branches, Mode::Eval).unwrap();
            let deviation = |a: &Var, b: &Var| a.value().sub(b.value()).unwrap().abs().unwrap().amax(&[], false).unwrap().item().unwrap();
            let with_graph = run(&all);
            assert!(with_graph.requires_grad());
            // Pooling is no convolution, so that all are joined afterwards; without it, convolutions write to their places.
            let joined = no_grad(|| run(&all));
            let first = no_grad(|| run(&all[..4]));
            let pooled = pool.forward(&x, Mode::Eval).unwrap();
            let in_place = no_grad(|| run(&[&all[..4], &[Branch::Value(&pooled)]].concat()));
            assert!(!in_place.requires_grad());
            assert_eq!(first.dims(), [2, 40 + 5 + 8 + 33, 9, 9]);
            assert!(deviation(&in_place, &joined) < 1e-5 && deviation(&in_place, &with_graph) < 1e-5);
            assert!(deviation(&in_place.narrow(1, 0, 86).unwrap(), &first) == 0.0);
        }
    }

    #[test]
    fn a_gradient_flows_through_a_value_beside_convolutions_that_learn_nothing() {
        let value = Parameter::new(Tensor::ones([1, 2, 3, 3], DType::F32).unwrap()).var();
        let conv = Conv2d::new(2, 2, 1);
        conv.freeze("*").unwrap();
        let x = Var::from(Tensor::ones([1, 2, 3, 3], DType::F32).unwrap());
        let y = cat_branches(&[Branch::Module(&conv, &x), Branch::Value(&value)], Mode::Eval).unwrap();
        assert!(y.requires_grad());
    }
}
