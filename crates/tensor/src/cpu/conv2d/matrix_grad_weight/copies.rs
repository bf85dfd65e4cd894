//! The copies of input and gradient that products of matrices want: in pairs of pictures, input channel by channel.

use super::{
    super::{matrices::LINE, pairs::pair_arrays},
    MatrixGradWeight, Positions, RowPart,
};
use crate::{
    BLOCK,
    cpu::{dispatch::Kernel, pool::SharedMut, simd::Simd, stored::Stored},
};

/// Copies a part of a row of the gradient, of some blocks of channels, and the zeros behind the row.
pub(super) struct CopyGradient<'a, E> {
    pub grad: &'a MatrixGradWeight<'a, E>,
    pub positions: Positions,
    pub part: RowPart,
    /// The first, and behind the last.
    pub blocks: (usize, usize),
    pub out: SharedMut<f32>,
}

impl<E: Stored<Compute = f32>> Kernel for CopyGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (g, p, k) = (self.grad, self.positions, self.grad.output_channels);
        // Of the window.
        let (rows, columns) = (g.rows.sizes.output, g.columns.sizes.output);
        let RowPart { pair, row, positions } = self.part;
        let (low, high) = g.pictures(g.dy, g.output.0 * g.output.1 * k, pair);
        let first_pixel = (g.start.0 + row) * g.output.1 + g.start.1 + positions.0;
        let row_start = pair * p.output_picture + row * p.pitch;
        let start = row_start + positions.0;
        let end = match (positions.1 == p.pitch && row + 1 == rows, pair + 1 == g.pairs()) {
            (true, true) => p.output_len(),
            (true, false) => (pair + 1) * p.output_picture,
            _ => row_start + positions.1,
        };
        // The row's end may lie in the part before.
        let columns_here = columns.clamp(positions.0, positions.1) - positions.0;
        // SAFETY: each part has its own positions of a block.
        let out = |block: usize, positions: std::ops::Range<usize>| unsafe {
            self.out.slice(((block - self.blocks.0) * p.output_len() + positions.start) * BLOCK, positions.len() * BLOCK)
        };
        // Pixel by pixel, as they lie in memory.
        for column in 0..columns_here {
            for block in self.blocks.0..self.blocks.1 {
                let channels = (k - block * BLOCK).min(BLOCK);
                let from = (first_pixel + column) * k + block * BLOCK;
                let (pairs, rest) = out(block, start + column..start + column + 1).split_at_mut(channels);
                pair_arrays::<S, E>(&low[from..][..channels], high.map(|high| &high[from..][..channels]), pairs);
                rest.fill(0.0);
            }
        }
        for block in self.blocks.0..self.blocks.1 {
            out(block, start + columns_here..end).fill(0.0);
        }
    }
}

/// Copies a part of a row of the input, of all phases.
pub(super) struct CopyInput<'a, E> {
    pub grad: &'a MatrixGradWeight<'a, E>,
    pub positions: Positions,
    pub part: RowPart,
    pub out: SharedMut<f32>,
}

/// The most positions that are turned at a time.
const MOST: usize = 16;

/// The most channels.
const CHANNELS: usize = 256;

/// Values from one position to the next, where they are turned: rows of a square lie in different sets of the cache.
const STEP: usize = CHANNELS + LINE;

impl<E: Stored<Compute = f32>> Kernel for CopyInput<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        if self.grad.input_channels < S::LANES {
            return self.pick::<S>();
        }
        let (g, p, channels) = (self.grad, self.positions, self.grad.input_channels);
        let (begin, end) = self.part.positions;
        let mut pairs = [0.0; MOST * STEP];
        for (row_phase, phase) in self.phases() {
            let row = self.source_row(row_phase);
            let first = self.first(row_phase, phase);
            // The last positions are as many as the others, where there are enough.
            for start in (begin..end).step_by(S::LANES).map(|start| start.min(end.saturating_sub(S::LANES)).max(begin)) {
                let len = S::LANES.min(end - start);
                for channel in (0..channels).step_by(CHANNELS) {
                    let count = CHANNELS.min(channels - channel);
                    for (i, pairs) in pairs.chunks_exact_mut(STEP).enumerate().take(len) {
                        let pairs = &mut pairs[..count];
                        let Some(((low, high), pixel)) = row.zip(g.columns.position(phase, start + i)) else {
                            pairs.fill(0.0);
                            continue;
                        };
                        let from = pixel * channels + channel;
                        pair_arrays::<S, E>(&low[from..][..count], high.map(|high| &high[from..][..count]), pairs);
                    }
                    // SAFETY: each part has its own positions of all channels.
                    unsafe {
                        let out = self.out.get().add(first + channel * p.input_len + start);
                        turn::<S>(&pairs, (len, count), out, p.input_len);
                    }
                }
            }
        }
    }
}

impl<'a, E: Stored<Compute = f32>> CopyInput<'a, E> {
    /// The phases of rows and of columns.
    fn phases(&self) -> impl Iterator<Item = (usize, usize)> + use<E> {
        let (rows, columns) = (self.grad.rows.phases.len(), self.grad.columns.phases.len());
        (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
    }

    /// Where the copy has the first channel of these phases, at position 0 of the part's row.
    fn first(&self, row_phase: usize, phase: usize) -> usize {
        let (g, p) = (self.grad, self.positions);
        let channel = (row_phase * g.columns.phases.len() + phase) * g.input_channels;
        channel * p.input_len + self.part.pair * p.input_picture + self.part.row * p.pitch
    }

    /// The input's row that the phase has here, of both pictures: none outside, the second may be missing.
    fn source_row(&self, phase: usize) -> Option<(&'a [E], Option<&'a [E]>)> {
        let g = self.grad;
        let len = g.columns.sizes.input * g.input_channels;
        let (low, high) = g.pictures(g.x, g.rows.sizes.input * len, self.part.pair);
        g.rows.position(phase, self.part.row).map(|row| (&low[row * len..][..len], high.map(|high| &high[row * len..][..len])))
    }

    /// The same for few channels: all pixels that the part reads are paired, of which each phase picks its own.
    #[inline(always)]
    fn pick<S: Simd>(self) {
        let (g, p, channels) = (self.grad, self.positions, self.grad.input_channels);
        let (begin, end) = self.part.positions;
        let pixels = g.columns.reach(begin, end);
        let stretch = pixels.start * channels..pixels.end * channels;
        let mut pairs = vec![0.0; stretch.len()];
        for (row_phase, phase) in self.phases() {
            let row = self.source_row(row_phase);
            if let Some((low, high)) = row.filter(|_| phase == 0) {
                pair_arrays::<S, E>(&low[stretch.clone()], high.map(|high| &high[stretch.clone()]), &mut pairs);
            }
            let inside = row.map_or(begin..begin, |_| g.columns.inside(phase, begin, end));
            let first_pixel = g.columns.position(phase, inside.start).map_or(0, |pixel| pixel - pixels.start);
            for channel in 0..channels {
                // SAFETY: each part has its own positions of all channels.
                let out = unsafe { self.out.slice(self.first(row_phase, phase) + channel * p.input_len + begin, end - begin) };
                let (before, rest) = out.split_at_mut(inside.start - begin);
                let (middle, behind) = rest.split_at_mut(inside.len());
                before.fill(0.0);
                let picked = pairs.iter().skip(first_pixel * channels + channel).step_by(g.columns.sizes.stride * channels);
                middle.iter_mut().zip(picked).for_each(|(out, &pair)| *out = pair);
                behind.fill(0.0);
            }
        }
    }
}

/// Writes `len` positions, of `count` channels each, channel by channel, `out_step` values apart.
///
/// # Safety
/// See [`Simd`]; there is room for them, and `len` is at most `LANES`.
#[inline(always)]
unsafe fn turn<S: Simd>(pairs: &[f32; MOST * STEP], (len, count): (usize, usize), out: *mut f32, out_step: usize) {
    let mut turned = [0.0; MOST * MOST];
    for channel in (0..count).step_by(S::LANES) {
        let pairs = pairs[channel..].as_ptr();
        // SAFETY: the caller's promise. Where channels are missing in the last square, what lies behind them is read.
        unsafe {
            let out = out.add(channel * out_step);
            if len == S::LANES && channel + S::LANES <= count {
                S::transpose(pairs, STEP, out, out_step);
                continue;
            }
            S::transpose(pairs, STEP, turned.as_mut_ptr(), S::LANES);
            for (i, values) in turned.chunks_exact(S::LANES).take((count - channel).min(S::LANES)).enumerate() {
                out.add(i * out_step).copy_from_nonoverlapping(values.as_ptr(), len);
            }
        }
    }
}
