//! Dropout.

use autograd::Var;

use crate::{Mode, Module, Result, repr};

/// In training, zeroes each element with probability `p` and multiplies the others by `1 / (1 - p)`; in inference passes
/// everything: PyTorch's `Dropout` (Srivastava et al., "Dropout", 2014). Draws from the global generator.
///
/// ```
/// use layers::{Dropout, ModuleExt};
/// assert_eq!(Dropout::new(0.5).repr(), "Dropout(p=0.5, inplace=False)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    p: f64,
    inplace: bool,
}

impl Dropout {
    /// Drops with probability `p`.
    pub fn new(p: f64) -> Self {
        Dropout { p, inplace: false }
    }

    /// Prints as `inplace=True`. The input is left as it is either way.
    pub fn inplace(self, inplace: bool) -> Self {
        Dropout { inplace, ..self }
    }
}

impl Module for Dropout {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        match mode {
            Mode::Train if self.p != 0.0 => Ok(x.dropout(self.p)?),
            _ => Ok(x.clone()),
        }
    }

    fn class_name(&self) -> &'static str {
        "Dropout"
    }

    fn extra_repr(&self) -> String {
        format!("p={}, inplace={}", repr::float(self.p), repr::boolean(self.inplace))
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::*;

    #[test]
    fn training_drops_a_share_and_keeps_the_mean() {
        let x = Var::from(Tensor::ones([100, 100], DType::F32).unwrap());
        let y = Dropout::new(0.25).forward(&x, Mode::Train).unwrap().value().to_f64_vec().unwrap();
        let kept = y.iter().filter(|&&v| (v - 1.0 / 0.75).abs() < 1e-6).count();
        assert_eq!(kept + y.iter().filter(|&&v| v == 0.0).count(), 10_000);
        assert!((7_200..7_800).contains(&kept), "{kept}");
    }

    #[test]
    fn inference_passes_everything() {
        let x = Var::from(Tensor::ones([4], DType::F32).unwrap());
        let y = Dropout::new(0.9).forward(&x, Mode::Eval).unwrap();
        assert_eq!(y.value().to_vec::<f32>().unwrap(), [1.0; 4]);
    }

    #[test]
    fn a_probability_outside_0_to_1_is_an_error() {
        let x = Var::from(Tensor::ones([4], DType::F32).unwrap());
        for p in [-0.1, 1.5, f64::NAN] {
            assert!(Dropout::new(p).forward(&x, Mode::Train).is_err(), "{p}");
        }
    }
}
