//! Elementwise functions of two operands, broadcast against each other as in PyTorch.

use tensor::{Result, Shape, Tensor};

use crate::{Op, Var};

impl Var {
    /// `self + rhs`.
    pub fn add(&self, rhs: &Var) -> Result<Var> {
        let y = self.value.add(&rhs.value)?;
        let shapes = self.shapes_with(rhs);
        Ok(Var::from_op(Op::Add, y, &[self, rhs], move |grad, needed| {
            unbroadcast(shapes, needed, || Ok(grad.clone()), || Ok(grad.clone()))
        }))
    }

    /// `self - rhs`.
    pub fn sub(&self, rhs: &Var) -> Result<Var> {
        let y = self.value.sub(&rhs.value)?;
        let shapes = self.shapes_with(rhs);
        Ok(Var::from_op(Op::Sub, y, &[self, rhs], move |grad, needed| unbroadcast(shapes, needed, || Ok(grad.clone()), || grad.neg())))
    }

    /// `self * rhs`.
    pub fn mul(&self, rhs: &Var) -> Result<Var> {
        let y = self.value.mul(&rhs.value)?;
        let shapes = self.shapes_with(rhs);
        let (lhs_value, rhs_value) = (self.saved_for(rhs), rhs.saved_for(self));
        Ok(Var::from_op(Op::Mul, y, &[self, rhs], move |grad, needed| {
            unbroadcast(shapes, needed, || grad.mul(&rhs_value), || grad.mul(&lhs_value))
        }))
    }

    /// `self / rhs`.
    pub fn div(&self, rhs: &Var) -> Result<Var> {
        let y = self.value.div(&rhs.value)?;
        let shapes = self.shapes_with(rhs);
        let (quotient, divisor) = (y.clone(), rhs.value.clone());
        Ok(Var::from_op(Op::Div, y, &[self, rhs], move |grad, needed| {
            unbroadcast(shapes, needed, || grad.div(&divisor), || grad.mul(&quotient)?.div(&divisor)?.neg())
        }))
    }

    /// The larger of two; where they are equal, each gets half of the gradient.
    pub fn maximum(&self, rhs: &Var) -> Result<Var> {
        let y = self.value.maximum(&rhs.value)?;
        Ok(self.choice(Op::Maximum, rhs, y, self.value.ge(&rhs.value)?, self.value.gt(&rhs.value)?))
    }

    /// The smaller of two; where they are equal, each gets half of the gradient.
    pub fn minimum(&self, rhs: &Var) -> Result<Var> {
        let y = self.value.minimum(&rhs.value)?;
        Ok(self.choice(Op::Minimum, rhs, y, self.value.le(&rhs.value)?, self.value.lt(&rhs.value)?))
    }

    /// A result that is one of the operands everywhere: `self` where `strictly`, either where only `weakly`.
    fn choice(&self, op: Op, rhs: &Var, y: Tensor, weakly: Tensor, strictly: Tensor) -> Var {
        let shapes = self.shapes_with(rhs);
        Var::from_op(op, y, &[self, rhs], move |grad, needed| {
            let share = weakly.to_dtype(grad.dtype())?.add(&strictly.to_dtype(grad.dtype())?)?.mul_scalar(0.5)?;
            unbroadcast(shapes, needed, || grad.mul(&share), || grad.mul(&share.affine(-1.0, 1.0)?))
        })
    }

    fn shapes_with(&self, rhs: &Var) -> [Shape; 2] {
        [self.shape().clone(), rhs.shape().clone()]
    }

    /// This value where the gradient of `other` is computed from it, else a stand-in that keeps no memory.
    fn saved_for(&self, other: &Var) -> Tensor {
        if other.requires_grad() { self.value.clone() } else { Tensor::scalar(0f32) }
    }
}

/// The gradients that are needed of two operands, summed over the dimensions along which the operand was repeated.
fn unbroadcast(
    [lhs_shape, rhs_shape]: [Shape; 2],
    needed: &[bool],
    lhs: impl FnOnce() -> Result<Tensor>,
    rhs: impl FnOnce() -> Result<Tensor>,
) -> Result<Vec<Option<Tensor>>> {
    let lhs = needed[0].then(|| lhs()?.sum_to(&lhs_shape)).transpose()?;
    let rhs = needed[1].then(|| rhs()?.sum_to(&rhs_shape)).transpose()?;
    Ok(vec![lhs, rhs])
}

/// `std::ops::$trait` for values and references, so that formulas read as formulas. The result is checked with `?`.
macro_rules! operator {
    ($trait:ident, $method:ident, [$($lhs:ty, $rhs:ty);*]) => {
        $(impl std::ops::$trait<$rhs> for $lhs {
            type Output = Result<Var>;
            fn $method(self, rhs: $rhs) -> Result<Var> {
                Var::$method(&self, &rhs)
            }
        })*
    };
}

operator!(Add, add, [Var, Var; Var, &Var; &Var, Var; &Var, &Var]);
operator!(Sub, sub, [Var, Var; Var, &Var; &Var, Var; &Var, &Var]);
operator!(Mul, mul, [Var, Var; Var, &Var; &Var, Var; &Var, &Var]);
operator!(Div, div, [Var, Var; Var, &Var; &Var, Var; &Var, &Var]);
