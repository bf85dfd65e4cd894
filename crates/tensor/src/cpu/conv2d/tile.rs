//! The register tile: up to 14 pixels times two vectors of output channels, held in registers over the whole reduction.

use std::mem::MaybeUninit;

use super::{
    finish::{Output, store_rows},
    plan::Tap,
};
use crate::{BLOCK, cpu::simd::Simd};

/// Where a tile's input comes from.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    /// The value that pixel 0 starts at.
    pub base: *const f32,
    /// Values from one pixel to the next.
    pub pixel: usize,
    /// Values from one of the tile's outputs to the next.
    pub step: usize,
    pub taps: &'a [Tap],
    pub tap_len: usize,
    /// Products that are added up in a row before the sum joins the others: rounding errors grow with the length of a sum.
    pub segment: usize,
}

impl Input<'_> {
    /// The taps of one segment.
    #[inline(always)]
    fn segment_taps(&self) -> usize {
        (self.segment / self.tap_len.max(1)).max(1)
    }
}

/// The most rows that a tile of any instruction set has.
pub(super) const MOST_ROWS: usize = 14;

/// Where a tile writes its rows.
pub(super) type Rows = [*mut f32; MOST_ROWS];

/// The [segment](Input::segment) of sums over products of inputs and weights.
pub(super) const SEGMENT: usize = 256;

/// What the first segment's sums are added to.
static ZEROS: [f32; BLOCK] = [0.0; BLOCK];

/// The most rows of a tile of two vectors.
#[inline(always)]
pub(super) const fn max_rows<S: Simd, const PAIRS: bool>() -> usize {
    if PAIRS { S::MAX_PAIR_ROWS } else { S::MAX_ROWS }
}

/// `a * b + c` of numbers, or of [pairs](super::pairs).
///
/// # Safety
/// See [`Simd`].
#[inline(always)]
pub(super) unsafe fn product<S: Simd, const PAIRS: bool>(a: S::V, b: S::V, c: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { if PAIRS { S::dot_pairs(a, b, c) } else { S::mul_add(a, b, c) } }
}

/// What a tile brings into the cache while it sums, because it is needed next.
pub(super) trait Fetch: Copy {
    /// Fetches a line at channel `c` of a tap; `x` is the tap's input in the tile's first row.
    ///
    /// # Safety
    /// See [`Simd`].
    unsafe fn fetch<S: Simd>(self, rows: usize, input: &Input<'_>, x: *const f32, tap: &Tap, c: usize);
}

/// Nothing.
#[derive(Clone, Copy)]
pub(super) struct Nothing;

impl Fetch for Nothing {
    #[inline(always)]
    unsafe fn fetch<S: Simd>(self, _: usize, _: &Input<'_>, _: *const f32, _: &Tap, _: usize) {}
}

/// The input rows that follow the tile's, of taps no wider than a line.
#[derive(Clone, Copy)]
pub(super) struct NextRows;

impl Fetch for NextRows {
    #[inline(always)]
    unsafe fn fetch<S: Simd>(self, rows: usize, input: &Input<'_>, x: *const f32, _: &Tap, c: usize) {
        // SAFETY: the caller's promise.
        unsafe { S::prefetch(x.wrapping_add(rows * (input.step + c))) }
    }
}

/// A stretch of memory: the next `step` values with each of the weight's rows.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    pub start: *const f32,
    pub step: usize,
}

impl Fetch for Stretch {
    #[inline(always)]
    unsafe fn fetch<S: Simd>(self, _: usize, _: &Input<'_>, _: *const f32, tap: &Tap, c: usize) {
        // SAFETY: the caller's promise.
        unsafe { S::prefetch_far(self.start.wrapping_add((tap.row + c) * self.step)) }
    }
}

/// `P` rows of `V` vectors: `sum over taps and channels of x[row] * w`, row `p` written to `rows[p]`.
///
/// # Safety
/// See [`Simd`]; every input value and weight row that the taps name exists, and each row has `V * LANES` values to write to.
#[inline(always)]
unsafe fn tile<S: Simd, const P: usize, const V: usize, F: Fetch, const PAIRS: bool>(x: Input<'_>, w: *const f32, fetch: F, rows: &Rows) {
    let mut sources: [*const f32; MOST_ROWS] = [ZEROS.as_ptr(); MOST_ROWS];
    // No tap is one segment of nothing.
    let segments = x.taps.len().div_ceil(x.segment_taps()).max(1);
    for segment in 0..segments {
        let taps = &x.taps[x.taps.len().min(segment * x.segment_taps())..x.taps.len().min((segment + 1) * x.segment_taps())];
        for first in (0..x.tap_len.max(1)).step_by(x.segment) {
            // SAFETY: the caller's promise.
            unsafe {
                let mut acc = [[S::zero(); V]; P];
                for tap in taps {
                    let xp = x.base.add(tap.pixel * x.pixel);
                    let wp = w.add(tap.row * BLOCK);
                    for c in first..x.tap_len.min(first + x.segment) {
                        fetch.fetch::<S>(P, &x, xp, tap, c);
                        let mut b = [S::zero(); V];
                        for v in 0..V {
                            b[v] = S::load(wp.add(c * BLOCK + v * S::LANES));
                        }
                        for p in 0..P {
                            let a = S::splat(*xp.add(p * x.step + c));
                            for v in 0..V {
                                acc[p][v] = product::<S, PAIRS>(a, b[v], acc[p][v]);
                            }
                        }
                    }
                }
                for p in 0..P {
                    for v in 0..V {
                        S::store(rows[p].add(v * S::LANES), S::add(S::load(sources[p].add(v * S::LANES)), acc[p][v]));
                    }
                }
            }
            sources = rows.map(|row| row.cast_const());
        }
    }
}

/// [`tile`] for a number of rows known only at run time, at most [`max_rows`].
///
/// # Safety
/// As [`tile`].
#[inline(always)]
pub(super) unsafe fn tile_of<S: Simd, const V: usize, F: Fetch, const PAIRS: bool>(
    height: usize,
    x: Input<'_>,
    w: *const f32,
    fetch: F,
    rows: &Rows,
) {
    macro_rules! by_height {
        ($($p:literal)*) => {
            match height {
                // SAFETY: the caller's promise.
                $($p if $p <= max_rows::<S, PAIRS>() => unsafe { tile::<S, $p, V, F, PAIRS>(x, w, fetch, rows) },)*
                _ => unreachable!("a tile has 1 to max_rows rows"),
            }
        };
    }
    by_height!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// Computes a tile of `height` rows and writes row `p` at `offsets[p]` as `out` has it.
///
/// # Safety
/// As [`tile`]; every offset has `out.channels` values of `y` (and of the residual) behind it that nobody else touches.
#[inline(always)]
pub(super) unsafe fn tile_rows<S: Simd, const V: usize, F: Fetch, const PAIRS: bool>(
    height: usize,
    x: Input<'_>,
    w: *const f32,
    fetch: F,
    y: *mut f32,
    out: Output<'_>,
    offsets: &[usize; MOST_ROWS],
) {
    let whole = out.channels == V * S::LANES;
    // Sums that are not written as they are pass through `sums`, row behind row.
    let mut sums = MaybeUninit::<[f32; MOST_ROWS * BLOCK]>::uninit();
    let sums = sums.as_mut_ptr().cast::<f32>();
    let direct = out.direct(whole, y, offsets);
    let rows = direct.unwrap_or_else(|| std::array::from_fn(|p| sums.wrapping_add(p * V * S::LANES)));
    // SAFETY: the caller's promise; a row of `sums` holds V * LANES values, at most BLOCK, and the tile writes the rows that are read.
    unsafe {
        tile_of::<S, V, F, PAIRS>(height, x, w, fetch, &rows);
        match direct {
            Some(_) => {}
            None if whole => store_rows::<S, V, true>(sums, &offsets[..height], y, out),
            None => store_rows::<S, V, false>(sums, &offsets[..height], y, out),
        }
    }
}
