//! Parts and other arrangements of a tensor. There are no general strides: what cannot share the memory is copied.

use super::check::{broadcast_shape, unblocked, with_size};
use crate::{Error, Layout, Result, Shape, Tensor};

/// Which elements of a tensor to copy: a walk with a step along each dimension of the result.
#[derive(Debug)]
pub struct View {
    /// The result's shape.
    pub shape: Shape,
    /// The result's memory order: contiguous or channels-last.
    pub layout: Layout,
    /// The first element, counted in the operand's memory.
    pub offset: usize,
    /// The step in the operand's memory along each logical dimension of the result.
    pub strides: Vec<usize>,
}

impl Tensor {
    /// Entries `start..start + len` along `dim`. Shares the memory where `dim` is the first.
    pub fn narrow(&self, dim: isize, start: usize, len: usize) -> Result<Tensor> {
        let d = self.shape().dim_index("narrow", dim)?;
        let size = self.dims()[d];
        if start.checked_add(len).is_none_or(|end| end > size) {
            let reason = format!("entries {start}.. ({len} of them) reach beyond dimension {dim} of size {size}");
            return Err(Error::argument("narrow", reason));
        }
        if len == size {
            return Ok(self.clone());
        }
        if d == 0 { self.rows(start, len) } else { self.stepped(d, start, len, 1) }
    }

    /// Every `step`-th entry of `start..end` along `dim`; `end` may lie beyond the last, as in a Python slice.
    pub fn slice(&self, dim: isize, start: usize, end: usize, step: usize) -> Result<Tensor> {
        let d = self.shape().dim_index("slice", dim)?;
        if step == 0 {
            return Err(Error::argument("slice", "the step must be at least 1"));
        }
        let end = end.min(self.dims()[d]);
        let start = start.min(end);
        if step == 1 {
            return self.narrow(dim, start, end - start);
        }
        self.stepped(d, start, (end - start).div_ceil(step), step)
    }

    /// A copy of `len` entries along dimension `d`, `step` apart.
    fn stepped(&self, d: usize, start: usize, len: usize, step: usize) -> Result<Tensor> {
        let x = unblocked(self)?;
        let mut strides = x.layout().strides(x.shape());
        let offset = start * strides[d];
        strides[d] = strides[d].saturating_mul(step);
        x.copied(View { shape: with_size(x.shape(), d, len), layout: x.layout(), offset, strides })
    }

    fn copied(&self, view: View) -> Result<Tensor> {
        view.shape.checked_elements("view")?;
        self.device().backend()?.copy(self, &view)
    }

    /// The dimensions in another order: dimension `i` of the result is dimension `dims[i]` of `self`. Shares the memory
    /// where a layout has the elements in that order, as between NCHW channels-last and NHWC; else the result is a contiguous copy.
    pub fn permute(&self, dims: &[isize]) -> Result<Tensor> {
        let order = dims.iter().map(|&d| self.shape().dim_index("permute", d)).collect::<Result<Vec<_>>>()?;
        if order.len() != self.shape().rank() || (0..order.len()).any(|d| !order.contains(&d)) {
            return Err(Error::shape("permute", self.dims(), format!("{dims:?} does not name each dimension once")));
        }
        let x = unblocked(self)?;
        let strides = x.layout().strides(x.shape());
        let shape: Shape = order.iter().map(|&d| x.dims()[d]).collect::<Vec<_>>().into();
        let strides: Vec<usize> = order.iter().map(|&d| strides[d]).collect();
        let stored_so = |layout: &Layout| layout.fits(&shape) && layout.strides(&shape) == strides;
        match [Layout::Contiguous, Layout::ChannelsLast].into_iter().find(stored_so) {
            Some(layout) => Ok(x.reinterpreted(shape, layout)),
            None => x.copied(View { shape, layout: Layout::Contiguous, offset: 0, strides }),
        }
    }

    /// Two dimensions exchanged, as by [`permute`](Tensor::permute).
    pub fn transpose(&self, dim0: isize, dim1: isize) -> Result<Tensor> {
        let (a, b) = (self.shape().dim_index("transpose", dim0)?, self.shape().dim_index("transpose", dim1)?);
        let mut order: Vec<isize> = (0..self.shape().rank() as isize).collect();
        order.swap(a, b);
        self.permute(&order)
    }

    /// A dimension of size 1 inserted before dimension `dim` (after the last where `dim` is the rank or -1).
    pub fn unsqueeze(&self, dim: isize) -> Result<Tensor> {
        let rank = self.shape().rank() as isize;
        let at = if dim < 0 { dim + rank + 1 } else { dim };
        if !(0..=rank).contains(&at) {
            return Err(Error::shape("unsqueeze", self.dims(), format!("no dimension can be inserted at {dim}")));
        }
        let mut shape = self.dims().to_vec();
        shape.insert(at as usize, 1);
        self.reshape(shape)
    }

    /// Dimension `dim` removed where its size is 1; else the tensor as it is, as in PyTorch.
    pub fn squeeze(&self, dim: isize) -> Result<Tensor> {
        let d = self.shape().dim_index("squeeze", dim)?;
        if self.dims()[d] != 1 {
            return Ok(self.clone());
        }
        let mut shape = self.dims().to_vec();
        shape.remove(d);
        self.reshape(shape)
    }

    /// The tensor repeated along dimensions of size 1 (and new leading ones) to this shape: a copy.
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        if broadcast_shape("broadcast_to", self.shape(), &shape)? != shape {
            return Err(Error::shapes("broadcast_to", self.dims(), &shape, "the first does not broadcast to the second"));
        }
        let x = unblocked(self)?;
        let missing = shape.rank() - x.shape().rank();
        let own = x.layout().strides(x.shape());
        let step = |d: usize| if d < missing || x.dims()[d - missing] == 1 { 0 } else { own[d - missing] };
        let strides = (0..shape.rank()).map(step).collect();
        x.copied(View { layout: x.layout(), shape, offset: 0, strides })
    }
}
