//! The operands of a task, copied so that its tiles read them from front to back: of pixels as they lie in memory, a tile would read a line
//! or two each, a stride that no prefetcher follows, and that brings all of them to the same few places of the first-level cache where
//! channels are many. Inputs with pixels smaller than a line, those of first layers, stay in place.

use std::ops::Range;

use super::{Axis, Chunk, GradWeight, Loop, Task, max_rows, nest};
use crate::{BLOCK, cpu::simd::Simd};

/// Pixels from the one that is copied to the one that is fetched meanwhile: eight take about as long as the memory does.
const AHEAD: usize = 8;

/// Values of a line of the cache.
const LINE: usize = 16;

/// Positions of an axis of the input.
#[derive(Clone, Copy)]
struct Positions {
    first: usize,
    step: usize,
    count: usize,
}

impl Positions {
    fn all(count: usize) -> Positions {
        Positions { first: 0, step: 1, count }
    }

    /// Those that some taps meet from some outputs: every `stride`th where there is one tap.
    fn met(axis: &Axis, taps: Range<usize>, outputs: Range<usize>, stride: usize) -> Positions {
        let step = if taps.len() == 1 { stride } else { 1 };
        let of_tap =
            |tap| met_by_tap(axis, tap, &outputs, stride).map(|(outputs, first)| (first, first + (outputs.len() - 1) * stride + 1));
        let both = |a: (usize, usize), b: (usize, usize)| (a.0.min(b.0), a.1.max(b.1));
        let (first, behind) = taps.filter_map(of_tap).reduce(both).unwrap_or((0, 0));
        Positions { first, step, count: (behind - first).div_ceil(step) }
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |i| self.first + i * self.step)
    }

    /// Which of them a position is.
    fn index(self, position: usize) -> usize {
        (position - self.first) / self.step
    }
}

/// The outputs of these from which a tap meets the input, and the position where the first of them meets it.
fn met_by_tap(axis: &Axis, tap: usize, outputs: &Range<usize>, stride: usize) -> Option<(Range<usize>, usize)> {
    let (start, end, first) = axis.span(tap)?;
    let met = start.max(outputs.start)..end.min(outputs.end);
    (!met.is_empty()).then(|| (met.clone(), first + (met.start - start) * stride))
}

/// What a task needs of a chunk: of the input `[groups][tiles][pixels]` with the channels of a tile for each pixel, of the gradient
/// `[blocks][pixels][32]`.
pub(super) struct Packed<'a, const PAIRS: bool> {
    grad: &'a GradWeight<'a>,
    task: &'a Task,
    chunk: &'a Chunk,
    /// Rows and columns of the input, of each picture.
    rows: Positions,
    columns: Positions,
    /// Whether the input is not copied.
    in_place: bool,
}

impl<'a, const PAIRS: bool> Packed<'a, PAIRS> {
    pub(super) fn new(grad: &'a GradWeight<'a>, task: &'a Task, chunk: &'a Chunk) -> Self {
        let (taps, across, in_place) = (task.taps, grad.kernel.1, grad.input_channels < LINE);
        let tap_rows = taps.0 / across..(taps.1 - 1) / across + 1;
        let tap_columns = if tap_rows.len() == 1 { taps.0 % across..(taps.1 - 1) % across + 1 } else { 0..across };
        let (rows, columns) = if in_place {
            (Positions::all(grad.input.0), Positions::all(grad.input.1))
        } else {
            let rows = Positions::met(&grad.rows, tap_rows, chunk.rows.0..chunk.rows.1, grad.stride.0);
            (rows, Positions::met(&grad.columns, tap_columns, 0..grad.output.1, grad.stride.1))
        };
        Packed { grad, task, chunk, rows, columns, in_place }
    }

    /// Values of all that is copied.
    pub(super) fn len<S: Simd>(&self) -> usize {
        self.input_len::<S>() + (self.task.blocks.1 - self.task.blocks.0) * self.block_len()
    }

    /// Values of the copied input.
    fn input_len<S: Simd>(&self) -> usize {
        if self.in_place { 0 } else { self.groups().len() * self.tiles::<S>() * self.tile_len::<S>() }
    }

    fn images(&self) -> usize {
        self.chunk.images.1 - self.chunk.images.0
    }

    /// The group of a block of output channels.
    fn group(&self, block: usize) -> usize {
        block * BLOCK / self.grad.outputs_per_group
    }

    fn groups(&self) -> Range<usize> {
        self.group(self.task.blocks.0)..self.group(self.task.blocks.1 - 1) + 1
    }

    /// Tiles of the task's input channels, of one group.
    fn tiles<S: Simd>(&self) -> usize {
        (self.task.channels.1 - self.task.channels.0).div_ceil(max_rows::<S, PAIRS>())
    }

    /// Values from a tile's inputs of one pixel to those of the next.
    #[inline(always)]
    fn pixel<S: Simd>(&self) -> usize {
        if self.in_place { self.grad.input_channels } else { max_rows::<S, PAIRS>().next_multiple_of(S::LANES) }
    }

    /// Values of a tile's inputs.
    fn tile_len<S: Simd>(&self) -> usize {
        self.images() * self.rows.count * self.columns.count * self.pixel::<S>()
    }

    /// Values of a block's gradients.
    fn block_len(&self) -> usize {
        self.chunk.pixels(self.grad.output.1) * BLOCK
    }

    /// The input channels of each tile, the first of the task's counted 0: all as many, or one more or less.
    #[inline(always)]
    pub(super) fn channels<S: Simd>(&self) -> impl Iterator<Item = Range<usize>> + Clone + use<S, PAIRS> {
        let (all, tiles) = (self.task.channels.1 - self.task.channels.0, self.tiles::<S>());
        let (fewer, more) = (all / tiles.max(1), all % tiles.max(1));
        (0..tiles).map(move |i| i * fewer + i.min(more)..(i + 1) * fewer + (i + 1).min(more))
    }

    /// Copies what is to be copied.
    ///
    /// # Safety
    /// See [`Simd`]; `to` has room for [`len`](Packed::len) values.
    #[inline(always)]
    pub(super) unsafe fn copy<S: Simd>(&self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            if !self.in_place {
                self.copy_input::<S>(to);
            }
            self.copy_gradient::<S>(to.add(self.input_len::<S>()));
        }
    }

    /// # Safety
    /// See [`Simd`]; `to` has room.
    #[inline(always)]
    unsafe fn copy_input<S: Simd>(&self, to: *mut f32) {
        let (g, len, tiles) = (self.grad, self.tile_len::<S>(), self.channels::<S>());
        let ahead = AHEAD * self.columns.step * g.input_channels;
        for (i, group) in self.groups().enumerate() {
            let first = group * g.channels + self.task.channels.0;
            let mut to = to.wrapping_add(i * self.tiles::<S>() * len);
            for n in self.chunk.images.0..self.chunk.images.1 {
                for row in self.rows.iter() {
                    for column in self.columns.iter() {
                        let pixel = &g.x[((n * g.input.0 + row) * g.input.1 + column) * g.input_channels + first..];
                        for (tile, channels) in tiles.clone().enumerate() {
                            // SAFETY: the caller's promise.
                            unsafe { copy::<S>(&pixel[channels], ahead, to.wrapping_add(tile * len)) };
                        }
                        to = to.wrapping_add(self.pixel::<S>());
                    }
                }
            }
        }
    }

    /// # Safety
    /// As [`copy_input`](Packed::copy_input).
    #[inline(always)]
    unsafe fn copy_gradient<S: Simd>(&self, mut to: *mut f32) {
        let (g, rows, len) = (self.grad, self.chunk.rows, self.block_len());
        for n in self.chunk.images.0..self.chunk.images.1 {
            let pixels = (n * g.output.0 + rows.0) * g.output.1..(n * g.output.0 + rows.1) * g.output.1;
            for pixel in g.dy[pixels.start * g.output_channels..pixels.end * g.output_channels].chunks_exact(g.output_channels) {
                for (i, block) in (self.task.blocks.0..self.task.blocks.1).enumerate() {
                    let from = &pixel[block * BLOCK..][..BLOCK];
                    // SAFETY: the caller's promise.
                    unsafe { copy::<S>(from, AHEAD * g.output_channels, to.wrapping_add(i * len)) };
                }
                to = to.wrapping_add(BLOCK);
            }
        }
    }

    /// Where a tile has its first input and its first gradient of a tap, and the loops over the pixels at which the tap meets the input.
    pub(super) fn loops<S: Simd>(&self, tap: usize) -> Option<(usize, usize, [Loop; 3])> {
        let (g, chunk, pixel) = (self.grad, self.chunk, self.pixel::<S>());
        let (down, row) = met_by_tap(&g.rows, tap / g.kernel.1, &(chunk.rows.0..chunk.rows.1), g.stride.0)?;
        let (across, column) = met_by_tap(&g.columns, tap % g.kernel.1, &(0..g.output.1), g.stride.1)?;
        let line = self.columns.count * pixel;
        let x = self.rows.index(row) * line + self.columns.index(column) * pixel;
        let dy = ((down.start - chunk.rows.0) * g.output.1 + across.start) * BLOCK;
        let picture = (chunk.rows.1 - chunk.rows.0) * g.output.1 * BLOCK;
        let images = Loop { count: self.images(), x: self.rows.count * line, dy: picture };
        let rows = Loop { count: down.len(), x: g.stride.0 / self.rows.step * line, dy: g.output.1 * BLOCK };
        let columns = Loop { count: across.len(), x: g.stride.1 / self.columns.step * pixel, dy: BLOCK };
        (images.count > 0).then(|| (x, dy, nest([images, rows, columns])))
    }

    /// The inputs of a tile of a block, and the block's gradients; `copied` is where they were copied to.
    pub(super) fn operands<S: Simd>(&self, copied: *const f32, block: usize, tile: (usize, usize)) -> (*const f32, *const f32) {
        let (g, (tile, channel)) = (self.grad, tile);
        let inputs = if self.in_place {
            let image = self.chunk.images.0 * g.input.0 * g.input.1 * g.input_channels;
            g.x[image + self.group(block) * g.channels + self.task.channels.0 + channel..].as_ptr()
        } else {
            let group = self.group(block) - self.groups().start;
            copied.wrapping_add((group * self.tiles::<S>() + tile) * self.tile_len::<S>())
        };
        (inputs, copied.wrapping_add(self.input_len::<S>() + (block - self.task.blocks.0) * self.block_len()))
    }
}

/// Copies some values, and fetches those `ahead` values behind them.
///
/// # Safety
/// See [`Simd`]; `to` has room for them in whole vectors.
#[inline(always)]
unsafe fn copy<S: Simd>(from: &[f32], ahead: usize, to: *mut f32) {
    for at in (0..from.len()).step_by(S::LANES) {
        let values = from[at..].as_ptr();
        // SAFETY: the caller's promise; no more is read than there is.
        unsafe {
            S::prefetch(values.wrapping_add(ahead));
            S::store(to.add(at), S::load_part(values, (from.len() - at).min(S::LANES)));
        }
    }
}
