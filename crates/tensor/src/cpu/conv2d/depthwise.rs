//! Depthwise convolution: each channel by itself, vector lanes over channels. Forward pass and input gradient walk the same runs as
//! dense convolution (see [`plan`](super::plan)); the weight gradient sums over pixels tap by tap.

use super::{
    finish::{Finish, Output, activate},
    plan::{Addressing, Axis, Run, runs},
};
use crate::{
    BLOCK, DType,
    cpu::{
        dispatch::{Kernel, SimdLevel, run_at},
        pool::{SharedMut, parallel, threads},
        simd::Simd,
    },
    ops::ConvShape,
};

/// Output pixels that a tile holds in registers.
const PIXELS: usize = 8;

/// The widest vector of any level; fewer channels are left to the plain kernels.
const MOST_LANES: usize = 16;

/// Whether these kernels compute this convolution.
pub(super) fn applies(dtype: DType, s: &ConvShape) -> bool {
    dtype == DType::F32 && s.options.groups == s.c && s.k == s.c && s.c >= MOST_LANES
}

/// A weight `[C, 1, R, S]`, blocked, as rows of channels: `[R * S][C]`.
pub(super) fn rows_of_channels(weight: &[f32], channels: usize, taps: usize) -> Vec<f32> {
    let mut rows = vec![0.0; taps * channels];
    for (block, weight) in weight.chunks_exact(taps * BLOCK).enumerate() {
        let lanes = BLOCK.min(channels - block * BLOCK);
        for (tap, lane) in weight.chunks_exact(BLOCK).enumerate() {
            rows[tap * channels + block * BLOCK..][..lanes].copy_from_slice(&lane[..lanes]);
        }
    }
    rows
}

/// The first channel of the `i`th vector of those that cover all channels; the last may overlap the one before.
#[inline(always)]
fn vector_start<S: Simd>(channels: usize, i: usize) -> usize {
    (i * S::LANES).min(channels - S::LANES)
}

/// The runs of a depthwise gather along these axes, of an input `width` pixels wide and a kernel of `kernel_width` taps.
pub(super) fn depthwise_runs(rows: &Axis, columns: &Axis, width: usize, kernel_width: usize) -> Vec<Run> {
    runs(&rows.inside(), &columns.inside(), &Addressing { width, left: 0, channels: 1, kernel_width, merge: false })
}

/// One depthwise gather: every output pixel is a sum over (input pixel, tap) pairs of its own channel.
pub(super) struct DepthwiseGather<'a> {
    /// Channels-last input.
    pub x: &'a [f32],
    pub images: usize,
    pub channels: usize,
    /// Height and width of the input.
    pub input: (usize, usize),
    /// Height and width of the output.
    pub output: (usize, usize),
    /// What [`depthwise_runs`] gives.
    pub runs: &'a [Run],
    /// `[taps][channels]`.
    pub weight: &'a [f32],
    pub out: Output<'a>,
}

impl DepthwiseGather<'_> {
    /// Writes the channels-last output to `y`.
    pub(super) fn run(&self, level: SimdLevel, y: &mut [f32]) {
        let runs = self.runs;
        let pieces = (4 * threads()).div_ceil(self.images.max(1)).clamp(1, self.output.0.max(1));
        let step = runs.len().div_ceil(pieces).max(1);
        let y = SharedMut::new(y);
        parallel(self.images * pieces, |i| {
            let (image, piece) = (i / pieces, i % pieces);
            let runs = &runs[(piece * step).min(runs.len())..((piece + 1) * step).min(runs.len())];
            run_at(level, GatherKernel { gather: self, image, runs, y });
        });
    }
}

struct GatherKernel<'a> {
    gather: &'a DepthwiseGather<'a>,
    image: usize,
    runs: &'a [Run],
    y: SharedMut<f32>,
}

impl Kernel for GatherKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let g = self.gather;
        let x = &g.x[self.image * g.input.0 * g.input.1 * g.channels..];
        let first = self.image * g.output.0 * g.output.1;
        for run in self.runs {
            for start in (0..run.len).step_by(PIXELS) {
                let pixels = PIXELS.min(run.len - start);
                let x = x.as_ptr().wrapping_add(start * run.input_step * g.channels);
                let at = (first + run.output + start * run.output_step) * g.channels;
                for i in 0..g.channels.div_ceil(S::LANES) {
                    let c = vector_start::<S>(g.channels, i);
                    // SAFETY: the plan's taps name pixels of this picture and taps of the weight; `c` has a vector of channels
                    // behind it; tasks write different rows of y, overlapping vectors of one pixel the same values.
                    unsafe { tile_of::<S>(pixels, g, run, x.wrapping_add(c), c, self.y.get(), at + c) }
                }
                for p in 0..pixels {
                    // SAFETY: the pixels just written, which are this task's.
                    unsafe { activate(self.y.get(), at + p * run.output_step * g.channels, g.channels, S::LEVEL, g.out) };
                }
            }
        }
    }
}

/// `P` output pixels of one vector of channels from `c`; pixel `p` goes to `at` plus `p` steps.
///
/// # Safety
/// See [`Simd`]; all that the run's taps name exists behind `x` (which points to channel `c` of the first tap's row), and so do the
/// outputs.
#[inline(always)]
unsafe fn tile<S: Simd, const P: usize>(g: &DepthwiseGather<'_>, run: &Run, x: *const f32, c: usize, y: *mut f32, at: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut acc = [S::zero(); P];
        let step = run.input_step * g.channels;
        for tap in &run.taps {
            let x = x.add(tap.pixel * g.channels);
            let w = S::load(g.weight.as_ptr().add(tap.row * g.channels + c));
            for p in 0..P {
                acc[p] = S::mul_add(S::load(x.add(p * step)), w, acc[p]);
            }
        }
        let finish = Finish::<S>::new(g.out, c);
        for (p, &sum) in acc.iter().enumerate() {
            finish.store(sum, y, at + p * run.output_step * g.channels);
        }
    }
}

/// [`tile`] for a number of pixels known only at run time.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn tile_of<S: Simd>(pixels: usize, g: &DepthwiseGather<'_>, run: &Run, x: *const f32, c: usize, y: *mut f32, at: usize) {
    macro_rules! by_pixels {
        ($($p:literal)*) => {
            match pixels {
                // SAFETY: the caller's promise.
                $($p => unsafe { tile::<S, $p>(g, run, x, c, y, at) },)*
                _ => unreachable!("a tile has 1 to PIXELS pixels"),
            }
        };
    }
    by_pixels!(1 2 3 4 5 6 7 8)
}

/// One depthwise weight gradient: for each tap, the sum over pixels of input times output gradient.
pub(super) struct DepthwiseGradWeight<'a> {
    /// Channels-last input.
    pub x: &'a [f32],
    /// Channels-last gradient of the output.
    pub dy: &'a [f32],
    pub images: usize,
    pub channels: usize,
    /// Height and width of `x`.
    pub input: (usize, usize),
    /// Height and width of `dy`.
    pub output: (usize, usize),
    pub kernel: (usize, usize),
    /// Vertical and horizontal stride.
    pub stride: (usize, usize),
    pub rows: Axis,
    pub columns: Axis,
}

/// Vectors of channels whose sums a task keeps in registers.
const VECTORS: usize = 4;

impl DepthwiseGradWeight<'_> {
    /// Writes the blocked gradient to `dw`.
    pub(super) fn run(&self, level: SimdLevel, dw: &mut [f32]) {
        let taps = self.kernel.0 * self.kernel.1;
        let mut rows = vec![0.0; taps * self.channels];
        let group = VECTORS * MOST_LANES;
        let groups = self.channels.div_ceil(group);
        let out = SharedMut::new(&mut rows);
        parallel(groups * taps, |i| {
            let (tap, start) = (i / groups, i % groups * group);
            let channels = group.min(self.channels - start);
            // SAFETY: each task has its own tap and channels.
            let out = unsafe { out.slice(tap * self.channels + start, channels) };
            run_at(level, GradKernel { grad: self, tap, start, out });
        });
        dw.fill(0.0);
        for (block, dw) in dw.chunks_exact_mut(taps * BLOCK).enumerate() {
            let lanes = BLOCK.min(self.channels - block * BLOCK);
            for (tap, dw) in dw.chunks_exact_mut(BLOCK).enumerate() {
                dw[..lanes].copy_from_slice(&rows[tap * self.channels + block * BLOCK..][..lanes]);
            }
        }
    }

    /// Calls `f` with the first offsets in `x` and `dy` of each row of pixels at which a tap meets the input, and their number.
    #[inline(always)]
    fn for_rows(&self, tap: usize, mut f: impl FnMut(usize, usize, usize)) {
        let (Some((top, bottom, x_row)), Some((left, right, x_column))) =
            (self.rows.span(tap / self.kernel.1), self.columns.span(tap % self.kernel.1))
        else {
            return;
        };
        for n in 0..self.images {
            for row in top..bottom {
                let x_row = n * self.input.0 + x_row + (row - top) * self.stride.0;
                f(
                    (x_row * self.input.1 + x_column) * self.channels,
                    ((n * self.output.0 + row) * self.output.1 + left) * self.channels,
                    right - left,
                );
            }
        }
    }
}

struct GradKernel<'a> {
    grad: &'a DepthwiseGradWeight<'a>,
    tap: usize,
    /// The first channel of `out`.
    start: usize,
    out: &'a mut [f32],
}

impl Kernel for GradKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let channels = self.out.len();
        let mut done = 0;
        while done + VECTORS * S::LANES <= channels {
            // SAFETY: that many vectors of channels lie behind `done`.
            unsafe { self.vectors::<S, VECTORS>(done) };
            done += VECTORS * S::LANES;
        }
        while done + S::LANES <= channels {
            // SAFETY: as above.
            unsafe { self.vectors::<S, 1>(done) };
            done += S::LANES;
        }
        for c in done..channels {
            let (g, at) = (self.grad, self.start + c);
            let mut sum = 0.0;
            g.for_rows(self.tap, |x, dy, pixels| {
                sum += (0..pixels).map(|p| g.x[x + at + p * g.stride.1 * g.channels] * g.dy[dy + at + p * g.channels]).sum::<f32>();
            });
            self.out[c] = sum;
        }
    }
}

impl GradKernel<'_> {
    /// # Safety
    /// See [`Simd`]; `V` vectors of channels lie in `out` behind `c`.
    #[inline(always)]
    unsafe fn vectors<S: Simd, const V: usize>(&mut self, c: usize) {
        let (g, at) = (self.grad, self.start + c);
        // SAFETY: `for_rows` names pixels of x and dy; the rest is the caller's promise.
        unsafe {
            let mut sums = [S::zero(); V];
            g.for_rows(self.tap, |x, dy, pixels| {
                let (mut x, mut dy) = (g.x.as_ptr().add(x + at), g.dy.as_ptr().add(dy + at));
                for _ in 0..pixels {
                    for v in 0..V {
                        sums[v] = S::mul_add(S::load(x.add(v * S::LANES)), S::load(dy.add(v * S::LANES)), sums[v]);
                    }
                    x = x.wrapping_add(g.stride.1 * g.channels);
                    dy = dy.wrapping_add(g.channels);
                }
            });
            for v in 0..V {
                S::store(self.out.as_mut_ptr().add(c + v * S::LANES), sums[v]);
            }
        }
    }
}
