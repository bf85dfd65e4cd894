//! The register tile: up to 14 pixels times two vectors of output channels, held in registers over the whole reduction.

use std::mem::MaybeUninit;

use super::{
    finish::{Finished, Output, activate, fetch_ahead, finish_rows},
    plan::Tap,
};
use crate::{
    BLOCK,
    cpu::{
        dispatch::{Kernel, first_level_ways},
        simd::Simd,
        stored::{Stored, is_f32},
    },
};

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
    pub segments: Segments,
}

/// Products that are added up in a row before the sum joins the others: rounding errors grow with the length of a sum.
#[derive(Clone, Copy)]
pub(super) struct Segments {
    len: usize,
    /// Taps of one segment; one that is longer has segments of its own.
    taps: usize,
}

impl Segments {
    /// Segments of `len` products, of taps of `tap_len`.
    #[inline(always)]
    pub(super) const fn new(len: usize, tap_len: usize) -> Self {
        Segments { len, taps: if tap_len == 0 || tap_len > len { 1 } else { len / tap_len } }
    }
}

/// The most rows that a tile of any instruction set has.
pub(super) const MOST_ROWS: usize = 14;

/// The length of [segments](Segments) of sums over products of inputs and weights.
pub(super) const SEGMENT: usize = 256;

/// What the first segment's sums are added to.
static ZEROS: [f32; BLOCK] = [0.0; BLOCK];

/// The most rows of a tile of two vectors.
#[inline(always)]
pub(super) const fn max_rows<S: Simd, const PAIRS: bool>() -> usize {
    if PAIRS { S::MAX_PAIR_ROWS } else { S::MAX_ROWS }
}

/// Values that lie at the same place of the first-level cache as the one before them: 4 KB.
const CACHE_WAY: usize = 1024;

/// The most rows of a tile of two vectors whose inputs are `step` values apart: no more than the first-level cache has places for, where all
/// compete for the same.
#[inline(always)]
pub(super) fn most_rows<S: Simd, const PAIRS: bool>(step: usize) -> usize {
    let most = max_rows::<S, PAIRS>();
    if step > 0 && step.is_multiple_of(CACHE_WAY) { most.min(first_level_ways()) } else { most }
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
    /// Values from one of the tile's rows to the next, where all such tiles have the same: a constant spares them the addresses.
    const STEP: Option<usize> = None;

    /// Fetches some lines at channel `c` of a tap; `x` is the tap's input in the tile's first row, `w` its first row of weights.
    ///
    /// # Safety
    /// See [`Simd`].
    unsafe fn fetch<S: Simd>(self, rows: usize, x: *const f32, w: *const f32, tap: &Tap, c: usize);
}

/// Nothing.
#[derive(Clone, Copy)]
pub(super) struct Nothing;

impl Fetch for Nothing {
    #[inline(always)]
    unsafe fn fetch<S: Simd>(self, _: usize, _: *const f32, _: *const f32, _: &Tap, _: usize) {}
}

/// A stretch of memory: the next `step` values with each of the weight's rows.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    pub start: *const f32,
    pub step: usize,
}

impl Fetch for Stretch {
    #[inline(always)]
    unsafe fn fetch<S: Simd>(self, _: usize, _: *const f32, _: *const f32, tap: &Tap, c: usize) {
        // SAFETY: the caller's promise.
        unsafe { S::prefetch_far(self.start.wrapping_add((tap.row + c) * self.step)) }
    }
}

/// For operands in the second-level cache: the input of the tile that comes next, which lies as this one's does, and the weights that follow
/// those in use. A stretch of memory besides. Taps are lines, and a row's line follows that of the row before.
#[derive(Clone, Copy)]
pub(super) struct Following {
    /// Values from this tile's input to the next one's.
    pub input: isize,
    pub far: Stretch,
}

impl Following {
    /// Values of a tap.
    pub(super) const LINE: usize = 16;

    /// Rows of weights from those in use to those that are fetched.
    const WEIGHTS_AHEAD: usize = 24;
}

impl Fetch for Following {
    const STEP: Option<usize> = Some(Self::LINE);

    #[inline(always)]
    unsafe fn fetch<S: Simd>(self, rows: usize, x: *const f32, w: *const f32, tap: &Tap, c: usize) {
        let weights = w.wrapping_add((c + Self::WEIGHTS_AHEAD) * BLOCK);
        // SAFETY: the caller's promise.
        unsafe {
            // A tap has as many values as lines have: together they fetch all rows' lines.
            S::prefetch(x.wrapping_offset(self.input).wrapping_add(rows * c));
            S::prefetch(weights);
            S::prefetch(weights.wrapping_add(S::LANES));
            self.far.fetch::<S>(rows, x, w, tap, c);
        }
    }
}

/// The body for each row `$p` below the constant `$rows`, written out instead of a loop. Arrays that are indexed with it stay in registers; they
/// do not where the compiler takes a loop for a copy of memory before it unrolls it.
macro_rules! for_rows {
    ($p:ident < $rows:ident, $body:block) => {
        for_each_of!(0 1 2 3 4 5 6 7 8 9 10 11 12 13; $p < $rows, $body)
    };
}

/// The same for each vector of a row.
macro_rules! for_vectors {
    ($v:ident < $vectors:ident, $body:block) => {
        for_each_of!(0 1; $v < $vectors, $body)
    };
}

/// The body for each `$i` of the list that is below the constant `$n`, which is no more than the list is long.
macro_rules! for_each_of {
    ($($at:literal)*; $i:ident < $n:ident, $body:block) => {
        const { assert!($n <= [$($at),*].len(), "the list is too short") };
        $(if const { $at < $n } {
            let $i = $at;
            $body
        })*
    };
}
pub(super) use {for_each_of, for_rows, for_vectors};

/// What becomes of a tile's sums.
pub(super) trait Sink: Copy {
    /// What the first segment's sums are added to: the first row, and the values from one row to the next.
    fn start(&self) -> (*const f32, usize) {
        (ZEROS.as_ptr(), 0)
    }

    /// Takes the sums of `P` rows of `V` vectors. Must be `#[inline(always)]`.
    ///
    /// # Safety
    /// See [`Simd`]; the places that it writes to exist, and nobody else touches them.
    unsafe fn write<S: Simd, const P: usize, const V: usize>(self, sums: &[[S::V; V]; P]);
}

/// Rows that sums are written to as they are.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub first: *mut f32,
    /// Values from one row to the next.
    pub step: usize,
}

impl Sink for Rows {
    #[inline(always)]
    unsafe fn write<S: Simd, const P: usize, const V: usize>(self, sums: &[[S::V; V]; P]) {
        for_rows!(p < P, {
            for_vectors!(v < V, {
                // SAFETY: the caller's promise.
                unsafe { S::store(self.first.add(p * self.step + v * S::LANES), sums[p][v]) }
            });
        });
    }
}

/// Rows that sums are written to, or added to.
#[derive(Clone, Copy)]
pub(super) struct Added {
    pub rows: Rows,
    pub to_what_is_there: bool,
}

impl Sink for Added {
    #[inline(always)]
    fn start(&self) -> (*const f32, usize) {
        if self.to_what_is_there { (self.rows.first, self.rows.step) } else { (ZEROS.as_ptr(), 0) }
    }

    #[inline(always)]
    unsafe fn write<S: Simd, const P: usize, const V: usize>(self, sums: &[[S::V; V]; P]) {
        // SAFETY: the caller's promise.
        unsafe { self.rows.write::<S, P, V>(sums) }
    }
}

/// `P` rows of `V` vectors: `sum over taps and channels of x[row] * w`, given to `sink`.
///
/// Four rows share a pointer, of which the compiler must not know that it is a multiple of the step away from the others: it would add up the
/// address of almost every row for each channel, 13 instructions beside 28 of sums.
///
/// # Safety
/// See [`Simd`] and [`Sink::write`]; every input value and weight row that the taps name exists.
#[inline(always)]
unsafe fn tile<S: Simd, const P: usize, const V: usize, F: Fetch, const PAIRS: bool>(
    x: &Input<'_>,
    w: *const f32,
    fetch: F,
    sink: impl Sink,
) {
    // The sums of the segments so far: where the sink starts from, then rows of their own.
    let mut sums = Sums(MaybeUninit::uninit());
    let sums = sums.rows::<S, V>();
    let (mut so_far, mut step) = sink.start();
    let mut rest = x.taps;
    debug_assert!(F::STEP.is_none_or(|step| step == x.step));
    let row = F::STEP.unwrap_or(x.step);
    // No tap is one segment of nothing.
    loop {
        let (taps, behind) = rest.split_at(rest.len().min(x.segments.taps));
        rest = behind;
        let mut start = 0;
        loop {
            let end = x.tap_len.min(start + x.segments.len);
            // SAFETY: the caller's promise; there is room for the sums, which are written before they are read.
            unsafe {
                let mut acc = [[S::zero(); V]; P];
                for tap in taps {
                    let xp = x.base.add(tap.pixel * x.pixel);
                    let wp = w.add(tap.row * BLOCK);
                    let mut fours = [xp; MOST_ROWS.div_ceil(4)];
                    for_rows!(p < P, {
                        if p % 4 == 0 {
                            let four = xp.wrapping_add(p * row);
                            fours[p / 4] = if F::STEP.is_none() { S::apart(four) } else { four };
                        }
                    });
                    for c in start..end {
                        fetch.fetch::<S>(P, xp, wp, tap, c);
                        let mut b = [S::zero(); V];
                        for_vectors!(v < V, { b[v] = S::load(wp.add(c * BLOCK + v * S::LANES)) });
                        for_rows!(p < P, {
                            for_vectors!(v < V, {
                                acc[p][v] = product::<S, PAIRS>(S::splat(*fours[p / 4].add(p % 4 * row + c)), b[v], acc[p][v]);
                            });
                        });
                    }
                }
                for_rows!(p < P, {
                    for_vectors!(v < V, {
                        acc[p][v] = S::add(S::load(so_far.add(p * step + v * S::LANES)), acc[p][v]);
                    });
                });
                if rest.is_empty() && end == x.tap_len {
                    return sink.write::<S, P, V>(&acc);
                }
                sums.write::<S, P, V>(&acc);
            }
            (so_far, step) = (sums.first, sums.step);
            start = end;
            if end == x.tap_len {
                break;
            }
        }
    }
}

/// The operands of [`tile`].
struct TileKernel<'a, const P: usize, const V: usize, F, const PAIRS: bool, K> {
    x: &'a Input<'a>,
    w: *const f32,
    fetch: F,
    sink: K,
}

impl<const P: usize, const V: usize, F: Fetch, const PAIRS: bool, K: Sink> Kernel for TileKernel<'_, P, V, F, PAIRS, K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        // SAFETY: the promise of `tile_of`'s caller, the only one that makes such a kernel.
        unsafe { tile::<S, P, V, F, PAIRS>(self.x, self.w, self.fetch, self.sink) }
    }
}

/// [`tile`] for a number of rows known only at run time, at most [`max_rows`].
///
/// # Safety
/// As [`tile`].
#[inline(always)]
pub(super) unsafe fn tile_of<S: Simd, const V: usize, F: Fetch, const PAIRS: bool>(
    height: usize,
    x: &Input<'_>,
    w: *const f32,
    fetch: F,
    sink: impl Sink,
) {
    macro_rules! by_height {
        ($($p:literal)*) => {
            match height {
                // SAFETY: the caller's promise.
                $($p if const { $p <= max_rows::<S, PAIRS>() } => unsafe { S::call(TileKernel::<$p, V, F, PAIRS, _> { x, w, fetch, sink }) },)*
                _ => unreachable!("a tile has 1 to max_rows rows"),
            }
        };
    }
    by_height!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// Memory for the sums of a tile, row behind row.
struct Sums(MaybeUninit<[f32; MOST_ROWS * BLOCK]>);

impl Sums {
    /// Rows of `V` vectors; these are at most BLOCK values.
    #[inline(always)]
    fn rows<S: Simd, const V: usize>(&mut self) -> Rows {
        Rows { first: self.0.as_mut_ptr().cast(), step: V * S::LANES }
    }
}

/// Where a tile's rows go.
pub(super) struct Places<'a, E = f32> {
    pub y: *mut E,
    pub out: Output<'a, E>,
    /// Where in `y` (and the residual) the first channel of each row lies.
    pub offsets: [usize; MOST_ROWS],
}

impl<'a, E: Stored> Places<'a, E> {
    /// The same, of outputs that are `f32`.
    #[inline(always)]
    pub(super) fn as_f32(&self) -> &Places<'a> {
        assert!(is_f32::<E>(), "outputs are {}", E::DTYPE);
        // SAFETY: the types are the same.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }
}

/// Computes a tile of `height` rows of whole vectors of channels.
///
/// # Safety
/// As [`tile`]; every offset has `out.channels` values of `y` (and of the residual) behind it that nobody else touches.
#[inline(always)]
pub(super) unsafe fn tile_rows<S: Simd, const V: usize, F: Fetch>(height: usize, x: &Input<'_>, w: *const f32, fetch: F, at: &Places<'_>) {
    // Values that an activation waits for are in the first-level cache.
    let mut sums = Sums(MaybeUninit::uninit());
    let sums = sums.rows::<S, V>();
    let ahead = std::array::from_fn(|p| p * sums.step);
    let activates = at.out.activates();
    let (to, places) = if activates { (sums.first, &ahead) } else { (at.y, &at.offsets) };
    let offsets = &at.offsets[..height];
    // SAFETY: the caller's promise; there is room for as many sums as a tile has, and the tile writes the rows that are read.
    unsafe {
        tile_of::<S, V, F, false>(height, x, w, fetch, Finished { at, to, places });
        if activates {
            activate(sums.first, height * sums.step, S::LEVEL, &at.out);
            for (p, &offset) in offsets.iter().enumerate() {
                for v in (0..V).map(|v| v * S::LANES) {
                    S::store(at.y.wrapping_add(offset + v), S::load(sums.first.wrapping_add(p * sums.step + v)));
                }
            }
        }
        fetch_ahead::<S, f32, V>(at.y, offsets, &at.out);
    }
}

/// Computes a tile of `height` rows whose sums are finished in memory: where the last vector is not all channels, outputs are bf16, or products
/// are of pairs.
///
/// # Safety
/// As [`tile_rows`].
#[inline(always)]
pub(super) unsafe fn tile_parts<S: Simd, E: Stored, const V: usize, F: Fetch, const PAIRS: bool>(
    height: usize,
    x: &Input<'_>,
    w: *const f32,
    fetch: F,
    at: &Places<'_, E>,
) {
    let mut sums = Sums(MaybeUninit::uninit());
    let sums = sums.rows::<S, V>();
    let offsets = &at.offsets[..height];
    // SAFETY: as in `tile_rows`.
    unsafe {
        tile_of::<S, V, F, PAIRS>(height, x, w, fetch, sums);
        finish_rows::<S, E>(sums, offsets, at.y, &at.out);
        fetch_ahead::<S, E, V>(at.y, offsets, &at.out);
    }
}
