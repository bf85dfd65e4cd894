//! Sizes in two dimensions, given as one number or as a pair.

use std::fmt;

/// A height and a width. Remembers whether it was given as one number, because PyTorch prints some layers as they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size2d {
    /// One number for both.
    Square(usize),
    /// (vertical, horizontal).
    Pair(usize, usize),
}

impl Size2d {
    /// (vertical, horizontal).
    pub fn pair(self) -> (usize, usize) {
        match self {
            Size2d::Square(n) => (n, n),
            Size2d::Pair(h, w) => (h, w),
        }
    }
}

impl From<usize> for Size2d {
    fn from(n: usize) -> Self {
        Size2d::Square(n)
    }
}

impl From<(usize, usize)> for Size2d {
    fn from((h, w): (usize, usize)) -> Self {
        Size2d::Pair(h, w)
    }
}

impl fmt::Display for Size2d {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Size2d::Square(n) => write!(f, "{n}"),
            Size2d::Pair(h, w) => write!(f, "({h}, {w})"),
        }
    }
}
