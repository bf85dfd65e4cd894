//! The two passes of a resizing, written so that the compiler makes vectors of them.

use tensor::cpu::{Vectorize, vectorized};

use super::interleave::{ROWS, deinterleave, interleave};
use super::taps::{HALF, Taps, to_byte};
use crate::image::CHANNELS;

/// Bytes of a pixel in each of the interleaved rows.
const PIXELS: usize = ROWS * CHANNELS;

/// Bytes of a row that are summed together.
const LANES: usize = 32;

/// Every row resized to as many pixels as there are taps; `rows` begin and end with the taps' sources.
pub(super) fn along_rows(rows: &[&[u8]], taps: &Taps) -> Vec<u8> {
    vectorized(AlongRows { rows, taps })
}

/// Every column resized to as many bytes as there are taps; `rows` are the taps' sources.
pub(super) fn along_columns(rows: &[&[u8]], taps: &Taps) -> Vec<u8> {
    vectorized(AlongColumns { rows, taps })
}

struct AlongRows<'a> {
    rows: &'a [&'a [u8]],
    taps: &'a Taps,
}

impl Vectorize for AlongRows<'_> {
    type Output = Vec<u8>;

    /// Lanes are rows: in interleaved rows a pixel is a stretch of memory, and every lane takes the same weight.
    #[inline(always)]
    fn run(self) -> Vec<u8> {
        let Self { rows, taps } = self;
        let from_len = taps.sources().len() * CHANNELS;
        let to_len = taps.len() * CHANNELS;
        let (mut from, mut from_scratch) = (vec![0; ROWS * from_len], vec![0; ROWS * from_len]);
        let (mut to, mut to_scratch) = (vec![0; ROWS * to_len], vec![0; ROWS * to_len]);

        let mut data = Vec::with_capacity(rows.len() * to_len);
        for rows in rows.chunks(ROWS) {
            for (to, row) in from.chunks_exact_mut(from_len).zip(rows) {
                to.copy_from_slice(row);
            }
            interleave(&mut from, &mut from_scratch);
            let (pixels, _) = from.as_chunks::<PIXELS>();
            for (to, (start, weights)) in to.as_chunks_mut::<PIXELS>().0.iter_mut().zip(taps.iter()) {
                *to = weighted_sum(pixels[start..start + weights.len()].iter().zip(weights));
            }
            deinterleave(&mut to, &mut to_scratch);
            data.extend_from_slice(&to[..rows.len() * to_len]);
        }
        data
    }
}

struct AlongColumns<'a> {
    rows: &'a [&'a [u8]],
    taps: &'a Taps,
}

impl Vectorize for AlongColumns<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn run(self) -> Vec<u8> {
        let Self { rows, taps } = self;
        let row_len = rows.first().map_or(0, |row| row.len());
        let mut data = vec![0; row_len * taps.len()];
        for (to, (start, weights)) in data.chunks_exact_mut(row_len.max(1)).zip(taps.iter()) {
            let rows = &rows[start..start + weights.len()];
            let (blocks, rest) = to.as_chunks_mut::<LANES>();
            let rest_start = blocks.len() * LANES;
            for (block, to) in blocks.iter_mut().enumerate() {
                *to = weighted_sum(rows.iter().map(|row| &row.as_chunks::<LANES>().0[block]).zip(weights));
            }
            for (offset, to) in rest.iter_mut().enumerate() {
                [*to] = weighted_sum(rows.iter().map(|row| &row[rest_start + offset..].as_chunks::<1>().0[0]).zip(weights));
            }
        }
        data
    }
}

/// The sum of weighted bytes, in each lane. It fits; arithmetic that asks whether it does is not made of vectors.
#[inline(always)]
fn weighted_sum<'a, const N: usize>(terms: impl Iterator<Item = (&'a [u8; N], &'a i32)>) -> [u8; N] {
    let mut sums = [HALF; N];
    for (bytes, &weight) in terms {
        for lane in 0..N {
            sums[lane] = sums[lane].wrapping_add(i32::from(bytes[lane]).wrapping_mul(weight));
        }
    }
    let mut bytes = [0; N];
    for lane in 0..N {
        bytes[lane] = to_byte(sums[lane]);
    }
    bytes
}
