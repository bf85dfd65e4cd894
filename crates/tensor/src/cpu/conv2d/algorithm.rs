//! Which kernels compute a pass of a convolution.

use std::fmt;

use super::{
    depthwise,
    weight::{Grouping, grouping},
    winograd,
};
use crate::{
    DType,
    ops::{ConvMethod, ConvShape},
};

/// A pass of training; the first is that of inference too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConvPass {
    /// From input and weight to the output.
    Forward,
    /// From the output's gradient to the input's.
    GradInput,
    /// From the output's gradient to the weight's.
    GradWeight,
}

/// The kernels that a convolution is computed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConvAlgorithm {
    /// Products of `f32` in register tiles.
    Direct,
    /// Products of bf16 in register tiles.
    Bf16,
    /// Winograd's F(4x4, 3x3).
    Winograd,
    /// Each channel by itself.
    Depthwise,
    /// Plain loops, for element types and groups that no other takes.
    Plain,
}

impl fmt::Display for ConvAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ConvAlgorithm::Direct => "direct",
            ConvAlgorithm::Bf16 => "bf16",
            ConvAlgorithm::Winograd => "winograd",
            ConvAlgorithm::Depthwise => "depthwise",
            ConvAlgorithm::Plain => "plain",
        })
    }
}

/// The kernels that a pass of an `f32` convolution is computed by, as its shape and its method have it.
pub fn conv2d_algorithm(shape: &ConvShape, pass: ConvPass) -> ConvAlgorithm {
    match kernels(DType::F32, shape, pass) {
        Kernels::Tiles(_) if shape.options.method == ConvMethod::Bf16 => ConvAlgorithm::Bf16,
        Kernels::Tiles(_) => ConvAlgorithm::Direct,
        Kernels::Winograd => ConvAlgorithm::Winograd,
        Kernels::Depthwise => ConvAlgorithm::Depthwise,
        Kernels::Plain => ConvAlgorithm::Plain,
    }
}

/// [`ConvAlgorithm`] as the dispatch needs it.
pub(super) enum Kernels {
    Depthwise,
    Winograd,
    Tiles(Grouping),
    Plain,
}

impl Kernels {
    /// Whether activations may be stored as bf16.
    pub(super) fn take_bf16(&self, s: &ConvShape) -> bool {
        match self {
            Kernels::Depthwise => true,
            Kernels::Tiles(_) => s.options.method == ConvMethod::Bf16,
            Kernels::Winograd | Kernels::Plain => false,
        }
    }
}

pub(super) fn kernels(dtype: DType, s: &ConvShape, pass: ConvPass) -> Kernels {
    if depthwise::applies(dtype, s) {
        return Kernels::Depthwise;
    }
    match grouping(s).filter(|_| dtype != DType::F64) {
        Some(_) if winograd::applies(s, pass) => Kernels::Winograd,
        Some(piece) => Kernels::Tiles(piece),
        None => Kernels::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Conv2dOptions;

    fn algorithm(x: [usize; 4], weight: [usize; 4], groups: usize, method: ConvMethod, pass: ConvPass) -> ConvAlgorithm {
        let options = Conv2dOptions { padding: (1, 1), groups, method, ..Default::default() };
        conv2d_algorithm(&ConvShape::new(&x, &weight, &options).unwrap(), pass)
    }

    #[test]
    fn methods_are_taken_where_they_can_be() {
        let wide = |method, pass| algorithm([1, 512, 7, 7], [512, 512, 3, 3], 1, method, pass);
        assert_eq!(wide(ConvMethod::Fastest, ConvPass::Forward), ConvAlgorithm::Direct, "filters dominate");
        assert_eq!(wide(ConvMethod::Bf16, ConvPass::GradInput), ConvAlgorithm::Bf16);
        assert_eq!(wide(ConvMethod::Direct, ConvPass::GradWeight), ConvAlgorithm::Direct);
        if super::super::winograd_enabled() {
            assert_eq!(wide(ConvMethod::Winograd, ConvPass::Forward), ConvAlgorithm::Winograd);
            assert_eq!(wide(ConvMethod::Winograd, ConvPass::GradWeight), ConvAlgorithm::Winograd);
            let many_tiles = algorithm([1, 64, 56, 56], [64, 64, 3, 3], 1, ConvMethod::Fastest, ConvPass::GradInput);
            assert_eq!(many_tiles, ConvAlgorithm::Winograd);
        }
        let depthwise = algorithm([1, 32, 8, 8], [32, 1, 3, 3], 32, ConvMethod::Bf16, ConvPass::Forward);
        assert_eq!(depthwise, ConvAlgorithm::Depthwise);
        assert_eq!(algorithm([1, 6, 8, 8], [6, 2, 3, 3], 3, ConvMethod::Winograd, ConvPass::Forward), ConvAlgorithm::Plain);
    }
}
