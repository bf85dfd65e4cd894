//! Runs a gather (see [`plan`](super::plan)): the forward pass and the input gradient of convolution and of the linear layer.

use super::{
    finish::Output,
    plan::{Addressing, Axis, Run, pixelwise_runs, runs},
    tile::{Input, MOST_ROWS, Nothing, SEGMENT, Stretch, max_rows, tile_rows},
};
use crate::{
    BLOCK,
    cpu::{
        dispatch::{Kernel, SimdLevel, run_at, run_pairs_at},
        pool::{SharedMut, parallel_with_scratch, threads},
        simd::Simd,
    },
};

/// Bytes of input that a task keeps at hand, so that it stays in the second-level cache while blocks of weights pass by.
const SCRATCH_BYTES: usize = 384 << 10;

/// One gather: all output pixels and channels.
pub(super) struct Gather<'a> {
    /// Channels-last input of `images` pictures.
    pub x: &'a [f32],
    pub images: usize,
    /// Height and width.
    pub input: (usize, usize),
    /// Channels of an input pixel.
    pub input_channels: usize,
    /// Height and width.
    pub output: (usize, usize),
    /// Channels of an output pixel.
    pub output_channels: usize,
    pub rows: Axis,
    pub columns: Axis,
    /// Height and width.
    pub kernel: (usize, usize),
    /// Blocked weights: `[blocks][taps][channels][32]`.
    pub weight: &'a [f32],
    /// Input channels that one block of output channels sums over.
    pub channels: usize,
    /// Output channels that share one set of input channels; a multiple of 32 where there are several sets.
    pub outputs_per_group: usize,
    pub out: Output<'a>,
}

/// How a task gets at its input.
#[derive(Clone, Copy)]
enum Source {
    /// In place, one picture at a time: no pair lies outside it.
    Direct,
    /// Rows of one picture copied between margins of zeros.
    Padded { left: usize, width: usize },
    /// This many pictures copied side by side, pixel by pixel (HWNC), so that taps in the padding are left out and small pictures
    /// fill the tile together.
    Batched { images: usize },
}

/// The part of a gather that one thread does at a time.
struct Task {
    images: (usize, usize),
    runs: (usize, usize),
    blocks: (usize, usize),
}

impl Gather<'_> {
    /// Writes the channels-last output to `y`.
    pub(super) fn run(&self, level: SimdLevel, y: &mut [f32]) {
        self.run_with::<false>(level, y);
    }

    /// The same with channels in [pairs](super::pairs): input, channels and weights are of pairs.
    pub(super) fn run_pairs(&self, level: SimdLevel, y: &mut [f32]) {
        self.run_with::<true>(level, y);
    }

    fn run_with<const PAIRS: bool>(&self, level: SimdLevel, y: &mut [f32]) {
        if y.is_empty() {
            return;
        }
        let (source, runs) = self.plan(threads());
        let tasks = self.tasks(source, &runs, threads());
        let y = SharedMut::new(y);
        // The thread that runs a task is likely to run this one next.
        let next = |i: usize| tasks.get(i + threads()).map(|task| task.blocks.0);
        let task = |i| TaskKernel::<PAIRS> { gather: self, source, runs: &runs, task: &tasks[i], next_block: next(i), y };
        let scratch_len = (0..tasks.len()).map(|i| task(i).scratch_len()).max().unwrap_or(0);
        parallel_with_scratch(tasks.len(), scratch_len, |i, scratch| {
            let kernel = WithScratch { kernel: task(i), scratch };
            if PAIRS { run_pairs_at(level, kernel) } else { run_at(level, kernel) }
        });
    }

    /// The multiply-adds of each task that `threads` threads would get.
    pub(super) fn costs(&self, threads: usize) -> Vec<f64> {
        let (source, runs) = self.plan(threads);
        let cost = |task: &Task| {
            // The runs of a layer that works pixel by pixel count the pixels of all pictures.
            let images = if self.is_pixelwise() { 1 } else { task.images.1 - task.images.0 };
            let products: usize = runs[task.runs.0..task.runs.1].iter().map(|run| run.len * run.taps.len() * run.tap_len).sum();
            let outputs = (task.blocks.1 * BLOCK).min(self.output_channels) - task.blocks.0 * BLOCK;
            (images * products * outputs) as f64
        };
        self.tasks(source, &runs, threads).iter().map(cost).collect()
    }

    /// Values of one input picture.
    fn picture(&self) -> usize {
        self.input.0 * self.input.1 * self.input_channels
    }

    fn is_pixelwise(&self) -> bool {
        self.kernel == (1, 1) && self.rows.is_identity() && self.columns.is_identity()
    }

    fn plan(&self, threads: usize) -> (Source, Vec<Run>) {
        if self.is_pixelwise() {
            let pixels = self.images * self.output.0 * self.output.1;
            // Few pixels stay together: the weights are what has to be read, and blocks of them are shared out.
            let most = if pixels <= 64 { 64 } else { (SCRATCH_BYTES / 4 / self.input_channels.max(1)).clamp(28, 448) };
            let pieces = pixels.div_ceil(most);
            let pieces = if pieces > 1 { pieces.next_multiple_of(threads) } else { 1 };
            let len = pixels.div_ceil(pieces).next_multiple_of(if pixels > 4 * most { 14 } else { 1 });
            return (Source::Direct, pixelwise_runs(pixels, len, self.channels));
        }
        let rows = self.rows.inside();
        let addressing = |width, left, merge| Addressing { width, left, channels: self.channels, kernel_width: self.kernel.1, merge };
        if self.images > 1 && self.output.1 <= 12 && self.input_channels >= 8 {
            let images = self.batched_images(threads);
            return (Source::Batched { images }, runs(&rows, &self.columns.inside(), &addressing(self.input.1, 0, false)));
        }
        let (left, right) = self.columns.margins();
        let width = self.input.1 + left + right;
        let source = if left + right == 0 { Source::Direct } else { Source::Padded { left, width } };
        (source, runs(&rows, &self.columns, &addressing(width, left, self.channels == self.input_channels)))
    }

    /// Pictures that a task takes together: as many as the scratch holds, but a share for each thread where weights are few.
    fn batched_images(&self, threads: usize) -> usize {
        let picture = self.picture();
        let most = (SCRATCH_BYTES / 4 / picture.max(1)).clamp(1, self.images);
        let weights = self.output_channels.next_multiple_of(BLOCK) * self.kernel.0 * self.kernel.1 * self.channels;
        let split_blocks = weights > picture * self.images;
        let images = if split_blocks { most } else { most.min(self.images.div_ceil(threads)) };
        self.images.div_ceil(self.images.div_ceil(images))
    }

    fn tasks(&self, source: Source, runs: &[Run], threads: usize) -> Vec<Task> {
        let (images, runs_per_task) = match source {
            Source::Batched { images } => (images, runs.len()),
            Source::Direct if self.is_pixelwise() => (self.images, 1),
            _ => (1, self.runs_per_strip(runs, threads)),
        };
        let parts = self.images.div_ceil(images) * runs.len().div_ceil(runs_per_task);
        let blocks = self.output_channels.div_ceil(BLOCK);
        // Blocks of weights are shared out too where there are too few parts to occupy all threads evenly.
        let even = parts.is_multiple_of(threads) && runs.len().is_multiple_of(runs_per_task);
        let splits = if parts >= 4 * threads || even { 1 } else { (2 * threads).div_ceil(parts).max(2).min(blocks) };
        let blocks_per_task = blocks.div_ceil(splits);
        let ranges = |len: usize, step: usize| (0..len).step_by(step).map(move |a| (a, (a + step).min(len)));
        let mut tasks = Vec::new();
        for blocks in ranges(blocks, blocks_per_task) {
            for images in ranges(self.images, images) {
                tasks.extend(ranges(runs.len(), runs_per_task).map(|runs| Task { images, runs, blocks }));
            }
        }
        tasks
    }

    /// Runs whose input rows fit the scratch together.
    fn runs_per_strip(&self, runs: &[Run], threads: usize) -> usize {
        let runs_per_row = runs.len().div_ceil(self.output.0.max(1));
        let row = self.input.1 * self.input_channels * 4;
        let input_rows = (SCRATCH_BYTES / row.max(1)).saturating_sub(self.kernel.0);
        let rows = input_rows * self.output.0 / self.input.0.max(1);
        let strips = self.output.0.div_ceil(rows.clamp(4, self.output.0.max(4)));
        let shared = if self.images.is_multiple_of(threads) { strips } else { strips.next_multiple_of(threads).min(self.output.0) };
        // Threads with lower strips would wait for the others; where there are blocks of weights enough, these are shared out instead.
        let even = self.output.0.is_multiple_of(shared) || self.output_channels.div_ceil(BLOCK) < 2 * threads;
        self.output.0.div_ceil(if even { shared } else { strips }) * runs_per_row
    }
}

struct TaskKernel<'a, const PAIRS: bool> {
    gather: &'a Gather<'a>,
    source: Source,
    runs: &'a [Run],
    task: &'a Task,
    /// The first block of weights of the task that follows.
    next_block: Option<usize>,
    y: SharedMut<f32>,
}

/// A task and the memory that it may copy its input to.
struct WithScratch<'a, const PAIRS: bool> {
    kernel: TaskKernel<'a, PAIRS>,
    scratch: &'a mut [f32],
}

impl<const PAIRS: bool> Kernel for WithScratch<'_, PAIRS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let WithScratch { kernel, scratch } = self;
        let first = kernel.task.images.0 * kernel.gather.picture();
        let (base, images) = match kernel.source {
            Source::Direct => (kernel.gather.x[first..].as_ptr(), 1),
            Source::Padded { left, width } => {
                kernel.copy_padded(left, width, scratch);
                // The runs count rows from the picture's top.
                let above = kernel.input_rows().0 * width * kernel.gather.input_channels;
                (scratch.as_ptr().wrapping_sub(above), 1)
            }
            Source::Batched { .. } => {
                kernel.copy_batched(scratch);
                (scratch.as_ptr(), kernel.images())
            }
        };
        kernel.blocks::<S>(base, images);
    }
}

impl<const PAIRS: bool> TaskKernel<'_, PAIRS> {
    fn task_runs(&self) -> &[Run] {
        &self.runs[self.task.runs.0..self.task.runs.1]
    }

    fn images(&self) -> usize {
        self.task.images.1 - self.task.images.0
    }

    /// The input rows that this task reads, first and behind the last.
    fn input_rows(&self) -> (usize, usize) {
        let rows = || self.task_runs().iter().map(|r| r.input_rows).filter(|r| r.0 < r.1);
        (rows().map(|r| r.0).min().unwrap_or(0), rows().map(|r| r.1).max().unwrap_or(0))
    }

    /// Values of the copy that this task makes of its input.
    fn scratch_len(&self) -> usize {
        match self.source {
            Source::Direct => 0,
            Source::Padded { width, .. } => {
                let (top, bottom) = self.input_rows();
                (bottom - top) * width * self.gather.input_channels
            }
            Source::Batched { .. } => self.images() * self.gather.picture(),
        }
    }

    fn copy_padded(&self, left: usize, width: usize, scratch: &mut [f32]) {
        let g = self.gather;
        let channels = g.input_channels;
        let (top, bottom) = self.input_rows();
        let row = g.input.1 * channels;
        let first = self.task.images.0 * g.picture() + top * row;
        for (i, out) in scratch.chunks_exact_mut(width * channels).take(bottom - top).enumerate() {
            let (before, rest) = out.split_at_mut(left * channels);
            let (middle, behind) = rest.split_at_mut(row);
            before.fill(0.0);
            middle.copy_from_slice(&g.x[first + i * row..][..row]);
            behind.fill(0.0);
        }
    }

    fn copy_batched(&self, scratch: &mut [f32]) {
        let g = self.gather;
        let (images, channels, picture) = (self.images(), g.input_channels, g.picture());
        for (n, picture) in g.x[self.task.images.0 * picture..].chunks_exact(picture).take(images).enumerate() {
            for (pixel, values) in picture.chunks_exact(channels).enumerate() {
                scratch[(pixel * images + n) * channels..][..channels].copy_from_slice(values);
            }
        }
    }

    /// All runs for each block of output channels. `images` pictures lie side by side behind `base`.
    #[inline(always)]
    fn blocks<S: Simd>(&self, base: *const f32, images: usize) {
        let g = self.gather;
        let block_len = g.kernel.0 * g.kernel.1 * g.channels * BLOCK;
        let most_taps = self.task_runs().iter().map(|run| run.taps.len()).max().unwrap_or(0);
        let tiles = |run: &Run| {
            let (parts, rows) = parts(run, images);
            parts * rows.div_ceil(max_rows::<S, PAIRS>())
        };
        let fetching_tiles: usize = self.task_runs().iter().filter(|run| run.taps.len() == most_taps).map(tiles).sum();
        for block in self.task.blocks.0..self.task.blocks.1 {
            let first = block * BLOCK;
            let group = first / g.outputs_per_group;
            let base = base.wrapping_add(group * g.channels);
            let behind = g.output_channels.min((group + 1) * g.outputs_per_group);
            let weight = &g.weight[block * block_len..][..block_len];
            let next_block = if block + 1 < self.task.blocks.1 { Some(block + 1) } else { self.next_block };
            let next = next_block.map_or(&[][..], |next| &g.weight[next * block_len..][..block_len]);
            let mut fetch = NextWeights::new(next, fetching_tiles);
            let mut column = 0;
            while column < BLOCK && first + column < behind {
                let channels = behind - first - column;
                let vectors = if channels > S::LANES && column + S::LANES < BLOCK { 2 } else { 1 };
                let out = g.out.of(first + column, channels.min(vectors * S::LANES));
                let w = weight[column..].as_ptr();
                for run in self.task_runs() {
                    fetch.enabled = run.taps.len() == most_taps;
                    if vectors == 2 {
                        self.one_run::<S, 2>(run, base, images, w, &mut fetch, out)
                    } else {
                        self.one_run::<S, 1>(run, base, images, w, &mut fetch, out)
                    }
                }
                column += vectors * S::LANES;
            }
        }
    }

    /// One run: all its pixels, of all pictures at hand, in tiles of nearly equal height.
    #[inline(always)]
    fn one_run<S: Simd, const V: usize>(
        &self,
        run: &Run,
        base: *const f32,
        images: usize,
        w: *const f32,
        fetch: &mut NextWeights<'_>,
        out: Output<'_>,
    ) {
        let channels = self.gather.input_channels;
        let (parts, rows) = parts(run, images);
        let step = if images == 1 { run.input_step * channels } else { channels };
        for i in 0..parts {
            let base = base.wrapping_add(i * run.input_step * images * channels);
            let x = Input { base, pixel: images * channels, step, taps: &run.taps, tap_len: run.tap_len, segment: SEGMENT };
            self.tiles::<S, V>(rows, x, w, fetch, out, RowOffsets::new(self, run, i, images));
        }
    }

    #[inline(always)]
    fn tiles<S: Simd, const V: usize>(
        &self,
        rows: usize,
        x: Input<'_>,
        w: *const f32,
        fetch: &mut NextWeights<'_>,
        out: Output<'_>,
        mut offsets: RowOffsets,
    ) {
        let tiles = rows.div_ceil(max_rows::<S, PAIRS>());
        let mut base = x.base;
        for i in 0..tiles {
            let height = (rows - i).div_ceil(tiles);
            let (x, y, offsets) = (Input { base, ..x }, self.y.get(), offsets.take(height, out.channel));
            // SAFETY: the plan's taps name pixels of the input at `base` (or of its padded or batched copy) and rows of the block
            // of weights; runs, pictures and blocks of different tasks write different values of y, and `offsets` stays inside it.
            unsafe {
                match fetch.take() {
                    Some(stretch) if V == 2 => tile_rows::<S, V, _, PAIRS>(height, x, w, stretch, y, out, &offsets),
                    _ => tile_rows::<S, V, _, PAIRS>(height, x, w, Nothing, y, out, &offsets),
                }
            }
            base = base.wrapping_add(height * x.step);
        }
    }
}

/// The parts of a run that are tiled each by itself, and the rows of one. Pixels that lie evenly are tiled together with the pictures;
/// others one by one.
#[inline(always)]
fn parts(run: &Run, images: usize) -> (usize, usize) {
    if images == 1 || run.input_step == 1 { (1, run.len * images) } else { (run.len, images) }
}

/// The weights that are needed next: the tiles that meet all taps fetch a part each, so that they come from memory while others are
/// multiplied.
struct NextWeights<'a> {
    rest: &'a [f32],
    step: usize,
    part: usize,
    enabled: bool,
}

impl<'a> NextWeights<'a> {
    fn new(weights: &'a [f32], tiles: usize) -> Self {
        let step = BLOCK.div_ceil(tiles.max(1));
        NextWeights { rest: weights, step, part: weights.len() / BLOCK * step, enabled: true }
    }

    /// What the next tile fetches.
    #[inline(always)]
    fn take(&mut self) -> Option<Stretch> {
        if !self.enabled || self.rest.is_empty() {
            return None;
        }
        let start = self.rest.as_ptr();
        self.rest = &self.rest[self.part.min(self.rest.len())..];
        Some(Stretch { start, step: self.step })
    }
}

/// Where the rows of consecutive tiles go in the output: pictures fastest, then the run's pixels.
struct RowOffsets {
    offset: usize,
    image: usize,
    images: usize,
    image_stride: usize,
    pixel_stride: usize,
}

impl RowOffsets {
    #[inline(always)]
    fn new<const PAIRS: bool>(kernel: &TaskKernel<'_, PAIRS>, run: &Run, index: usize, images: usize) -> Self {
        let g = kernel.gather;
        let pixels = g.output.0 * g.output.1;
        let first = kernel.task.images.0 * pixels + run.output + index * run.output_step;
        RowOffsets {
            offset: first * g.output_channels,
            image: 0,
            images,
            image_stride: pixels * g.output_channels,
            pixel_stride: run.output_step * g.output_channels,
        }
    }

    /// The places of the next `height` rows, from `channel` on; what lies behind them is of no meaning.
    #[inline(always)]
    fn take(&mut self, height: usize, channel: usize) -> [usize; MOST_ROWS] {
        let mut places = [0; MOST_ROWS];
        if self.images == 1 {
            for (p, at) in places.iter_mut().enumerate() {
                *at = self.offset + channel + p * self.pixel_stride;
            }
            self.offset += height * self.pixel_stride;
            return places;
        }
        for at in &mut places[..height] {
            *at = self.offset + self.image * self.image_stride + channel;
            self.image += 1;
            if self.image == self.images {
                self.image = 0;
                self.offset += self.pixel_stride;
            }
        }
        places
    }
}
