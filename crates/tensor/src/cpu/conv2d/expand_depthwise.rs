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
    horizontal,
    plan::{Addressing, Axis, Run, input_rows, runs},
    row_sums::SharedSums,
    vertical,
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

/// Output rows from which it costs little that those around a stripe are expanded twice.
const HIGH_STRIPE: usize = 7;

/// Whether these kernels compute the two convolutions.
pub(super) fn applies(dtype: DType, expand: &ConvShape, depthwise: &ConvShape) -> bool {
    let o = &expand.options;
    let pixelwise = expand.kernel == (1, 1) && (o.stride, o.padding, o.groups) == ((1, 1), (0, 0), 1) && o.method != ConvMethod::Bf16;
    dtype == DType::F32
        && pixelwise
        && depthwise.c.is_multiple_of(MOST_LANES)
        && matches!(kernels(dtype, expand, ConvPass::Forward), Kernels::Tiles(_))
        && matches!(kernels(dtype, depthwise, ConvPass::Forward), Kernels::Depthwise)
}

/// The rows of an expanded block of channels that a thread keeps, between margins of zeros: row `i` lies at `i % rows`.
#[derive(Clone, Copy)]
struct Ring {
    /// Rows that are expanded together, neighbours in the ring too.
    chunk: usize,
    /// A multiple of `chunk`; as many as the taps of an output row span and those that are expanded with the last of them.
    rows: usize,
    /// Pixels of a row of the picture.
    width: usize,
    /// Zeros before each row.
    left: usize,
    /// Pixels of a row with its margins.
    pitch: usize,
}

impl Ring {
    fn pixels(&self) -> usize {
        self.rows * self.pitch
    }
}

/// How the work is cut: told by sizes alone, so it is made once and kept (see [`plans`](super::plans)).
pub(super) struct RingPlan {
    ring: Ring,
    /// Those of the depthwise convolution, whose input is the ring. As rows have margins, all pixels of a row are one run where no stride
    /// or dilation parts them.
    runs: Vec<Run>,
    /// The rows of the picture that each output row reads, first and behind the last.
    input_rows: Vec<(usize, usize)>,
    /// The expansion of a whole chunk of rows and of those that are left at the picture's end: into a whole block of channels, and into the
    /// last one.
    expansions: [[Plan; 2]; 2],
}

impl RingPlan {
    /// For a depthwise convolution of this shape behind a 1x1 one of so many input channels.
    pub(super) fn new(s: &ConvShape, input_channels: usize) -> RingPlan {
        let (vertical, horizontal) = (Axis::forward(vertical(s)).inside(), Axis::forward(horizontal(s)));
        let (left, right) = horizontal.margins();
        let (height, width) = s.input;
        let pitch = left + width + right;
        let addressing = Addressing { width: pitch, left, channels: 1, kernel_width: s.kernel.1, merge: false };
        let mut runs = runs(&vertical, &horizontal, &addressing);
        let input_rows: Vec<_> = runs.chunks(runs.len().div_ceil(s.output.0.max(1)).max(1)).map(input_rows).collect();
        let chunk = CHUNK_PIXELS.div_ceil(width.max(1)).min(height.max(1));
        let span = input_rows.iter().map(|(top, bottom)| bottom - top).max().unwrap_or(0);
        let ring = Ring { chunk, rows: (span + chunk - 1).next_multiple_of(chunk), width, left, pitch };
        // All pixels that a tap meets along a run lie in one row.
        runs.iter_mut().flat_map(|run| &mut run.taps).for_each(|tap| tap.pixel %= ring.pixels().max(1));
        let last = s.c - (s.c.div_ceil(BLOCK) - 1) * BLOCK;
        let expansion = |rows, channels| Plan::rows((rows, width), pitch, input_channels, channels);
        let expansions = [BLOCK.min(s.c), last].map(|channels| [chunk, height % chunk].map(|rows| expansion(rows, channels)));
        RingPlan { ring, runs, input_rows, expansions }
    }

    /// The runs of an output row.
    fn runs_of(&self, row: usize) -> &[Run] {
        let runs = self.runs.len() / self.input_rows.len();
        &self.runs[row * runs..][..runs]
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
    /// The second convolution, without its input and its runs.
    pub depthwise: DepthwiseGather<'a>,
    pub plan: &'a RingPlan,
    /// Where sums of the output's rows go, if they are asked for.
    pub sums: Option<SharedSums>,
}

impl ExpandDepthwise<'_> {
    /// Writes the channels-last output to `y`.
    pub(super) fn run(&self, level: SimdLevel, y: &mut [f32]) {
        let (d, stripes, blocks) = (&self.depthwise, self.stripes(), self.blocks());
        let bound = |stripe: usize| stripe * d.output.0 / stripes;
        let channels = |block: usize| BLOCK.min(d.channels - block * BLOCK);
        let y = SharedMut::new(y);
        parallel_with_scratch(d.images * stripes * blocks, self.plan.ring.pixels() * BLOCK, |i, scratch| {
            let (image, stripe, block) = (i / blocks / stripes, i / blocks % stripes, i % blocks);
            let expansions = &self.plan.expansions[usize::from(block + 1 == blocks)];
            let task = Task { both: self, expansions, image, block, channels: channels(block) };
            task.run(level, bound(stripe)..bound(stripe + 1), scratch, y);
        });
    }

    fn blocks(&self) -> usize {
        self.depthwise.channels.div_ceil(BLOCK)
    }

    /// The stripes of rows that a picture is cut into: as many as threads where they are high, so that the next layer, whose threads share
    /// pixels out, finds what it reads in its thread's cache; where they are low, only if blocks of channels do not divide among the threads,
    /// since neighbours expand some rows both.
    fn stripes(&self) -> usize {
        let (d, threads) = (&self.depthwise, threads());
        let tasks = d.images * self.blocks();
        let even = 10 * tasks.next_multiple_of(threads) <= 11 * tasks;
        let high = d.images < threads && d.output.0 >= HIGH_STRIPE * threads;
        if even && !high { 1 } else { threads.min(d.output.0) }
    }
}

/// One block of channels of some rows of a picture.
struct Task<'a> {
    both: &'a ExpandDepthwise<'a>,
    /// The expansion of a whole chunk of rows and of those that are left at the picture's end.
    expansions: &'a [Plan; 2],
    image: usize,
    block: usize,
    channels: usize,
}

impl Task<'_> {
    /// Computes these output rows.
    fn run(&self, level: SimdLevel, rows: Range<usize>, scratch: &mut [f32], y: SharedMut<f32>) {
        let (d, plan) = (&self.both.depthwise, self.both.plan);
        let (ring, first) = (plan.ring, self.block * BLOCK);
        let scratch = &mut scratch[..ring.pixels() * self.channels];
        self.clear_margins(scratch);
        let mut expanded = None;
        for row in rows {
            let (top, bottom) = plan.input_rows[row];
            let mut next = expanded.unwrap_or(top / ring.chunk * ring.chunk);
            while next < bottom {
                self.expand(level, next, expanded.is_none(), scratch);
                next += ring.chunk;
                expanded = Some(next);
            }
            let gather = DepthwiseGather { pixel: self.channels, ..*d };
            let channels = first..first + self.channels;
            let (picture, runs) = (scratch.as_ptr(), plan.runs_of(row));
            run_at(level, ChannelsKernel { gather: &gather, picture, image: self.image, runs, channels: channels.clone(), y });
            if let Some(sums) = self.both.sums {
                // SAFETY: the row has just been written; tasks have different channels or rows.
                unsafe { sums.add_row(level, y, (self.image, row), channels) }
            }
        }
    }

    /// What lies beside the rows of the ring is zero.
    fn clear_margins(&self, scratch: &mut [f32]) {
        let Ring { width, left, pitch, .. } = self.both.plan.ring;
        if width < pitch {
            for row in scratch.chunks_exact_mut(pitch * self.channels) {
                row[..left * self.channels].fill(0.0);
                row[(left + width) * self.channels..].fill(0.0);
            }
        }
    }

    /// Expands the chunk of rows that starts with this one, into its place in the ring.
    fn expand(&self, level: SimdLevel, row: usize, is_first: bool, scratch: &mut [f32]) {
        let ExpandDepthwise { x, input_channels, weight, expanded, depthwise: d, plan, .. } = self.both;
        let ring = plan.ring;
        let rows = ring.chunk.min(d.input.0 - row);
        let gather = Gather {
            plan: &self.expansions[usize::from(rows < ring.chunk)],
            x: &x[(self.image * d.input.0 + row) * ring.width * input_channels..],
            weight: &weight[self.block * input_channels * BLOCK..],
            out: expanded.starting_at(self.block * BLOCK, self.channels),
        };
        let start = row % ring.rows * ring.pitch + ring.left;
        gather.run_here(level, is_first, &mut scratch[start * self.channels..]);
    }
}
