//! Activation functions: elementwise, the output has the input's shape.

use autograd::Var;
use tensor::ops::Unary;

use crate::{Mode, Module, Result};

/// An activation whose PyTorch class takes `inplace`, which matters for printing only.
macro_rules! activation {
    ($(#[$doc:meta])* $name:ident, $op:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default)]
        pub struct $name {
            inplace: bool,
        }

        impl $name {
            /// The activation.
            pub fn new() -> Self {
                Self::default()
            }

            /// Prints as `inplace=True`. The input is left as it is either way.
            pub fn inplace(self, inplace: bool) -> Self {
                $name { inplace }
            }
        }

        impl Module for $name {
            fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
                Ok(x.unary($op)?)
            }
            fn activation(&self) -> Option<Unary> {
                Some($op)
            }
            fn class_name(&self) -> &'static str {
                stringify!($name)
            }
            fn extra_repr(&self) -> String {
                if self.inplace { "inplace=True".to_string() } else { String::new() }
            }
        }
    };
}

activation!(
    /// `max(x, 0)`: PyTorch's `ReLU`.
    ///
    /// ```
    /// use layers::{ModuleExt, ReLU};
    /// assert_eq!(ReLU::new().inplace(true).repr(), "ReLU(inplace=True)");
    /// ```
    ReLU,
    Unary::Relu
);
activation!(
    /// `min(max(x, 0), 6)`: PyTorch's `ReLU6`.
    ReLU6,
    Unary::Clamp { min: 0.0, max: 6.0 }
);
activation!(
    /// `x sigmoid(x)`: PyTorch's `SiLU`.
    SiLU,
    Unary::Silu
);
activation!(
    /// `x min(max(x + 3, 0), 6) / 6`: PyTorch's `Hardswish`.
    Hardswish,
    Unary::Hardswish
);
activation!(
    /// `min(max(x + 3, 0), 6) / 6`: PyTorch's `Hardsigmoid`.
    Hardsigmoid,
    Unary::Hardsigmoid
);

/// `1 / (1 + exp(-x))`: PyTorch's `Sigmoid`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sigmoid;

impl Module for Sigmoid {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        Ok(x.unary(Unary::Sigmoid)?)
    }
    fn activation(&self) -> Option<Unary> {
        Some(Unary::Sigmoid)
    }
    fn class_name(&self) -> &'static str {
        "Sigmoid"
    }
}

/// `x` times the normal distribution function of `x`, exactly: PyTorch's `GELU`.
#[derive(Debug, Clone, Copy, Default)]
pub struct GELU;

impl Module for GELU {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        Ok(x.unary(Unary::Gelu)?)
    }
    fn activation(&self) -> Option<Unary> {
        Some(Unary::Gelu)
    }
    fn class_name(&self) -> &'static str {
        "GELU"
    }
    fn extra_repr(&self) -> String {
        "approximate='none'".to_string()
    }
}

#[cfg(test)]
mod tests {
    use tensor::Tensor;

    use super::*;
    use crate::ModuleExt;

    #[test]
    fn each_computes_and_prints_what_pytorch_does() {
        // torch.tensor([-4., -1., 0.5, 7.]) through each class.
        let cases: [(Box<dyn Module>, [f64; 4], &str); 7] = [
            (Box::new(ReLU::new()), [0.0, 0.0, 0.5, 7.0], "ReLU()"),
            (Box::new(ReLU6::new().inplace(true)), [0.0, 0.0, 0.5, 6.0], "ReLU6(inplace=True)"),
            (Box::new(SiLU::new()), [-0.07194484, -0.26894143, 0.31122968, 6.99362278], "SiLU()"),
            (Box::new(Hardswish::new()), [0.0, -0.33333334, 0.29166666, 7.0], "Hardswish()"),
            (Box::new(Hardsigmoid::new()), [0.0, 0.33333334, 0.58333331, 1.0], "Hardsigmoid()"),
            (Box::new(Sigmoid), [0.01798621, 0.26894143, 0.62245935, 0.99908897], "Sigmoid()"),
            (Box::new(GELU), [-0.00012669, -0.15865526, 0.34573123, 7.0], "GELU(approximate='none')"),
        ];
        let x = Var::from(Tensor::from_vec(vec![-4f32, -1.0, 0.5, 7.0], [4]).unwrap());
        for (layer, expected, text) in cases {
            let y = layer.forward(&x, Mode::Eval).unwrap().value().to_f64_vec().unwrap();
            assert!(y.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{text}: {y:?}");
            assert_eq!(layer.repr(), text);
        }
    }
}
