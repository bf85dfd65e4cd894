//! How a [gather](super::gather) is cut into tasks: told by sizes alone, so it is made once and kept (see [`plans`](super::plans)).

use super::{
    matrices,
    plan::{Addressing, Axis, AxisSizes, Run, Tap, input_rows, pixelwise_runs, runs},
    schedule::{MATRIX_PRODUCT, TASKS_PER_THREAD, busiest, pieces},
};
use crate::{BLOCK, cpu::matrix_unit::Shape};

/// Bytes of input that a task keeps at hand, so that it stays in the second-level cache while blocks of weights pass by.
const SCRATCH_BYTES: usize = 384 << 10;

/// Pixels below which it does not pay that several threads read the same weights.
const FEWEST_SHARED_PIXELS: usize = 24;

/// Pixels from which that is better than reading what another thread has just written: the next layer of a thread works at the same ones.
const MANY_SHARED_PIXELS: usize = 64;

/// How much longer the busiest thread may take where each has strips of a picture instead of blocks of weights: it copies less of the input,
/// and the next layer finds what it reads in its thread's cache.
const WORTH_OF_STRIPS: f64 = 1.07;

/// The sizes of a gather, and which input pixels each output pixel sums over.
pub(super) struct Geometry {
    pub images: usize,
    /// Height and width.
    pub input: (usize, usize),
    /// Channels of an input pixel, as they are multiplied: numbers, or [pairs](super::pairs).
    pub input_channels: usize,
    /// Where these are pairs that a task makes when it copies its input: the numbers of a pixel in memory.
    pub numbers: Option<usize>,
    /// Height and width.
    pub output: (usize, usize),
    /// Channels of an output pixel.
    pub output_channels: usize,
    pub rows: Axis,
    pub columns: Axis,
    /// Height and width.
    pub kernel: (usize, usize),
    /// Input channels that one block of output channels sums over.
    pub channels: usize,
    /// Output channels that share one set of input channels; a multiple of 32 where there are several sets.
    pub outputs_per_group: usize,
    /// Whether products are of [matrices](super::matrices), where these apply.
    pub matrices: bool,
}

/// A gather cut into tasks.
pub(super) struct Plan {
    pub geometry: Geometry,
    /// Whether products are of [matrices](super::matrices).
    pub matrices: bool,
    pub source: Source,
    pub runs: Vec<Run>,
    pub tasks: Vec<Task>,
    /// The most values that a task copies.
    pub scratch_len: usize,
}

/// How a task gets at its input.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// In place, one picture at a time: no pair lies outside it.
    Direct,
    /// The pixels of a run copied, of a layer that works pixel by pixel.
    Pixels,
    /// Rows of one picture copied between margins of zeros; those above it are counted too where runs go over rows.
    Padded { top: usize, left: usize, width: usize },
    /// This many pictures copied side by side, pixel by pixel (HWNC), so that taps in the padding are left out and small pictures
    /// fill the tile together.
    Batched { images: usize },
}

/// The part of a gather that one thread does at a time.
#[derive(Clone, Copy)]
pub(super) struct Task {
    pub images: (usize, usize),
    pub runs: (usize, usize),
    pub blocks: (usize, usize),
}

impl Task {
    /// The number of pictures.
    pub(super) fn pictures(&self) -> usize {
        self.images.1 - self.images.0
    }
}

impl Geometry {
    /// Values of one block of weights.
    pub(super) fn block_len(&self) -> usize {
        self.kernel.0 * self.kernel.1 * self.channels * BLOCK
    }

    /// The same over [pairs](super::pairs) of channels, in which the input may lie already.
    pub(super) fn in_pairs(self, lies_in_pairs: bool, matrices: bool) -> Geometry {
        let numbers = (!lies_in_pairs).then_some(self.input_channels);
        Geometry { numbers, input_channels: self.input_channels.div_ceil(2), channels: self.channels.div_ceil(2), matrices, ..self }
    }

    /// Cut for this number of threads.
    pub(super) fn plan(self, threads: usize) -> Plan {
        if self.images == 0 {
            return Plan { geometry: self, matrices: false, source: Source::Direct, runs: Vec::new(), tasks: Vec::new(), scratch_len: 0 };
        }
        let (source, runs) = self.cut(threads);
        let matrices = self.matrices && runs.iter().all(|run| matrices::applies(run.tap_len));
        let tasks = self.tasks(source, &runs, threads);
        let plan = Plan { geometry: self, matrices, source, runs, tasks, scratch_len: 0 };
        let scratch_len = plan.tasks.iter().map(|task| plan.copied(task)).max().unwrap_or(0);
        Plan { tasks: plan.finer_tasks(threads), scratch_len, ..plan }
    }

    /// Values of an input pixel in memory.
    pub(super) fn pixel(&self) -> usize {
        self.numbers.unwrap_or(self.input_channels)
    }

    /// Values of one input picture in memory.
    pub(super) fn picture(&self) -> usize {
        self.input.0 * self.input.1 * self.pixel()
    }

    /// Values of one input picture as they are multiplied.
    fn multiplied_picture(&self) -> usize {
        self.input.0 * self.input.1 * self.input_channels
    }

    fn is_pixelwise(&self) -> bool {
        self.kernel == (1, 1) && self.rows.is_identity() && self.columns.is_identity()
    }

    fn cut(&self, threads: usize) -> (Source, Vec<Run>) {
        if self.is_pixelwise() {
            let pixels = self.images * self.output.0 * self.output.1;
            // Few pixels stay together: the weights are what has to be read, and blocks of them are shared out.
            let most = if pixels <= 64 { 64 } else { (SCRATCH_BYTES / 4 / self.input_channels.max(1)).clamp(28, 448) };
            let pieces = pixels.div_ceil(most);
            let shared = pieces.next_multiple_of(threads);
            // Blocks of weights that do not divide among the threads are read by all of them instead.
            let blocks = self.output_channels.div_ceil(BLOCK);
            let uneven = 10 * blocks.next_multiple_of(threads) > 11 * blocks && pixels / shared >= FEWEST_SHARED_PIXELS;
            let pieces = if pieces > 1 || uneven || pixels / shared >= MANY_SHARED_PIXELS { shared } else { 1 };
            let unit = if pixels > 4 * most { 14 } else { 1 };
            let source = if self.numbers.is_some() { Source::Pixels } else { Source::Direct };
            return (source, pixelwise_runs(pixels, pieces, unit, self.channels));
        }
        let rows = self.rows.inside();
        let addressing = |width, left, merge| Addressing { width, left, channels: self.channels, kernel_width: self.kernel.1, merge };
        if self.images > 1 && self.output.1 <= 12 && self.input_channels >= 8 {
            let images = self.batched_images(threads);
            return (Source::Batched { images }, runs(&rows, &self.columns.inside(), &addressing(self.input.1, 0, false)));
        }
        if let Some(cut) = self.over_rows(threads) {
            return cut;
        }
        let (left, right) = self.columns.margins();
        let width = self.input.1 + left + right;
        let source = if left + right == 0 && self.numbers.is_none() { Source::Direct } else { Source::Padded { top: 0, left, width } };
        (source, runs(&rows, &self.columns, &addressing(width, left, self.merges_taps())))
    }

    /// Runs that go over rows, and the margins between these, where that fills the registers of [matrices](super::matrices) better: strips of a
    /// picture, all of whose outputs use the same taps.
    fn over_rows(&self, threads: usize) -> Option<(Source, Vec<Run>)> {
        if !self.matrices || !matrices::applies(self.channels) || self.merges_taps() {
            return None;
        }
        let (rows, columns) = (self.rows.uniform()?, self.columns.uniform()?);
        let ((top, _), (left, right)) = (self.rows.margins(), self.columns.margins());
        let width = left + self.input.1 + right;
        let outputs = |rows: usize| (rows - 1) * width + self.output.1;
        let (all, registers) = (outputs(self.output.0), |outputs: usize| outputs.div_ceil(Shape::MOST));
        let pays = 20 * registers(all) <= 19 * self.output.0 * registers(self.output.1);
        if !pays {
            return None;
        }
        let shared = self.images == 1 && all >= MANY_SHARED_PIXELS * threads;
        let strips = if shared { self.strips().next_multiple_of(threads).min(self.output.0) } else { self.strips() };
        let last_row = rows.iter().map(|row| row.0).max().unwrap_or(0);
        let tap = |&(i, r): &(isize, usize), &(j, s): &(isize, usize)| Tap {
            pixel: (i + top as isize) as usize * width + (j + left as isize) as usize,
            row: (r * self.kernel.1 + s) * self.channels,
        };
        let run = |(start, end): (usize, usize)| Run {
            output: start * self.output.1,
            output_step: 1,
            len: outputs(end - start),
            input_step: 1,
            taps: rows.iter().flat_map(|row| columns.iter().map(|column| tap(&(row.0 + start as isize, row.1), column))).collect(),
            tap_len: self.channels,
            input_rows: (start, end + (last_row + top as isize) as usize),
            pitch: Some(width),
        };
        Some((Source::Padded { top, left, width }, shares(self.output.0, strips).map(run).collect()))
    }

    /// Whether the taps of a row are one where their channels are one stretch of memory. Products of matrices have taps of many channels one
    /// by one: they meet the same pixels again while these are in the first-level cache.
    fn merges_taps(&self) -> bool {
        self.channels == self.input_channels && !(self.matrices && self.channels >= Shape::MOST)
    }

    /// Pictures that a task takes together: as many as the scratch holds, but a share for each thread where weights are few.
    fn batched_images(&self, threads: usize) -> usize {
        let picture = self.multiplied_picture();
        let most = (SCRATCH_BYTES / 4 / picture.max(1)).clamp(1, self.images);
        let weights = self.output_channels.next_multiple_of(BLOCK) * self.kernel.0 * self.kernel.1 * self.channels;
        let split_blocks = weights > picture * self.images;
        let images = if split_blocks { most } else { most.min(self.images.div_ceil(threads)) };
        self.images.div_ceil(self.images.div_ceil(images))
    }

    fn tasks(&self, source: Source, runs: &[Run], threads: usize) -> Vec<Task> {
        let over_rows = runs.iter().any(|run| run.pitch.is_some());
        let (images, runs_per_task) = match source {
            Source::Batched { images } => (images, runs.len()),
            Source::Direct | Source::Pixels if self.is_pixelwise() => (self.images, 1),
            _ if over_rows => (1, 1),
            _ => (1, self.runs_per_strip(runs, threads)),
        };
        let parts = self.images.div_ceil(images) * runs.len().div_ceil(runs_per_task);
        let blocks = self.output_channels.div_ceil(BLOCK);
        // Blocks of weights are shared out too where there are too few parts to occupy all threads evenly.
        let even = parts.is_multiple_of(threads) && runs.len().is_multiple_of(runs_per_task);
        let splits = if parts >= TASKS_PER_THREAD * threads || even { 1 } else { (2 * threads).div_ceil(parts).max(2).min(blocks) };
        let mut tasks = Vec::new();
        for blocks in shares(blocks, splits) {
            for images in shares(self.images, self.images.div_ceil(images)) {
                tasks.extend(shares(runs.len(), runs.len().div_ceil(runs_per_task)).map(|runs| Task { images, runs, blocks }));
            }
        }
        if self.images > 1 || self.is_pixelwise() || over_rows {
            return tasks;
        }
        let load = |tasks: &[Task]| busiest(&tasks.iter().map(|task| self.cost(task, runs)).collect::<Vec<_>>(), threads);
        let strips = self.strips_for_all(runs, threads);
        if load(&strips) < WORTH_OF_STRIPS * load(&tasks) { strips } else { tasks }
    }

    /// Strips of a single picture, as many for each thread, all blocks of weights each.
    fn strips_for_all(&self, runs: &[Run], threads: usize) -> Vec<Task> {
        let rows = self.output.0;
        let runs_per_row = runs.len().div_ceil(rows.max(1));
        let strips = self.strips().next_multiple_of(threads).min(rows);
        let blocks = (0, self.output_channels.div_ceil(BLOCK));
        let strip = |(top, bottom)| Task { images: (0, 1), runs: (top * runs_per_row, bottom * runs_per_row), blocks };
        shares(rows, strips).map(strip).collect()
    }

    /// The multiply-adds of a task.
    fn cost(&self, task: &Task, runs: &[Run]) -> f64 {
        // The runs of a layer that works pixel by pixel count the pixels of all pictures.
        let images = if self.is_pixelwise() { 1 } else { task.pictures() };
        let products: usize = runs[task.runs.0..task.runs.1].iter().map(|run| run.len * run.taps.len() * run.tap_len).sum();
        let outputs = (task.blocks.1 * BLOCK).min(self.output_channels) - task.blocks.0 * BLOCK;
        (images * products * outputs) as f64
    }

    /// Runs whose input rows fit the scratch together.
    fn runs_per_strip(&self, runs: &[Run], threads: usize) -> usize {
        let runs_per_row = runs.len().div_ceil(self.output.0.max(1));
        let strips = self.strips();
        let shared = if self.images.is_multiple_of(threads) { strips } else { strips.next_multiple_of(threads).min(self.output.0) };
        // Threads with lower strips would wait for the others; where there are blocks of weights enough, these are shared out instead.
        let even = self.output.0.is_multiple_of(shared) || self.output_channels.div_ceil(BLOCK) < 2 * threads;
        self.output.0.div_ceil(if even { shared } else { strips }) * runs_per_row
    }

    /// The strips of a picture whose input rows fit the scratch.
    fn strips(&self) -> usize {
        let row = self.input.1 * self.input_channels * 4;
        let input_rows = (SCRATCH_BYTES / row.max(1)).saturating_sub(self.kernel.0);
        let rows = input_rows * self.output.0 / self.input.0.max(1);
        self.output.0.div_ceil(rows.clamp(4, self.output.0.max(4)))
    }
}

impl Plan {
    /// The product of some rows of pixels with one block of a 1x1 kernel, as one task; the output's rows start `pitch` pixels apart.
    pub(super) fn rows((rows, width): (usize, usize), pitch: usize, input_channels: usize, output_channels: usize) -> Plan {
        // Axes are needed for cutting alone.
        let axis = || Axis::forward(AxisSizes { input: 0, output: 0, kernel: 1, stride: 1, padding: 0, dilation: 1 });
        let geometry = Geometry {
            images: 1,
            input: (rows, width),
            input_channels,
            numbers: None,
            output: (rows, pitch),
            output_channels,
            rows: axis(),
            columns: axis(),
            kernel: (1, 1),
            channels: input_channels,
            outputs_per_group: output_channels,
            matrices: false,
        };
        let mut runs = pixelwise_runs(rows * width, if pitch == width { 1 } else { rows }, 1, input_channels);
        runs.iter_mut().for_each(|run| run.output = run.output / width * pitch);
        let task = Task { images: (0, 1), runs: (0, runs.len()), blocks: (0, 1) };
        Plan { geometry, matrices: false, source: Source::Direct, runs, tasks: vec![task], scratch_len: 0 }
    }

    /// The same tasks in the same order, of fewer blocks of weights each where threads have few. Neighbours read the same input, which a
    /// thread copies once (see [`Gather`](super::gather::Gather)).
    fn finer_tasks(&self, threads: usize) -> Vec<Task> {
        let product = if self.matrices { MATRIX_PRODUCT } else { 1.0 };
        let pieces = pieces(self.tasks.len(), product * self.costs().iter().sum::<f64>(), threads);
        let cut = |task: &Task| {
            let (task, (first, behind)) = (*task, task.blocks);
            shares(behind - first, pieces.min(behind - first)).map(move |(a, b)| Task { blocks: (first + a, first + b), ..task })
        };
        self.tasks.iter().flat_map(cut).collect()
    }

    /// The runs of a task.
    pub(super) fn runs_of(&self, task: &Task) -> &[Run] {
        &self.runs[task.runs.0..task.runs.1]
    }

    /// The input rows that a task reads, first and behind the last.
    pub(super) fn input_rows(&self, task: &Task) -> (usize, usize) {
        input_rows(self.runs_of(task))
    }

    /// Values of the copy that a task makes of its input.
    fn copied(&self, task: &Task) -> usize {
        match self.source {
            Source::Direct => 0,
            Source::Pixels => self.runs_of(task).iter().map(|run| run.len).sum::<usize>() * self.geometry.input_channels,
            Source::Padded { width, .. } => {
                let (top, bottom) = self.input_rows(task);
                (bottom - top) * width * self.geometry.input_channels
            }
            Source::Batched { .. } => task.pictures() * self.geometry.multiplied_picture(),
        }
    }

    /// The multiply-adds of each task.
    pub(super) fn costs(&self) -> Vec<f64> {
        self.tasks.iter().map(|task| self.geometry.cost(task, &self.runs)).collect()
    }
}

/// `len` cut into so many shares, first and behind the last, whose sizes differ by at most one; those of any half, third, … of all
/// shares together differ by at most one too.
pub(super) fn shares(len: usize, shares: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..shares).map(move |i| (i * len / shares, (i + 1) * len / shares))
}
