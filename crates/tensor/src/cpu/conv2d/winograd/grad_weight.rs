//! The weight's gradient by the transpose of F(4x4, 3x3): a tile of 4x4 gradients meets its patch of 6x6 inputs in 36 products, where the
//! direct method takes 144.
//!
//! With the forward pass `A^T ((G g) * (B^T d))`, the gradient of `g` is `G^T ((A dy) * (B^T d))`, in each direction; the sums over tiles
//! are taken before `G^T`, so that there are 36 matrix products over the tiles. A task holds the sums of 64 x 64 channels in the
//! second-level cache while the transformed tiles pass by, a few at a time.

use std::ops::Range;

use super::{
    GAP, Winograd,
    transform::{POINTS, TAPS, transform_grad, transform_input, transform_weight},
};
use crate::{
    BLOCK,
    cpu::{
        conv2d::grad_weight::{Loop, tile_rows},
        dispatch::{Kernel, SimdLevel, run_at},
        elementwise::update,
        pool::{SharedMut, parallel_with_scratch},
        simd::Simd,
    },
    storage::Buffer,
};

/// Input and output channels of a task, at most.
pub(super) const GROUP: usize = 64;

/// Tiles that are transformed together, and summed in a row.
const CHUNK_TILES: usize = 32;

/// Tasks that tiles are shared out for, where there are few channels: so many that most numbers of threads divide them.
const TASKS: usize = 16;

/// Values from one point of transformed tiles to the next.
const TILE_STEP: usize = CHUNK_TILES * GROUP + GAP;

/// Values from one point of the sums to the next.
const SUM_STEP: usize = GROUP * GROUP + GAP;

/// One weight gradient; channels are multiples of 16, those of the output of 32.
pub(in crate::cpu::conv2d) struct WinogradGradWeight<'a> {
    /// The forward pass with its input.
    pub forward: Winograd<'a>,
    /// Channels-last gradient of the output.
    pub dy: &'a [f32],
}

/// The part that one thread does at a time.
struct Task {
    /// Input channels.
    inputs: Range<usize>,
    /// Output channels.
    outputs: Range<usize>,
    /// Which share of the tiles.
    share: usize,
}

impl WinogradGradWeight<'_> {
    /// Writes the blocked gradient to `dw`.
    pub(in crate::cpu::conv2d) fn run(&self, level: SimdLevel, dw: &mut [f32]) {
        let (tasks, shares) = (self.tasks(), self.shares());
        let mut others: Vec<Buffer> = (1..shares).map(|_| Buffer::uninit::<f32>(dw.len())).collect();
        let sums: Vec<_> = std::iter::once(&mut *dw).chain(others.iter_mut().map(Buffer::as_mut_slice)).map(SharedMut::new).collect();
        parallel_with_scratch(tasks.len(), POINTS * (2 * TILE_STEP + SUM_STEP), |i, scratch| {
            let task = &tasks[i];
            run_at(level, TaskKernel { grad: self, task, tiles: self.tiles_of(task.share), scratch, dw: sums[task.share] });
        });
        for other in &others {
            update(level, dw, other.as_slice(), |a: f32, b| a + b);
        }
    }

    /// The multiply-adds of each task.
    pub(in crate::cpu::conv2d) fn costs(&self) -> Vec<f64> {
        let cost = |task: &Task| (POINTS * self.tiles_of(task.share).len() * task.inputs.len() * task.outputs.len()) as f64;
        self.tasks().iter().map(cost).collect()
    }

    /// Shares that the tiles are cut into, told by the shape alone: each has sums of its own, which are added up in order.
    fn shares(&self) -> usize {
        let (inputs, outputs) = (self.forward.filters.inputs(), self.forward.filters.outputs());
        let groups = inputs.div_ceil(GROUP) * outputs.div_ceil(GROUP);
        TASKS.div_ceil(groups).min(self.forward.tiles() / CHUNK_TILES).max(1)
    }

    fn tiles_of(&self, share: usize) -> Range<usize> {
        let (tiles, shares) = (self.forward.tiles(), self.shares());
        share * tiles / shares..(share + 1) * tiles / shares
    }

    fn tasks(&self) -> Vec<Task> {
        let groups = |len: usize| (0..len).step_by(GROUP).map(move |first| first..len.min(first + GROUP));
        let channels = || {
            let inputs = groups(self.forward.filters.inputs());
            inputs.flat_map(|inputs| groups(self.forward.filters.outputs()).map(move |outputs| (inputs.clone(), outputs)))
        };
        (0..self.shares()).flat_map(|share| channels().map(move |(inputs, outputs)| Task { inputs, outputs, share })).collect()
    }
}

struct TaskKernel<'a> {
    grad: &'a WinogradGradWeight<'a>,
    task: &'a Task,
    tiles: Range<usize>,
    scratch: &'a mut [f32],
    dw: SharedMut<f32>,
}

impl Kernel for TaskKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let TaskKernel { grad, task, tiles, scratch, dw } = self;
        let (inputs, rest) = scratch.split_at_mut(POINTS * TILE_STEP);
        let (grads, sums) = rest.split_at_mut(POINTS * TILE_STEP);
        let first = tiles.start;
        // SAFETY: the scratch has room for a chunk's tiles and for the sums; tasks write different channels or to different shares.
        unsafe {
            for start in tiles.clone().step_by(CHUNK_TILES) {
                let chunk = start..tiles.end.min(start + CHUNK_TILES);
                grad.transform_inputs::<S>(task, chunk.clone(), inputs.as_mut_ptr());
                grad.transform_grads::<S>(task, chunk.clone(), grads.as_mut_ptr());
                for point in 0..POINTS {
                    let at = point * TILE_STEP;
                    let sums = sums[point * SUM_STEP..].as_mut_ptr();
                    multiply::<S>(task, chunk.len(), inputs[at..].as_ptr(), grads[at..].as_ptr(), sums, start > first);
                }
            }
            grad.finish::<S>(task, sums.as_ptr(), dw.get());
        }
    }
}

impl WinogradGradWeight<'_> {
    /// The task's channels of some patches: `[36][tiles][channels]`.
    ///
    /// # Safety
    /// See [`Simd`]; `out` has room for them.
    #[inline(always)]
    unsafe fn transform_inputs<S: Simd>(&self, task: &Task, tiles: Range<usize>, out: *mut f32) {
        for (i, tile) in tiles.enumerate() {
            let patch = self.forward.patch(tile);
            for c in (0..task.inputs.len()).step_by(S::LANES) {
                // SAFETY: the caller's promise; the patch says which of its pixels exist.
                unsafe {
                    let (channel, out) = (task.inputs.start + c, out.add(i * task.inputs.len() + c));
                    if patch.is_inside() {
                        transform_input::<S, true>(patch, channel, out, TILE_STEP);
                    } else {
                        transform_input::<S, false>(patch, channel, out, TILE_STEP);
                    }
                }
            }
        }
    }

    /// The task's channels of some tiles of the gradient: `[36][tiles][channels]`.
    ///
    /// # Safety
    /// See [`Simd`]; `out` has room for them.
    #[inline(always)]
    unsafe fn transform_grads<S: Simd>(&self, task: &Task, tiles: Range<usize>, out: *mut f32) {
        for (i, tile) in tiles.enumerate() {
            let square = self.forward.square(tile);
            for c in (0..task.outputs.len()).step_by(S::LANES) {
                // SAFETY: the caller's promise; the square says which of its pixels exist.
                unsafe {
                    let dy = self.dy.as_ptr().add(square.start + task.outputs.start + c);
                    transform_grad::<S>(dy, square, out.add(i * task.outputs.len() + c), TILE_STEP);
                }
            }
        }
    }

    /// Transforms the sums to the task's part of the blocked gradient.
    ///
    /// # Safety
    /// See [`Simd`]; nobody else touches that part.
    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, task: &Task, sums: *const f32, dw: *mut f32) {
        let channels = self.forward.filters.inputs();
        for output in (0..task.outputs.len()).step_by(BLOCK) {
            let block = (task.outputs.start + output) / BLOCK;
            for c in 0..task.inputs.len() {
                for lane in (0..BLOCK).step_by(S::LANES) {
                    let at = ((block * TAPS * TAPS) * channels + task.inputs.start + c) * BLOCK + lane;
                    // SAFETY: the caller's promise.
                    unsafe {
                        let sums = sums.add(output * task.inputs.len() + c * BLOCK + lane);
                        transform_weight::<S>(sums, SUM_STEP, dw.add(at), channels * BLOCK);
                    }
                }
            }
        }
    }
}

/// `sums[output block][input][32] (+)= sum over tiles of inputs * grads`.
///
/// # Safety
/// See [`Simd`]; so many tiles exist, and the sums of all the task's channels.
#[inline(always)]
unsafe fn multiply<S: Simd>(task: &Task, tiles: usize, inputs: *const f32, grads: *const f32, sums: *mut f32, add: bool) {
    let (width, height) = (task.outputs.len(), task.inputs.len());
    let once = Loop { count: 1, x: 0, dy: 0 };
    let loops = [once, once, Loop { count: tiles, x: height, dy: width }];
    let pieces = height.div_ceil(S::MAX_ROWS);
    for column in (0..width).step_by(2 * S::LANES) {
        let (block, lane) = (column / BLOCK, column % BLOCK);
        let mut c = 0;
        for i in 0..pieces {
            let rows = (height - i).div_ceil(pieces);
            // SAFETY: the caller's promise.
            unsafe {
                let sums = sums.add((block * height + c) * BLOCK + lane);
                tile_rows::<S, false>(rows, inputs.add(c), grads.add(column), loops, sums, add);
            }
            c += rows;
        }
    }
}
