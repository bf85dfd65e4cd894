//! The copies of input and gradient that products of matrices want: in pairs of pictures, input channel by channel.

use super::{super::pairs::pair_arrays, MatrixGradWeight, Positions, RowPart};
use crate::{
    BLOCK,
    cpu::{dispatch::Kernel, pool::SharedMut, simd::Simd},
};

/// Copies a part of a row of the gradient, and the zeros behind the row.
pub(super) struct CopyGradient<'a> {
    pub grad: &'a MatrixGradWeight<'a>,
    pub positions: Positions,
    pub part: RowPart,
    pub out: SharedMut<f32>,
}

impl Kernel for CopyGradient<'_> {
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
        for block in 0..g.blocks() {
            let channels = (k - block * BLOCK).min(BLOCK);
            // SAFETY: each part has its own positions of a block.
            let out = unsafe { self.out.slice((block * p.output_len() + start) * BLOCK, (end - start) * BLOCK) };
            let (pixels, zeros) = out.split_at_mut(columns_here * BLOCK);
            zeros.fill(0.0);
            for (column, out) in pixels.chunks_exact_mut(BLOCK).enumerate() {
                let from = (first_pixel + column) * k + block * BLOCK;
                pair_arrays::<S>(&low[from..][..channels], high.map(|high| &high[from..][..channels]), &mut out[..channels]);
                out[channels..].fill(0.0);
            }
        }
    }
}

/// Copies a part of a row of the input, of all phases.
pub(super) struct CopyInput<'a> {
    pub grad: &'a MatrixGradWeight<'a>,
    pub positions: Positions,
    pub part: RowPart,
    pub out: SharedMut<f32>,
}

/// The most positions that are turned at a time.
const MOST: usize = 16;

impl Kernel for CopyInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (g, p, channels) = (self.grad, self.positions, self.grad.input_channels);
        let RowPart { pair, row: row_here, positions: (begin, end) } = self.part;
        let to = pair * p.input_picture + row_here * p.pitch;
        for (row_phase, phase) in (0..g.rows.phases.len()).flat_map(|row| (0..g.columns.phases.len()).map(move |phase| (row, phase))) {
            let first = (row_phase * g.columns.phases.len() + phase) * channels;
            let row = self.source_row(row_phase);
            // The last positions are as many as the others, where there are enough.
            let starts = (begin..end).step_by(S::LANES).map(|start| start.min(end.saturating_sub(S::LANES)).max(begin));
            for start in starts {
                let len = S::LANES.min(end - start);
                let pixels: [_; MOST] = std::array::from_fn(|i| g.columns.position(phase, start + i).filter(|_| i < len));
                for channel in (0..channels).step_by(S::LANES) {
                    let count = S::LANES.min(channels - channel);
                    // SAFETY: each part has its own positions of all channels.
                    let out = unsafe { self.out.get().add((first + channel) * p.input_len + to + start) };
                    let square = Square { row, pixels, channel, channels, out, step: p.input_len };
                    // SAFETY: the level is entered; `len` positions of `count` channels follow.
                    unsafe { square.turn::<S>(len, count) };
                }
            }
        }
    }
}

impl<'a> CopyInput<'a> {
    /// The input's row that the phase has here, of both pictures: none outside, the second may be missing.
    fn source_row(&self, phase: usize) -> Option<(&'a [f32], Option<&'a [f32]>)> {
        let g = self.grad;
        let len = g.columns.sizes.input * g.input_channels;
        let (low, high) = g.pictures(g.x, g.rows.sizes.input * len, self.part.pair);
        g.rows.position(phase, self.part.row).map(|row| (&low[row * len..][..len], high.map(|high| &high[row * len..][..len])))
    }
}

/// Some pixels of a row, and channels of each, to be written channel by channel.
struct Square<'a> {
    row: Option<(&'a [f32], Option<&'a [f32]>)>,
    /// Zeros where there is none.
    pixels: [Option<usize>; MOST],
    /// The first channel.
    channel: usize,
    /// Of a pixel.
    channels: usize,
    out: *mut f32,
    /// Values from one channel to the next.
    step: usize,
}

impl Square<'_> {
    /// # Safety
    /// See [`Simd`]; there is room for `len` values of `count` channels, which are at most `LANES` each.
    #[inline(always)]
    unsafe fn turn<S: Simd>(&self, len: usize, count: usize) {
        let mut pairs = [0.0; MOST * MOST];
        let inside =
            self.row.into_iter().flat_map(|row| self.pixels.iter().enumerate().filter_map(move |(i, &pixel)| Some((row, i, pixel?))));
        for ((low, high), i, pixel) in inside {
            let from = pixel * self.channels + self.channel;
            let out = &mut pairs[i * S::LANES..][..count];
            pair_arrays::<S>(&low[from..][..count], high.map(|high| &high[from..][..count]), out);
        }
        // SAFETY: the caller's promise; both squares have room for `LANES` x `LANES` values.
        unsafe {
            if (len, count) == (S::LANES, S::LANES) {
                return S::transpose(pairs.as_ptr(), S::LANES, self.out, self.step);
            }
            let mut turned = [0.0; MOST * MOST];
            S::transpose(pairs.as_ptr(), S::LANES, turned.as_mut_ptr(), S::LANES);
            for (i, values) in turned.chunks_exact(S::LANES).take(count).enumerate() {
                self.out.add(i * self.step).copy_from_nonoverlapping(values.as_ptr(), len);
            }
        }
    }
}
