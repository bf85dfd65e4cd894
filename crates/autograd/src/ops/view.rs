//! Parts and other arrangements of a tensor.

use tensor::{Result, Shape, Tensor};

use crate::{Op, Var};

impl Var {
    /// The same elements in row-major order under another shape of as many elements.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Var> {
        Ok(self.reshaped(Op::Reshape, self.value.reshape(shape)?))
    }

    /// Dimensions `start..=end` (from the end where negative) merged into one.
    pub fn flatten(&self, start: isize, end: isize) -> Result<Var> {
        Ok(self.reshaped(Op::Flatten, self.value.flatten(start, end)?))
    }

    /// A dimension of size 1 inserted before dimension `dim` (after the last where `dim` is the rank or -1).
    pub fn unsqueeze(&self, dim: isize) -> Result<Var> {
        Ok(self.reshaped(Op::Unsqueeze, self.value.unsqueeze(dim)?))
    }

    /// Dimension `dim` removed where its size is 1; else the value as it is.
    pub fn squeeze(&self, dim: isize) -> Result<Var> {
        Ok(self.reshaped(Op::Squeeze, self.value.squeeze(dim)?))
    }

    /// `y`, which has this value's elements under another shape.
    fn reshaped(&self, op: Op, y: Tensor) -> Var {
        let shape = self.shape().clone();
        Var::from_op(op, y, &[self], move |grad, _| Ok(vec![Some(grad.reshape(shape)?)]))
    }

    /// The dimensions in another order: dimension `i` of the result is dimension `dims[i]` of `self`.
    pub fn permute(&self, dims: &[isize]) -> Result<Var> {
        let y = self.value.permute(dims)?;
        let order = dims.iter().map(|&d| self.shape().dim_index("permute", d)).collect::<Result<Vec<_>>>()?;
        let mut inverse = vec![0; order.len()];
        order.iter().enumerate().for_each(|(to, &from)| inverse[from] = to as isize);
        Ok(Var::from_op(Op::Permute { order }, y, &[self], move |grad, _| Ok(vec![Some(grad.permute(&inverse)?)])))
    }

    /// Two dimensions exchanged.
    pub fn transpose(&self, dim0: isize, dim1: isize) -> Result<Var> {
        let y = self.value.transpose(dim0, dim1)?;
        Ok(Var::from_op(Op::Transpose { dim0, dim1 }, y, &[self], move |grad, _| Ok(vec![Some(grad.transpose(dim0, dim1)?)])))
    }

    /// Entries `start..start + len` along `dim`.
    pub fn narrow(&self, dim: isize, start: usize, len: usize) -> Result<Var> {
        let part = self.value.narrow(dim, start, len)?;
        Ok(self.part(self.shape().dim_index("narrow", dim)?, start, part))
    }

    /// `part`, which is this value from entry `start` of dimension `d` on.
    pub(super) fn part(&self, d: usize, start: usize, part: Tensor) -> Var {
        let shape = self.shape().clone();
        Var::from_op(Op::Narrow { dim: d, start }, part, &[self], move |grad, _| {
            let zeros = |size: usize| {
                let mut dims = shape.to_vec();
                dims[d] = size;
                Tensor::zeros(dims, grad.dtype())?.to_device(grad.device())
            };
            let (before, after) = (zeros(start)?, zeros(shape[d] - start - grad.dims()[d])?);
            Ok(vec![Some(Tensor::cat(&[&before, &grad, &after], d as isize)?)])
        })
    }

    /// The value repeated along dimensions of size 1 (and new leading ones) to this shape.
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Var> {
        let y = self.value.broadcast_to(shape)?;
        let shape = self.shape().clone();
        Ok(Var::from_op(Op::BroadcastTo, y, &[self], move |grad, _| Ok(vec![Some(grad.sum_to(&shape)?)])))
    }
}
