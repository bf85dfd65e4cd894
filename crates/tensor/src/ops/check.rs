//! Checks that many operations share.

use crate::{DType, Device, Error, Layout, Result, Shape, Tensor};

/// An error unless `t` holds `f32` or `f64`, or on the CPU bf16.
pub(crate) fn check_float(op: &'static str, t: &Tensor) -> Result<()> {
    match t.dtype() {
        DType::F32 | DType::F64 => Ok(()),
        DType::Bf16 if t.device() == Device::Cpu => Ok(()),
        found => Err(Error::DType { op, expected: "float32 or float64".into(), found }),
    }
}

/// An error unless `t` and the others are floats that are [computed](DType::computed) with as the same type, on one device.
pub(crate) fn check_compute(op: &'static str, t: &Tensor, others: &[Option<&Tensor>]) -> Result<()> {
    let others = || others.iter().copied().flatten();
    t.check_same_device(op, others())?;
    check_float(op, t)?;
    let computed = t.dtype().computed();
    match others().find(|other| other.dtype().computed() != computed) {
        Some(other) => Err(Error::DType { op, expected: computed.to_string(), found: other.dtype() }),
        None => others().try_for_each(|other| check_float(op, other)),
    }
}

/// An error unless both tensors have the same element type and live on the same device.
pub(super) fn check_alike(op: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    a.check_same_device(op, [b])?;
    if a.dtype() == b.dtype() {
        return Ok(());
    }
    Err(Error::DType { op, expected: a.dtype().to_string(), found: b.dtype() })
}

/// The shape that both shapes broadcast to: aligned at the last dimension, where a size of 1 repeats.
pub(super) fn broadcast_shape(op: &'static str, a: &Shape, b: &Shape) -> Result<Shape> {
    let rank = a.rank().max(b.rank());
    let size = |s: &Shape, d: usize| (d + s.rank()).checked_sub(rank).map_or(1, |i| s[i]);
    let merged = (0..rank).map(|d| match (size(a, d), size(b, d)) {
        (x, y) if x == y || y == 1 => Ok(x),
        (1, y) => Ok(y),
        _ => Err(Error::shapes(op, a, b, "aligned at the last dimension, sizes must be equal or 1")),
    });
    Ok(merged.collect::<Result<Vec<_>>>()?.into())
}

/// The memory order of a result of this shape: channels-last where an operand of four dimensions is, else contiguous; blocked
/// where all operands are blocked and of the result's shape.
pub(super) fn result_layout(shape: &Shape, operands: &[&Tensor]) -> Layout {
    if operands.iter().all(|t| t.layout() == Layout::Blocked && t.shape() == shape) {
        Layout::Blocked
    } else if shape.rank() == 4 && operands.iter().any(|t| t.layout() == Layout::ChannelsLast) {
        Layout::ChannelsLast
    } else {
        Layout::Contiguous
    }
}

/// `t`, in row-major order where it was blocked.
pub(super) fn unblocked(t: &Tensor) -> Result<Tensor> {
    if t.layout() == Layout::Blocked { t.contiguous() } else { Ok(t.clone()) }
}

/// `shape` with the size of one dimension replaced.
pub(super) fn with_size(shape: &Shape, dim: usize, size: usize) -> Shape {
    let mut dims = shape.to_vec();
    dims[dim] = size;
    dims.into()
}

/// An error unless `indices` is an I64 tensor of one dimension with values in `0..count`; `what` says what there are `count` of.
pub(super) fn check_indices(op: &'static str, indices: &Tensor, count: usize, what: &str) -> Result<()> {
    if indices.dtype() != DType::I64 {
        return Err(Error::DType { op, expected: DType::I64.to_string(), found: indices.dtype() });
    }
    if indices.shape().rank() != 1 {
        return Err(Error::shape(op, indices.dims(), "indices have one dimension"));
    }
    if indices.known_range().is_some_and(|(least, largest)| least >= 0 && usize::try_from(largest).is_ok_and(|largest| largest < count)) {
        return Ok(());
    }
    let indices = indices.to_host()?;
    let data = indices.data::<i64>()?;
    match data.iter().enumerate().find(|&(_, &i)| usize::try_from(i).map_or(true, |i| i >= count)) {
        Some((at, index)) => Err(Error::argument(op, format!("index {index} at position {at}, but there are {count} {what}"))),
        None => Ok(()),
    }
}
