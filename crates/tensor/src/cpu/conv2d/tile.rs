//! The register tile: up to 14 pixels times two vectors of output channels, held in registers over the whole reduction.

use super::plan::Tap;
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
}

impl Input<'_> {
    /// The taps of one segment.
    #[inline(always)]
    fn segment_taps(&self) -> usize {
        (SEGMENT / self.tap_len.max(1)).max(1)
    }
}

/// The most rows that a tile of any instruction set has.
pub(super) const MOST_ROWS: usize = 14;

/// Where a tile writes its rows.
pub(super) type Rows = [*mut f32; MOST_ROWS];

/// Products that are added up in a row before the sum joins the others: rounding errors grow with the length of a sum.
const SEGMENT: usize = 256;

/// What the first segment's sums are added to.
static ZEROS: [f32; BLOCK] = [0.0; BLOCK];

/// `P` rows of `V` vectors: `sum over taps and channels of x[row] * w`, row `p` written to `rows[p]`. With `FETCH`, the input rows
/// that follow the tile's are brought into the cache meanwhile.
///
/// # Safety
/// See [`Simd`]; every input value and weight row that the taps name exists, and each row has `V * LANES` values to write to.
#[inline(always)]
unsafe fn tile<S: Simd, const P: usize, const V: usize, const FETCH: bool>(x: Input<'_>, w: *const f32, rows: &Rows) {
    let mut sources: [*const f32; MOST_ROWS] = [ZEROS.as_ptr(); MOST_ROWS];
    // No tap is one segment of nothing.
    let segments = x.taps.len().div_ceil(x.segment_taps()).max(1);
    for segment in 0..segments {
        let taps = &x.taps[x.taps.len().min(segment * x.segment_taps())..x.taps.len().min((segment + 1) * x.segment_taps())];
        for first in (0..x.tap_len.max(1)).step_by(SEGMENT) {
            // SAFETY: the caller's promise.
            unsafe {
                let mut acc = [[S::zero(); V]; P];
                for tap in taps {
                    let xp = x.base.add(tap.pixel * x.pixel);
                    let wp = w.add(tap.row * BLOCK);
                    for c in first..x.tap_len.min(first + SEGMENT) {
                        if FETCH {
                            S::prefetch(xp.wrapping_add(P * (x.step + c)));
                        }
                        let mut b = [S::zero(); V];
                        for v in 0..V {
                            b[v] = S::load(wp.add(c * BLOCK + v * S::LANES));
                        }
                        for p in 0..P {
                            let a = S::splat(*xp.add(p * x.step + c));
                            for v in 0..V {
                                acc[p][v] = S::mul_add(a, b[v], acc[p][v]);
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

/// [`tile`] for a number of rows known only at run time, at most `S::MAX_ROWS`.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
pub(super) unsafe fn tile_of<S: Simd, const V: usize, const FETCH: bool>(height: usize, x: Input<'_>, w: *const f32, rows: &Rows) {
    macro_rules! by_height {
        ($($p:literal)*) => {
            match height {
                // SAFETY: the caller's promise.
                $($p if $p <= S::MAX_ROWS => unsafe { tile::<S, $p, V, FETCH>(x, w, rows) },)*
                _ => unreachable!("a tile has 1 to MAX_ROWS rows"),
            }
        };
    }
    by_height!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// The channels that a tile writes, and what happens to them on the way.
#[derive(Clone, Copy)]
pub(super) struct Output<'a> {
    pub scale: Option<&'a [f32]>,
    pub shift: Option<&'a [f32]>,
    pub residual: Option<&'a [f32]>,
    pub relu: bool,
    /// The first channel.
    pub channel: usize,
    /// Channels to write, at most `V * LANES`.
    pub channels: usize,
}

impl Output<'_> {
    /// Whether sums are written as they are.
    #[inline(always)]
    fn is_plain(&self) -> bool {
        self.scale.is_none() && self.shift.is_none() && self.residual.is_none() && !self.relu
    }
}

/// Computes a tile of `height` rows and writes row `p` where the `p`th call of `offset` says, as `out` has it.
///
/// # Safety
/// As [`tile`]; every offset has `out.channels` values of `y` (and of the residual) behind it that nobody else touches.
#[inline(always)]
pub(super) unsafe fn tile_rows<S: Simd, const V: usize>(
    height: usize,
    x: Input<'_>,
    w: *const f32,
    y: *mut f32,
    out: Output<'_>,
    mut offset: impl FnMut() -> usize,
) {
    let mut offsets = [0; MOST_ROWS];
    offsets[..height].fill_with(&mut offset);
    let whole = out.channels == V * S::LANES;
    let direct = whole && out.is_plain();
    // Sums that are not written as they are pass through `sums`, BLOCK values a row.
    let mut sums = [0.0f32; MOST_ROWS * BLOCK];
    let base = sums.as_mut_ptr();
    let rows = std::array::from_fn(|p| if direct { y.wrapping_add(offsets[p]) } else { base.wrapping_add(p * BLOCK) });
    // SAFETY: the caller's promise; a row of `sums` holds V * LANES values, at most BLOCK.
    unsafe {
        tile_of::<S, V, false>(height, x, w, &rows);
        if direct {
            return;
        }
        for (sums, &at) in sums.chunks_exact(BLOCK).zip(&offsets[..height]) {
            if whole {
                for v in 0..V {
                    store_vector::<S>(S::load(sums[v * S::LANES..].as_ptr()), y, at + v * S::LANES, out.channel + v * S::LANES, out);
                }
            } else {
                store_part(sums, y, at, out);
            }
        }
    }
}

/// Finishes one whole vector of channels and writes it.
///
/// # Safety
/// As [`tile_rows`], for the vector at `at` that starts with `channel`.
#[inline(always)]
pub(super) unsafe fn store_vector<S: Simd>(mut value: S::V, y: *mut f32, at: usize, channel: usize, out: Output<'_>) {
    // SAFETY: the caller's promise.
    unsafe {
        match (out.scale, out.shift) {
            (Some(scale), Some(shift)) => {
                value = S::mul_add(value, S::load(scale.as_ptr().add(channel)), S::load(shift.as_ptr().add(channel)))
            }
            (Some(scale), None) => value = S::mul_add(value, S::load(scale.as_ptr().add(channel)), S::zero()),
            (None, Some(shift)) => value = S::add(value, S::load(shift.as_ptr().add(channel))),
            (None, None) => {}
        }
        if let Some(residual) = out.residual {
            value = S::add(value, S::load(residual.as_ptr().add(at)));
        }
        if out.relu {
            value = S::max(value, S::zero());
        }
        S::store(y.add(at), value);
    }
}

/// Finishes and writes the first `out.channels` sums of a row.
///
/// # Safety
/// As [`tile_rows`], for the row at `at`.
#[inline(always)]
unsafe fn store_part(sums: &[f32], y: *mut f32, at: usize, out: Output<'_>) {
    for (i, &value) in sums[..out.channels].iter().enumerate() {
        let k = out.channel + i;
        let value = value * out.scale.map_or(1.0, |s| s[k]) + out.shift.map_or(0.0, |s| s[k]) + out.residual.map_or(0.0, |r| r[at + i]);
        // SAFETY: `at` has `out.channels` values behind it.
        unsafe { *y.add(at + i) = if out.relu { value.max(0.0) } else { value } };
    }
}
