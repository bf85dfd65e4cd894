//! The errors of this crate.

use crate::{DType, Device, Shape};

/// What can go wrong in a tensor operation. Each message names the operation and what it was given.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Two shapes do not fit each other.
    #[error("{op}: shapes {lhs} and {rhs} do not fit: {reason}")]
    Shapes {
        /// The operation.
        op: &'static str,
        /// The first operand's shape.
        lhs: Shape,
        /// The second operand's shape.
        rhs: Shape,
        /// What would fit.
        reason: &'static str,
    },
    /// An operand has a shape that the operation does not take.
    #[error("{op}: shape {shape}: {reason}")]
    Shape {
        /// The operation.
        op: &'static str,
        /// The operand's shape.
        shape: Shape,
        /// What is wrong with it.
        reason: String,
    },
    /// An operand has an element type that the operation does not take.
    #[error("{op}: element type {found} where {expected} is needed")]
    DType {
        /// The operation.
        op: &'static str,
        /// What would do.
        expected: String,
        /// What was given.
        found: DType,
    },
    /// An argument other than a tensor is out of range.
    #[error("{op}: {reason}")]
    Argument {
        /// The operation.
        op: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The device cannot be used here.
    #[error("device {device}: {reason}")]
    Device {
        /// The device asked for.
        device: Device,
        /// Why it cannot be used, and what to do.
        reason: String,
    },
    /// The operands of an operation are in different places.
    #[error("{op}: one operand is on {lhs}, another on {rhs}: bring them together with to_device")]
    Devices {
        /// The operation.
        op: &'static str,
        /// Where the first operand is.
        lhs: Device,
        /// Where the other is.
        rhs: Device,
    },
}

impl Error {
    /// An [`Error::Argument`].
    pub fn argument(op: &'static str, reason: impl Into<String>) -> Self {
        Error::Argument { op, reason: reason.into() }
    }

    /// An [`Error::Shape`].
    pub fn shape(op: &'static str, shape: &[usize], reason: impl Into<String>) -> Self {
        Error::Shape { op, shape: shape.into(), reason: reason.into() }
    }

    /// An [`Error::Shapes`].
    pub fn shapes(op: &'static str, lhs: &[usize], rhs: &[usize], reason: &'static str) -> Self {
        Error::Shapes { op, lhs: lhs.into(), rhs: rhs.into(), reason }
    }
}

/// The result of a tensor operation.
pub type Result<T> = std::result::Result<T, Error>;
