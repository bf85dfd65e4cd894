//! Sums and means over dimensions.

use tensor::{Result, Tensor, ops::Reduce};

use crate::{Op, Var, op::Reduction};

impl Var {
    /// The sum over `dims` (negative from the end; all where empty), which stay with size 1 where `keepdim`.
    pub fn sum(&self, dims: &[isize], keepdim: bool) -> Result<Var> {
        self.linear_reduction(Op::Sum, Reduce::Sum, dims, keepdim)
    }

    /// The mean over `dims` (negative from the end; all where empty), which stay with size 1 where `keepdim`.
    pub fn mean(&self, dims: &[isize], keepdim: bool) -> Result<Var> {
        self.linear_reduction(Op::Mean, Reduce::Mean, dims, keepdim)
    }

    /// The sum of all elements, as a scalar.
    pub fn sum_all(&self) -> Result<Var> {
        self.sum(&[], false)
    }

    /// The mean of all elements, as a scalar.
    pub fn mean_all(&self) -> Result<Var> {
        self.mean(&[], false)
    }

    /// A reduction that gives every element it merges the same weight.
    fn linear_reduction(&self, recorded: fn(Reduction) -> Op, op: Reduce, dims: &[isize], keepdim: bool) -> Result<Var> {
        let kept = self.value.reduce(op, dims, true)?;
        let (input, kept_shape) = (self.shape().clone(), kept.shape().clone());
        let weight = if op == Reduce::Mean { kept.elements() as f64 / self.value.elements() as f64 } else { 1.0 };
        let y = if keepdim { kept } else { without_reduced(&kept, self.shape().rank(), dims)? };
        let recorded = recorded(Reduction { dims: dims.to_vec(), keepdim });
        Ok(Var::from_op(recorded, y, &[self], move |grad, _| {
            Ok(vec![Some(grad.reshape(kept_shape)?.mul_scalar(weight)?.broadcast_to(input)?)])
        }))
    }
}

/// `kept` without the dimensions that were reduced to size 1.
fn without_reduced(kept: &Tensor, rank: usize, dims: &[isize]) -> Result<Tensor> {
    let reduced = |d: usize| dims.is_empty() || dims.contains(&(d as isize)) || dims.contains(&(d as isize - rank as isize));
    kept.reshape((0..rank).filter(|&d| !reduced(d)).map(|d| kept.dims()[d]).collect::<Vec<_>>())
}
