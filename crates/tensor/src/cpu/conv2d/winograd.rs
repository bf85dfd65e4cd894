//! Winograd's convolution F(4x4, 3x3): 36 products a tile where the direct method takes 144, for 3x3 kernels of stride 1.
//!
//! A tile is a square of 4x4 outputs. Its patch of 6x6 inputs is transformed, each of the 36 points is a small matrix product
//! over the channels with the equally transformed filters, and the products are transformed to outputs. The smaller operand is
//! transformed ahead, by all threads; of the other each thread transforms what its task needs: a block of tiles, which stays in its cache
//! for the next task, or the filters of a few input channels at a time. Where that gives too few tasks for the threads, both are
//! transformed ahead.

mod choice;
mod filters;
mod grad_weight;
mod task;
#[cfg(test)]
mod tests;
mod transform;

pub(super) use choice::applies;
use choice::{FILTER_COST, INPUT_COST, OUTPUT_COST};
pub use choice::{winograd_enabled, winograd_switch};
pub(super) use filters::Filters;
use filters::{panel_len, panel_point};
pub(super) use grad_weight::WinogradGradWeight;

use std::ops::Range;

use self::{
    task::TaskKernel,
    transform::{PATCH, POINTS, Patch, Square, TILE, transform_input},
};
use super::{
    finish::Output,
    gather_plan::shares,
    plan::Tap,
    schedule::{TASKS_PER_THREAD, pieces},
    tile::Following,
};
use crate::{
    BLOCK,
    cpu::{
        dispatch::{Kernel, SimdLevel, run_at},
        pool::{SharedMut, parallel, parallel_keeping_scratch},
        simd::Simd,
    },
    storage::Buffer,
};

/// Bytes of transformed input that a task keeps at hand where it transforms its own.
const SCRATCH_BYTES: usize = 384 << 10;

/// The most tiles of a block: each reads the panels once.
const MOST_TILES: usize = 56;

/// The most tiles of a block where its task transforms the filters: their products stay in its cache until those of all channels are added.
const MOST_TILES_IN_PASSES: usize = 64;

/// The fewest tiles that share a pass over the panels well where all of them stay in the cache.
const FEWEST_CACHED_TILES: usize = 28;

/// The fewest tiles of a block where a panel's product is cut for several tasks.
const FEWEST_SHARED_TILES: usize = 24;

/// The fewest tiles that are worth a block of their own.
const LEAST_TILES: usize = 8;

/// Channels that transformed inputs keep together.
const CHUNK: usize = Following::LINE;

/// Products that are added up in a row: fewer than elsewhere, since the output's transform adds up errors of 36 sums.
const SEGMENT: usize = 64;

/// Input channels whose filters, 36 x 32 values of each, stay in the second-level cache until they are multiplied: whole segments, so that
/// sums do not depend on where filters are transformed.
const PASS: usize = SEGMENT;

/// Values between the points of transformed tiles and of products, so that these do not compete for the same lines of the cache.
const GAP: usize = 16;

/// One convolution of stride 1 with 3x3 filters; channels are multiples of 16.
pub(super) struct Winograd<'a> {
    /// Channels-last input of `images` pictures.
    pub x: &'a [f32],
    pub images: usize,
    /// Height and width.
    pub input: (usize, usize),
    /// Height and width.
    pub output: (usize, usize),
    /// Rows and columns of zeros before the input.
    pub padding: (isize, isize),
    pub filters: Filters<'a>,
    pub out: Output<'a>,
}

/// How the work is cut up.
pub(super) struct Plan {
    /// Tiles that a task multiplies together.
    block: usize,
    /// Blocks of tiles.
    blocks: usize,
    inputs_ahead: bool,
    /// Ranges of channels that each block's inputs are transformed in, where that is ahead.
    input_pieces: usize,
    filters_ahead: bool,
    /// Input channels whose filters a task transforms at a time, where that is not ahead.
    pass: usize,
    tasks: Vec<Task>,
    /// The chunks of input channels that a product sums over.
    chunks: Vec<Tap>,
}

impl Plan {
    /// Values from one point to the next of a block's products, `[36][tiles of a block][32]`.
    fn product_step(&self) -> usize {
        self.block * BLOCK + GAP
    }
}

/// The part that one thread does at a time: blocks of tiles and panels of filters, one of whichever is not transformed ahead.
struct Task {
    blocks: Range<usize>,
    panels: Range<usize>,
}

impl Winograd<'_> {
    /// Writes the channels-last output to `y`; `plan` is that of these sizes.
    pub(super) fn run(&self, level: SimdLevel, plan: &Plan, y: &mut [f32]) {
        if y.is_empty() {
            return;
        }
        let inputs = plan.inputs_ahead.then(|| self.transform_inputs(level, plan));
        let filters = plan.filters_ahead.then(|| self.transform_filters(level));
        let ahead = Ahead { inputs: inputs.as_ref().map(Buffer::as_slice), filters: filters.as_ref().map(Buffer::as_slice) };
        let y = SharedMut::new(y);
        parallel_keeping_scratch(plan.tasks.len(), self.scratch_lens(plan).iter().sum(), |before, i, scratch| {
            let before = before.map(|before| &plan.tasks[before]);
            run_at(level, TaskKernel { winograd: self, plan, task: &plan.tasks[i], before, ahead, scratch, y });
        });
    }

    /// Values that a task works in: products, inputs and filters, the latter two where they are not transformed ahead.
    fn scratch_lens(&self, plan: &Plan) -> [usize; 3] {
        let inputs = if plan.inputs_ahead { 0 } else { self.block_len(plan) };
        let filters = if plan.filters_ahead { 0 } else { panel_len(plan.pass) };
        [POINTS * plan.product_step(), inputs, filters].map(|len| len.next_multiple_of(16))
    }

    fn transform_inputs(&self, level: SimdLevel, plan: &Plan) -> Buffer {
        let mut inputs = Buffer::uninit::<f32>(plan.blocks * self.block_len(plan));
        let out = SharedMut::new(inputs.as_mut_slice());
        parallel(plan.blocks * plan.input_pieces, |i| {
            let (block, piece) = (i / plan.input_pieces, i % plan.input_pieces);
            run_at(level, InputKernel { winograd: self, plan, block, channels: self.input_piece(plan, piece), out });
        });
        inputs
    }

    fn transform_filters(&self, level: SimdLevel) -> Buffer {
        let filters = self.filters;
        let mut panels = Buffer::uninit::<f32>(filters.blocks() * panel_len(filters.inputs()));
        let out = SharedMut::new(panels.as_mut_slice());
        let pieces = filters.inputs().div_ceil(BLOCK);
        parallel(filters.blocks() * pieces, |i| {
            let (panel, first) = (i / pieces, i % pieces * BLOCK);
            run_at(level, FilterKernel { filters, panel, inputs: first..(first + BLOCK).min(filters.inputs()), out });
        });
        panels
    }

    /// The costs of each task that `threads` threads would get, in multiply-adds of a matrix product, for each fork and join.
    pub(super) fn costs(&self, threads: usize) -> Vec<Vec<f64>> {
        let plan = self.plan(threads);
        let (inputs, panels) = (self.filters.inputs() as f64, self.filters.blocks());
        let transform = |block: usize| INPUT_COST * inputs * self.block_tiles(&plan, block).len() as f64;
        let outputs = |panel: usize| (BLOCK.min(self.filters.outputs() - panel * BLOCK)) as f64;
        let product = |block: usize, panel: usize| {
            self.block_tiles(&plan, block).len() as f64 * outputs(panel) * (POINTS as f64 * inputs + OUTPUT_COST)
        };
        let cost = |task: &Task| {
            let products: f64 = task
                .blocks
                .clone()
                .flat_map(|block| task.panels.clone().map(move |panel| (block, panel)))
                .map(|(b, p)| product(b, p))
                .sum();
            // Inputs that a thread transforms for several of its tasks count in parts for each; filters are transformed for each block.
            let inputs_here = if plan.inputs_ahead { 0.0 } else { transform(task.blocks.start) * task.panels.len() as f64 / panels as f64 };
            let filter = |panel: usize| FILTER_COST * inputs * outputs(panel);
            let filters_here = if plan.filters_ahead { 0.0 } else { filter(task.panels.start) * task.blocks.len() as f64 };
            products + inputs_here + filters_here
        };
        let pieces = self.filters.inputs().div_ceil(BLOCK);
        let filter = |i: usize| FILTER_COST * outputs(i / pieces) * BLOCK.min(self.filters.inputs() - i % pieces * BLOCK) as f64;
        let input = |i: usize| transform(i / plan.input_pieces) * self.input_piece(&plan, i % plan.input_pieces).len() as f64 / inputs;
        let inputs_ahead = plan.inputs_ahead.then(|| (0..plan.blocks * plan.input_pieces).map(input).collect());
        let filters_ahead = plan.filters_ahead.then(|| (0..panels * pieces).map(filter).collect());
        inputs_ahead.into_iter().chain(filters_ahead).chain([plan.tasks.iter().map(cost).collect()]).collect()
    }

    /// Tiles of a picture, vertically and horizontally.
    fn tiling(&self) -> (usize, usize) {
        (self.output.0.div_ceil(TILE), self.output.1.div_ceil(TILE))
    }

    fn tiles(&self) -> usize {
        self.images * self.tiling().0 * self.tiling().1
    }

    /// Values from one point to the next of a block's transformed inputs, `[36][channels / 16][tiles of a block][16]`.
    fn input_step(&self, plan: &Plan) -> usize {
        plan.block * self.filters.inputs() + GAP
    }

    /// Values of a block's transformed inputs.
    fn block_len(&self, plan: &Plan) -> usize {
        POINTS * self.input_step(plan)
    }

    /// The work cut up for this number of threads; operands do not matter.
    pub(super) fn plan(&self, threads: usize) -> Plan {
        let (tiles, panels) = (self.tiles(), self.filters.blocks());
        let fewer_filters = panels * BLOCK <= tiles;
        // Tasks where only the smaller operand is transformed ahead, and whether they keep all threads busy.
        let alone = |blocks: usize| if fewer_filters { blocks } else { panels };
        let busy = |tasks: usize| tasks >= TASKS_PER_THREAD * threads || tasks.is_multiple_of(threads);
        let mut blocks = if fewer_filters {
            tiles.div_ceil(self.cached_tiles())
        } else {
            tiles.div_ceil(MOST_TILES_IN_PASSES).max(pieces(panels, self.products(), threads).min(tiles / FEWEST_SHARED_TILES))
        };
        if !busy(alone(blocks)) {
            blocks = blocks.next_multiple_of(threads).min(tiles.div_ceil(LEAST_TILES));
        }
        let block = tiles.div_ceil(blocks);
        let blocks = tiles.div_ceil(block);
        let both = !busy(alone(blocks));
        let (inputs_ahead, filters_ahead) = (both || !fewer_filters, both || fewer_filters);
        let input_pieces = (TASKS_PER_THREAD * threads).div_ceil(blocks.max(1)).min(self.filters.inputs() / CHUNK);
        let chunks = (0..self.filters.inputs() / CHUNK).map(|i| Tap { pixel: i, row: i * CHUNK }).collect();
        let pass = self.filters.inputs().min(PASS);
        let plan = Plan { block, blocks, inputs_ahead, input_pieces, filters_ahead, pass, tasks: Vec::new(), chunks };
        Plan { tasks: self.tasks(&plan, threads), ..plan }
    }

    /// One block or panel each, whichever is not transformed ahead, with a range of the others; neighbours share a block's transform.
    fn tasks(&self, plan: &Plan, threads: usize) -> Vec<Task> {
        let panels = self.filters.blocks();
        let (own, others) = if plan.inputs_ahead { (panels, plan.blocks) } else { (plan.blocks, panels) };
        let nothing_is_shared = plan.inputs_ahead && plan.filters_ahead;
        let ranges = if nothing_is_shared { others } else { pieces(own, self.products(), threads).min(others) };
        let task = |own: usize, (first, behind): (usize, usize)| {
            let (own, others) = (own..own + 1, first..behind);
            let (panels, blocks) = if plan.inputs_ahead { (own, others) } else { (others, own) };
            Task { blocks, panels }
        };
        (0..own).flat_map(|i| shares(others, ranges).map(move |range| task(i, range))).collect()
    }

    /// Multiply-adds of all matrix products.
    fn products(&self) -> f64 {
        (POINTS * self.tiles() * self.filters.inputs() * self.filters.blocks() * BLOCK) as f64
    }

    /// Tiles of a block that a task transforms itself: as many as stay in its cache; or, where these are too few and come from a
    /// shared cache anyway, many.
    fn cached_tiles(&self) -> usize {
        let fit = SCRATCH_BYTES / 4 / (POINTS * self.filters.inputs());
        if fit < FEWEST_CACHED_TILES { MOST_TILES } else { fit.min(MOST_TILES) }
    }

    /// The tiles of a block.
    fn block_tiles(&self, plan: &Plan, block: usize) -> Range<usize> {
        block * plan.block..((block + 1) * plan.block).min(self.tiles())
    }

    /// The picture of a tile and its first output row and column.
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (down, across) = self.tiling();
        (tile / (down * across), tile / across % down * TILE, tile % across * TILE)
    }

    fn patch(&self, tile: usize) -> Patch {
        let (image, row, column) = self.place(tile);
        let channels = self.filters.inputs();
        let (top, left) = (row as isize - self.padding.0, column as isize - self.padding.1);
        let inside = |first: isize, size: usize| {
            let bound = |at: isize| at.clamp(0, PATCH as isize) as usize;
            (bound(-first), bound(size as isize - first))
        };
        let pixel = image as isize * (self.input.0 * self.input.1) as isize + top * self.input.1 as isize + left;
        Patch {
            base: self.x.as_ptr().wrapping_offset(pixel * channels as isize),
            row: self.input.1 * channels,
            pixel: channels,
            rows: inside(top, self.input.0),
            columns: inside(left, self.input.1),
        }
    }

    fn square(&self, tile: usize) -> Square {
        let (image, row, column) = self.place(tile);
        let pixel = self.out.pixel;
        Square {
            start: ((image * self.output.0 + row) * self.output.1 + column) * pixel,
            row: self.output.1 * pixel,
            pixel,
            size: (self.output.0 - row, self.output.1 - column),
        }
    }

    /// The channels of one of a plan's pieces.
    fn input_piece(&self, plan: &Plan, piece: usize) -> Range<usize> {
        let bound = |piece: usize| piece * (self.filters.inputs() / CHUNK) / plan.input_pieces * CHUNK;
        bound(piece)..bound(piece + 1)
    }

    /// Transforms some channels, a multiple of 16, of the inputs of a block of tiles.
    ///
    /// # Safety
    /// See [`Simd`]; nobody else touches these channels of the block's `out`.
    #[inline(always)]
    unsafe fn transform_block<S: Simd>(&self, plan: &Plan, block: usize, channels: Range<usize>, out: *mut f32) {
        let step = self.input_step(plan);
        for (i, tile) in self.block_tiles(plan, block).enumerate() {
            let patch = self.patch(tile);
            for channel in channels.clone().step_by(S::LANES) {
                // SAFETY: the caller's promise; the patch says which of its pixels exist.
                unsafe {
                    let out = out.add((channel / CHUNK * plan.block + i) * CHUNK + channel % CHUNK);
                    patch.fetch_next::<S>(channel);
                    if patch.is_inside() {
                        transform_input::<S, true>(patch, channel, out, step);
                    } else {
                        transform_input::<S, false>(patch, channel, out, step);
                    }
                }
            }
        }
    }
}

/// What was transformed ahead.
#[derive(Clone, Copy)]
struct Ahead<'a> {
    inputs: Option<&'a [f32]>,
    filters: Option<&'a [f32]>,
}

/// Transforms some inputs' filters of a panel.
struct FilterKernel<'a> {
    filters: Filters<'a>,
    panel: usize,
    inputs: Range<usize>,
    out: SharedMut<f32>,
}

impl Kernel for FilterKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let all = self.filters.inputs();
        let first = self.panel * panel_len(all) + self.inputs.start * BLOCK;
        // SAFETY: tasks have different panels or inputs; `run_at` has entered the level S.
        unsafe { self.filters.transform::<S>(self.panel, self.inputs, self.out.get().add(first), panel_point(all)) };
    }
}

/// Transforms some channels of the inputs of a block of tiles.
struct InputKernel<'a> {
    winograd: &'a Winograd<'a>,
    plan: &'a Plan,
    block: usize,
    channels: Range<usize>,
    out: SharedMut<f32>,
}

impl Kernel for InputKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let start = self.block * self.winograd.block_len(self.plan);
        // SAFETY: tasks have different blocks or channels; `run_at` has entered the level S.
        unsafe { self.winograd.transform_block::<S>(self.plan, self.block, self.channels, self.out.get().add(start)) };
    }
}
