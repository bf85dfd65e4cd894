//! Two-dimensional average pooling to a given output size.

use autograd::Var;

use crate::{Mode, Module, Result, trace};

/// The means of `[N, C, H, W]` over windows that spread evenly over the picture, giving `[N, C, output_size]`: PyTorch's
/// `AdaptiveAvgPool2d`.
///
/// ```
/// use layers::{AdaptiveAvgPool2d, ModuleExt};
/// assert_eq!(AdaptiveAvgPool2d::new(1).repr(), "AdaptiveAvgPool2d(output_size=1)");
/// assert_eq!(AdaptiveAvgPool2d::new((7, 7)).repr(), "AdaptiveAvgPool2d(output_size=(7, 7))");
/// assert_eq!(AdaptiveAvgPool2d::new((None, Some(7))).repr(), "AdaptiveAvgPool2d(output_size=(None, 7))");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct AdaptiveAvgPool2d {
    output_size: OutputSize,
}

/// The size of an output, `None` for the input's. Printed as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputSize {
    /// One number for both.
    Square(Option<usize>),
    /// (vertical, horizontal).
    Pair(Option<usize>, Option<usize>),
}

impl From<usize> for OutputSize {
    fn from(n: usize) -> Self {
        OutputSize::Square(Some(n))
    }
}

impl From<(usize, usize)> for OutputSize {
    fn from((h, w): (usize, usize)) -> Self {
        OutputSize::Pair(Some(h), Some(w))
    }
}

impl From<(Option<usize>, Option<usize>)> for OutputSize {
    fn from((h, w): (Option<usize>, Option<usize>)) -> Self {
        OutputSize::Pair(h, w)
    }
}

impl AdaptiveAvgPool2d {
    /// Pools to this size.
    pub fn new(output_size: impl Into<OutputSize>) -> Self {
        AdaptiveAvgPool2d { output_size: output_size.into() }
    }
}

impl Module for AdaptiveAvgPool2d {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        let size = match self.output_size {
            OutputSize::Square(n) => [n, n],
            OutputSize::Pair(h, w) => [h, w],
        };
        let y = x.adaptive_avg_pool2d(size)?;
        trace::note(self, x, &y);
        Ok(y)
    }

    fn class_name(&self) -> &'static str {
        "AdaptiveAvgPool2d"
    }

    fn extra_repr(&self) -> String {
        let text = |n: Option<usize>| n.map_or("None".to_string(), |n| n.to_string());
        match self.output_size {
            OutputSize::Square(n) => format!("output_size={}", text(n)),
            OutputSize::Pair(h, w) => format!("output_size=({}, {})", text(h), text(w)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::*;

    #[test]
    fn the_output_has_the_size_asked_for() {
        let x = Var::from(Tensor::arange(12, DType::F32).unwrap().reshape([1, 1, 3, 4]).unwrap());
        let pooled = |pool: AdaptiveAvgPool2d| pool.forward(&x, Mode::Eval).unwrap();
        assert_eq!(pooled(AdaptiveAvgPool2d::new(1)).item().unwrap(), 5.5);
        let halves = pooled(AdaptiveAvgPool2d::new((1, 2)));
        assert_eq!(halves.value().to_vec::<f32>().unwrap(), [4.5, 6.5]);
        assert_eq!(pooled(AdaptiveAvgPool2d::new((None, Some(2)))).dims(), [1, 1, 3, 2]);
        let matrix = Var::from(Tensor::ones([3, 4], DType::F32).unwrap());
        assert!(AdaptiveAvgPool2d::new(1).forward(&matrix, Mode::Eval).is_err());
    }
}
