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

use copies::{CopyGradient, CopyInput};
use shifts::{Shift, Shifts};

use super::{
    gather_plan::shares,
    horizontal,
    matrices::{LINE, Sums, shapes},
    plan::AxisSizes,
    vertical,
    weight::Grouping,
};
use crate::{
    BLOCK,
    cpu::{
        dispatch::{Kernel, SimdLevel, run_at, run_pairs_at},
        matrix_unit::{MatrixUnit, Shape},
        pool::{SharedMut, parallel, threads},
        simd::Simd,
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

/// One weight gradient.
pub(super) struct MatrixGradWeight<'a> {
    /// Channels-last input.
    x: &'a [f32],
    /// Channels-last gradient of the output.
    dy: &'a [f32],
    images: usize,
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

impl<'a> MatrixGradWeight<'a> {
    /// That of a convolution whose groups fall into such pieces; the taps of a row together where they are `merged`.
    pub(super) fn new(x: &'a [f32], dy: &'a [f32], s: &ConvShape, piece: Grouping, merged: bool) -> Self {
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
        let positions = self.positions();
        let (x, dy) = (self.copied_input(level, positions), self.copied_gradient(level, positions));
        let (x, dy) = (x.as_slice(), dy.as_slice());
        let (taps, chunks) = (self.taps(positions), self.chunks(positions));
        let (tasks, dw) = (self.tasks(threads()), SharedMut::new(dw));
        parallel(tasks.len(), |i| {
            let kernel = TaskKernel { grad: self, task: &tasks[i], positions, taps: &taps, chunks: &chunks, x, dy, dw };
            run_at(level, WithUnit { kernel, unit: unit() });
        });
    }

    fn pairs(&self) -> usize {
        self.images.div_ceil(2)
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

    /// The gradient in pairs of pictures, `[blocks][positions][32]`.
    fn copied_gradient(&self, level: SimdLevel, p: Positions) -> Buffer {
        let mut copy = Buffer::uninit::<f32>(self.blocks() * p.output_len() * BLOCK);
        let (parts, out) = (self.row_parts(self.rows.sizes.output), SharedMut::new(copy.as_mut_slice()));
        parallel(parts.len(), |i| run_pairs_at(level, CopyGradient { grad: self, positions: p, part: parts[i], out }));
        copy
    }

    /// The input in pairs of pictures, `[phases of rows][phases of columns][channels][positions]`.
    fn copied_input(&self, level: SimdLevel, p: Positions) -> Buffer {
        let channels = self.rows.phases.len() * self.columns.phases.len() * self.input_channels;
        let mut copy = Buffer::uninit::<f32>(channels * p.input_len);
        let (parts, out) = (self.row_parts(self.rows.len), SharedMut::new(copy.as_mut_slice()));
        parallel(parts.len(), |i| run_pairs_at(level, CopyInput { grad: self, positions: p, part: parts[i], out }));
        let filled = self.pairs() * p.input_picture;
        copy.as_mut_slice::<f32>().chunks_exact_mut(p.input_len).for_each(|channel| channel[filled..].fill(0.0));
        copy
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

    /// The pictures of a pair: places in channels-last memory of `picture` values each. The second may be missing.
    fn pictures<'b>(&self, values: &'b [f32], picture: usize, pair: usize) -> (&'b [f32], Option<&'b [f32]>) {
        let at = |image: usize| &values[image * picture..][..picture];
        (at(2 * pair), (2 * pair + 1 < self.images).then(|| at(2 * pair + 1)))
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

struct TaskKernel<'a> {
    grad: &'a MatrixGradWeight<'a>,
    task: &'a Task,
    positions: Positions,
    /// Where in the input's copy each tap starts.
    taps: &'a [Option<usize>],
    chunks: &'a [Chunk],
    x: &'a [f32],
    dy: &'a [f32],
    dw: SharedMut<f32>,
}

/// A task and what multiplies.
struct WithUnit<'a, U> {
    kernel: TaskKernel<'a>,
    unit: U,
}

/// Stretches, and positions of each, that are summed in one go.
#[derive(Clone, Copy)]
struct Chunk {
    stretches: (usize, usize),
    positions: (usize, usize),
}

impl<U: MatrixUnit> Kernel for WithUnit<'_, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let WithUnit { kernel, mut unit } = self;
        let Task { blocks, channels } = *kernel.task;
        for (i, &chunk) in kernel.chunks.iter().enumerate() {
            for block in blocks.0..blocks.1 {
                for channel in (channels.0..channels.1).step_by(ROWS) {
                    let rows = ROWS.min(channels.1 - channel);
                    for (tap, start) in kernel.taps.iter().enumerate() {
                        let dw = kernel.weights(block, tap, channel, rows);
                        match start {
                            Some(start) => {
                                kernel.tile(block, start + channel * kernel.positions.input_len, rows).run(&mut unit, chunk, i > 0, dw)
                            }
                            None => dw.fill(0.0),
                        }
                    }
                }
            }
        }
    }
}

impl TaskKernel<'_> {
    /// Some rows of the gradient of one tap.
    #[allow(clippy::mut_from_ref)]
    fn weights(&self, block: usize, tap: usize, channel: usize, rows: usize) -> &mut [f32] {
        let at = ((block * self.taps.len() + tap) * self.grad.channels + channel) * BLOCK;
        // SAFETY: each task has its own blocks and channels of the gradient, and holds one such slice at a time.
        unsafe { self.dw.slice(at, rows * BLOCK) }
    }

    /// Rows of weights of a block, whose first channel starts at `x` in the input's copy, but for the block's group.
    fn tile(&self, block: usize, x: usize, rows: usize) -> Tile<'_> {
        let (g, positions) = (self.grad, self.positions);
        let group = block * BLOCK / g.outputs_per_group;
        let (x, dy) = (&self.x[x + group * g.channels * positions.input_len..], &self.dy[block * positions.output_len() * BLOCK..]);
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
        let mut sums = Sums::uninit();
        let to = if add { sums.first() } else { dw.as_mut_ptr() };
        // SAFETY: the copies have all positions of the chunk, at every shift, and as many channels; the sums have as many rows, and were
        // written when they are read.
        unsafe {
            if self.rows > Shape::MOST {
                self.sums::<true>(unit, chunk, to)
            } else {
                self.sums::<false>(unit, chunk, to)
            }
            if add {
                let sums = std::slice::from_raw_parts(to, dw.len());
                dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += sum);
            }
        }
    }

    /// Writes the sums over a chunk, [`BLOCK`] values of each row.
    ///
    /// # Safety
    /// See [`MatrixUnit`]; the copies have the positions of the chunk, and there is room for the sums.
    #[inline(always)]
    unsafe fn sums<const TWO: bool>(&self, unit: &mut impl MatrixUnit, chunk: Chunk, sums: *mut f32) {
        let (p, half) = (self.positions, BLOCK / 2);
        let first = self.rows.min(Shape::MOST);
        // SAFETY: the caller's promise.
        unsafe {
            unit.configure(&shapes((first, self.rows - first), STEP));
            unit.zero::<0>();
            unit.zero::<1>();
            if TWO {
                unit.zero::<2>();
                unit.zero::<3>();
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
                unit.store::<2>(sums.add(first * BLOCK), BLOCK);
                unit.store::<3>(sums.add(first * BLOCK + half), BLOCK);
            }
        }
    }
}
