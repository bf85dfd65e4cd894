//! What one thread does at a time: the products of some tiles and some filters, and their outputs.

use std::ops::Range;

use super::{
    Ahead, BLOCK, CHUNK, Plan, SEGMENT, Task, Winograd,
    filters::{panel_len, panel_point},
    transform::{POINTS, TAPS, transform_output},
};
use crate::cpu::{
    conv2d::tile::{Added, Following, Input, Rows, Segments, Stretch, tile_of},
    dispatch::Kernel,
    pool::SharedMut,
    simd::Simd,
};

/// Computes the outputs of a task.
pub(super) struct TaskKernel<'a> {
    pub winograd: &'a Winograd<'a>,
    pub plan: &'a Plan,
    pub task: &'a Task,
    /// The task that has left in the scratch what is there.
    pub before: Option<&'a Task>,
    pub ahead: Ahead<'a>,
    /// As long as `scratch_lens` says.
    pub scratch: &'a mut [f32],
    pub y: SharedMut<f32>,
}

impl Kernel for TaskKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (w, plan, task) = (self.winograd, self.plan, self.task);
        let [products, inputs, _] = w.scratch_lens(plan);
        let (products, rest) = self.scratch.split_at_mut(products);
        let (own_inputs, own_filters) = rest.split_at_mut(inputs);
        let (products, own_filters) = (products.as_mut_ptr(), own_filters.as_mut_ptr());
        // SAFETY: the scratch is this task's own; tasks write different tiles or channels; `run_at` has entered the level S.
        unsafe {
            if self.ahead.inputs.is_none() && self.before.is_none_or(|before| before.blocks != task.blocks) {
                w.transform_block::<S>(plan, task.blocks.start, 0..w.filters.inputs(), own_inputs.as_mut_ptr());
            }
            for block in task.blocks.clone() {
                let inputs = self.ahead.inputs.map_or(&*own_inputs, |all| &all[block * w.block_len(plan)..]).as_ptr();
                for panel in task.panels.clone() {
                    let part = Part { block, panel, inputs };
                    match self.ahead.filters {
                        Some(all) => {
                            let inputs = w.filters.inputs();
                            let filters = Panel { first: all[panel * panel_len(inputs)..].as_ptr(), point: panel_point(inputs) };
                            w.multiply::<S>(plan, part, 0..inputs, filters, None, products);
                        }
                        None => w.multiply_in_passes::<S>(plan, part, own_filters, products),
                    }
                    w.write_outputs::<S>(plan, part, products, self.y.get());
                }
            }
        }
    }
}

/// A block of tiles, transformed, and a panel of filters.
#[derive(Clone, Copy)]
struct Part {
    block: usize,
    panel: usize,
    inputs: *const f32,
}

/// Transformed filters of some input channels.
#[derive(Clone, Copy)]
struct Panel {
    first: *const f32,
    /// Values from one point to the next.
    point: usize,
}

impl Winograd<'_> {
    /// Transforms the filters of some input channels at a time, which stay in the second-level cache until they are multiplied; meanwhile the
    /// weights of the next come from memory.
    ///
    /// # Safety
    /// See [`Simd`]; the tiles exist, and `filters` and `products` have room.
    #[inline(always)]
    unsafe fn multiply_in_passes<S: Simd>(&self, plan: &Plan, part: Part, filters: *mut f32, products: *mut f32) {
        let all = self.filters.inputs();
        let panel = Panel { first: filters, point: panel_point(plan.pass) };
        for first in (0..all).step_by(plan.pass) {
            let channels = first..all.min(first + plan.pass);
            let (next_panel, next) = if channels.end < all { (part.panel, channels.end) } else { (part.panel + 1, 0) };
            // SAFETY: the caller's promise.
            unsafe {
                self.filters.transform::<S>(part.panel, channels.clone(), filters, panel.point);
                self.multiply::<S>(plan, part, channels, panel, self.filters.weights(next_panel, next), products);
            }
        }
    }

    /// Multiplies some channels of a block of tiles with the filters of theirs, and adds the products to those of the channels before.
    /// Meanwhile `next` comes from memory: where as many filters begin, and the values from one tap of theirs to the next.
    ///
    /// # Safety
    /// See [`Simd`]; the operands exist, and `products` holds those of the channels before, where there are any.
    #[inline(always)]
    unsafe fn multiply<S: Simd>(
        &self,
        plan: &Plan,
        part: Part,
        channels: Range<usize>,
        filters: Panel,
        next: Option<(*const f32, usize)>,
        products: *mut f32,
    ) {
        let tiles = self.block_tiles(plan, part.block).len();
        let (groups, input_step) = (tiles.div_ceil(S::MAX_ROWS), self.input_step(plan));
        let taps = &plan.chunks[..channels.len() / CHUNK];
        let segments = Segments::new(SEGMENT, CHUNK);
        for point in 0..POINTS {
            let base = part.inputs.wrapping_add(point * input_step + channels.start * plan.block);
            for column in (0..self.lanes(part.panel)).step_by(2 * S::LANES) {
                let w = filters.first.wrapping_add(point * filters.point + column);
                let mut x = Input { base, pixel: plan.block * CHUNK, step: CHUNK, taps, tap_len: CHUNK, segments };
                let mut row = products.wrapping_add(point * plan.product_step() + column);
                for i in 0..groups {
                    let height = (tiles - i).div_ceil(groups);
                    let behind = height * CHUNK;
                    // The next tile is the next of this point or the first of the next.
                    let input = if i + 1 < groups { behind as isize } else { (input_step + behind) as isize - (tiles * CHUNK) as isize };
                    let far = next
                        .filter(|_| column + i == 0)
                        .map_or(Stretch { start: w, step: 0 }, |(next, tap)| quarter(next, tap, point, channels.len()));
                    let sink = Added { rows: Rows { first: row, step: BLOCK }, to_what_is_there: channels.start > 0 };
                    // SAFETY: the caller's promise.
                    unsafe { tile_of::<S, 2, Following, false>(height, &x, w, Following { input, far }, sink) };
                    x.base = x.base.wrapping_add(behind);
                    row = row.wrapping_add(height * BLOCK);
                }
            }
        }
    }

    /// Transforms the products of a block of tiles and a panel of filters, and writes the outputs.
    ///
    /// # Safety
    /// See [`Simd`]; the products exist, and no other task writes these outputs.
    #[inline(always)]
    unsafe fn write_outputs<S: Simd>(&self, plan: &Plan, part: Part, products: *const f32, y: *mut f32) {
        for (i, tile) in self.block_tiles(plan, part.block).enumerate() {
            let square = self.square(tile);
            for lane in (0..self.lanes(part.panel)).step_by(S::LANES) {
                let out = self.out.of(part.panel * BLOCK + lane, S::LANES);
                // SAFETY: the caller's promise.
                unsafe { transform_output::<S>(products.add(i * BLOCK + lane), plan.product_step(), y, square, out) };
            }
        }
    }

    /// The output channels of a panel.
    fn lanes(&self, panel: usize) -> usize {
        BLOCK.min(self.filters.outputs() - panel * BLOCK)
    }
}

/// The part of the weights of so many input channels that comes with one of the 36 points: a quarter of one of the nine taps, whose values
/// are `tap` apart.
fn quarter(weights: *const f32, tap: usize, point: usize, channels: usize) -> Stretch {
    const PARTS: usize = POINTS / (TAPS * TAPS);
    let step = BLOCK / PARTS;
    Stretch { start: weights.wrapping_add(point / PARTS * tap + point % PARTS * channels * step), step }
}
