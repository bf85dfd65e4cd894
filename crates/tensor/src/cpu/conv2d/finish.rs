//! What happens to a convolution's sums on their way to memory: scale, shift, residual and activation.

use super::tile::{MOST_ROWS, Rows};
use crate::{
    BLOCK, Result, Tensor,
    cpu::{simd::Simd, unary::unary_in_place},
    ops::{Epilogue, Unary},
};

/// The channels that a tile writes, and what happens to them on the way: `activation(sum * scale + shift + residual)`.
#[derive(Clone, Copy)]
pub(super) struct Output<'a> {
    scale: Option<&'a [f32]>,
    shift: Option<&'a [f32]>,
    residual: Option<&'a [f32]>,
    /// What results are held between: the activations ReLU and ReLU6.
    bounds: (f32, f32),
    /// An activation of another kind.
    then: Option<Unary>,
    /// The first channel.
    pub channel: usize,
    /// Channels to write, at most `V * LANES` of a tile.
    pub channels: usize,
}

impl Default for Output<'_> {
    /// Sums as they are.
    fn default() -> Self {
        Output { scale: None, shift: None, residual: None, bounds: UNBOUNDED, then: None, channel: 0, channels: 0 }
    }
}

const UNBOUNDED: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

impl<'a> Output<'a> {
    /// All of this epilogue. Its tensors are `f32`.
    pub(super) fn new(e: &Epilogue<'a>) -> Result<Self> {
        let data = |t: Option<&'a Tensor>| t.map(Tensor::data::<f32>).transpose();
        let (bounds, then) = match e.activation {
            None => (UNBOUNDED, None),
            Some(Unary::Relu) => ((0.0, f32::INFINITY), None),
            Some(Unary::Clamp { min, max }) => ((min as f32, max as f32), None),
            other => (UNBOUNDED, other),
        };
        Ok(Output { scale: data(e.scale)?, shift: data(e.shift)?, residual: data(e.residual)?, bounds, then, channel: 0, channels: 0 })
    }

    /// The same for `channels` channels from `channel` on.
    #[inline(always)]
    pub(super) fn of(self, channel: usize, channels: usize) -> Self {
        Output { channel, channels, ..self }
    }

    /// Whether sums are written as they are.
    #[inline(always)]
    fn is_plain(&self) -> bool {
        self.scale.is_none() && self.shift.is_none() && self.residual.is_none() && self.bounds == UNBOUNDED && self.then.is_none()
    }

    /// Where a tile of whole vectors may write its sums without more ado: the rows themselves.
    #[inline(always)]
    pub(super) fn direct(&self, whole: bool, y: *mut f32, offsets: &[usize; MOST_ROWS]) -> Option<Rows> {
        (whole && self.is_plain()).then(|| offsets.map(|at| y.wrapping_add(at)))
    }
}

/// Finishes and writes rows of `V` whole vectors, the `p`th of which lies at `sums[p * BLOCK..]`, to their offsets in `y`.
///
/// # Safety
/// See [`Simd`]; sums, channels and outputs exist, and nobody else touches the outputs.
#[inline(always)]
pub(super) unsafe fn store_rows<S: Simd, const V: usize>(sums: *const f32, offsets: &[usize], y: *mut f32, out: Output<'_>) {
    // SAFETY: the caller's promise.
    unsafe {
        for v in 0..V {
            let finish = Finish::<S>::new(out, out.channel + v * S::LANES);
            for (p, &at) in offsets.iter().enumerate() {
                finish.store(S::load(sums.add(p * BLOCK + v * S::LANES)), y, at + v * S::LANES);
            }
        }
        for &at in offsets {
            activate(y, at, V * S::LANES, S::LEVEL, out);
        }
    }
}

/// Finishes and writes the first `out.channels` sums of each row, the last vector in part.
///
/// # Safety
/// As [`store_rows`].
#[inline(always)]
pub(super) unsafe fn store_parts<S: Simd, const V: usize>(sums: *const f32, offsets: &[usize], y: *mut f32, out: Output<'_>) {
    // SAFETY: the caller's promise; no more than the channels that there are is read or written.
    unsafe {
        for v in 0..V {
            let first = v * S::LANES;
            let len = out.channels.saturating_sub(first).min(S::LANES);
            let finish = Finish::<S>::part(out, out.channel + first, len);
            for (p, &at) in offsets.iter().enumerate() {
                finish.store_part(S::load(sums.add(p * BLOCK + first)), y, at + first, len);
            }
        }
        for &at in offsets {
            activate(y, at, out.channels, S::LEVEL, out);
        }
    }
}

/// Applies an activation that vectors do not know to `len` finished values.
///
/// # Safety
/// They exist, and nobody else touches them.
#[inline(always)]
pub(super) unsafe fn activate(y: *mut f32, at: usize, len: usize, level: crate::cpu::SimdLevel, out: Output<'_>) {
    if let Some(op) = out.then {
        // SAFETY: the caller's promise.
        unary_in_place(level, op, unsafe { std::slice::from_raw_parts_mut(y.add(at), len) });
    }
}

/// What one vector of channels goes through, but for [`activate`], kept in registers.
#[derive(Clone, Copy)]
pub(super) struct Finish<'a, S: Simd> {
    scale: Option<S::V>,
    shift: S::V,
    residual: Option<&'a [f32]>,
    low: S::V,
    high: S::V,
}

impl<'a, S: Simd> Finish<'a, S> {
    /// For the vector that starts with `channel`.
    ///
    /// # Safety
    /// See [`Simd`]; `LANES` channels follow.
    #[inline(always)]
    pub(super) unsafe fn new(out: Output<'a>, channel: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Finish {
                scale: out.scale.map(|s| S::load(s.as_ptr().add(channel))),
                shift: out.shift.map_or(S::zero(), |s| S::load(s.as_ptr().add(channel))),
                residual: out.residual,
                low: S::splat(out.bounds.0),
                high: S::splat(out.bounds.1),
            }
        }
    }

    /// For the `len` channels from `channel` on.
    ///
    /// # Safety
    /// See [`Simd`]; these channels exist.
    #[inline(always)]
    pub(super) unsafe fn part(out: Output<'a>, channel: usize, len: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Finish {
                scale: out.scale.map(|s| S::load_part(s.as_ptr().wrapping_add(channel), len)),
                shift: out.shift.map_or(S::zero(), |s| S::load_part(s.as_ptr().wrapping_add(channel), len)),
                residual: out.residual,
                low: S::splat(out.bounds.0),
                high: S::splat(out.bounds.1),
            }
        }
    }

    /// Finishes a vector of sums and writes it to `y[at..]`.
    ///
    /// # Safety
    /// See [`Simd`]; the outputs (and the residual's values there) exist, and nobody else touches them.
    #[inline(always)]
    pub(super) unsafe fn store(self, sum: S::V, y: *mut f32, at: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let residual = self.residual.map(|r| S::load(r.as_ptr().add(at)));
            S::store(y.add(at), self.finished(sum, residual));
        }
    }

    /// The same for the first `len` sums.
    ///
    /// # Safety
    /// As [`store`](Finish::store).
    #[inline(always)]
    unsafe fn store_part(self, sum: S::V, y: *mut f32, at: usize, len: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let residual = self.residual.map(|r| S::load_part(r.as_ptr().wrapping_add(at), len));
            S::store_part(y.wrapping_add(at), self.finished(sum, residual), len);
        }
    }

    /// # Safety
    /// See [`Simd`].
    #[inline(always)]
    unsafe fn finished(self, sum: S::V, residual: Option<S::V>) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let mut value = match self.scale {
                Some(scale) => S::mul_add(sum, scale, self.shift),
                None => S::add(sum, self.shift),
            };
            if let Some(residual) = residual {
                value = S::add(value, residual);
            }
            // In this order a NaN stays one.
            S::min(self.high, S::max(self.low, value))
        }
    }
}
