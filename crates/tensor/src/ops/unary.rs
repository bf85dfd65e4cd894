//! Elementwise functions of one operand, and their gradients.

use super::check::{check_compute, check_float};
use crate::{Error, Layout, Result, Tensor};

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unary {
    /// -x
    Neg,
    /// |x|
    Abs,
    /// eˣ
    Exp,
    /// The natural logarithm.
    Ln,
    /// √x
    Sqrt,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// max(x, 0)
    Relu,
    /// x Φ(x) with the exact normal distribution function, as PyTorch's default.
    Gelu,
    /// x relu6(x + 3) / 6
    Hardswish,
    /// relu6(x + 3) / 6
    Hardsigmoid,
    /// x sigmoid(x)
    Silu,
    /// x held within bounds.
    Clamp {
        /// The least value.
        min: f64,
        /// The largest value.
        max: f64,
    },
    /// mul · x + add
    Affine {
        /// The factor.
        mul: f64,
        /// The summand.
        add: f64,
    },
    /// x to this power.
    Pow(f64),
}

/// What the gradient of a [`Unary`] is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// The operand.
    Input,
    /// The result.
    Output,
}

impl Unary {
    /// What [`Tensor::unary_backward`] needs as its `saved`.
    pub fn saved(self) -> Saved {
        match self {
            Unary::Exp | Unary::Sqrt | Unary::Tanh | Unary::Sigmoid | Unary::Relu => Saved::Output,
            _ => Saved::Input,
        }
    }

    /// Whether the function of zero is zero, so that the padding of blocked weights stays zero.
    fn keeps_zero(self) -> bool {
        match self {
            Unary::Exp | Unary::Ln | Unary::Sigmoid | Unary::Hardsigmoid => false,
            Unary::Clamp { min, max } => min <= 0.0 && 0.0 <= max,
            Unary::Affine { add, .. } => add == 0.0,
            Unary::Pow(exponent) => exponent > 0.0,
            _ => true,
        }
    }

    /// The function's name, as of the method of [`Tensor`].
    pub fn name(self) -> &'static str {
        match self {
            Unary::Neg => "neg",
            Unary::Abs => "abs",
            Unary::Exp => "exp",
            Unary::Ln => "ln",
            Unary::Sqrt => "sqrt",
            Unary::Tanh => "tanh",
            Unary::Sigmoid => "sigmoid",
            Unary::Relu => "relu",
            Unary::Gelu => "gelu",
            Unary::Hardswish => "hardswish",
            Unary::Hardsigmoid => "hardsigmoid",
            Unary::Silu => "silu",
            Unary::Clamp { .. } => "clamp",
            Unary::Affine { .. } => "affine",
            Unary::Pow(_) => "pow",
        }
    }
}

impl Tensor {
    /// `op` of each element. The result has the operand's memory order. Floats only.
    pub fn unary(&self, op: Unary) -> Result<Tensor> {
        check_float(op.name(), self)?;
        let x = if self.layout() == Layout::Blocked && !op.keeps_zero() { &self.contiguous()? } else { self };
        self.device().backend()?.unary(op, x)
    }

    /// The gradient of [`unary`](Tensor::unary) with respect to its operand, in one pass. `self` is the gradient with respect to
    /// the result; `saved` is the operand or the result, as [`Unary::saved`] says. The result has the memory order and the element type of
    /// `saved`.
    pub fn unary_backward(&self, op: Unary, saved: &Tensor) -> Result<Tensor> {
        check_compute(op.name(), self, &[Some(saved)])?;
        if self.shape() != saved.shape() {
            return Err(Error::shapes(op.name(), self.dims(), saved.dims(), "the gradient has the shape of what was saved"));
        }
        let saved = if saved.layout() == Layout::Blocked { &saved.contiguous()? } else { saved };
        self.device().backend()?.unary_backward(op, &self.to_dtype(saved.dtype())?.to_layout(saved.layout())?, saved)
    }

    /// `-self`.
    pub fn neg(&self) -> Result<Tensor> {
        self.unary(Unary::Neg)
    }

    /// The absolute value of each element.
    pub fn abs(&self) -> Result<Tensor> {
        self.unary(Unary::Abs)
    }

    /// The exponential of each element.
    pub fn exp(&self) -> Result<Tensor> {
        self.unary(Unary::Exp)
    }

    /// The natural logarithm of each element.
    pub fn ln(&self) -> Result<Tensor> {
        self.unary(Unary::Ln)
    }

    /// The square root of each element.
    pub fn sqrt(&self) -> Result<Tensor> {
        self.unary(Unary::Sqrt)
    }

    /// The hyperbolic tangent of each element.
    pub fn tanh(&self) -> Result<Tensor> {
        self.unary(Unary::Tanh)
    }

    /// The logistic function of each element.
    pub fn sigmoid(&self) -> Result<Tensor> {
        self.unary(Unary::Sigmoid)
    }

    /// `max(x, 0)` of each element.
    pub fn relu(&self) -> Result<Tensor> {
        self.unary(Unary::Relu)
    }

    /// Each element held within 0 and 6.
    pub fn relu6(&self) -> Result<Tensor> {
        self.clamp(0.0, 6.0)
    }

    /// The Gaussian error linear unit of each element, by the exact error function.
    pub fn gelu(&self) -> Result<Tensor> {
        self.unary(Unary::Gelu)
    }

    /// `x relu6(x + 3) / 6` of each element.
    pub fn hardswish(&self) -> Result<Tensor> {
        self.unary(Unary::Hardswish)
    }

    /// `relu6(x + 3) / 6` of each element.
    pub fn hardsigmoid(&self) -> Result<Tensor> {
        self.unary(Unary::Hardsigmoid)
    }

    /// `x sigmoid(x)` of each element.
    pub fn silu(&self) -> Result<Tensor> {
        self.unary(Unary::Silu)
    }

    /// Each element held within `min` and `max` (`max` where the bounds cross). NaN stays NaN.
    pub fn clamp(&self, min: f64, max: f64) -> Result<Tensor> {
        self.unary(Unary::Clamp { min, max })
    }

    /// `mul * self + add`.
    pub fn affine(&self, mul: f64, add: f64) -> Result<Tensor> {
        self.unary(Unary::Affine { mul, add })
    }

    /// `self + value`.
    pub fn add_scalar(&self, value: f64) -> Result<Tensor> {
        self.affine(1.0, value)
    }

    /// `self * value`.
    pub fn mul_scalar(&self, value: f64) -> Result<Tensor> {
        self.affine(value, 0.0)
    }

    /// Each element to the power `exponent`.
    pub fn pow(&self, exponent: f64) -> Result<Tensor> {
        self.unary(Unary::Pow(exponent))
    }
}
