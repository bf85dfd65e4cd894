//! Functions of each element, and batch normalisation.

use std::f64::consts::SQRT_2;

use autograd::op::BatchNorm;
use tensor::ops::Unary;

use super::{Float, Lowered, Lowering, only};

impl Lowering<'_> {
    pub(super) fn unary(&mut self, inputs: &[String], op: Unary) -> Lowered {
        let x = only(inputs)?;
        let op_type = match op {
            Unary::Neg => "Neg",
            Unary::Abs => "Abs",
            Unary::Exp => "Exp",
            Unary::Ln => "Log",
            Unary::Sqrt => "Sqrt",
            Unary::Tanh => "Tanh",
            Unary::Sigmoid => "Sigmoid",
            Unary::Relu => "Relu",
            Unary::Hardswish => "HardSwish",
            Unary::Hardsigmoid => return Ok(self.node("HardSigmoid", &[x], [("alpha", Float(1.0 / 6.0)), ("beta", Float(0.5))])),
            Unary::Gelu => return self.gelu(x),
            Unary::Silu => {
                let sigmoid = self.node("Sigmoid", &[x], []);
                return Ok(self.node("Mul", &[x, &sigmoid], []));
            }
            Unary::Clamp { min, max } => {
                let (min, max) = (self.scalar(min)?, self.scalar(max)?);
                return Ok(self.node("Clip", &[x, &min, &max], []));
            }
            Unary::Affine { mul, add } => {
                let product = self.with_scalar("Mul", x, mul)?;
                return self.with_scalar("Add", &product, add);
            }
            Unary::Pow(exponent) => return self.with_scalar("Pow", x, exponent),
        };
        Ok(self.node(op_type, &[x], []))
    }

    /// `x (1 + erf(x / √2)) / 2`: ONNX has no operator of its own before version 20.
    fn gelu(&mut self, x: &str) -> Lowered {
        let scaled = self.with_scalar("Div", x, SQRT_2)?;
        let erf = self.node("Erf", &[scaled], []);
        let shifted = self.with_scalar("Add", &erf, 1.0)?;
        let product = self.node("Mul", &[x, &shifted], []);
        self.with_scalar("Mul", &product, 0.5)
    }

    fn with_scalar(&mut self, op_type: &'static str, x: &str, value: f64) -> Lowered {
        let value = self.scalar(value)?;
        Ok(self.node(op_type, &[x, &value], []))
    }

    pub(super) fn batch_norm(&mut self, inputs: &[String], norm: &BatchNorm) -> Lowered {
        if norm.batch_stats {
            return Err("it normalises by the statistics of each batch, as in training".to_owned());
        }
        let channels = norm.mean.elements();
        let mut rest = inputs.iter().skip(1);
        let weight = norm.weight.then(|| rest.next()).flatten();
        let bias = norm.bias.then(|| rest.next()).flatten();
        let (weight, bias) = (self.given_or(weight, 1.0, channels)?, self.given_or(bias, 0.0, channels)?);
        let (mean, var) = (self.constant(&norm.mean)?, self.constant(&norm.var)?);
        let epsilon = ("epsilon", Float(norm.eps as f32));
        let mut y = self.node("BatchNormalization", &[only(inputs)?, &weight, &bias, &mean, &var], [epsilon]);
        if let Some(residual) = rest.next() {
            y = self.node("Add", &[&y, residual], []);
        }
        Ok(if norm.relu { self.node("Relu", &[y], []) } else { y })
    }

    /// A parameter, or one that has the same value for every channel.
    fn given_or(&mut self, parameter: Option<&String>, value: f32, channels: usize) -> Lowered {
        parameter.map_or_else(|| self.floats(vec![value; channels], [channels]), |name| Ok(name.clone()))
    }
}
