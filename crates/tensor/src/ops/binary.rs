//! Elementwise functions of two operands, broadcast against each other as in PyTorch.

use super::check::{broadcast_shape, check_alike, check_compute, check_float, result_layout, unblocked};
use crate::{DType, Error, Layout, Result, Tensor};

/// A function of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a · b
    Mul,
    /// a / b
    Div,
    /// The larger; NaN where either is.
    Maximum,
    /// The smaller; NaN where either is.
    Minimum,
}

/// A comparison of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// a = b
    Eq,
    /// a ≠ b
    Ne,
    /// a < b
    Lt,
    /// a ≤ b
    Le,
    /// a > b
    Gt,
    /// a ≥ b
    Ge,
}

impl Binary {
    fn name(self) -> &'static str {
        match self {
            Binary::Add => "add",
            Binary::Sub => "sub",
            Binary::Mul => "mul",
            Binary::Div => "div",
            Binary::Maximum => "maximum",
            Binary::Minimum => "minimum",
        }
    }
}

impl Compare {
    fn name(self) -> &'static str {
        match self {
            Compare::Eq => "eq",
            Compare::Ne => "ne",
            Compare::Lt => "lt",
            Compare::Le => "le",
            Compare::Gt => "gt",
            Compare::Ge => "ge",
        }
    }
}

impl Tensor {
    /// `op` of each pair of elements of two float tensors of the same type; of bf16 and `f32` the result is `f32`. It is channels-last where an
    /// operand is.
    pub fn binary(&self, op: Binary, rhs: &Tensor) -> Result<Tensor> {
        check_compute(op.name(), self, &[Some(rhs)])?;
        if self.dtype() != rhs.dtype() {
            return self.widened()?.binary(op, &rhs.widened()?);
        }
        let shape = broadcast_shape(op.name(), self.shape(), rhs.shape())?;
        let layout = result_layout(&shape, &[self, rhs]);
        let backend = self.device().backend()?;
        if layout == Layout::Blocked && op != Binary::Div {
            return backend.binary(op, self, rhs, &shape, layout);
        }
        // 0 / 0 would fill the padding of blocked weights with NaN.
        let layout = if layout == Layout::Blocked { Layout::Contiguous } else { layout };
        backend.binary(op, &unblocked(self)?, &unblocked(rhs)?, &shape, layout)
    }

    /// `self + rhs`.
    pub fn add(&self, rhs: &Tensor) -> Result<Tensor> {
        self.binary(Binary::Add, rhs)
    }

    /// `self - rhs`.
    pub fn sub(&self, rhs: &Tensor) -> Result<Tensor> {
        self.binary(Binary::Sub, rhs)
    }

    /// `self * rhs`, element by element.
    pub fn mul(&self, rhs: &Tensor) -> Result<Tensor> {
        self.binary(Binary::Mul, rhs)
    }

    /// `self / rhs`, element by element.
    pub fn div(&self, rhs: &Tensor) -> Result<Tensor> {
        self.binary(Binary::Div, rhs)
    }

    /// The larger of each pair of elements; NaN where either is.
    pub fn maximum(&self, rhs: &Tensor) -> Result<Tensor> {
        self.binary(Binary::Maximum, rhs)
    }

    /// The smaller of each pair of elements; NaN where either is.
    pub fn minimum(&self, rhs: &Tensor) -> Result<Tensor> {
        self.binary(Binary::Minimum, rhs)
    }

    /// Adds `rhs`, of the same shape and float type, to `self` in place. Memory that another tensor shares is copied first.
    pub fn add_(&mut self, rhs: &Tensor) -> Result<()> {
        check_compute("add_", self, &[Some(rhs)])?;
        if self.shape() != rhs.shape() {
            return Err(Error::shapes("add_", self.dims(), rhs.dims(), "adding in place does not broadcast"));
        }
        let rhs = rhs.to_dtype(self.dtype())?.to_layout(self.layout())?;
        self.device().backend()?.add_assign(self, &rhs)
    }

    /// This tensor, added in place to `sum` where there is one.
    pub(crate) fn added_to(self, sum: Option<Tensor>) -> Result<Tensor> {
        let Some(mut sum) = sum else { return Ok(self) };
        sum.add_(&self)?;
        Ok(sum)
    }

    /// `keep * self + take * rhs` in place of `self`, for `rhs` of the same shape and float type: a running average. Memory that another
    /// tensor shares is copied first.
    pub fn blend_(&mut self, rhs: &Tensor, keep: f64, take: f64) -> Result<()> {
        check_float("blend_", self)?;
        check_alike("blend_", self, rhs)?;
        if self.shape() != rhs.shape() {
            return Err(Error::shapes("blend_", self.dims(), rhs.dims(), "an average of equal shapes"));
        }
        let rhs = rhs.to_layout(self.layout())?;
        self.device().backend()?.blend(self, &rhs, keep, take)
    }

    /// `op` of each pair of elements of two tensors of the same type, as 0 or 1 in a U8 tensor.
    pub fn compare(&self, op: Compare, rhs: &Tensor) -> Result<Tensor> {
        check_alike(op.name(), self, rhs)?;
        let shape = broadcast_shape(op.name(), self.shape(), rhs.shape())?;
        let (a, b) = (unblocked(self)?, unblocked(rhs)?);
        self.device().backend()?.compare(op, &a, &b, &shape, result_layout(&shape, &[&a, &b]))
    }

    /// 1 where elements are equal, else 0.
    pub fn eq(&self, rhs: &Tensor) -> Result<Tensor> {
        self.compare(Compare::Eq, rhs)
    }

    /// 1 where elements differ, else 0.
    pub fn ne(&self, rhs: &Tensor) -> Result<Tensor> {
        self.compare(Compare::Ne, rhs)
    }

    /// 1 where `self` is less than `rhs`, else 0.
    pub fn lt(&self, rhs: &Tensor) -> Result<Tensor> {
        self.compare(Compare::Lt, rhs)
    }

    /// 1 where `self` is at most `rhs`, else 0.
    pub fn le(&self, rhs: &Tensor) -> Result<Tensor> {
        self.compare(Compare::Le, rhs)
    }

    /// 1 where `self` is greater than `rhs`, else 0.
    pub fn gt(&self, rhs: &Tensor) -> Result<Tensor> {
        self.compare(Compare::Gt, rhs)
    }

    /// 1 where `self` is at least `rhs`, else 0.
    pub fn ge(&self, rhs: &Tensor) -> Result<Tensor> {
        self.compare(Compare::Ge, rhs)
    }

    /// `on_true` where `self` (U8) is not 0, `on_false` elsewhere; all three broadcast against each other.
    pub fn where_cond(&self, on_true: &Tensor, on_false: &Tensor) -> Result<Tensor> {
        const OP: &str = "where_cond";
        if self.dtype() != DType::U8 {
            return Err(Error::DType { op: OP, expected: DType::U8.to_string(), found: self.dtype() });
        }
        check_alike(OP, on_true, on_false)?;
        self.check_same_device(OP, [on_true])?;
        let shape = broadcast_shape(OP, &broadcast_shape(OP, self.shape(), on_true.shape())?, on_false.shape())?;
        let (cond, a, b) = (unblocked(self)?, unblocked(on_true)?, unblocked(on_false)?);
        self.device().backend()?.select(&cond, &a, &b, &shape, result_layout(&shape, &[&cond, &a, &b]))
    }
}
