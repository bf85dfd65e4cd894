//! How parameters begin: the distributions of `torch.nn.init`.

use tensor::{DType, Error, Result, Shape, Tensor, random::Generator};

/// An initialisation. In weights `[out, in, …]`, fan-in is `in` and fan-out is `out`, each times the taps of the kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// `zeros_`.
    Zeros,
    /// `ones_`.
    Ones,
    /// `constant_`: every value this one.
    Constant(f64),
    /// `uniform_` in `[low, high)`.
    Uniform {
        /// The least value.
        low: f64,
        /// The bound that values stay below.
        high: f64,
    },
    /// `normal_`.
    Normal {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        std: f64,
    },
    /// `trunc_normal_`: a normal distribution cut off outside `[low, high]`, which holds the mean.
    TruncNormal {
        /// The mean before cutting.
        mean: f64,
        /// The standard deviation before cutting.
        std: f64,
        /// The least value.
        low: f64,
        /// The largest value.
        high: f64,
    },
    /// `kaiming_uniform_` (He et al., "Delving deep into rectifiers", 2015).
    KaimingUniform {
        /// The side whose variance is kept.
        mode: FanMode,
        /// What follows the layer.
        nonlinearity: Nonlinearity,
    },
    /// `kaiming_normal_`.
    KaimingNormal {
        /// The side whose variance is kept.
        mode: FanMode,
        /// What follows the layer.
        nonlinearity: Nonlinearity,
    },
    /// `xavier_uniform_` (Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010).
    XavierUniform {
        /// What the standard deviation is multiplied by.
        gain: f64,
    },
    /// `xavier_normal_`.
    XavierNormal {
        /// What the standard deviation is multiplied by.
        gain: f64,
    },
}

/// The side of a layer whose variance an initialisation keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FanMode {
    /// The activations' on the way forward.
    FanIn,
    /// The gradients' on the way back.
    FanOut,
}

/// What follows a layer, for the gain that makes up for it: PyTorch's `calculate_gain`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Nonlinearity {
    /// Nothing.
    Linear,
    /// The logistic function.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// The rectifier.
    ReLU,
    /// A rectifier with this slope below zero.
    LeakyReLU(f64),
}

impl Nonlinearity {
    /// The factor of the standard deviation.
    pub fn gain(self) -> f64 {
        match self {
            Nonlinearity::Linear | Nonlinearity::Sigmoid => 1.0,
            Nonlinearity::Tanh => 5.0 / 3.0,
            Nonlinearity::ReLU => 2f64.sqrt(),
            Nonlinearity::LeakyReLU(slope) => (2.0 / (1.0 + slope * slope)).sqrt(),
        }
    }
}

impl Init {
    /// The default of PyTorch's convolutions and linear layers: uniform within `±1 / √fan_in`.
    pub const DEFAULT_WEIGHT: Init =
        Init::KaimingUniform { mode: FanMode::FanIn, nonlinearity: Nonlinearity::LeakyReLU(2.236_067_977_499_79) };

    /// The default of PyTorch's biases: uniform within `±1 / √fan_in` of the weight.
    pub fn default_bias(weight: &Shape) -> Init {
        let bound = 1.0 / fan(weight, FanMode::FanIn).sqrt();
        if bound.is_finite() { Init::Uniform { low: -bound, high: bound } } else { Init::Zeros }
    }

    /// Draws a row-major `f32` tensor.
    ///
    /// # Errors
    /// Where the settings make no sense, the shape has no fans, or it does not fit in memory.
    pub fn draw(&self, shape: &Shape, generator: &mut Generator) -> Result<Tensor> {
        self.check(shape)?;
        let uniform = |bound: f64, generator: &mut Generator| Tensor::uniform(shape.clone(), -bound, bound, generator);
        match *self {
            Init::Zeros => Tensor::zeros(shape.clone(), DType::F32),
            Init::Ones => Tensor::ones(shape.clone(), DType::F32),
            Init::Constant(value) => Tensor::full(shape.clone(), value, DType::F32),
            Init::Uniform { low, high } => Tensor::uniform(shape.clone(), low, high, generator),
            Init::Normal { mean, std } => Tensor::normal(shape.clone(), mean, std, generator),
            Init::TruncNormal { mean, std, low, high } => {
                let mut tensor = Tensor::zeros(shape.clone(), DType::F32)?;
                tensor.data_mut::<f32>()?.iter_mut().for_each(|x| *x = truncated_normal(mean, std, low, high, generator) as f32);
                Ok(tensor)
            }
            Init::KaimingUniform { .. } | Init::XavierUniform { .. } => uniform(3f64.sqrt() * self.std(shape), generator),
            Init::KaimingNormal { .. } | Init::XavierNormal { .. } => Tensor::normal(shape.clone(), 0.0, self.std(shape), generator),
        }
    }

    /// Why the initialisation cannot draw this shape, if so.
    pub(crate) fn check(&self, shape: &Shape) -> Result<()> {
        let by_fans = matches!(
            self,
            Init::KaimingUniform { .. } | Init::KaimingNormal { .. } | Init::XavierUniform { .. } | Init::XavierNormal { .. }
        );
        if by_fans && shape.rank() < 2 {
            return Err(Error::shape("init", shape, format!("{self:?} needs at least two dimensions")));
        }
        if let Init::TruncNormal { mean, std, low, high } = *self
            && !(low <= mean && mean <= high && low < high && std > 0.0)
        {
            return Err(Error::argument("init", format!("{self:?}: low <= mean <= high and std > 0 are needed")));
        }
        Ok(())
    }

    /// The standard deviation of those initialisations that take it from the fans.
    fn std(&self, shape: &Shape) -> f64 {
        let variance = match *self {
            Init::KaimingUniform { mode, nonlinearity } | Init::KaimingNormal { mode, nonlinearity } => {
                nonlinearity.gain().powi(2) / fan(shape, mode)
            }
            Init::XavierUniform { gain } | Init::XavierNormal { gain } => {
                2.0 * gain * gain / (fan(shape, FanMode::FanIn) + fan(shape, FanMode::FanOut))
            }
            _ => 0.0,
        };
        if variance.is_finite() { variance.sqrt() } else { 0.0 }
    }
}

fn fan(weight: &Shape, mode: FanMode) -> f64 {
    let side = usize::from(mode == FanMode::FanIn);
    let taps = weight.iter().skip(2);
    weight.get(side).into_iter().chain(taps).map(|&n| n as f64).product()
}

/// Rejection from a normal where the interval is wide, else from a uniform distribution: about half of all proposals are taken at
/// worst.
fn truncated_normal(mean: f64, std: f64, low: f64, high: f64, generator: &mut Generator) -> f64 {
    let wide = high - low >= 2.0 * std;
    loop {
        let x = if wide { mean + std * generator.normal() } else { low + (high - low) * generator.uniform() };
        let z = (x - mean) / std;
        if (low..=high).contains(&x) && (wide || generator.uniform() < (-0.5 * z * z).exp()) {
            return x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(init: Init, shape: &[usize]) -> (f64, f64, f64) {
        let values = init.draw(&shape.into(), &mut Generator::new(7)).unwrap().to_f64_vec().unwrap();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let std = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        (mean, std, values.iter().fold(0.0, |m: f64, x| m.max(x.abs())))
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 0.02 * b.abs().max(0.05)
    }

    #[test]
    fn the_default_weight_is_uniform_within_one_over_root_fan_in() {
        let bound = 1.0 / (8f64 * 9.0).sqrt();
        let (mean, std, max) = moments(Init::DEFAULT_WEIGHT, &[128, 8, 3, 3]);
        assert!(mean.abs() < 0.01 * bound + 1e-3 && near(std, bound / 3f64.sqrt()) && max <= bound && max > 0.99 * bound);
    }

    #[test]
    fn the_default_bias_goes_by_the_weights_fan_in() {
        assert_eq!(Init::default_bias(&[10, 4, 2, 2].into()), Init::Uniform { low: -0.25, high: 0.25 });
        assert_eq!(Init::default_bias(&[10, 0].into()), Init::Zeros);
    }

    #[test]
    fn kaiming_normal_keeps_the_variance_of_the_side_asked_for() {
        for (mode, fan) in [(FanMode::FanIn, 72.0), (FanMode::FanOut, 1152.0)] {
            let (_, std, _) = moments(Init::KaimingNormal { mode, nonlinearity: Nonlinearity::ReLU }, &[128, 8, 3, 3]);
            assert!(near(std, (2f64 / fan).sqrt()), "{std}");
        }
    }

    #[test]
    fn xavier_goes_by_both_sides() {
        let std = (2f64 / 500.0).sqrt();
        let (_, uniform, max) = moments(Init::XavierUniform { gain: 1.0 }, &[300, 200]);
        let (_, normal, _) = moments(Init::XavierNormal { gain: 1.0 }, &[300, 200]);
        assert!(near(uniform, std) && max <= 3f64.sqrt() * std && near(normal, std));
    }

    #[test]
    fn a_truncated_normal_stays_inside_and_has_the_right_spread() {
        let (mean, std, max) = moments(Init::TruncNormal { mean: 0.0, std: 1.0, low: -2.0, high: 2.0 }, &[40_000]);
        assert!(mean.abs() < 0.02 && near(std, 0.8796) && max <= 2.0);
        let (mean, _, max) = moments(Init::TruncNormal { mean: 0.0, std: 1.0, low: 0.0, high: 1.0 }, &[40_000]);
        assert!(near(mean, 0.4598) && max <= 1.0);
    }

    #[test]
    fn settings_that_make_no_sense_are_errors() {
        let mut generator = Generator::new(0);
        let outside = Init::TruncNormal { mean: 3.0, std: 1.0, low: -2.0, high: 2.0 };
        assert!(outside.draw(&[3].into(), &mut generator).is_err());
        assert!(Init::DEFAULT_WEIGHT.draw(&[3].into(), &mut generator).is_err());
    }
}
