//! The weight gradient by products of matrices: `dw[tap][c][k] = sum over positions of x[c][position + shift of the tap] * dy[position][k]`.
//!
//! Both operands are copied, in [pairs](super::pairs) of pictures: the gradient blocked by output channels, and the input channel by
//! channel, since a register's rows are channels and its columns positions. Output rows become one stretch of positions, between which lie as many
//! zeros of the gradient as the taps reach beyond a row: then a tap is a shift, the same for all positions. A stride cuts the input into
//! phases, of which a tap meets one.
//!
//! The zeros between rows are multiplied too, so an input that is no finite number makes gradients NaN of taps that do not meet it as well.

mod copies;
mod shifts;
mod windows;

use copies::{CopyGradient, CopyInput};
use shifts::{Shift, Shifts};
use windows::run_windows;

use super::{
    gather_plan::shares,
    horizontal,
    matrices::{LINE, shapes},
    plan::AxisSizes,
    vertical,
    weight::Grouping,
};
use crate::{
    BLOCK,
    cpu::{
        dispatch::{Kernel, SimdLevel, run_matrices_at},
        matrix_unit::{MatrixUnit, Shape},
        pool::{SharedMut, parallel, threads},
        simd::Simd,
        stored::Stored,
    },
    ops::ConvShape,
    storage::Buffer,
};

/// Values of both operands that a task works at before it goes on: they stay in the second-level cache.
const CHUNK_VALUES: usize = 192 << 10;

/// Channels of input and of gradient that a chunk is sized for.
const CHUNK_CHANNELS: usize = 256;

/// The most channels, of input or output, of a task.
const TASK_CHANNELS: usize = 512;

/// Positions of a row that a thread copies at a time: whole registers.
const PART_POSITIONS: usize = 256;

/// Positions that a product takes at a time.
const STEP: usize = Shape::MOST;

/// One weight gradient, or what a window of positions adds to it. Both operands are stored as `E`.
pub(super) struct MatrixGradWeight<'a, E> {
    /// Channels-last input.
    x: &'a [E],
    /// Channels-last gradient of the output.
    dy: &'a [E],
    images: usize,
    /// Height and width.
    output: (usize, usize),
    /// Pairs of pictures in the window, first and behind the last.
    pairs: (usize, usize),
    /// The row and the column of the output that the window starts with.
    start: (usize, usize),
    rows: Shifts,
    columns: Shifts,
    input_channels: usize,
    output_channels: usize,
    /// Rows of a tap's weights, for a block of output channels.
    channels: usize,
    /// Output channels that share one set of input channels.
    outputs_per_group: usize,
}

/// How positions lie in the copies.
#[derive(Clone, Copy)]
struct Positions {
    /// Of an output row.
    pitch: usize,
    /// Of a pair of pictures in the input's copy.
    input_picture: usize,
    /// The same in the gradient's.
    output_picture: usize,
    /// Stretches that are summed over, so far apart as pictures, and the length of each, a multiple of [`STEP`].
    stretches: usize,
    len: usize,
    /// Values of a channel of the input's copy.
    input_len: usize,
}

/// Some positions of a row of a pair of pictures.
#[derive(Clone, Copy)]
struct RowPart {
    pair: usize,
    row: usize,
    /// The first, and behind the last.
    positions: (usize, usize),
}

impl Positions {
    /// Of the gradient's copy, for a block of output channels.
    fn output_len(&self) -> usize {
        self.stretches * self.len
    }
}

impl<'a, E: Stored<Compute = f32>> MatrixGradWeight<'a, E> {
    /// That of a convolution whose groups fall into such pieces; the taps of a row together where they are `merged`.
    pub(super) fn new(x: &'a [E], dy: &'a [E], s: &ConvShape, piece: Grouping, merged: bool) -> Self {
        let (mut images, mut vertical, mut horizontal) = (s.n, vertical(s), horizontal(s));
        let pixels = s.n * s.output.0 * s.output.1;
        let pixelwise = s.kernel == (1, 1) && s.input == s.output && s.options.padding == (0, 0);
        if pixelwise && pixels.is_multiple_of(2) {
            // Then one half of all pixels is paired with the other.
            let axis = |len: usize| AxisSizes { input: len, output: len, kernel: 1, stride: 1, padding: 0, dilation: 1 };
            (images, vertical, horizontal) = (2, axis(1), axis(pixels / 2));
        }
        let columns = if merged { Shifts::apart(horizontal) } else { Shifts::new(horizontal) };
        MatrixGradWeight {
            x,
            dy,
            images,
            output: (vertical.output, horizontal.output),
            pairs: (0, images.div_ceil(2)),
            start: (0, 0),
            rows: Shifts::new(vertical),
            channels: if merged { columns.phases.len() * s.c } else { piece.inputs },
            columns,
            input_channels: s.c,
            output_channels: s.k,
            outputs_per_group: if s.options.groups == 1 { s.k } else { piece.outputs },
        }
    }

    /// Writes the blocked gradient to `dw`.
    pub(super) fn run<U: MatrixUnit>(&self, level: SimdLevel, dw: &mut [f32], unit: impl Fn() -> U + Sync) {
        match self.shares_of_windows(dw.len()) {
            Some(shares) => run_windows(level, &shares, dw, unit),
            None => self.run_whole(level, dw, unit),
        }
    }

    /// Copies all, and then shares the weights out.
    fn run_whole<U: MatrixUnit>(&self, level: SimdLevel, dw: &mut [f32], unit: impl Fn() -> U + Sync) {
        let blocks = (0, self.blocks());
        let mut memory = Buffer::uninit::<f32>(self.copies_len(blocks));
        let copies = Copies::new(self, level, blocks, memory.as_mut_slice(), &|tasks, task| parallel(tasks, task));
        let (tasks, dw) = (self.tasks(threads()), SharedMut::new(dw));
        parallel(tasks.len(), |i| {
            let kernel = TaskKernel { copies: &copies, task: &tasks[i], dw, add: false };
            run_matrices_at(level, WithUnit { kernel, unit: unit() });
        });
    }

    fn pairs(&self) -> usize {
        self.pairs.1 - self.pairs.0
    }

    fn positions(&self) -> Positions {
        let pitch = self.columns.len;
        let (pairs, picture, rows) = (self.pairs(), self.rows.len * pitch, self.rows.sizes.output * pitch);
        // Pictures one by one are summed over without the rows between them, but up to a whole step each.
        let (one_by_one, together) = (rows.next_multiple_of(STEP), (pairs * picture).next_multiple_of(STEP));
        let (stretches, len, output_picture) =
            if together <= pairs * one_by_one { (1, together, picture) } else { (pairs, one_by_one, one_by_one) };
        let furthest = self.rows.most * pitch + self.columns.most;
        let read = (stretches.max(1) - 1) * picture + len + furthest;
        // Rows of a register, an odd number of lines apart, lie in different sets of the cache.
        let lines = read.max(pairs * picture).div_ceil(LINE) | 1;
        Positions { pitch, input_picture: picture, output_picture, stretches, len, input_len: lines * LINE }
    }

    fn blocks(&self) -> usize {
        self.output_channels.div_ceil(BLOCK)
    }

    /// Values of the input's copy, `[phases of rows][phases of columns][channels][positions]`.
    fn input_copy_len(&self, p: Positions) -> usize {
        self.rows.phases.len() * self.columns.phases.len() * self.input_channels * p.input_len
    }

    /// Values of both copies; the gradient's is `[blocks][positions][32]`, of the blocks from the first of these on.
    fn copies_len(&self, blocks: (usize, usize)) -> usize {
        let p = self.positions();
        self.input_copy_len(p) + (blocks.1 - blocks.0) * p.output_len() * BLOCK
    }

    /// So many rows of all pairs of pictures, in parts.
    fn row_parts(&self, rows: usize) -> Vec<RowPart> {
        let pitch = self.columns.len;
        let starts = || (0..pitch).step_by(PART_POSITIONS);
        let of_row = |pair, row| starts().map(move |start| RowPart { pair, row, positions: (start, pitch.min(start + PART_POSITIONS)) });
        (0..self.pairs()).flat_map(|pair| (0..rows).flat_map(move |row| of_row(pair, row))).collect()
    }

    /// Where in the input's copy each tap starts that ever meets a pixel.
    fn taps(&self, p: Positions) -> Vec<Option<usize>> {
        let at = |row: Shift, column: Shift| {
            let phase = row.phase * self.columns.phases.len() + column.phase;
            phase * self.input_channels * p.input_len + row.by * p.pitch + column.by
        };
        self.rows.taps.iter().flat_map(|&row| self.columns.taps.iter().map(move |&column| row.zip(column).map(|(r, c)| at(r, c)))).collect()
    }

    /// The same for any number of threads, so that sums are too.
    fn chunks(&self, Positions { stretches, len, .. }: Positions) -> Vec<Chunk> {
        let values = self.channels.min(CHUNK_CHANNELS) + self.output_channels.min(CHUNK_CHANNELS);
        let most = (CHUNK_VALUES / values.max(1) / STEP).max(4) * STEP;
        if len <= most {
            let chunks = stretches.div_ceil((most / len.max(1)).max(1));
            return shares(stretches, chunks).map(|stretches| Chunk { stretches, positions: (0, len) }).collect();
        }
        let steps = |n: usize| {
            shares(len / STEP, len.div_ceil(most)).map(move |(a, b)| Chunk { stretches: (n, n + 1), positions: (a * STEP, b * STEP) })
        };
        (0..stretches).flat_map(steps).collect()
    }

    /// Blocks and channels in shares that occupy all threads, and are not too large.
    fn tasks(&self, threads: usize) -> Vec<Task> {
        let blocks = self.blocks();
        let registers = self.channels.div_ceil(ROWS);
        let of_blocks = (2 * threads).max((blocks * BLOCK).div_ceil(TASK_CHANNELS)).min(blocks).max(1);
        let of_channels = (2 * threads).div_ceil(of_blocks).max(self.channels.div_ceil(TASK_CHANNELS)).min(registers);
        let mut tasks = Vec::with_capacity(of_blocks * of_channels);
        for blocks in shares(blocks, of_blocks) {
            tasks.extend(shares(registers, of_channels).map(|(a, b)| Task { blocks, channels: (a * ROWS, self.channels.min(b * ROWS)) }));
        }
        tasks
    }

    /// The pictures of a pair of the window: places in channels-last memory of `picture` values each. The second may be missing.
    fn pictures<'b>(&self, values: &'b [E], picture: usize, pair: usize) -> (&'b [E], Option<&'b [E]>) {
        let at = |image: usize| &values[image * picture..][..picture];
        let first = 2 * (self.pairs.0 + pair);
        (at(first), (first + 1 < self.images).then(|| at(first + 1)))
    }
}

/// Runs so many tasks, on all threads or on this one.
type RunTasks<'a> = &'a dyn Fn(usize, &(dyn Fn(usize) + Sync));

/// The copies of both operands, in pairs of pictures.
struct Copies<'a, E> {
    grad: &'a MatrixGradWeight<'a, E>,
    positions: Positions,
    /// Where in the input's copy each tap starts.
    taps: Vec<Option<usize>>,
    chunks: Vec<Chunk>,
    x: &'a [f32],
    /// Of these blocks of output channels, first and behind the last.
    dy: &'a [f32],
    blocks: (usize, usize),
}

impl<'a, E: Stored<Compute = f32>> Copies<'a, E> {
    /// To memory of [`copies_len`](MatrixGradWeight::copies_len) values.
    fn new(grad: &'a MatrixGradWeight<'_, E>, level: SimdLevel, blocks: (usize, usize), memory: &'a mut [f32], run: RunTasks<'_>) -> Self {
        let positions = grad.positions();
        let (x, dy) = memory.split_at_mut(grad.input_copy_len(positions));
        let (parts, out) = (grad.row_parts(grad.rows.len), SharedMut::new(x));
        run(parts.len(), &|i| run_matrices_at(level, CopyInput { grad, positions, part: parts[i], out }));
        let filled = grad.pairs() * positions.input_picture;
        x.chunks_exact_mut(positions.input_len).for_each(|channel| channel[filled..].fill(0.0));
        let (parts, out) = (grad.row_parts(grad.rows.sizes.output), SharedMut::new(dy));
        run(parts.len(), &|i| run_matrices_at(level, CopyGradient { grad, positions, part: parts[i], blocks, out }));
        Copies { grad, positions, taps: grad.taps(positions), chunks: grad.chunks(positions), x, dy, blocks }
    }
}

/// Rows of weights that two registers hold together.
const ROWS: usize = 2 * Shape::MOST;

/// The part of the gradient that one thread computes at a time; of each, the first and behind the last.
struct Task {
    /// Blocks of output channels.
    blocks: (usize, usize),
    /// Rows of each tap.
    channels: (usize, usize),
}

struct TaskKernel<'a, E> {
    copies: &'a Copies<'a, E>,
    task: &'a Task,
    dw: SharedMut<f32>,
    /// Whether sums are added to what `dw` holds.
    add: bool,
}

/// A task and what multiplies.
struct WithUnit<'a, E, U> {
    kernel: TaskKernel<'a, E>,
    unit: U,
}

/// Stretches, and positions of each, that are summed in one go.
#[derive(Clone, Copy)]
struct Chunk {
    stretches: (usize, usize),
    positions: (usize, usize),
}

impl<E: Stored<Compute = f32>, U: MatrixUnit> Kernel for WithUnit<'_, E, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let WithUnit { kernel, mut unit } = self;
        let Task { blocks, channels } = *kernel.task;
        let Copies { taps, chunks, positions, .. } = kernel.copies;
        for (i, &chunk) in chunks.iter().enumerate() {
            let add = kernel.add || i > 0;
            for block in blocks.0..blocks.1 {
                for channel in (channels.0..channels.1).step_by(ROWS) {
                    let rows = ROWS.min(channels.1 - channel);
                    for (tap, start) in taps.iter().enumerate() {
                        let dw = kernel.weights(block, tap, channel, rows);
                        match start {
                            Some(start) => kernel.tile(block, start + channel * positions.input_len, rows).run(&mut unit, chunk, add, dw),
                            None => dw.fill(0.0),
                        }
                    }
                }
            }
        }
    }
}

impl<E> TaskKernel<'_, E> {
    /// Some rows of the gradient of one tap.
    #[allow(clippy::mut_from_ref)]
    fn weights(&self, block: usize, tap: usize, channel: usize, rows: usize) -> &mut [f32] {
        let at = ((block * self.copies.taps.len() + tap) * self.copies.grad.channels + channel) * BLOCK;
        // SAFETY: each task has its own blocks and channels of the gradient, and holds one such slice at a time.
        unsafe { self.dw.slice(at, rows * BLOCK) }
    }

    /// Rows of weights of a block, whose first channel starts at `x` in the input's copy, but for the block's group.
    fn tile(&self, block: usize, x: usize, rows: usize) -> Tile<'_> {
        let Copies { grad: g, positions, x: input, dy: gradient, .. } = *self.copies;
        let group = block * BLOCK / g.outputs_per_group;
        let block = block - self.copies.blocks.0;
        let (x, dy) = (&input[x + group * g.channels * positions.input_len..], &gradient[block * positions.output_len() * BLOCK..]);
        Tile { positions, x, dy, rows }
    }
}

/// Rows of a tap's weights, for a block of output channels.
struct Tile<'a> {
    positions: Positions,
    /// The input's copy from the first channel on, at the tap's shift.
    x: &'a [f32],
    /// The gradient's copy from the block on.
    dy: &'a [f32],
    rows: usize,
}

impl Tile<'_> {
    /// The sums over a chunk, added to what `dw` holds or not.
    #[inline(always)]
    fn run(&self, unit: &mut impl MatrixUnit, chunk: Chunk, add: bool, dw: &mut [f32]) {
        assert_eq!(dw.len(), self.rows * BLOCK);
        // SAFETY: the copies have all positions of the chunk, at every shift, and as many channels.
        unsafe {
            if self.rows > Shape::MOST {
                self.sums::<true>(unit, chunk, add, dw.as_mut_ptr())
            } else {
                self.sums::<false>(unit, chunk, add, dw.as_mut_ptr())
            }
        }
    }

    /// Writes the sums over a chunk, [`BLOCK`] values of each row.
    ///
    /// # Safety
    /// See [`MatrixUnit`]; the copies have the positions of the chunk, and the rows of sums exist.
    #[inline(always)]
    unsafe fn sums<const TWO: bool>(&self, unit: &mut impl MatrixUnit, chunk: Chunk, add: bool, sums: *mut f32) {
        let (p, half) = (self.positions, BLOCK / 2);
        let first = self.rows.min(Shape::MOST);
        // SAFETY: the caller's promise.
        unsafe {
            unit.configure(&shapes((first, self.rows - first), STEP));
            let second = sums.wrapping_add(first * BLOCK);
            start::<0>(unit, add, sums);
            start::<1>(unit, add, sums.wrapping_add(half));
            if TWO {
                start::<2>(unit, add, second);
                start::<3>(unit, add, second.wrapping_add(half));
            }
            for stretch in chunk.stretches.0..chunk.stretches.1 {
                let (x, dy) = (self.x.as_ptr().add(stretch * p.input_picture), self.dy.as_ptr().add(stretch * p.output_picture * BLOCK));
                for at in (chunk.positions.0..chunk.positions.1).step_by(STEP) {
                    let (x, dy) = (x.add(at), dy.add(at * BLOCK));
                    unit.load::<6>(dy, BLOCK);
                    unit.load::<4>(x, p.input_len);
                    unit.dot::<0, 4, 6>();
                    unit.load::<7>(dy.add(half), BLOCK);
                    unit.dot::<1, 4, 7>();
                    if TWO {
                        unit.load::<5>(x.add(first * p.input_len), p.input_len);
                        unit.dot::<2, 5, 6>();
                        unit.dot::<3, 5, 7>();
                    }
                }
            }
            unit.store::<0>(sums, BLOCK);
            unit.store::<1>(sums.add(half), BLOCK);
            if TWO {
                unit.store::<2>(second, BLOCK);
                unit.store::<3>(second.add(half), BLOCK);
            }
        }
    }
}

/// Fills a register of sums: with those in memory, which more are added to, or with zeros.
///
/// # Safety
/// See [`MatrixUnit`].
#[inline(always)]
unsafe fn start<const R: u8>(unit: &mut impl MatrixUnit, add: bool, sums: *const f32) {
    // SAFETY: the caller's promise.
    unsafe { if add { unit.load::<R>(sums, BLOCK) } else { unit.zero::<R>() } }
}
