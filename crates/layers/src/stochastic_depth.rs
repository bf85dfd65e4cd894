//! Stochastic depth.

use autograd::Var;
use tensor::Tensor;

use crate::{Mode, Module, Result, repr};

/// In training, zeroes each row of the batch with probability `p` and multiplies the others by `1 / (1 - p)`, so that a residual
/// branch is left out at times; in inference passes everything: torchvision's `StochasticDepth` in mode `row` (Huang et al., "Deep
/// networks with stochastic depth", 2016). Draws from the global generator.
///
/// ```
/// use layers::{ModuleExt, StochasticDepth};
/// assert_eq!(StochasticDepth::new(0.1).repr(), "StochasticDepth(p=0.1, mode=row)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct StochasticDepth {
    p: f64,
}

impl StochasticDepth {
    /// Drops a row with probability `p`.
    pub fn new(p: f64) -> Self {
        StochasticDepth { p }
    }
}

impl Module for StochasticDepth {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        if mode == Mode::Eval || self.p == 0.0 {
            return Ok(x.clone());
        }
        let one_a_row: Vec<usize> = x.dims().iter().enumerate().map(|(d, &size)| if d == 0 { size } else { 1 }).collect();
        let rows = Var::from(Tensor::ones(one_a_row, x.value().dtype())?.to_device(x.value().device())?);
        Ok(x.mul(&rows.dropout(self.p)?)?)
    }

    fn class_name(&self) -> &'static str {
        "StochasticDepth"
    }

    fn extra_repr(&self) -> String {
        format!("p={}, mode=row", repr::float(self.p))
    }
}

#[cfg(test)]
mod tests {
    use autograd::Parameter;
    use tensor::DType;

    use super::*;

    fn ones() -> Parameter {
        Parameter::new(Tensor::ones([1000, 2, 3, 1], DType::F32).unwrap())
    }

    #[test]
    fn training_drops_whole_rows_and_their_gradients_and_keeps_the_mean() {
        let x = ones();
        let y = StochasticDepth::new(0.2).forward(&x.var(), Mode::Train).unwrap();
        let values = y.value().to_vec::<f32>().unwrap();
        let rows = values.chunks_exact(6);
        assert!(rows.clone().all(|row| row.iter().all(|&v| v == row[0] && (v == 0.0 || v == 1.25))));
        let kept = rows.filter(|row| row[0] != 0.0).count();
        assert!((740..860).contains(&kept), "{kept}");
        y.sum_all().unwrap().backward().unwrap();
        assert_eq!(x.grad().unwrap().to_vec::<f32>().unwrap(), values);
    }

    #[test]
    fn inference_passes_everything_and_full_depth_always() {
        let x = ones().var();
        for (p, mode) in [(0.9, Mode::Eval), (0.0, Mode::Train)] {
            let y = StochasticDepth::new(p).forward(&x, mode).unwrap();
            assert!(y.value().shares_memory_with(x.value()), "{p}");
        }
    }

    #[test]
    fn a_probability_outside_0_to_1_is_an_error() {
        for p in [-0.1, 1.5, f64::NAN] {
            assert!(StochasticDepth::new(p).forward(&ones().var(), Mode::Train).is_err(), "{p}");
        }
    }
}
