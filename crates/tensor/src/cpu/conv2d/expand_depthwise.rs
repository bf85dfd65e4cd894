//! A 1x1 convolution that widens a picture together with the depthwise one behind it: of one block of channels, a thread expands the few
//! rows that an output row needs into a ring of rows in its first-level cache, and sums them there. The kernels are those of the two by
//! themselves, so the results are the same to the bit.

use std::ops::Range;

use super::{
    algorithm::{ConvPass, Kernels, kernels},
    depthwise::{ChannelsKernel, DepthwiseGather, MOST_LANES},
    finish::Output,
    gather::Gather,
    gather_plan::Plan,
    plan::{Run, input_rows},
};
use crate::{
    BLOCK, DType,
    cpu::{
        dispatch::{SimdLevel, run_at},
        pool::{SharedMut, parallel_with_scratch, threads},
    },
    ops::{ConvMethod, ConvShape},
};

/// Pixels that are worth being expanded at a time: rows are expanded by as many as have these.
const CHUNK_PIXELS: usize = 28;

/// Whether these kernels compute the two convolutions.
pub(super) fn applies(dtype: DType, expand: &ConvShape, depthwise: &ConvShape) -> bool {
    let o = &expand.options;
    let pixelwise = expand.kernel == (1, 1) && (o.stride, o.padding, o.groups) == ((1, 1), (0, 0), 1) && o.method != ConvMethod::Bf16;
    pixelwise
        && depthwise.c.is_multiple_of(MOST_LANES)
        && matches!(kernels(dtype, expand, ConvPass::Forward), Kernels::Tiles(_))
        && matches!(kernels(dtype, depthwise, ConvPass::Forward), Kernels::Depthwise)
}

/// The rows of an expanded block of channels that a thread keeps: row `i` lies at `i % rows`.
#[derive(Clone, Copy)]
pub(super) struct Ring {
    /// Rows that are expanded together, neighbours in the ring too.
    chunk: usize,
    /// A multiple of `chunk`; as many as the taps of an output row span and those that are expanded with the last of them.
    rows: usize,
    /// Pixels of a row.
    width: usize,
}

impl Ring {
    /// For the runs of a picture of this height and width.
    fn new(runs: &[Run], (height, width): (usize, usize)) -> Ring {
        let chunk = CHUNK_PIXELS.div_ceil(width.max(1)).min(height.max(1));
        let span = runs.iter().map(|run| run.input_rows.1 - run.input_rows.0).max().unwrap_or(0);
        Ring { chunk, rows: (span + chunk - 1).next_multiple_of(chunk), width }
    }

    fn pixels(&self) -> usize {
        self.rows * self.width
    }
}

/// The runs of a depthwise convolution whose input lies in a ring.
pub(super) struct RingRuns {
    pub ring: Ring,
    pub runs: Vec<Run>,
}

impl RingRuns {
    /// Of those whose input is a picture of this height and width.
    pub(super) fn new(mut runs: Vec<Run>, input: (usize, usize)) -> RingRuns {
        let ring = Ring::new(&runs, input);
        // All pixels that a tap meets along a run lie in one row.
        runs.iter_mut().flat_map(|run| &mut run.taps).for_each(|tap| tap.pixel %= ring.pixels().max(1));
        RingRuns { ring, runs }
    }
}

/// The operands of both.
pub(super) struct ExpandDepthwise<'a> {
    /// Channels-last input.
    pub x: &'a [f32],
    /// Channels of an input pixel.
    pub input_channels: usize,
    /// Blocked weights of the 1x1 convolution.
    pub weight: &'a [f32],
    /// What follows it; nothing is added.
    pub expanded: Output<'a>,
    /// The second convolution, without its input; its runs are those of the ring.
    pub depthwise: DepthwiseGather<'a>,
    pub ring: Ring,
}

impl ExpandDepthwise<'_> {
    /// Writes the channels-last output to `y`.
    pub(super) fn run(&self, level: SimdLevel, y: &mut [f32]) {
        let (d, stripes, blocks) = (&self.depthwise, self.stripes(), self.blocks());
        let bound = |stripe: usize| stripe * d.output.0 / stripes;
        let channels = |block: usize| BLOCK.min(d.channels - block * BLOCK);
        let plan = |rows: usize, block: usize| Plan::pixelwise(rows * self.ring.width, self.input_channels, channels(block));
        let plans = [0, blocks - 1].map(|block| [self.ring.chunk, d.input.0 % self.ring.chunk].map(|rows| plan(rows, block)));
        let y = SharedMut::new(y);
        parallel_with_scratch(d.images * stripes * blocks, self.ring.pixels() * BLOCK, |i, scratch| {
            let (image, stripe, block) = (i / blocks / stripes, i / blocks % stripes, i % blocks);
            let task = Task { both: self, plans: &plans[usize::from(block + 1 == blocks)], image, block, channels: channels(block) };
            task.run(level, bound(stripe)..bound(stripe + 1), scratch, y);
        });
    }

    fn blocks(&self) -> usize {
        self.depthwise.channels.div_ceil(BLOCK)
    }

    /// The stripes of rows that a picture is cut into: few, since neighbours expand some rows both; as many as threads where blocks of
    /// channels do not divide among them.
    fn stripes(&self) -> usize {
        let (d, threads) = (&self.depthwise, threads());
        let tasks = d.images * self.blocks();
        let even = 10 * tasks.next_multiple_of(threads) <= 11 * tasks;
        if even { 1 } else { threads.min(d.output.0) }
    }
}

/// One block of channels of some rows of a picture.
struct Task<'a> {
    both: &'a ExpandDepthwise<'a>,
    /// The expansion of a whole chunk of rows and of those that are left at the picture's end.
    plans: &'a [Plan; 2],
    image: usize,
    block: usize,
    channels: usize,
}

impl Task<'_> {
    /// Computes these output rows.
    fn run(&self, level: SimdLevel, rows: Range<usize>, scratch: &mut [f32], y: SharedMut<f32>) {
        let (d, chunk) = (&self.both.depthwise, self.both.ring.chunk);
        let first = self.block * BLOCK;
        let runs_per_row = d.runs.len() / d.output.0;
        let mut expanded = None;
        for row in rows {
            let runs = &d.runs[row * runs_per_row..][..runs_per_row];
            let (top, bottom) = input_rows(runs);
            let mut next = expanded.unwrap_or(top / chunk * chunk);
            while next < bottom {
                self.expand(level, next, expanded.is_none(), scratch);
                next += chunk;
                expanded = Some(next);
            }
            let gather = DepthwiseGather { pixel: self.channels, ..*d };
            let channels = first..first + self.channels;
            run_at(level, ChannelsKernel { gather: &gather, picture: scratch.as_ptr(), image: self.image, runs, channels, y });
        }
    }

    /// Expands the chunk of rows that starts with this one, into its place in the ring.
    fn expand(&self, level: SimdLevel, row: usize, is_first: bool, scratch: &mut [f32]) {
        let ExpandDepthwise { x, input_channels, weight, expanded, depthwise: d, ring } = self.both;
        let rows = ring.chunk.min(d.input.0 - row);
        let plan = &self.plans[usize::from(rows < ring.chunk)];
        let gather = Gather {
            plan,
            x: &x[(self.image * d.input.0 + row) * ring.width * input_channels..],
            weight: &weight[self.block * input_channels * BLOCK..],
            out: expanded.starting_at(self.block * BLOCK, self.channels),
        };
        let row_len = ring.width * self.channels;
        gather.run_here(level, is_first, &mut scratch[row % ring.rows * row_len..][..rows * row_len]);
    }
}
