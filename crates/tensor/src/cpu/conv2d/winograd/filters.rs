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

    /// Values from one point of a panel to the next: one row more than there is, or the points of a channel would all
    /// compete for the same few lines of the cache.
    pub(super) fn point(&self) -> usize {
        (self.inputs() + 1) * BLOCK
    }

    /// Values of a panel.
    pub(super) fn panel(&self) -> usize {
        POINTS * self.point()
    }

    /// Transforms the filters of an output block from up to 32 input channels. `panel` is where the block's panel starts.
    ///
    /// # Safety
    /// See [`Simd`]; the channels exist, and nobody else touches their rows of the panel.
    #[inline(always)]
    pub(super) unsafe fn transform<S: Simd>(&self, block: usize, inputs: Range<usize>, panel: *mut f32) {
        let channels = self.dims.1;
        // SAFETY: the caller's promise; each tap has a row of 32 values for each channel.
        unsafe {
            if self.transposed {
                let mut turned = [0.0f32; TAPS * TAPS * BLOCK * BLOCK];
                self.turn::<S>(block, inputs.start / BLOCK, &mut turned);
                self.transform_rows::<S>(turned.as_ptr(), BLOCK * BLOCK, inputs, panel);
            } else {
                let rows = self.weight[(block * TAPS * TAPS * channels + inputs.start) * BLOCK..].as_ptr();
                self.transform_rows::<S>(rows, channels * BLOCK, inputs, panel);
            }
        }
    }

    /// Transforms rows of 32 filters, one for each of the input channels; their taps are `tap` values apart.
    ///
    /// # Safety
    /// As [`transform`](Filters::transform).
    #[inline(always)]
    unsafe fn transform_rows<S: Simd>(&self, rows: *const f32, tap: usize, inputs: Range<usize>, panel: *mut f32) {
        for (i, input) in inputs.enumerate() {
            for lane in (0..BLOCK).step_by(S::LANES) {
                // SAFETY: the caller's promise.
                unsafe { transform_filter::<S>(rows.add(i * BLOCK + lane), tap, panel.add(input * BLOCK + lane), self.point()) };
            }
        }
    }

    /// Transforms the filters of an output block from all input channels.
    ///
    /// # Safety
    /// As [`transform`](Filters::transform).
    #[inline(always)]
    pub(super) unsafe fn transform_panel<S: Simd>(&self, block: usize, panel: *mut f32) {
        for first in (0..self.inputs()).step_by(BLOCK) {
            // SAFETY: the caller's promise.
            unsafe { self.transform::<S>(block, first..(first + BLOCK).min(self.inputs()), panel) };
        }
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
