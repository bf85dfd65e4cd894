//! Runs a gather (see [`plan`](super::plan)): the forward pass and the input gradient of convolution and of the linear layer.

use super::{
    finish::Output,
    gather_plan::{Geometry, Plan, Source, Task},
    matrices::MatrixKernel,
    pairs::pair_channels,
    plan::Run,
    tile::{Fetch, Input, MOST_ROWS, Nothing, Places, SEGMENT, Segments, Stretch, most_rows, tile_parts, tile_rows},
};
use crate::{
    BLOCK,
    cpu::{
        dispatch::{Kernel, SimdLevel, run_at, run_matrices_at, run_pairs_at},
        matrix_unit::with_matrix_unit,
        pool::{SharedMut, parallel_keeping_scratch},
        simd::Simd,
        stored::{Stored, is_f32},
    },
};

/// Weights of a block, of which two do not fit the second-level cache: then the block itself is fetched, a little ahead of its use.
const LARGE_BLOCK: usize = 1 << 18;

/// That little, in weights.
const AHEAD: usize = 2048;

/// Values of an output that the second-level caches hold no longer until the next layer reads it.
const LARGE_OUTPUT: usize = 1 << 18;

/// One gather: all output pixels and channels. Outputs are stored as `E`.
#[derive(Clone, Copy)]
pub(super) struct Gather<'a, E = f32> {
    pub plan: &'a Plan,
    /// Channels-last input; of numbers also where pairs are multiplied, unless it lies in pairs.
    pub x: &'a [f32],
    /// Blocked weights: `[blocks][taps][channels][32]`.
    pub weight: &'a [f32],
    pub out: Output<'a, E>,
}

impl Gather<'_> {
    /// Writes the output by this thread alone, for a plan of one task that copies nothing. Where it is said so, the block of weights behind the
    /// task's is fetched.
    pub(super) fn run_here(&self, level: SimdLevel, fetches_next: bool, y: &mut [f32]) {
        let (task, y) = (&self.plan.tasks[0], SharedMut::new(y));
        let next_block = Some(task.blocks.1).filter(|block| fetches_next && (block + 1) * self.geometry().block_len() <= self.weight.len());
        let kernel = TaskKernel::<f32, false> { gather: self, task, is_copied: false, next_block, y };
        run_at(level, WithScratch { kernel, scratch: &mut [] });
    }
}

impl<E: Stored> Gather<'_, E> {
    /// Writes the output to `y`, channels-last in pixels of as many values as `out` says.
    pub(super) fn run(&self, level: SimdLevel, y: &mut [E]) {
        self.run_with::<false>(|kernel, scratch| run_at(level, WithScratch { kernel, scratch }), y);
    }

    /// The same with channels in [pairs](super::pairs): the plan and the weights are of pairs.
    pub(super) fn run_pairs(&self, level: SimdLevel, y: &mut [E]) {
        let by_vectors = |kernel: TaskKernel<'_, E, true>, scratch: &mut [f32]| run_pairs_at(level, WithScratch { kernel, scratch });
        if !self.plan.matrices {
            return self.run_with(by_vectors, y);
        }
        with_matrix_unit!(
            level,
            unit => {
                let gather = Gather { out: self.out.streaming(y), ..*self };
                gather.run_with(|kernel, scratch| run_matrices_at(level, MatrixKernel { kernel, scratch, unit: unit() }), y)
            },
            unreachable!("the plan is this level's")
        );
    }

    fn run_with<const PAIRS: bool>(&self, run: impl Fn(TaskKernel<'_, E, PAIRS>, &mut [f32]) + Sync, y: &mut [E]) {
        if y.is_empty() {
            return;
        }
        let (plan, y) = (self.plan, SharedMut::new(y));
        // The thread that runs a task is likely to run the one behind it next; a single block that both take is at hand.
        let next = |i: usize| {
            let blocks = plan.tasks[i].blocks;
            plan.tasks.get(i + 1).map(|task| task.blocks.0).filter(|&first| first != blocks.0 || blocks.0 + 1 < blocks.1)
        };
        parallel_keeping_scratch(plan.tasks.len(), plan.scratch_len, |before, i, scratch| {
            let (task, before) = (&plan.tasks[i], before.map(|before| &plan.tasks[before]));
            let is_copied = before.is_some_and(|before| (before.images, before.runs) == (task.images, task.runs));
            run(TaskKernel { gather: self, task, is_copied, next_block: next(i), y }, scratch);
        });
    }

    /// Whether the second-level caches hold its output no longer when it is read.
    pub(super) fn has_large_output(&self) -> bool {
        let g = self.geometry();
        g.images * g.output.0 * g.output.1 * self.out.pixel >= LARGE_OUTPUT
    }

    pub(super) fn geometry(&self) -> &Geometry {
        &self.plan.geometry
    }
}

pub(super) struct TaskKernel<'a, E, const PAIRS: bool> {
    pub gather: &'a Gather<'a, E>,
    pub task: &'a Task,
    /// Whether the scratch holds its input already: the task before was the same with other blocks of weights.
    pub is_copied: bool,
    /// The first block of weights of the task that follows.
    pub next_block: Option<usize>,
    pub y: SharedMut<E>,
}

/// A task and the memory that it may copy its input to.
struct WithScratch<'a, E, const PAIRS: bool> {
    kernel: TaskKernel<'a, E, PAIRS>,
    scratch: &'a mut [f32],
}

impl<E: Stored, const PAIRS: bool> Kernel for WithScratch<'_, E, PAIRS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (base, images) = self.kernel.input::<S>(self.scratch);
        self.kernel.blocks::<S>(base, images);
    }
}

/// A block of output channels.
pub(super) struct Block<'a> {
    /// Its first channel, and the one behind the last of its group.
    pub channels: (usize, usize),
    /// Values from the task's input to the channels that the block sums over.
    pub input: usize,
    pub weight: &'a [f32],
    pub fetch: NextWeights<'a>,
}

impl<E: Stored, const PAIRS: bool> TaskKernel<'_, E, PAIRS> {
    pub(super) fn runs(&self) -> &[Run] {
        self.gather.plan.runs_of(self.task)
    }

    /// Where the task's input starts, in place or copied to `scratch`, and how many pictures lie side by side there.
    #[inline(always)]
    pub(super) fn input<S: Simd>(&self, scratch: &mut [f32]) -> (*const f32, usize) {
        if !self.is_copied {
            self.copy::<S>(scratch);
        }
        let (plan, geometry) = (self.gather.plan, self.gather.geometry());
        match plan.source {
            Source::Direct => (self.gather.x[self.task.images.0 * geometry.picture()..].as_ptr(), 1),
            // The runs count pixels from the first picture's first.
            Source::Pixels => (scratch.as_ptr().wrapping_sub(self.first_pixel() * geometry.input_channels), 1),
            // The runs count rows from the picture's top.
            Source::Padded { width, .. } => {
                let above = plan.input_rows(self.task).0 * width * geometry.input_channels;
                (scratch.as_ptr().wrapping_sub(above), 1)
            }
            Source::Batched { .. } => (scratch.as_ptr(), self.task.pictures()),
        }
    }

    /// Copies the task's input to `scratch`, where it is not read in place.
    #[inline(always)]
    fn copy<S: Simd>(&self, scratch: &mut [f32]) {
        match self.gather.plan.source {
            Source::Direct => {}
            Source::Pixels => self.copy_runs::<S>(scratch),
            Source::Padded { top, left, width } => self.copy_padded::<S>((top, left), width, scratch),
            Source::Batched { .. } => self.copy_batched::<S>(scratch),
        }
    }

    fn first_pixel(&self) -> usize {
        self.runs().first().map_or(0, |run| run.output)
    }

    #[inline(always)]
    fn copy_runs<S: Simd>(&self, scratch: &mut [f32]) {
        let (geometry, first) = (self.gather.geometry(), self.first_pixel());
        // No closure: the compiler may make a function of it, which would be outside what the level has entered.
        for run in self.runs() {
            let to = &mut scratch[(run.output - first) * geometry.input_channels..][..run.len * geometry.input_channels];
            copy_pixels::<S, PAIRS>(&self.gather.x[run.output * geometry.pixel()..], geometry, to);
        }
    }

    #[inline(always)]
    fn copy_padded<S: Simd>(&self, (top, left): (usize, usize), width: usize, scratch: &mut [f32]) {
        let g = self.gather.geometry();
        let channels = g.input_channels;
        let rows = self.gather.plan.input_rows(self.task);
        let picture = &self.gather.x[self.task.images.0 * g.picture()..][..g.picture()];
        for (at, out) in (rows.0..rows.1).zip(scratch.chunks_exact_mut(width * channels)) {
            let Some(from) = at.checked_sub(top).filter(|&at| at < g.input.0) else {
                out.fill(0.0);
                continue;
            };
            let (before, rest) = out.split_at_mut(left * channels);
            let (middle, behind) = rest.split_at_mut(g.input.1 * channels);
            before.fill(0.0);
            copy_pixels::<S, PAIRS>(&picture[from * g.input.1 * g.pixel()..], g, middle);
            behind.fill(0.0);
        }
    }

    #[inline(always)]
    fn copy_batched<S: Simd>(&self, scratch: &mut [f32]) {
        let g = self.gather.geometry();
        let (images, channels, picture) = (self.task.pictures(), g.input_channels, g.picture());
        for (n, picture) in self.gather.x[self.task.images.0 * picture..].chunks_exact(picture).take(images).enumerate() {
            for (at, pixel) in picture.chunks_exact(g.pixel()).enumerate() {
                copy_pixels::<S, PAIRS>(pixel, g, &mut scratch[(at * images + n) * channels..][..channels]);
            }
        }
    }

    /// All runs for each block of output channels. `images` pictures lie side by side behind `base`.
    #[inline(always)]
    fn blocks<S: Simd>(&self, base: *const f32, images: usize) {
        let most_taps = self.most_taps();
        let tiles = |run: &Run| {
            let (parts, rows) = parts(run, images);
            parts * rows.div_ceil(most_rows::<S, PAIRS>(self.step(run, images)))
        };
        let fetching_tiles: usize = self.runs().iter().filter(|run| run.taps.len() == most_taps).map(tiles).sum();
        for block in self.task.blocks.0..self.task.blocks.1 {
            let next = if block + 1 < self.task.blocks.1 { Some(block + 1) } else { self.next_block };
            let Block { channels: (first, behind), input, weight, mut fetch } = self.block(block, next, fetching_tiles);
            let base = base.wrapping_add(input);
            let mut column = 0;
            while column < BLOCK && first + column < behind {
                let channels = behind - first - column;
                let vectors = if channels > S::LANES && column + S::LANES < BLOCK { 2 } else { 1 };
                let out = self.gather.out.of(first + column, channels.min(vectors * S::LANES));
                let w = weight[column..].as_ptr();
                for run in self.runs() {
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

    /// The taps of the runs that have most.
    pub(super) fn most_taps(&self) -> usize {
        self.runs().iter().map(|run| run.taps.len()).max().unwrap_or(0)
    }

    /// One block of output channels; so many tiles fetch the weights of the one that comes next.
    pub(super) fn block(&self, block: usize, next: Option<usize>, fetching_tiles: usize) -> Block<'_> {
        let (g, all) = (self.gather.geometry(), self.gather.weight);
        let (first, len) = (block * BLOCK, g.block_len());
        let group = first / g.outputs_per_group;
        let fetch = if len > LARGE_BLOCK {
            NextWeights::ahead(&all[(block * len + AHEAD).min(all.len())..])
        } else {
            NextWeights::new(next.map_or(&[][..], |next| &all[next * len..][..len]), fetching_tiles)
        };
        Block {
            channels: (first, g.output_channels.min((group + 1) * g.outputs_per_group)),
            input: group * g.channels,
            weight: &all[block * len..][..len],
            fetch,
        }
    }

    /// Values from one of a run's rows to the next.
    fn step(&self, run: &Run, images: usize) -> usize {
        let channels = self.gather.geometry().input_channels;
        if images == 1 { run.input_step * channels } else { channels }
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
        out: Output<'_, E>,
    ) {
        let channels = self.gather.geometry().input_channels;
        let (parts, rows) = parts(run, images);
        let step = self.step(run, images);
        for i in 0..parts {
            let base = base.wrapping_add(i * run.input_step * images * channels);
            let x = Input {
                base,
                pixel: images * channels,
                step,
                taps: &run.taps,
                tap_len: run.tap_len,
                segments: Segments::new(SEGMENT, run.tap_len),
            };
            self.tiles::<S, V>(rows, x, w, fetch, out, RowOffsets::new(self, run, i, images));
        }
    }

    #[inline(always)]
    fn tiles<S: Simd, const V: usize>(
        &self,
        rows: usize,
        mut x: Input<'_>,
        w: *const f32,
        fetch: &mut NextWeights<'_>,
        out: Output<'_, E>,
        mut offsets: RowOffsets,
    ) {
        let tiles = rows.div_ceil(most_rows::<S, PAIRS>(x.step));
        let (height, taller) = (rows / tiles.max(1), rows % tiles.max(1));
        // What changes is written where it is read: a copy in vectors waits until all its values have reached the cache.
        let mut at = Places { y: self.y.get(), out, offsets: [0; MOST_ROWS] };
        for i in 0..tiles {
            let height = height + usize::from(i < taller);
            at.out.ahead = offsets.ahead(height);
            offsets.take(height, out.channel, &mut at.offsets);
            // SAFETY: the plan's taps name pixels of the input at `x.base` (or of its padded or batched copy) and rows of the block
            // of weights; runs, pictures and blocks of different tasks write different values of y, and `offsets` stays inside it.
            unsafe {
                match fetch.take() {
                    _ if out.channels < V * S::LANES => tile_parts::<S, E, V, _, PAIRS>(height, &x, w, Nothing, &at),
                    Some(stretch) if const { V == 2 } => whole_tile::<S, E, V, _, PAIRS>(height, &x, w, stretch, &at),
                    _ => whole_tile::<S, E, V, _, PAIRS>(height, &x, w, Nothing, &at),
                }
            }
            x.base = x.base.wrapping_add(height * x.step);
        }
    }
}

/// Computes a tile of `height` rows of whole vectors of channels.
///
/// # Safety
/// As [`tile_rows`].
#[inline(always)]
unsafe fn whole_tile<S: Simd, E: Stored, const V: usize, F: Fetch, const PAIRS: bool>(
    height: usize,
    x: &Input<'_>,
    w: *const f32,
    fetch: F,
    at: &Places<'_, E>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        // Known when compiled, so that of each kind of tiles those alone are made that are used.
        if const { is_f32::<E>() && !PAIRS } {
            tile_rows::<S, V, F>(height, x, w, fetch, at.as_f32())
        } else {
            tile_parts::<S, E, V, F, PAIRS>(height, x, w, fetch, at)
        }
    }
}

/// Copies the first pixels behind `from`, as many as `to` has room for; in pairs of channels where they are multiplied so.
#[inline(always)]
fn copy_pixels<S: Simd, const PAIRS: bool>(from: &[f32], g: &Geometry, to: &mut [f32]) {
    let from = &from[..to.len() / g.input_channels * g.pixel()];
    match g.numbers {
        Some(numbers) if PAIRS => pair_channels::<S>(from, numbers, to),
        _ => to.copy_from_slice(from),
    }
}

/// The parts of a run that are tiled each by itself, and the rows of one. Pixels that lie evenly are tiled together with the pictures;
/// others one by one.
#[inline(always)]
pub(super) fn parts(run: &Run, images: usize) -> (usize, usize) {
    if images == 1 || run.input_step == 1 { (1, run.len * images) } else { (run.len, images) }
}

/// The weights that are needed next: the tiles that meet all taps fetch a part each, so that they come from memory while others are
/// multiplied.
pub(super) struct NextWeights<'a> {
    rest: &'a [f32],
    step: usize,
    part: usize,
    pub enabled: bool,
}

impl<'a> NextWeights<'a> {
    fn new(weights: &'a [f32], tiles: usize) -> Self {
        let step = BLOCK.div_ceil(tiles.max(1));
        NextWeights { rest: weights, step, part: weights.len() / BLOCK * step, enabled: true }
    }

    /// All by the first tile.
    fn ahead(weights: &'a [f32]) -> Self {
        NextWeights { rest: weights, step: BLOCK, part: usize::MAX, enabled: true }
    }

    /// What the next tile fetches.
    #[inline(always)]
    pub(super) fn take(&mut self) -> Option<Stretch> {
        if !self.enabled || self.rest.is_empty() {
            return None;
        }
        let start = self.rest.as_ptr();
        self.rest = &self.rest[self.part.min(self.rest.len())..];
        Some(Stretch { start, step: self.step })
    }
}

/// Where the rows of consecutive tiles go in the output: pictures fastest, then the run's pixels.
#[derive(Clone, Copy)]
pub(super) struct RowOffsets {
    offset: usize,
    image: usize,
    images: usize,
    image_stride: usize,
    pixel_stride: usize,
    /// Whether a tile fetches the lines of the one behind it: such as lie alike, of an output that the cache does not hold.
    fetched: bool,
}

impl RowOffsets {
    #[inline(always)]
    pub(super) fn new<E: Stored, const PAIRS: bool>(kernel: &TaskKernel<'_, E, PAIRS>, run: &Run, index: usize, images: usize) -> Self {
        let g = kernel.gather.geometry();
        let pixels = g.output.0 * g.output.1;
        let pixel = kernel.gather.out.pixel;
        let first = kernel.task.images.0 * pixels + run.output + index * run.output_step;
        RowOffsets {
            offset: first * pixel,
            image: 0,
            images,
            image_stride: pixels * pixel,
            pixel_stride: run.output_step * pixel,
            fetched: images == 1 && kernel.gather.has_large_output(),
        }
    }

    /// Values from a tile of `height` rows to the one behind it, where that is to be fetched.
    #[inline(always)]
    fn ahead(&self, height: usize) -> usize {
        if self.fetched { height * self.pixel_stride } else { 0 }
    }

    /// The place of the output so many behind the first, of one picture.
    pub(super) fn nth(&self, n: usize) -> usize {
        self.offset + n * self.pixel_stride
    }

    /// Gives the places of the next `height` rows, from `channel` on, of which there are as many or more; what lies behind them is of no
    /// meaning.
    #[inline(always)]
    pub(super) fn take(&mut self, height: usize, channel: usize, places: &mut [usize]) {
        if self.images == 1 {
            for (p, at) in places.iter_mut().enumerate() {
                *at = self.offset + channel + p * self.pixel_stride;
            }
            self.offset += height * self.pixel_stride;
            return;
        }
        for at in &mut places[..height] {
            *at = self.offset + self.image * self.image_stride + channel;
            self.image += 1;
            if self.image == self.images {
                self.image = 0;
                self.offset += self.pixel_stride;
            }
        }
    }
}
