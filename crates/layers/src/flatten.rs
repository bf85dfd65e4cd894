//! Merging dimensions.

use autograd::Var;

use crate::{Mode, Module, Result};

/// Dimensions `start_dim..=end_dim` merged into one, `[N, C, H, W]` to `[N, C H W]` by default: PyTorch's `Flatten`.
///
/// ```
/// use layers::{Flatten, ModuleExt};
/// assert_eq!(Flatten::new().repr(), "Flatten(start_dim=1, end_dim=-1)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Flatten {
    start_dim: isize,
    end_dim: isize,
}

impl Flatten {
    /// Merges all dimensions but the first.
    pub fn new() -> Self {
        Flatten { start_dim: 1, end_dim: -1 }
    }

    /// The first dimension to merge, from the end where negative.
    pub fn start_dim(self, start_dim: isize) -> Self {
        Flatten { start_dim, ..self }
    }

    /// The last dimension to merge, from the end where negative.
    pub fn end_dim(self, end_dim: isize) -> Self {
        Flatten { end_dim, ..self }
    }
}

impl Default for Flatten {
    fn default() -> Self {
        Flatten::new()
    }
}

impl Module for Flatten {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        Ok(x.flatten(self.start_dim, self.end_dim)?)
    }

    fn class_name(&self) -> &'static str {
        "Flatten"
    }

    fn extra_repr(&self) -> String {
        format!("start_dim={}, end_dim={}", self.start_dim, self.end_dim)
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::*;

    #[test]
    fn merges_in_pytorchs_order_whatever_the_memory_order() {
        let x = Tensor::arange(12, DType::F32).unwrap().reshape([1, 3, 2, 2]).unwrap().channels_last().unwrap();
        let y = Flatten::new().forward(&Var::from(x.clone()), Mode::Eval).unwrap();
        assert_eq!((y.dims(), y.value().to_f64_vec().unwrap()), (&[1, 12][..], (0..12).map(f64::from).collect()));
        assert_eq!(Flatten::new().start_dim(-2).forward(&Var::from(x.clone()), Mode::Eval).unwrap().dims(), [1, 3, 4]);
        assert!(Flatten::new().start_dim(3).end_dim(1).forward(&Var::from(x), Mode::Eval).is_err());
    }
}
