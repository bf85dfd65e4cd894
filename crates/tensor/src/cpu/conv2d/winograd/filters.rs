//! Transformed filters: for each block of 32 output channels, a panel `[36][input channels][32]`.

use std::ops::Range;

use super::transform::{POINTS, TAPS, transform_filter};
use crate::{
    BLOCK,
    cpu::{conv2d::weight::TransposeBlock, dispatch::Kernel, simd::Simd},
};

/// Blocked 3x3 weights `[K/32][9][C][32]` as one pass of a convolution sees them.
#[derive(Clone, Copy)]
pub(in crate::cpu::conv2d) struct Filters<'a> {
    pub weight: &'a [f32],
    /// `K` and `C` of the weight.
    pub dims: (usize, usize),
    /// Whether the pass is the input's gradient: inputs and outputs exchanged, taps turned round.
    pub transposed: bool,
}

impl Filters<'_> {
    /// Channels that the pass sums over.
    pub(super) fn inputs(&self) -> usize {
        if self.transposed { self.dims.0 } else { self.dims.1 }
    }

    /// Channels that the pass computes.
    pub(super) fn outputs(&self) -> usize {
        if self.transposed { self.dims.1 } else { self.dims.0 }
    }

    /// Blocks of 32 channels that the pass computes.
    pub(super) fn blocks(&self) -> usize {
        self.outputs().div_ceil(BLOCK)
    }

    /// Transforms the filters of an output block from some input channels, the first a multiple of 32: the `i`th of them is row `i` of
    /// each point, and points are `point` values apart.
    ///
    /// # Safety
    /// See [`Simd`]; the channels exist, and nobody else touches their rows.
    #[inline(always)]
    pub(super) unsafe fn transform<S: Simd>(&self, block: usize, inputs: Range<usize>, rows: *mut f32, point: usize) {
        let channels = self.dims.1;
        for first in inputs.clone().step_by(BLOCK) {
            let some = first..inputs.end.min(first + BLOCK);
            // SAFETY: the caller's promise; each tap has a row of 32 values for each channel.
            unsafe {
                let rows = rows.add((first - inputs.start) * BLOCK);
                if self.transposed {
                    let mut turned = [0.0f32; TAPS * TAPS * BLOCK * BLOCK];
                    self.turn::<S>(block, first / BLOCK, &mut turned);
                    transform_rows::<S>(turned.as_ptr(), BLOCK * BLOCK, some.len(), rows, point);
                } else {
                    let weight = self.weight[(block * TAPS * TAPS * channels + first) * BLOCK..].as_ptr();
                    transform_rows::<S>(weight, channels * BLOCK, some.len(), rows, point);
                }
            }
        }
    }

    /// Where the weights of an output block's filters from input channel `input` on begin, and the values from each tap of theirs to the next.
    /// `None` where there are none, or each tap of these does not lie in one place.
    pub(super) fn weights(&self, block: usize, input: usize) -> Option<(*const f32, usize)> {
        let channels = self.dims.1;
        let first = (block * TAPS * TAPS * channels + input) * BLOCK;
        (!self.transposed && block < self.blocks()).then(|| (self.weight[first..].as_ptr(), channels * BLOCK))
    }

    /// The nine taps of 32 input channels (a block of the weight's outputs) and an output block, turned round: `[9][32][32]`.
    #[inline(always)]
    fn turn<S: Simd>(&self, block: usize, input_block: usize, turned: &mut [f32]) {
        let channels = self.dims.1;
        let lanes = BLOCK.min(channels - block * BLOCK);
        for (tap, out) in turned.chunks_exact_mut(BLOCK * BLOCK).rev().enumerate() {
            let first = (input_block * TAPS * TAPS + tap) * channels + block * BLOCK;
            TransposeBlock { rows: &self.weight[first * BLOCK..][..lanes * BLOCK], out }.run::<S>();
        }
    }
}

/// Values from one point of a panel of so many input channels to the next: one row more than there is, or the points of a channel would all
/// compete for the same few lines of the cache.
pub(super) const fn panel_point(inputs: usize) -> usize {
    (inputs + 1) * BLOCK
}

/// Values of a panel of so many input channels.
pub(super) const fn panel_len(inputs: usize) -> usize {
    POINTS * panel_point(inputs)
}

/// Transforms `count` rows of 32 filters, whose taps are `tap` values apart, to rows whose points are `point` values apart.
///
/// # Safety
/// See [`Simd`]; the rows exist.
#[inline(always)]
unsafe fn transform_rows<S: Simd>(weight: *const f32, tap: usize, count: usize, rows: *mut f32, point: usize) {
    for at in (0..count * BLOCK).step_by(S::LANES) {
        // SAFETY: the caller's promise.
        unsafe { transform_filter::<S>(weight.add(at), tap, rows.add(at), point) };
    }
}
