//! Elementwise functions of one operand.

use tensor::{
    Result,
    ops::{Saved, Unary},
};

use crate::{Op, Var};

impl Var {
    /// `op` of each element.
    pub fn unary(&self, op: Unary) -> Result<Var> {
        let y = self.value.unary(op)?;
        if let Some(factor) = constant_slope(op) {
            return Ok(Var::from_op(Op::Unary(op), y, &[self], move |grad, _| Ok(vec![Some(grad.mul_scalar(factor)?)])));
        }
        let saved = match op.saved() {
            Saved::Input => self.value.clone(),
            Saved::Output => y.clone(),
        };
        Ok(Var::from_op(Op::Unary(op), y, &[self], move |grad, _| Ok(vec![Some(grad.unary_backward(op, &saved)?)])))
    }

    /// `-self`.
    pub fn neg(&self) -> Result<Var> {
        self.unary(Unary::Neg)
    }

    /// The absolute value of each element.
    pub fn abs(&self) -> Result<Var> {
        self.unary(Unary::Abs)
    }

    /// The exponential of each element.
    pub fn exp(&self) -> Result<Var> {
        self.unary(Unary::Exp)
    }

    /// The natural logarithm of each element.
    pub fn ln(&self) -> Result<Var> {
        self.unary(Unary::Ln)
    }

    /// The square root of each element.
    pub fn sqrt(&self) -> Result<Var> {
        self.unary(Unary::Sqrt)
    }

    /// The hyperbolic tangent of each element.
    pub fn tanh(&self) -> Result<Var> {
        self.unary(Unary::Tanh)
    }

    /// The logistic function of each element.
    pub fn sigmoid(&self) -> Result<Var> {
        self.unary(Unary::Sigmoid)
    }

    /// `max(x, 0)` of each element.
    pub fn relu(&self) -> Result<Var> {
        self.unary(Unary::Relu)
    }

    /// Each element held within 0 and 6; no gradient flows at these bounds or beyond.
    pub fn relu6(&self) -> Result<Var> {
        self.clamp(0.0, 6.0)
    }

    /// The Gaussian error linear unit of each element, by the exact error function.
    pub fn gelu(&self) -> Result<Var> {
        self.unary(Unary::Gelu)
    }

    /// `x relu6(x + 3) / 6` of each element.
    pub fn hardswish(&self) -> Result<Var> {
        self.unary(Unary::Hardswish)
    }

    /// `relu6(x + 3) / 6` of each element.
    pub fn hardsigmoid(&self) -> Result<Var> {
        self.unary(Unary::Hardsigmoid)
    }

    /// `x sigmoid(x)` of each element.
    pub fn silu(&self) -> Result<Var> {
        self.unary(Unary::Silu)
    }

    /// Each element held within `min` and `max`; no gradient flows at a bound or beyond.
    pub fn clamp(&self, min: f64, max: f64) -> Result<Var> {
        self.unary(Unary::Clamp { min, max })
    }

    /// `mul * self + add`.
    pub fn affine(&self, mul: f64, add: f64) -> Result<Var> {
        self.unary(Unary::Affine { mul, add })
    }

    /// `self + value`.
    pub fn add_scalar(&self, value: f64) -> Result<Var> {
        self.affine(1.0, value)
    }

    /// `self * value`.
    pub fn mul_scalar(&self, value: f64) -> Result<Var> {
        self.affine(value, 0.0)
    }

    /// Each element to the power `exponent`.
    pub fn pow(&self, exponent: f64) -> Result<Var> {
        self.unary(Unary::Pow(exponent))
    }
}

/// The slope of a function that has the same everywhere: its gradient needs nothing saved.
fn constant_slope(op: Unary) -> Option<f64> {
    match op {
        Unary::Neg => Some(-1.0),
        Unary::Affine { mul, .. } => Some(mul),
        _ => None,
    }
}
