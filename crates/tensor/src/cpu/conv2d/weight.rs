//! Weights rearranged for the kernels: transposed for input gradients, and small groups joined to groups of 32 channels.

use crate::{
    BLOCK,
    cpu::{
        dispatch::{Kernel, SimdLevel, run_at},
        pool::{SharedMut, parallel},
        simd::Simd,
    },
    ops::ConvShape,
    storage::Buffer,
};

/// How the channels of a convolution fall into the dense pieces that the kernels compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grouping {
    /// Input channels of one output channel's piece.
    pub inputs: usize,
    /// Output channels of one piece.
    pub outputs: usize,
    /// Groups of the convolution that one piece joins (the products between different groups are zero).
    pub joined: usize,
}

/// The pieces of a convolution, or `None` where its groups are of a size that blocks of 32 channels cannot hold.
pub(super) fn grouping(s: &ConvShape) -> Option<Grouping> {
    let groups = s.options.groups;
    let (cg, kg) = (s.c / groups, s.k / groups);
    if groups == 1 || (cg.is_multiple_of(BLOCK) && kg.is_multiple_of(BLOCK)) {
        return Some(Grouping { inputs: cg, outputs: kg, joined: 1 });
    }
    let joined = BLOCK / cg.max(1);
    let fits = cg == kg && BLOCK.is_multiple_of(cg) && groups.is_multiple_of(joined);
    fits.then_some(Grouping { inputs: BLOCK, outputs: BLOCK, joined })
}

/// Offset of the row of block `kb`, tap `t` and input channel `c` in a blocked weight of `taps` taps and `channels` channels.
fn row(taps: usize, channels: usize, kb: usize, t: usize, c: usize) -> usize {
    ((kb * taps + t) * channels + c) * BLOCK
}

/// The weight with its small groups joined: block-diagonal 32x32 pieces.
pub(super) fn join_groups(s: &ConvShape, w: &[f32]) -> Buffer {
    let (taps, cg) = (s.kernel.0 * s.kernel.1, s.c / s.options.groups);
    let mut joined = Buffer::zeros::<f32>(s.k * taps * BLOCK);
    let out = joined.as_mut_slice::<f32>();
    for (kb, t, c, lane) in small_group_entries(s) {
        out[row(taps, BLOCK, kb, t, lane / cg * cg + c) + lane] = w[row(taps, cg, kb, t, c) + lane];
    }
    joined
}

/// The gradient of the weight from that of its [joined](join_groups) form.
pub(super) fn split_groups(s: &ConvShape, joined: &[f32], dw: &mut [f32]) {
    let (taps, cg) = (s.kernel.0 * s.kernel.1, s.c / s.options.groups);
    for (kb, t, c, lane) in small_group_entries(s) {
        dw[row(taps, cg, kb, t, c) + lane] = joined[row(taps, BLOCK, kb, t, lane / cg * cg + c) + lane];
    }
}

/// (block, tap, input channel in its group, lane) of every entry of a weight whose groups are smaller than a block.
fn small_group_entries(s: &ConvShape) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let (taps, cg, blocks) = (s.kernel.0 * s.kernel.1, s.c / s.options.groups, s.k / BLOCK);
    (0..blocks).flat_map(move |kb| (0..taps).flat_map(move |t| (0..cg).flat_map(move |c| (0..BLOCK).map(move |lane| (kb, t, c, lane)))))
}

/// The weight `[k/32][taps][c][32]` of each piece with inputs and outputs exchanged, `[c/32][taps][k][32]`. Taps that are not
/// `live` are left as they are: nothing reads them.
pub(super) fn transpose(level: SimdLevel, w: &[f32], taps: usize, channels: usize, piece: Grouping, live: &[bool]) -> Buffer {
    let (blocks_in, pieces) = (piece.inputs.div_ceil(BLOCK), channels / piece.inputs.max(1));
    let blocks_out = piece.outputs.div_ceil(BLOCK);
    let mut transposed = Buffer::uninit::<f32>(pieces * blocks_in * taps * piece.outputs * BLOCK);
    let out = SharedMut::new(transposed.as_mut_slice::<f32>());
    parallel(pieces * blocks_in * taps, |i| {
        let (p, cb, t) = (i / taps / blocks_in, i / taps % blocks_in, i % taps);
        if !live[t] {
            return;
        }
        // SAFETY: each task writes the rows of its own block and tap.
        let out = unsafe { out.slice(row(taps, piece.outputs, p * blocks_in + cb, t, 0), piece.outputs * BLOCK) };
        let lanes = BLOCK.min(piece.inputs - cb * BLOCK);
        for (kb, out) in out.chunks_mut(BLOCK * BLOCK).enumerate() {
            let rows = &w[row(taps, piece.inputs, p * blocks_out + kb, t, cb * BLOCK)..][..lanes * BLOCK];
            run_at(level, TransposeBlock { rows, out });
        }
    });
    transposed
}

/// Transposes a block: up to 32 rows of 32 values, to up to 32 rows of 32, missing values zero.
pub(super) struct TransposeBlock<'a> {
    pub rows: &'a [f32],
    pub out: &'a mut [f32],
}

impl Kernel for TransposeBlock<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        if self.rows.len() == BLOCK * BLOCK && self.out.len() == BLOCK * BLOCK {
            for i in (0..BLOCK).step_by(S::LANES) {
                for j in (0..BLOCK).step_by(S::LANES) {
                    // SAFETY: both squares lie inside the 32 x 32 values; `run_at` has entered the level S.
                    unsafe { S::transpose(self.rows[i * BLOCK + j..].as_ptr(), BLOCK, self.out[j * BLOCK + i..].as_mut_ptr(), BLOCK) };
                }
            }
            return;
        }
        for (j, out) in self.out.chunks_exact_mut(BLOCK).enumerate() {
            for (i, value) in out.iter_mut().enumerate() {
                *value = self.rows.get(i * BLOCK + j).copied().unwrap_or(0.0);
            }
        }
    }
}

/// Channels-last values with the channels filled up with zeros to a multiple of 32, where they are none yet.
pub(super) fn fill_channels(values: &[f32], channels: usize) -> Option<(Buffer, usize)> {
    if channels.is_multiple_of(BLOCK) || channels == 0 {
        return None;
    }
    let filled = channels.next_multiple_of(BLOCK);
    let mut buffer = Buffer::uninit::<f32>(values.len() / channels * filled);
    for (out, pixel) in buffer.as_mut_slice::<f32>().chunks_exact_mut(filled).zip(values.chunks_exact(channels)) {
        out[..channels].copy_from_slice(pixel);
        out[channels..].fill(0.0);
    }
    Some((buffer, filled))
}

/// Rows of `row` values with zeros for `margins` pixels of `channels` values before and behind each; and the pixels of such a row.
pub(super) fn pad_rows(values: &[f32], row: usize, margins: (usize, usize), channels: usize) -> (Buffer, usize) {
    let (before, behind) = (margins.0 * channels, margins.1 * channels);
    let padded_row = before + row + behind;
    let mut buffer = Buffer::uninit::<f32>(values.len() / row * padded_row);
    for (out, values) in buffer.as_mut_slice::<f32>().chunks_exact_mut(padded_row).zip(values.chunks_exact(row)) {
        out[..before].fill(0.0);
        out[before..before + row].copy_from_slice(values);
        out[before + row..].fill(0.0);
    }
    (buffer, padded_row / channels)
}
