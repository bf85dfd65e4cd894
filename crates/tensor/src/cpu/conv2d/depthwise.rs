//! Depthwise convolution: each channel by itself, vector lanes over channels. Forward pass and input gradient walk the same runs as
//! dense convolution (see [`plan`](super::plan)); the weight gradient sums over pixels tap by tap.

use std::{borrow::Cow, mem::MaybeUninit, ops::Range};

use super::{
    finish::{Finish, Output, activate},
    plan::{Addressing, Axis, Run, runs},
    schedule::TASKS_PER_THREAD,
};
use crate::{
    BLOCK, DType,
    cpu::{
        dispatch::{Kernel, SimdLevel, run_at},
        pool::{SharedMut, parallel, threads},
        simd::Simd,
        stored::Stored,
    },
    ops::ConvShape,
};

/// The most output pixels that a tile holds in registers.
const PIXELS: usize = 14;

/// Those of a tile where rows are shared out: all channels of a tile's pixels should stay in the first-level cache.
const PIXELS_OF_ROWS: usize = 8;

/// Bytes of a picture, input and output, up to which it is small: its threads' second-level caches hold it.
const SMALL_PICTURE: usize = 3 << 19;

/// The widest vector of any level; fewer channels are left to the plain kernels.
pub(super) const MOST_LANES: usize = 16;

/// Whether these kernels compute this convolution.
pub(super) fn applies(dtype: DType, s: &ConvShape) -> bool {
    dtype != DType::F64 && s.options.groups == s.c && s.k == s.c && s.c >= MOST_LANES
}

/// A weight `[C, 1, R, S]` in the order that vectors of channels are read in.
pub(super) struct DepthwiseWeight<'a> {
    values: Cow<'a, [f32]>,
    /// Values from one tap to the next.
    tap: usize,
    /// Values from one block of channels to the next.
    block: usize,
}

impl<'a> DepthwiseWeight<'a> {
    /// Of a blocked weight: as it lies where no vector of channels reaches from one block into the next, else a copy as `[R * S][C]`.
    pub(super) fn new(weight: &'a [f32], channels: usize, taps: usize) -> Self {
        let block = taps * BLOCK;
        if channels.is_multiple_of(MOST_LANES) {
            return DepthwiseWeight { values: weight.into(), tap: BLOCK, block };
        }
        let mut rows = vec![0.0; taps * channels];
        for (block, weight) in weight.chunks_exact(block).enumerate() {
            let lanes = BLOCK.min(channels - block * BLOCK);
            for (tap, lane) in weight.chunks_exact(BLOCK).enumerate() {
                rows[tap * channels + block * BLOCK..][..lanes].copy_from_slice(&lane[..lanes]);
            }
        }
        DepthwiseWeight { values: rows.into(), tap: channels, block: BLOCK }
    }

    /// The first tap of a channel.
    #[inline(always)]
    fn of(&self, channel: usize) -> *const f32 {
        self.values.as_ptr().wrapping_add(channel / BLOCK * self.block + channel % BLOCK)
    }
}

/// The first channel of the `i`th vector of those that cover these channels; the last may overlap the one before.
#[inline(always)]
fn vector_start<S: Simd>(channels: Range<usize>, i: usize) -> usize {
    (channels.start + i * S::LANES).min(channels.end - S::LANES)
}

/// The runs of a depthwise gather along these axes, of an input `width` pixels wide and a kernel of `kernel_width` taps.
pub(super) fn depthwise_runs(rows: &Axis, columns: &Axis, width: usize, kernel_width: usize) -> Vec<Run> {
    runs(&rows.inside(), &columns.inside(), &Addressing { width, left: 0, channels: 1, kernel_width, merge: false })
}

/// One depthwise gather: every output pixel is a sum over (input pixel, tap) pairs of its own channel. Input and output are stored as `E`.
#[derive(Clone, Copy)]
pub(super) struct DepthwiseGather<'a, E = f32> {
    /// Channels-last input.
    pub x: &'a [E],
    /// Values from one input pixel to the next.
    pub pixel: usize,
    pub images: usize,
    pub channels: usize,
    /// Height and width of the input.
    pub input: (usize, usize),
    /// Height and width of the output.
    pub output: (usize, usize),
    /// What [`depthwise_runs`] gives.
    pub runs: &'a [Run],
    pub weight: &'a DepthwiseWeight<'a>,
    pub out: Output<'a, E>,
}

impl<E: Stored> DepthwiseGather<'_, E> {
    /// Writes the channels-last output to `y`.
    pub(super) fn run(&self, level: SimdLevel, y: &mut [E]) {
        let picture = (self.input.0 * self.input.1 + self.output.0 * self.output.1) * self.channels * size_of::<E>();
        let small = picture <= SMALL_PICTURE;
        // Small pictures are shared out by channels, so that a row is still in the first-level cache for the next; large ones by rows.
        let parts = if small { self.channels / MOST_LANES } else { self.runs.len() };
        let pieces = (if small { threads() } else { TASKS_PER_THREAD * threads() }).div_ceil(self.images.max(1)).clamp(1, parts.max(1));
        let y = SharedMut::new(y);
        parallel(self.images * pieces, |i| {
            let (image, piece) = (i / pieces, i % pieces);
            let (start, end) = (piece * parts / pieces, (piece + 1) * parts / pieces);
            let picture = self.picture(image);
            if small {
                let end = if end == parts { self.channels } else { end * MOST_LANES };
                let channels = start * MOST_LANES..end;
                let picture = picture.wrapping_add(channels.start);
                run_at(level, ChannelsKernel { gather: self, picture, image, runs: self.runs, channels, y });
            } else {
                run_at(level, RowsKernel { gather: self, picture, image, runs: &self.runs[start..end], y });
            }
        });
    }

    /// Where in the input a picture starts.
    fn picture(&self, image: usize) -> *const E {
        self.x[image * self.input.0 * self.input.1 * self.pixel..].as_ptr()
    }

    /// The tiles of one vector of channels from `c` over some pixels of a run, at most `most` a tile. `x` is that vector of the picture's
    /// first pixel.
    ///
    /// # Safety
    /// See [`Simd`]; the pixels that the run names and the channels exist, and nobody else touches the outputs.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    unsafe fn tiles<S: Simd>(&self, x: *const E, image: usize, run: &Run, pixels: Range<usize>, c: usize, most: usize, y: SharedMut<E>) {
        for start in pixels.clone().step_by(most) {
            let x = x.wrapping_add(start * run.input_step * self.pixel);
            // SAFETY: the caller's promise; the plan's taps name pixels of the picture and taps of the weight.
            unsafe { tile_of::<S, E>(most.min(pixels.end - start), self, run, x, c, y.get(), self.place(image, run, start) + c) }
        }
    }

    /// Where in the output a pixel of a run starts.
    #[inline(always)]
    fn place(&self, image: usize, run: &Run, pixel: usize) -> usize {
        (image * self.output.0 * self.output.1 + run.output + pixel * run.output_step) * self.channels
    }
}

/// All channels of some runs of a picture.
struct RowsKernel<'a, E> {
    gather: &'a DepthwiseGather<'a, E>,
    /// The first pixel of the input picture.
    picture: *const E,
    image: usize,
    runs: &'a [Run],
    y: SharedMut<E>,
}

impl<E: Stored> Kernel for RowsKernel<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let g = self.gather;
        for run in self.runs {
            for start in (0..run.len).step_by(PIXELS_OF_ROWS) {
                let pixels = start..run.len.min(start + PIXELS_OF_ROWS);
                for i in 0..g.channels.div_ceil(S::LANES) {
                    let c = vector_start::<S>(0..g.channels, i);
                    let x = self.picture.wrapping_add(c);
                    // SAFETY: these exist; tasks write different runs, overlapping vectors of one task the same values.
                    unsafe { g.tiles::<S>(x, self.image, run, pixels.clone(), c, PIXELS_OF_ROWS, self.y) }
                }
            }
        }
    }
}

/// Some channels, at least a vector, of some runs of a picture.
pub(super) struct ChannelsKernel<'a, E> {
    pub gather: &'a DepthwiseGather<'a, E>,
    /// The first of the channels of the input picture's first pixel.
    pub picture: *const E,
    pub image: usize,
    pub runs: &'a [Run],
    pub channels: Range<usize>,
    pub y: SharedMut<E>,
}

impl<E: Stored> Kernel for ChannelsKernel<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let g = self.gather;
        for i in 0..self.channels.len().div_ceil(S::LANES) {
            let c = vector_start::<S>(self.channels.clone(), i);
            let x = self.picture.wrapping_add(c - self.channels.start);
            for run in self.runs {
                // SAFETY: these exist; tasks write different channels or runs, overlapping vectors of one task the same values.
                unsafe { g.tiles::<S>(x, self.image, run, 0..run.len, c, PIXELS, self.y) }
            }
        }
    }
}

/// `P` output pixels of one vector of channels from `c`, finished but for an activation that vectors do not know. `at` is the place in the
/// output `y` of the first.
///
/// # Safety
/// See [`Simd`]; all that the run's taps name exists behind `x` (which points to channel `c` of the first tap's row), and so do the
/// outputs.
#[inline(always)]
unsafe fn tile<S: Simd, E: Stored, const P: usize>(
    g: &DepthwiseGather<'_, E>,
    run: &Run,
    x: *const E,
    c: usize,
    at: usize,
    y: *mut E,
) -> [S::V; P] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut acc = [S::zero(); P];
        let step = run.input_step * g.pixel;
        let weight = g.weight.of(c);
        for tap in &run.taps {
            let x = x.add(tap.pixel * g.pixel);
            let w = S::load(weight.add(tap.row * g.weight.tap));
            for p in 0..P {
                acc[p] = S::mul_add(E::load::<S>(x.add(p * step)), w, acc[p]);
            }
        }
        let finish = Finish::<S, E>::new(&g.out, c, y);
        for (p, sum) in acc.iter_mut().enumerate() {
            *sum = finish.finished(*sum, at + p * run.output_step * g.channels);
        }
        acc
    }
}

/// [`tile`] for a number of pixels known only at run time, and the activation. `y` is the whole output, which is written to from `at` on.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn tile_of<S: Simd, E: Stored>(pixels: usize, g: &DepthwiseGather<'_, E>, run: &Run, x: *const E, c: usize, y: *mut E, at: usize) {
    // Values that an activation waits for are in the first-level cache, one vector behind the other.
    let mut values = MaybeUninit::<[f32; PIXELS * MOST_LANES]>::uninit();
    let values = values.as_mut_ptr().cast::<f32>();
    let step = run.output_step * g.channels;
    // SAFETY: the caller's promise.
    let to = unsafe { y.add(at) };
    let activates = g.out.activates();
    macro_rules! by_pixels {
        ($($p:literal)*) => {
            match pixels {
                // SAFETY: the caller's promise; there is room for PIXELS vectors.
                $($p => unsafe {
                    let finished = tile::<S, E, $p>(g, run, x, c, at, y);
                    for p in 0..$p {
                        if activates {
                            S::store(values.add(p * S::LANES), finished[p]);
                        } else {
                            E::store::<S>(to.add(p * step), finished[p]);
                        }
                    }
                },)*
                _ => unreachable!("a tile has 1 to PIXELS pixels"),
            }
        };
    }
    by_pixels!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    if activates {
        // SAFETY: that many values have been written; the outputs exist, the caller says.
        unsafe {
            activate(values, pixels * S::LANES, S::LEVEL, &g.out);
            for p in 0..pixels {
                E::store::<S>(to.add(p * step), S::load(values.add(p * S::LANES)));
            }
        }
    }
}

/// One depthwise weight gradient: for each tap, the sum over pixels of input times output gradient.
pub(super) struct DepthwiseGradWeight<'a, E> {
    /// Channels-last input.
    pub x: &'a [E],
    /// Channels-last gradient of the output.
    pub dy: &'a [E],
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

impl<E: Stored<Compute = f32>> DepthwiseGradWeight<'_, E> {
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

struct GradKernel<'a, E> {
    grad: &'a DepthwiseGradWeight<'a, E>,
    tap: usize,
    /// The first channel of `out`.
    start: usize,
    out: &'a mut [f32],
}

impl<E: Stored<Compute = f32>> Kernel for GradKernel<'_, E> {
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
                let product = |p: usize| g.x[x + at + p * g.stride.1 * g.channels].widen() * g.dy[dy + at + p * g.channels].widen();
                sum += (0..pixels).map(product).sum::<f32>();
            });
            self.out[c] = sum;
        }
    }
}

impl<E: Stored<Compute = f32>> GradKernel<'_, E> {
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
                        sums[v] = S::mul_add(E::load::<S>(x.add(v * S::LANES)), E::load::<S>(dy.add(v * S::LANES)), sums[v]);
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
