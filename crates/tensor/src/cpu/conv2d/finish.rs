//! What happens to a convolution's sums on their way to memory: scale, shift, residual and activation.

use super::tile::{MOST_ROWS, Rows};
use crate::{
    Layout, Result, Tensor,
    cpu::{simd::Simd, unary::unary_in_place},
    ops::{Epilogue, Unary},
};

/// The channels that a tile writes, and what happens to them on the way: `activation(sum * scale + shift + residual)`.
#[derive(Clone, Copy)]
pub(super) struct Output<'a> {
    scale: Option<&'a [f32]>,
    shift: Option<&'a [f32]>,
    residual: Option<Residual<'a>>,
    /// What results are held between: the activations ReLU and ReLU6.
    bounds: (f32, f32),
    /// An activation of another kind.
    then: Option<Unary>,
    /// The first channel.
    pub channel: usize,
    /// Channels to write, at most `V * LANES` of a tile.
    pub channels: usize,
    /// Values from a row to the same one of the tile behind, whose outputs are fetched.
    pub ahead: usize,
}

/// What is added to the sums.
#[derive(Clone, Copy)]
enum Residual<'a> {
    /// Values beside the output.
    Beside(&'a [f32]),
    /// What the output holds so far.
    Output,
}

impl Residual<'_> {
    /// The values, as they lie in the output `y`.
    #[inline(always)]
    fn values(self, y: *mut f32) -> *const f32 {
        match self {
            Residual::Beside(values) => values.as_ptr(),
            Residual::Output => y,
        }
    }
}

impl Default for Output<'_> {
    /// Sums as they are.
    fn default() -> Self {
        Output { scale: None, shift: None, residual: None, bounds: UNBOUNDED, then: None, channel: 0, channels: 0, ahead: 0 }
    }
}

const UNBOUNDED: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

impl<'a> Output<'a> {
    /// All of this epilogue. Its tensors are `f32`; without a residual, the output itself may hold one: see [`output`].
    pub(super) fn new(e: &'a Epilogue<'_>, in_place: bool) -> Result<Self> {
        let data = |t: Option<&'a Tensor>| t.map(Tensor::data::<f32>).transpose();
        let beside = data(e.residual.as_ref())?.map(Residual::Beside);
        let residual = if in_place { Some(Residual::Output) } else { beside };
        let (bounds, then) = match e.activation {
            None => (UNBOUNDED, None),
            Some(Unary::Relu) => ((0.0, f32::INFINITY), None),
            Some(Unary::Clamp { min, max }) => ((min as f32, max as f32), None),
            other => (UNBOUNDED, other),
        };
        Ok(Output { scale: data(e.scale)?, shift: data(e.shift)?, residual, bounds, then, ..Output::default() })
    }

    /// The same for `channels` channels from `channel` on.
    #[inline(always)]
    pub(super) fn of(self, channel: usize, channels: usize) -> Self {
        Output { channel, channels, ..self }
    }

    /// The same for outputs whose first channel is this one; nothing is added.
    pub(super) fn starting_at(self, channel: usize) -> Self {
        let from = |values: Option<&'a [f32]>| values.map(|values| &values[channel..]);
        Output { scale: from(self.scale), shift: from(self.shift), residual: None, ..self }
    }

    /// The same for tiles of which each lies `ahead` values behind the one before.
    #[inline(always)]
    pub(super) fn fetching(self, ahead: usize) -> Self {
        Output { ahead, ..self }
    }

    /// Whether there is an activation that vectors do not know, which [`activate`] applies.
    #[inline(always)]
    pub(super) fn activates(&self) -> bool {
        self.then.is_some()
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

/// The tensor of these dimensions that a convolution writes to, and whether it holds the residual: the one that the epilogue gives away,
/// where nobody else holds it. Its values are read from the cache then, and written to lines that are there.
pub(super) fn output(dims: [usize; 4], e: &mut Epilogue<'_>) -> Result<(Tensor, bool)> {
    if let Some(mut residual) = e.residual.take() {
        if residual.is_unshared() {
            return Ok((residual, true));
        }
        e.residual = Some(residual);
    }
    Ok((Tensor::uninit::<f32>(dims, Layout::ChannelsLast)?, false))
}

/// Finishes rows of `V` vectors of sums, which lie one behind the other, and writes the first `out.channels` values of each to its offset
/// in `y`, whose lines for the next tile are fetched; an activation that vectors do not know runs over all rows at once. `WHOLE` says that all values are channels.
///
/// # Safety
/// See [`Simd`]; sums, channels and outputs exist, and nobody else touches the outputs.
#[inline(always)]
pub(super) unsafe fn store_rows<S: Simd, const V: usize, const WHOLE: bool>(
    sums: *mut f32,
    offsets: &[usize],
    y: *mut f32,
    out: Output<'_>,
) {
    let row = V * S::LANES;
    let channels = |v: usize| if WHOLE { S::LANES } else { out.channels.saturating_sub(v * S::LANES).min(S::LANES) };
    // SAFETY: the caller's promise; no more than the channels that there are is read or written, but in `sums`.
    unsafe {
        for v in 0..V {
            let (first, len) = (v * S::LANES, channels(v));
            let finish = Finish::<S>::part::<WHOLE>(out, out.channel + first, len, y);
            for (p, &at) in offsets.iter().enumerate() {
                let sum = sums.add(p * row + first);
                let value = finish.finished::<WHOLE>(S::load(sum), at + first, len);
                match out.then {
                    Some(_) => S::store(sum, value),
                    None => store::<S, WHOLE>(y.wrapping_add(at + first), value, len),
                }
            }
            if out.ahead > 0 {
                for &at in offsets {
                    S::prefetch(y.wrapping_add(at + first + out.ahead));
                }
            }
        }
        let Some(op) = out.then else { return };
        unary_in_place(S::LEVEL, op, std::slice::from_raw_parts_mut(sums, offsets.len() * row));
        for v in 0..V {
            let (first, len) = (v * S::LANES, channels(v));
            for (p, &at) in offsets.iter().enumerate() {
                store::<S, WHOLE>(y.wrapping_add(at + first), S::load(sums.add(p * row + first)), len);
            }
        }
    }
}

/// A vector, or the first `len` values of one.
///
/// # Safety
/// See [`Simd`]; the values exist.
#[inline(always)]
unsafe fn load<S: Simd, const WHOLE: bool>(p: *const f32, len: usize) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { if WHOLE { S::load(p) } else { S::load_part(p, len) } }
}

/// Writes a vector, or its first `len` values.
///
/// # Safety
/// As [`load`].
#[inline(always)]
unsafe fn store<S: Simd, const WHOLE: bool>(p: *mut f32, value: S::V, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { if WHOLE { S::store(p, value) } else { S::store_part(p, value, len) } }
}

/// Applies an activation that vectors do not know to `len` finished values.
///
/// # Safety
/// They exist, and nobody else touches them.
#[inline(always)]
pub(super) unsafe fn activate(y: *mut f32, len: usize, level: crate::cpu::SimdLevel, out: Output<'_>) {
    if let Some(op) = out.then {
        // SAFETY: the caller's promise.
        unary_in_place(level, op, unsafe { std::slice::from_raw_parts_mut(y, len) });
    }
}

/// What one vector of channels goes through, but for [`activate`], kept in registers.
#[derive(Clone, Copy)]
pub(super) struct Finish<S: Simd> {
    scale: Option<S::V>,
    shift: S::V,
    /// As the outputs lie.
    residual: Option<*const f32>,
    low: S::V,
    high: S::V,
}

impl<S: Simd> Finish<S> {
    /// For the vector of outputs in `y` that starts with `channel`.
    ///
    /// # Safety
    /// See [`Simd`]; `LANES` channels follow.
    #[inline(always)]
    pub(super) unsafe fn new(out: Output<'_>, channel: usize, y: *mut f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::part::<true>(out, channel, S::LANES, y) }
    }

    /// For the `len` channels from `channel` on.
    ///
    /// # Safety
    /// See [`Simd`]; these channels exist.
    #[inline(always)]
    unsafe fn part<const WHOLE: bool>(out: Output<'_>, channel: usize, len: usize, y: *mut f32) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Finish {
                scale: out.scale.map(|s| load::<S, WHOLE>(s.as_ptr().wrapping_add(channel), len)),
                shift: out.shift.map_or(S::zero(), |s| load::<S, WHOLE>(s.as_ptr().wrapping_add(channel), len)),
                residual: out.residual.map(|residual| residual.values(y)),
                low: S::splat(out.bounds.0),
                high: S::splat(out.bounds.1),
            }
        }
    }

    /// Finishes a vector of sums, whose outputs start at `at`, and writes it to `y`.
    ///
    /// # Safety
    /// See [`Simd`]; the values behind `y` and those of the residual at `at` exist, and nobody else touches them.
    #[inline(always)]
    pub(super) unsafe fn store(self, sum: S::V, at: usize, y: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { S::store(y, self.finished::<true>(sum, at, S::LANES)) }
    }

    /// The finished values of `len` sums, whose outputs start at `at`.
    ///
    /// # Safety
    /// As [`store`](Finish::store).
    #[inline(always)]
    unsafe fn finished<const WHOLE: bool>(self, sum: S::V, at: usize, len: usize) -> S::V {
        // SAFETY: the caller's promise.
        unsafe {
            let mut value = match self.scale {
                Some(scale) => S::mul_add(sum, scale, self.shift),
                None => S::add(sum, self.shift),
            };
            if let Some(residual) = self.residual {
                value = S::add(value, load::<S, WHOLE>(residual.wrapping_add(at), len));
            }
            // In this order a NaN stays one.
            S::min(self.high, S::max(self.low, value))
        }
    }
}
