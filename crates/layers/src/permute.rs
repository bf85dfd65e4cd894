//! Another order of dimensions.

use autograd::Var;

use crate::{Mode, Module, Result};

/// The dimensions in another order: dimension `i` of the output is dimension `dims[i]` of the input. torchvision's `Permute`.
///
/// ```
/// use layers::{ModuleExt, Permute};
/// assert_eq!(Permute::new([0, 2, 3, 1]).repr(), "Permute()");
/// ```
#[derive(Debug, Clone)]
pub struct Permute {
    dims: Vec<isize>,
}

impl Permute {
    /// Takes the dimensions in this order.
    pub fn new(dims: impl Into<Vec<isize>>) -> Self {
        Permute { dims: dims.into() }
    }
}

impl Module for Permute {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        Ok(x.permute(&self.dims)?)
    }

    fn class_name(&self) -> &'static str {
        "Permute"
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::*;

    #[test]
    fn the_output_has_the_dimensions_in_the_order_given() {
        let x = Var::from(Tensor::arange(6, DType::F32).unwrap().reshape([1, 2, 3]).unwrap());
        let y = Permute::new([2, 0, 1]).forward(&x, Mode::Eval).unwrap();
        assert_eq!((y.dims(), y.value().to_vec::<f32>().unwrap()), (&[3, 1, 2][..], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
        assert!(Permute::new([0, 1]).forward(&x, Mode::Eval).is_err());
    }
}
