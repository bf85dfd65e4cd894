//! What happens to a convolution's sums on their way to memory: scale, shift, residual and activation.

use super::tile::{MOST_ROWS, Places, Rows, Sink, for_each_of, for_rows, for_vectors};
use crate::{
    BLOCK, Layout, Result, Tensor,
    cpu::{
        dispatch::Kernel,
        simd::{Simd, streams},
        stored::{Stored, write},
        unary::unary_in_place,
    },
    ops::{Epilogue, Unary},
};

/// The channels that a tile writes, and what happens to them on the way: `activation(sum * scale + shift + residual)`. Outputs, and the
/// residual, are stored as `E`.
#[derive(Clone, Copy)]
pub(super) struct Output<'a, E = f32> {
    scale: Option<&'a [f32]>,
    shift: Option<&'a [f32]>,
    residual: Option<Residual<'a, E>>,
    /// What results are held between: the activations ReLU and ReLU6.
    bounds: (f32, f32),
    /// An activation of another kind.
    then: Option<Unary>,
    /// The first channel.
    pub channel: usize,
    /// Values from one pixel of the output to the next.
    pub pixel: usize,
    /// Channels to write, at most `V * LANES` of a tile.
    pub channels: usize,
    /// Values from a row to the same one of the tile behind, whose outputs are fetched.
    pub ahead: usize,
    /// Whether [`finish_rows`] writes past the caches.
    pub streams: bool,
}

/// What is added to the sums.
#[derive(Clone, Copy)]
enum Residual<'a, E> {
    /// Values beside the output.
    Beside(&'a [E]),
    /// What the output holds so far.
    Output,
}

impl<E> Residual<'_, E> {
    /// The values, as they lie in the output `y`.
    #[inline(always)]
    fn values(self, y: *mut E) -> *const E {
        match self {
            Residual::Beside(values) => values.as_ptr(),
            Residual::Output => y,
        }
    }
}

const UNBOUNDED: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

impl<'a, E: Stored> Output<'a, E> {
    /// Sums as they are, in pixels of so many values.
    pub(super) fn plain(pixel: usize) -> Self {
        Output {
            scale: None,
            shift: None,
            residual: None,
            bounds: UNBOUNDED,
            then: None,
            channel: 0,
            pixel,
            channels: 0,
            ahead: 0,
            streams: false,
        }
    }

    /// All of this epilogue, in pixels of so many values. Without a residual, the output itself may hold one: see [`output`].
    pub(super) fn new(e: &'a Epilogue<'_>, in_place: bool, pixel: usize) -> Result<Self> {
        let data = |t: Option<&'a Tensor>| t.map(Tensor::data::<f32>).transpose();
        let beside = e.residual.as_ref().map(Tensor::data::<E>).transpose()?.map(Residual::Beside);
        let residual = if in_place { Some(Residual::Output) } else { beside };
        let (bounds, then) = match e.activation {
            None => (UNBOUNDED, None),
            Some(Unary::Relu) => ((0.0, f32::INFINITY), None),
            Some(Unary::Clamp { min, max }) => ((min as f32, max as f32), None),
            other => (UNBOUNDED, other),
        };
        Ok(Output { scale: data(e.scale)?, shift: data(e.shift)?, residual, bounds, then, ..Output::plain(pixel) })
    }

    /// The same for `channels` channels from `channel` on.
    #[inline(always)]
    pub(super) fn of(self, channel: usize, channels: usize) -> Self {
        Output { channel, channels, ..self }
    }

    /// The same for outputs that start with this channel, in pixels of so many values; nothing is added.
    pub(super) fn starting_at(self, channel: usize, pixel: usize) -> Self {
        let from = |values: Option<&'a [f32]>| values.map(|values| &values[channel..]);
        Output { scale: from(self.scale), shift: from(self.shift), residual: None, pixel, ..self }
    }

    /// The same for an output that is large, whose lines the caches hold only where a residual is read from them.
    pub(super) fn streaming(self, y: &[E]) -> Self {
        Output { streams: !matches!(self.residual, Some(Residual::Output)) && streams(y, self.pixel), ..self }
    }
}

impl<E> Output<'_, E> {
    /// Whether there is an activation that vectors do not know, which [`activate`] applies.
    #[inline(always)]
    pub(super) fn activates(&self) -> bool {
        self.then.is_some()
    }
}

/// The tensor of these dimensions that a convolution writes to, and whether it holds the residual: the one that the epilogue gives away,
/// where nobody else holds it. Its values are read from the cache then, and written to lines that are there.
pub(super) fn output<E: Stored>(dims: [usize; 4], e: &mut Epilogue<'_>) -> Result<(Tensor, bool)> {
    if let Some(mut residual) = e.residual.take() {
        if residual.is_unshared() {
            return Ok((residual, true));
        }
        e.residual = Some(residual);
    }
    Ok((Tensor::uninit::<E>(dims, Layout::ChannelsLast)?, false))
}

/// A tile's output of `f32`, finished in registers but for [`activate`]: row `p` is written to `places[p]` of `to`.
#[derive(Clone, Copy)]
pub(super) struct Finished<'a> {
    pub at: &'a Places<'a>,
    pub to: *mut f32,
    pub places: &'a [usize; MOST_ROWS],
}

impl Sink for Finished<'_> {
    #[inline(always)]
    unsafe fn write<S: Simd, const P: usize, const V: usize>(self, sums: &[[S::V; V]; P]) {
        let Places { y, out, offsets } = self.at;
        // SAFETY: the caller's promise.
        unsafe {
            for_vectors!(v < V, {
                let first = v * S::LANES;
                let finish = Finish::<S>::new(out, out.channel + first, *y);
                for_rows!(p < P, {
                    finish.store(sums[p][v], offsets[p] + first, self.to.add(self.places[p] + first));
                });
            });
        }
    }
}

/// Finishes rows of sums in memory, and writes the `out.channels` values of each to its offset in `y`. A function of its own, which the many
/// kinds of tiles call: inlined into each of them, it takes the compiler long.
///
/// # Safety
/// See [`Simd`]; sums, channels and outputs exist, and nobody else touches the outputs. The sums' rows are of whole vectors.
#[inline(always)]
pub(super) unsafe fn finish_rows<S: Simd, E: Stored>(sums: Rows, offsets: &[usize], y: *mut E, out: &Output<'_, E>) {
    // SAFETY: the caller's promise.
    unsafe { S::call(FinishRows { sums, offsets, y, out }) }
}

/// The operands of [`finish_rows`].
struct FinishRows<'a, E> {
    sums: Rows,
    offsets: &'a [usize],
    y: *mut E,
    out: &'a Output<'a, E>,
}

impl<E: Stored> Kernel for FinishRows<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let FinishRows { sums, offsets, y, out } = self;
        let whole = out.channels / S::LANES * S::LANES;
        let rest = out.channels - whole;
        // SAFETY: the promise of `finish_rows`' caller; no more than the channels that there are is read or written, but in `sums`.
        unsafe {
            // Two vectors of a row are neighbours: those of bf16 are a line together.
            for first in (0..whole).step_by(2 * S::LANES) {
                if first + S::LANES < whole {
                    finish_vectors::<S, E, 2>(sums, first, offsets, y, out);
                } else {
                    finish_vectors::<S, E, 1>(sums, first, offsets, y, out);
                }
            }
            if rest > 0 {
                let finish = Finish::<S, E>::part(out, out.channel + whole, rest, y);
                for (p, &at) in offsets.iter().enumerate() {
                    let sum = sums.first.add(p * sums.step + whole);
                    S::store(sum, finish.finished_part(S::load(sum), at + whole, rest));
                }
            }
            if out.activates() {
                activate(sums.first, offsets.len() * sums.step, S::LEVEL, out);
                for (p, &at) in offsets.iter().enumerate() {
                    for first in (0..whole).step_by(S::LANES) {
                        write::<S, E>(out.streams, y.wrapping_add(at + first), S::load(sums.first.add(p * sums.step + first)));
                    }
                }
            }
            if rest > 0 {
                for (p, &at) in offsets.iter().enumerate() {
                    E::store_part::<S>(y.wrapping_add(at + whole), S::load(sums.first.add(p * sums.step + whole)), rest);
                }
            }
        }
    }
}

/// [`finish_rows`] for `V` vectors of channels from the `first` on: to the output, or where an activation awaits them back to the sums.
///
/// # Safety
/// As [`finish_rows`].
#[inline(always)]
unsafe fn finish_vectors<S: Simd, E: Stored, const V: usize>(sums: Rows, first: usize, offsets: &[usize], y: *mut E, out: &Output<'_, E>) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut finish = [Finish::<S, E>::new(out, out.channel + first, y); V];
        for v in 1..V {
            finish[v] = Finish::new(out, out.channel + first + v * S::LANES, y);
        }
        for (p, &at) in offsets.iter().enumerate() {
            for v in 0..V {
                let channel = first + v * S::LANES;
                let sum = sums.first.add(p * sums.step + channel);
                let finished = finish[v].finished(S::load(sum), at + channel);
                if out.activates() {
                    S::store(sum, finished);
                } else {
                    write::<S, E>(out.streams, y.wrapping_add(at + channel), finished);
                }
            }
        }
    }
}

/// Fetches the lines that the next tile writes to, where they are to be fetched.
///
/// # Safety
/// See [`Simd`].
#[inline(always)]
pub(super) unsafe fn fetch_ahead<S: Simd, E: Stored, const V: usize>(y: *mut E, offsets: &[usize], out: &Output<'_, E>) {
    if out.ahead > 0 {
        for v in 0..V {
            for &at in offsets {
                // SAFETY: the caller's promise.
                unsafe { S::prefetch(y.wrapping_add(at + v * S::LANES + out.ahead).cast()) }
            }
        }
    }
}

/// Applies an activation that vectors do not know to `len` finished values.
///
/// # Safety
/// They exist, and nobody else touches them.
#[inline(always)]
pub(super) unsafe fn activate<E>(y: *mut f32, len: usize, level: crate::cpu::SimdLevel, out: &Output<'_, E>) {
    if let Some(op) = out.then {
        // SAFETY: the caller's promise.
        unary_in_place(level, op, unsafe { std::slice::from_raw_parts_mut(y, len) });
    }
}

/// What is added where there is no residual; zeros of any type.
static ZEROS: [f32; BLOCK] = [0.0; BLOCK];

/// What one vector of channels goes through, but for [`activate`], kept in registers. There are no branches: what is not asked for
/// multiplies by one, adds zero or is no bound.
#[derive(Clone, Copy)]
pub(super) struct Finish<S: Simd, E = f32> {
    scale: S::V,
    shift: S::V,
    residual: *const E,
    /// Which bits of an output's place the residual's place has: all, or none of that of zeros.
    place: usize,
    low: S::V,
    high: S::V,
}

impl<S: Simd, E: Stored> Finish<S, E> {
    /// For the vector of outputs in `y` that starts with `channel`.
    ///
    /// # Safety
    /// See [`Simd`]; `LANES` channels follow.
    #[inline(always)]
    pub(super) unsafe fn new(out: &Output<'_, E>, channel: usize, y: *mut E) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::of(out, y, |values| S::load(values.as_ptr().wrapping_add(channel))) }
    }

    /// For the `len` channels from `channel` on.
    ///
    /// # Safety
    /// See [`Simd`]; these channels exist.
    #[inline(always)]
    unsafe fn part(out: &Output<'_, E>, channel: usize, len: usize, y: *mut E) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::of(out, y, |values| S::load_part(values.as_ptr().wrapping_add(channel), len)) }
    }

    /// # Safety
    /// See [`Simd`].
    #[inline(always)]
    unsafe fn of(out: &Output<'_, E>, y: *mut E, load: impl Fn(&[f32]) -> S::V) -> Self {
        let (residual, place) = out.residual.map_or((ZEROS.as_ptr().cast(), 0), |residual| (residual.values(y), usize::MAX));
        // SAFETY: the caller's promise.
        unsafe {
            Finish {
                scale: out.scale.map_or(S::splat(1.0), &load),
                shift: out.shift.map_or(S::zero(), &load),
                residual,
                place,
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
    pub(super) unsafe fn store(self, sum: S::V, at: usize, y: *mut E) {
        // SAFETY: the caller's promise.
        unsafe { E::store::<S>(y, self.finished(sum, at)) }
    }

    /// The finished values of a vector of sums, whose outputs start at `at`.
    ///
    /// # Safety
    /// As [`store`](Finish::store).
    #[inline(always)]
    pub(super) unsafe fn finished(self, sum: S::V, at: usize) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { self.with_residual(sum, E::load::<S>(self.residual.wrapping_add(at & self.place))) }
    }

    /// The finished values of `len` sums, whose outputs start at `at`.
    ///
    /// # Safety
    /// As [`store`](Finish::store).
    #[inline(always)]
    unsafe fn finished_part(self, sum: S::V, at: usize, len: usize) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { self.with_residual(sum, E::load_part::<S>(self.residual.wrapping_add(at & self.place), len)) }
    }

    /// # Safety
    /// See [`Simd`].
    #[inline(always)]
    unsafe fn with_residual(self, sum: S::V, residual: S::V) -> S::V {
        // SAFETY: the caller's promise. In this order of bounds a NaN stays one.
        unsafe { S::min(self.high, S::max(self.low, S::add(S::mul_add(sum, self.scale, self.shift), residual))) }
    }
}
