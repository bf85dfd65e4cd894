//! Logical shapes.

use std::{fmt, ops::Deref};

use crate::{Error, Result};

/// A tensor's logical shape: its sizes, outermost first. A scalar has none.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// The sizes.
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The number of elements: 1 for a scalar.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// The number of elements, or an error where it does not fit in memory's address range.
    pub(crate) fn checked_elements(&self, op: &'static str) -> Result<usize> {
        let product = self.0.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        product.filter(|&n| n <= isize::MAX as usize / 16).ok_or_else(|| Error::shape(op, &self.0, "more elements than memory can hold"))
    }

    /// The sizes as `(N, C, H, W)`, or an error that names `op`.
    pub fn nchw(&self, op: &'static str) -> Result<(usize, usize, usize, usize)> {
        match self.0[..] {
            [n, c, h, w] => Ok((n, c, h, w)),
            _ => Err(Error::shape(op, &self.0, "four dimensions (N, C, H, W) are needed")),
        }
    }

    /// The dimension `dim` counted from the end where negative, or an error that names `op`.
    pub fn dim_index(&self, op: &'static str, dim: isize) -> Result<usize> {
        let rank = self.rank() as isize;
        let index = if dim < 0 { dim + rank } else { dim };
        if (0..rank).contains(&index) { Ok(index as usize) } else { Err(Error::shape(op, &self.0, format!("there is no dimension {dim}"))) }
    }

    /// Row-major strides, in elements.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.rank()];
        for i in (1..self.rank()).rev() {
            strides[i - 1] = strides[i] * self.0[i];
        }
        strides
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Self {
        Shape(dims.to_vec())
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Shape(dims)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Shape(dims.to_vec())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
