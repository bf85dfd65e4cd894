//! Sums, means and extremes over dimensions, and the places of extremes.

use super::check::{check_float, unblocked};
use crate::{Error, Result, Shape, Tensor};

/// What a reduction computes of the elements it merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduce {
    /// The sum.
    Sum,
    /// The arithmetic mean.
    Mean,
    /// The largest; NaN where there is one.
    Max,
    /// The smallest; NaN where there is one.
    Min,
}

/// Which extreme a place is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extreme {
    /// The largest element.
    Max,
    /// The smallest element.
    Min,
}

/// How the elements of a reduction lie in memory; loops are lengths and strides, outermost first.
pub(crate) struct Cut {
    /// The result's shape, with reduced dimensions of size 1.
    pub kept: Vec<usize>,
    /// Results that lie side by side: 1 where the innermost dimension is reduced.
    pub columns: usize,
    /// The loops over rows of results.
    pub groups: Vec<(usize, [usize; 1])>,
    /// The loops over the elements that one result merges.
    pub terms: Vec<(usize, [usize; 1])>,
}

impl Cut {
    /// That of a reduction of `x` over the dimensions marked.
    pub(crate) fn new(x: &Tensor, reduced: &[bool]) -> Cut {
        let (shape, strides) = (x.shape(), x.layout().strides(x.shape()));
        let mut order = x.layout().order(shape.rank());
        let kept = (0..shape.rank()).map(|d| if reduced[d] { 1 } else { shape[d] }).collect();
        let mut columns = 1;
        while let Some(&d) = order.last().filter(|&&d| !reduced[d] || shape[d] == 1) {
            columns *= shape[d];
            order.pop();
        }
        let loops = |over: bool| order.iter().filter(|&&d| reduced[d] == over).map(|&d| (shape[d], [strides[d]])).collect();
        Cut { kept, columns, groups: loops(false), terms: loops(true) }
    }
}

impl Reduce {
    fn name(self) -> &'static str {
        match self {
            Reduce::Sum => "sum",
            Reduce::Mean => "mean",
            Reduce::Max => "amax",
            Reduce::Min => "amin",
        }
    }
}

impl Tensor {
    /// `op` over the dimensions `dims` (negative from the end; all where empty). They stay with size 1 where `keepdim`, else they
    /// go. Sums are carried in 64 bits; the result does not depend on the number of threads. That of bf16 is `f32`.
    pub fn reduce(&self, op: Reduce, dims: &[isize], keepdim: bool) -> Result<Tensor> {
        check_float(op.name(), self)?;
        let mut reduced = vec![dims.is_empty(); self.shape().rank()];
        for &dim in dims {
            let d = self.shape().dim_index(op.name(), dim)?;
            if std::mem::replace(&mut reduced[d], true) {
                return Err(Error::argument(op.name(), format!("dimension {dim} is named twice")));
            }
        }
        let merged: usize = (0..reduced.len()).filter(|&d| reduced[d]).map(|d| self.dims()[d]).product();
        if merged == 0 && matches!(op, Reduce::Max | Reduce::Min) {
            return Err(Error::shape(op.name(), self.dims(), "no element has no extreme"));
        }
        let kept = self.device().backend()?.reduce(op, &unblocked(self)?, &reduced)?;
        if keepdim {
            return Ok(kept);
        }
        let remaining: Vec<usize> = (0..reduced.len()).filter(|&d| !reduced[d]).map(|d| self.dims()[d]).collect();
        kept.reshape(remaining)
    }

    /// The sum over `dims` (all where empty).
    pub fn sum(&self, dims: &[isize], keepdim: bool) -> Result<Tensor> {
        self.reduce(Reduce::Sum, dims, keepdim)
    }

    /// The mean over `dims` (all where empty).
    pub fn mean(&self, dims: &[isize], keepdim: bool) -> Result<Tensor> {
        self.reduce(Reduce::Mean, dims, keepdim)
    }

    /// The largest element over `dims` (all where empty).
    pub fn amax(&self, dims: &[isize], keepdim: bool) -> Result<Tensor> {
        self.reduce(Reduce::Max, dims, keepdim)
    }

    /// The smallest element over `dims` (all where empty).
    pub fn amin(&self, dims: &[isize], keepdim: bool) -> Result<Tensor> {
        self.reduce(Reduce::Min, dims, keepdim)
    }

    /// The sum of all elements, as a scalar.
    pub fn sum_all(&self) -> Result<Tensor> {
        self.sum(&[], false)
    }

    /// The mean of all elements, as a scalar.
    pub fn mean_all(&self) -> Result<Tensor> {
        self.mean(&[], false)
    }

    /// The variance over `dims` (all where empty) in two passes: the sum of squared deviations over n, or over n - 1 where
    /// `unbiased`.
    pub fn var(&self, dims: &[isize], unbiased: bool, keepdim: bool) -> Result<Tensor> {
        let deviation = self.sub(&self.mean(dims, true)?)?;
        let variance = deviation.mul(&deviation)?.mean(dims, keepdim)?;
        if !unbiased {
            return Ok(variance);
        }
        let n = self.elements() as f64 / variance.elements() as f64;
        variance.mul_scalar(n / (n - 1.0))
    }

    /// Sums over the dimensions along which a tensor of `shape` was broadcast to this one's shape: the gradient of broadcasting.
    pub fn sum_to(&self, shape: &Shape) -> Result<Tensor> {
        let missing = self.shape().rank().checked_sub(shape.rank());
        let fits = |missing: usize| (0..shape.rank()).all(|d| shape[d] == 1 || shape[d] == self.dims()[d + missing]);
        let Some(missing) = missing.filter(|&missing| fits(missing)) else {
            return Err(Error::shapes("sum_to", self.dims(), shape, "the second does not broadcast to the first"));
        };
        let repeated = |&d: &usize| d < missing || shape[d - missing] != self.dims()[d];
        let dims: Vec<isize> = (0..self.shape().rank()).filter(repeated).map(|d| d as isize).collect();
        if dims.is_empty() {
            return Ok(self.clone());
        }
        let sum = self.sum(&dims, true)?;
        if missing == 0 { Ok(sum) } else { sum.reshape(shape.clone()) }
    }

    /// The places (I64) of the largest elements along `dim`, which stays with size 1 where `keepdim`. The first of equal elements
    /// counts, and NaN counts as largest. Any element type.
    pub fn argmax(&self, dim: isize, keepdim: bool) -> Result<Tensor> {
        self.arg_reduce("argmax", Extreme::Max, dim, keepdim)
    }

    /// The places (I64) of the smallest elements along `dim`, which stays with size 1 where `keepdim`. The first of equal elements
    /// counts, and NaN counts as smallest. Any element type.
    pub fn argmin(&self, dim: isize, keepdim: bool) -> Result<Tensor> {
        self.arg_reduce("argmin", Extreme::Min, dim, keepdim)
    }

    fn arg_reduce(&self, op: &'static str, extreme: Extreme, dim: isize, keepdim: bool) -> Result<Tensor> {
        let dim = self.shape().dim_index(op, dim)?;
        if self.dims()[dim] == 0 {
            return Err(Error::shape(op, self.dims(), "no element has no extreme"));
        }
        let places = self.device().backend()?.arg_reduce(extreme, &self.contiguous()?, dim)?;
        if keepdim { Ok(places) } else { places.squeeze(dim as isize) }
    }
}
