//! The weight gradient: `dw[tap][c][k] = sum over pixels of x[pixel at tap][c] * dy[pixel][k]`, each tile of 14 input channels times
//! 32 output channels held in registers over all pixels at hand.

mod packed;

use self::packed::Packed;
use super::{
    gather_plan::shares,
    plan::Axis,
    schedule::TASKS_PER_THREAD,
    tile::{max_rows, product},
};
use crate::{
    BLOCK,
    cpu::{
        dispatch::{Kernel, SimdLevel, run_at, run_pairs_at},
        pool::{SharedMut, parallel_with_scratch, threads},
        simd::Simd,
    },
};

/// Bytes of input and gradient that pass by while partial sums wait, of up to [`CHUNK_CHANNELS`] channels each.
const CHUNK_BYTES: usize = 384 << 10;

/// Channels of input and of gradient that a chunk is sized for: tasks take about as many.
const CHUNK_CHANNELS: usize = 256;

/// Values that a task keeps in the second-level cache: its chunk of input and of gradient, and its sums.
const TASK_VALUES: usize = 192 << 10;

/// Shares of the input channels are not smaller than a tile, nor more than this.
const MOST_SHARES: usize = 64;

/// Pixels that are added up in a row before the sum joins the others: rounding errors grow with the length of a sum.
const CHUNK_PIXELS: usize = 512;

/// What the first chunk's sums are added to.
static ZEROS: [f32; 14 * BLOCK] = [0.0; 14 * BLOCK];

/// One weight gradient.
pub(super) struct GradWeight<'a> {
    /// Channels-last input.
    pub x: &'a [f32],
    /// Channels-last gradient of the output; its channels a multiple of 32.
    pub dy: &'a [f32],
    pub images: usize,
    /// Height and width of `x`.
    pub input: (usize, usize),
    pub input_channels: usize,
    /// Height and width of `dy`.
    pub output: (usize, usize),
    pub output_channels: usize,
    /// Height and width.
    pub kernel: (usize, usize),
    pub rows: Axis,
    pub columns: Axis,
    /// Vertical and horizontal stride.
    pub stride: (usize, usize),
    /// Input channels of one weight.
    pub channels: usize,
    /// Output channels that share one set of input channels; a multiple of 32 where there are several sets.
    pub outputs_per_group: usize,
}

/// The part of the gradient that one thread computes at a time; of each, the first and behind the last.
struct Task {
    /// Blocks of output channels.
    blocks: (usize, usize),
    /// Taps of the kernel.
    taps: (usize, usize),
    /// Input channels.
    channels: (usize, usize),
}

/// Pictures and output rows that are summed in one go.
#[derive(Clone, Copy)]
struct Chunk {
    images: (usize, usize),
    rows: (usize, usize),
}

/// One of the nested loops over pixels: how often, and how far `x` and `dy` move each time.
#[derive(Clone, Copy)]
pub(super) struct Loop {
    pub count: usize,
    pub x: usize,
    pub dy: usize,
}

impl Chunk {
    /// Pixels of the output, whose rows have `width`.
    fn pixels(&self, width: usize) -> usize {
        (self.images.1 - self.images.0) * (self.rows.1 - self.rows.0) * width
    }
}

impl GradWeight<'_> {
    /// Writes the blocked gradient to `dw`.
    pub(super) fn run(&self, level: SimdLevel, dw: &mut [f32]) {
        self.run_with::<false>(level, dw);
    }

    /// The same with pictures in [pairs](super::pairs): `x`, `dy` and `images` are of pairs.
    pub(super) fn run_pairs(&self, level: SimdLevel, dw: &mut [f32]) {
        self.run_with::<true>(level, dw);
    }

    fn run_with<const PAIRS: bool>(&self, level: SimdLevel, dw: &mut [f32]) {
        let (chunks, tasks) = (self.chunks(), self.tasks(threads()));
        let dw = SharedMut::new(dw);
        // Those of the first pictures are as large as those of others.
        let first_chunks = || chunks.iter().take_while(|chunk| chunk.images.0 == 0);
        let lens = tasks.iter().flat_map(|task| first_chunks().map(move |chunk| Packed::<PAIRS>::new(self, task, chunk)));
        let len = lens.map(|packed| at::<PAIRS, _>(level, PackedLen(packed))).max().unwrap_or(0);
        parallel_with_scratch(tasks.len(), len, |i, scratch| {
            at::<PAIRS, _>(level, TaskKernel::<PAIRS> { grad: self, chunks: &chunks, task: &tasks[i], scratch, dw });
        });
    }

    /// Tasks that occupy all threads evenly and keep what they need in the cache, and of these such as read the least: the input is
    /// read anew for each share of the blocks, the gradient for each share of the channels, and both for each share of the taps.
    fn tasks(&self, threads: usize) -> Vec<Task> {
        let (blocks, taps, channels) = (self.output_channels / BLOCK, self.kernel.0 * self.kernel.1, self.channels);
        let even = |tasks: usize| tasks >= TASKS_PER_THREAD * threads || tasks.is_multiple_of(threads);
        let (input, output) = (self.rows_read() * self.columns_read(), self.output.0 * self.output.1);
        let pixels = self.chunks().first().map_or(0, |chunk| chunk.pixels(self.output.1));
        let cost = |&(t, b, c): &(usize, usize, usize)| {
            let (taps, outputs, channels) = (taps / t, blocks / b * BLOCK, channels.div_ceil(c));
            let kept = pixels * (input * channels / output.max(1) + outputs) + taps * channels * outputs;
            let read = t * (input * self.input_channels * b + output * self.output_channels * c);
            (!even(t * b * c), kept.max(TASK_VALUES), read, t * b * c)
        };
        let of_taps = [1, taps].into_iter().take(taps);
        let of_blocks = (1..=blocks).filter(|&b| blocks.is_multiple_of(b));
        let of_channels = channels.div_ceil(14).min(MOST_SHARES);
        let cuts = of_taps.flat_map(|t| of_blocks.clone().flat_map(move |b| (1..=of_channels).map(move |c| (t, b, c))));
        let (t, b, c) = cuts.min_by_key(cost).unwrap_or((1, 1, 1));
        let mut tasks = Vec::with_capacity(t * b * c);
        for channels in shares(channels, c) {
            for blocks in shares(blocks, b) {
                tasks.extend(shares(taps, t).map(|taps| Task { blocks, taps, channels }));
            }
        }
        tasks
    }

    /// Rows of the input that some tap meets, about.
    fn rows_read(&self) -> usize {
        self.input.0.min(self.output.0 * self.kernel.0)
    }

    /// Columns of the input that some tap meets, about.
    fn columns_read(&self) -> usize {
        self.input.1.min(self.output.1 * self.kernel.1)
    }

    /// The multiply-adds of each task that `threads` threads would get.
    pub(super) fn costs(&self, threads: usize) -> Vec<f64> {
        let pixels = |tap: usize| {
            let spans = self.rows.span(tap / self.kernel.1).zip(self.columns.span(tap % self.kernel.1));
            spans.map_or(0, |(rows, columns)| self.images * (rows.1 - rows.0) * (columns.1 - columns.0))
        };
        let cost = |Task { blocks, taps, channels }: &Task| {
            ((taps.0..taps.1).map(pixels).sum::<usize>() * (channels.1 - channels.0) * (blocks.1 - blocks.0) * BLOCK) as f64
        };
        self.tasks(threads).iter().map(cost).collect()
    }

    fn chunks(&self) -> Vec<Chunk> {
        let (channels, outputs) = (self.channels.min(CHUNK_CHANNELS), self.output_channels.min(CHUNK_CHANNELS));
        let row_bytes = 4 * (self.rows_read() * self.columns_read() * channels + self.output.1 * outputs) / self.output.0.max(1);
        let rows = (CHUNK_BYTES / row_bytes.max(1)).min(CHUNK_PIXELS / self.output.1.max(1)).max(1);
        let mut chunks = Vec::new();
        if rows >= self.output.0 {
            let images = (rows / self.output.0.max(1)).max(1);
            chunks.extend(
                (0..self.images).step_by(images).map(|a| Chunk { images: (a, self.images.min(a + images)), rows: (0, self.output.0) }),
            );
        } else {
            for n in 0..self.images {
                chunks
                    .extend((0..self.output.0).step_by(rows).map(|a| Chunk { images: (n, n + 1), rows: (a, self.output.0.min(a + rows)) }));
            }
        }
        chunks
    }
}

/// Runs a kernel at a level; one of pairs where these are multiplied.
fn at<const PAIRS: bool, K: Kernel>(level: SimdLevel, kernel: K) -> K::Output {
    if PAIRS { run_pairs_at(level, kernel) } else { run_at(level, kernel) }
}

/// How many values a task's operands of a chunk have.
struct PackedLen<'a, const PAIRS: bool>(Packed<'a, PAIRS>);

impl<const PAIRS: bool> Kernel for PackedLen<'_, PAIRS> {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self) -> usize {
        self.0.len::<S>()
    }
}

struct TaskKernel<'a, const PAIRS: bool> {
    grad: &'a GradWeight<'a>,
    chunks: &'a [Chunk],
    task: &'a Task,
    /// Room for the operands of any chunk.
    scratch: &'a mut [f32],
    dw: SharedMut<f32>,
}

impl<const PAIRS: bool> Kernel for TaskKernel<'_, PAIRS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Task { blocks, taps, .. } = *self.task;
        let mut written = vec![false; taps.1 - taps.0];
        let operands = self.scratch.as_mut_ptr();
        for chunk in self.chunks {
            let packed = Packed::<PAIRS>::new(self.grad, self.task, chunk);
            // SAFETY: there is room for any chunk.
            unsafe { packed.copy::<S>(operands) };
            for (tap, written) in (taps.0..taps.1).zip(&mut written) {
                if let Some((x, dy, loops)) = packed.loops::<S>(tap) {
                    for block in blocks.0..blocks.1 {
                        let dw = weights(self.grad, self.task, self.dw, block, tap);
                        for (tile, channels) in packed.channels::<S>().enumerate() {
                            let (inputs, gradients) = packed.operands::<S>(operands, block, (tile, channels.start));
                            for column in (0..BLOCK).step_by(2 * S::LANES) {
                                let (x, dy) = (inputs.wrapping_add(x), gradients.wrapping_add(dy + column));
                                let dw = dw[channels.start * BLOCK + column..].as_mut_ptr();
                                // SAFETY: the loops stay inside the operands; dw has rows of BLOCK values for all channels.
                                unsafe { tile_rows::<S, PAIRS>(channels.len(), x, dy, loops, dw, *written) };
                            }
                        }
                    }
                    *written = true;
                }
            }
        }
        for (tap, _) in (taps.0..taps.1).zip(written).filter(|(_, written)| !written) {
            (blocks.0..blocks.1).for_each(|block| weights(self.grad, self.task, self.dw, block, tap).fill(0.0));
        }
    }
}

/// The gradient of one tap: the task's channels of a block.
fn weights<'a>(g: &GradWeight<'_>, task: &Task, dw: SharedMut<f32>, block: usize, tap: usize) -> &'a mut [f32] {
    let channels = task.channels;
    let at = ((block * g.kernel.0 * g.kernel.1 + tap) * g.channels + channels.0) * BLOCK;
    // SAFETY: each task has its own blocks, taps and channels of the gradient, and holds one such slice at a time.
    unsafe { dw.slice(at, (channels.1 - channels.0) * BLOCK) }
}

/// The loops with neighbours merged where they walk memory evenly, the longest innermost.
fn nest([mut a, mut b, mut c]: [Loop; 3]) -> [Loop; 3] {
    let merges = |outer: Loop, inner: Loop| outer.x == inner.count * inner.x && outer.dy == inner.count * inner.dy;
    let once = |l: Loop| Loop { count: 1, ..l };
    if b.count == 1 || merges(b, c) {
        c = if b.count == 1 { c } else { Loop { count: b.count * c.count, ..c } };
        b = once(b);
        if a.count > 1 && merges(a, c) {
            c.count *= a.count;
            a = once(a);
        }
    }
    if b.count > c.count {
        (b, c) = (c, b);
    }
    if a.count > c.count {
        (a, c) = (c, a);
    }
    [a, b, c]
}

/// `dw[p][v] (+)= sum of x[p] * dy[v]` over the loops.
///
/// # Safety
/// See [`Simd`]; all that the loops reach exists, and `dw` has `P` rows of [`BLOCK`] values.
#[inline(always)]
unsafe fn tile<S: Simd, const P: usize, const PAIRS: bool>(x: *const f32, dy: *const f32, loops: [Loop; 3], dw: *mut f32, add: bool) {
    let [outer, middle, inner] = loops;
    // SAFETY: the caller's promise.
    unsafe {
        let mut acc = [[S::zero(); 2]; P];
        for i in 0..outer.count {
            for j in 0..middle.count {
                let mut x = x.add(i * outer.x + j * middle.x);
                let mut dy = dy.add(i * outer.dy + j * middle.dy);
                for _ in 0..inner.count {
                    let b = [S::load(dy), S::load(dy.add(S::LANES))];
                    for p in 0..P {
                        let a = S::splat(*x.add(p));
                        for v in 0..2 {
                            acc[p][v] = product::<S, PAIRS>(a, b[v], acc[p][v]);
                        }
                    }
                    x = x.wrapping_add(inner.x);
                    dy = dy.wrapping_add(inner.dy);
                }
            }
        }
        let source = if add { dw.cast_const() } else { ZEROS.as_ptr() };
        for p in 0..P {
            for v in 0..2 {
                let at = p * BLOCK + v * S::LANES;
                S::store(dw.add(at), S::add(S::load(source.add(at)), acc[p][v]));
            }
        }
    }
}

/// [`tile`] for a number of rows known only at run time, at most [`max_rows`].
///
/// # Safety
/// As [`tile`].
#[inline(always)]
pub(super) unsafe fn tile_rows<S: Simd, const PAIRS: bool>(
    rows: usize,
    x: *const f32,
    dy: *const f32,
    loops: [Loop; 3],
    dw: *mut f32,
    add: bool,
) {
    macro_rules! by_rows {
        ($($p:literal)*) => {
            match rows {
                // SAFETY: the caller's promise.
                $($p if $p <= max_rows::<S, PAIRS>() => unsafe { tile::<S, $p, PAIRS>(x, dy, loops, dw, add) },)*
                _ => unreachable!("a tile has 1 to max_rows rows"),
            }
        };
    }
    by_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}
