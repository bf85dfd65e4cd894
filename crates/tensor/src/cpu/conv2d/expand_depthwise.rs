//! A 1x1 convolution that widens a picture together with the depthwise one behind it: what a thread needs of one block of channels is
//! expanded into memory that stays in its second-level cache, and is read from there. The kernels are those of the two by themselves, so the
//! results are the same to the bit.

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

/// Bytes of expanded rows that a task keeps.
const STRIPE_BYTES: usize = 448 << 10;

/// Bytes of an expanded picture for each thread from which it is worth while: a thread finds fewer in its second-level cache anyway.
const LARGE_PICTURE: usize = 256 << 10;

/// Whether these kernels compute the two convolutions.
pub(super) fn applies(dtype: DType, expand: &ConvShape, depthwise: &ConvShape) -> bool {
    let o = &expand.options;
    let pixelwise = expand.kernel == (1, 1) && (o.stride, o.padding, o.groups) == ((1, 1), (0, 0), 1) && o.method != ConvMethod::Bf16;
    pixelwise
        && depthwise.c.is_multiple_of(MOST_LANES)
        && matches!(kernels(dtype, expand, ConvPass::Forward), Kernels::Tiles(_))
        && matches!(kernels(dtype, depthwise, ConvPass::Forward), Kernels::Depthwise)
}

/// Whether it pays to compute them together.
pub(super) fn pays(expand: &ConvShape) -> bool {
    expand.k * expand.output.0 * expand.output.1 * size_of::<f32>() >= LARGE_PICTURE * threads()
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
    /// The second convolution, without its input.
    pub depthwise: DepthwiseGather<'a>,
}

impl ExpandDepthwise<'_> {
    /// Writes the channels-last output to `y`.
    pub(super) fn run(&self, level: SimdLevel, y: &mut [f32]) {
        let d = &self.depthwise;
        let (stripes, blocks) = (self.stripes(), d.channels.div_ceil(BLOCK));
        let rows_of = |stripe: usize| &d.runs[runs_of_stripe(d, stripe, stripes)];
        let most_rows = (0..stripes).map(|stripe| input_rows(rows_of(stripe))).map(|(top, bottom)| bottom - top).max().unwrap_or(0);
        let y = SharedMut::new(y);
        parallel_with_scratch(d.images * stripes * blocks, most_rows * d.input.1 * BLOCK, |i, scratch| {
            let (image, stripe, block) = (i / blocks / stripes, i / blocks % stripes, i % blocks);
            self.task(level, image, rows_of(stripe), block, scratch, y);
        });
    }

    /// The stripes of rows that a picture is cut into: few, since neighbours expand some rows both; as many as threads where blocks of
    /// channels do not divide among them.
    fn stripes(&self) -> usize {
        let (d, threads) = (&self.depthwise, threads());
        let row = d.input.1 * BLOCK * size_of::<f32>();
        let stripes = d.input.0.div_ceil((STRIPE_BYTES / row).max(1));
        let tasks = d.images * stripes * d.channels.div_ceil(BLOCK);
        let even = 10 * tasks.next_multiple_of(threads) <= 11 * tasks;
        (if even { stripes } else { stripes.next_multiple_of(threads) }).min(d.output.0)
    }

    fn task(&self, level: SimdLevel, image: usize, runs: &[Run], block: usize, scratch: &mut [f32], y: SharedMut<f32>) {
        let d = &self.depthwise;
        let (first, (top, bottom)) = (block * BLOCK, input_rows(runs));
        let channels = BLOCK.min(d.channels - first);
        let pixels = (bottom - top) * d.input.1;
        let above = top * d.input.1;
        let plan = Plan::pixelwise(pixels, self.input_channels, channels);
        let expand = Gather {
            plan: &plan,
            x: &self.x[(image * d.input.0 * d.input.1 + above) * self.input_channels..],
            weight: &self.weight[block * self.input_channels * BLOCK..],
            out: self.expanded.starting_at(first),
        };
        expand.run_here(level, &mut scratch[..pixels * channels]);
        // The runs count pixels from the picture's top.
        let picture = scratch.as_ptr().wrapping_sub(above * channels);
        let gather = DepthwiseGather { pixel: channels, ..*d };
        run_at(level, ChannelsKernel { gather: &gather, picture, image, runs, channels: first..first + channels, y });
    }
}

/// The runs of one of so many stripes: whole rows of the output.
fn runs_of_stripe(d: &DepthwiseGather<'_>, stripe: usize, stripes: usize) -> Range<usize> {
    let runs_per_row = d.runs.len() / d.output.0;
    let row = |stripe: usize| stripe * d.output.0 / stripes * runs_per_row;
    row(stripe)..row(stripe + 1)
}
