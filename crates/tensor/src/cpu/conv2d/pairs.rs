//! Operands rounded to bf16 and packed in pairs, two to the 32 bits of an `f32`, the first in the lower half: what
//! [`Simd::dot_pairs`](crate::cpu::simd::Simd::dot_pairs) multiplies. A sum over pairs is half as long, and otherwise the same
//! computation, so kernels read pairs as if they were `f32`.
//!
//! Forward passes and input gradients sum over channels, so they pair channels; weight gradients sum over pixels, and pair
//! pictures, which leaves the pixels in place for every tap.

use crate::{
    BLOCK, DType, Result, Tensor, bf16,
    cpu::{
        dispatch::{Kernel, SimdLevel, run_pairs_at},
        pool::{SharedMut, parallel_ranges},
        simd::{Simd, bf16_pair},
        stored::{Stored, as_pairs},
    },
    storage::Buffer,
};

/// Elements below which a second thread is not worth waking.
const GRAIN: usize = 1 << 13;

/// Rows of 32 values with neighbours in pairs: of `[blocks][taps][rows][32]`, `[blocks][taps][rows / 2][32]`. The last of an odd
/// number of rows is paired with zeros. Taps that are not `live` are left as they are.
pub(super) fn pair_rows(level: SimdLevel, values: &[f32], rows: usize, live: &[bool]) -> Buffer {
    let (row, pairs) = (rows * BLOCK, rows.div_ceil(2));
    let groups = values.len() / row.max(1);
    fill(groups * pairs, BLOCK, |start, out| {
        for (i, out) in out.chunks_exact_mut(BLOCK).enumerate() {
            let (group, pair) = ((start + i) / pairs, (start + i) % pairs);
            if !live[group % live.len()] {
                continue;
            }
            let first = group * row + 2 * pair * BLOCK;
            let high = (2 * pair + 1 < rows).then(|| &values[first + BLOCK..][..BLOCK]);
            run_pairs_at(level, PairArrays { low: &values[first..][..BLOCK], high, out });
        }
    })
}

/// Pictures in pairs: of `[images][…]`, `[images / 2][…]`. The last of an odd number is paired with zeros.
pub(super) fn pair_images<E: Stored<Compute = f32>>(level: SimdLevel, values: &[E], images: usize) -> Buffer {
    let picture = values.len() / images.max(1);
    let mut out = Buffer::uninit::<f32>(images.div_ceil(2) * picture);
    for (i, out) in out.as_mut_slice::<f32>().chunks_exact_mut(picture.max(1)).enumerate() {
        let out = SharedMut::new(out);
        let (low, high) = values[2 * i * picture..].split_at(picture);
        parallel_ranges(picture, GRAIN, |start, end| {
            // SAFETY: the ranges are disjoint.
            let out = unsafe { out.slice(start, end - start) };
            run_pairs_at(level, PairArrays { low: &low[start..end], high: high.get(start..end), out });
        });
    }
    out
}

/// A buffer of `items` of `len` values each, filled in parallel by `fill(first item, its part)`.
fn fill(items: usize, len: usize, fill: impl Fn(usize, &mut [f32]) + Sync) -> Buffer {
    let mut buffer = Buffer::uninit::<f32>(items * len);
    let out = SharedMut::new(buffer.as_mut_slice());
    parallel_ranges(items, GRAIN.div_ceil(len.max(1)), |start, end| {
        // SAFETY: the ranges are disjoint.
        fill(start, unsafe { out.slice(start * len, (end - start) * len) });
    });
    buffer
}

/// Channels-last pixels of so many channels with neighbouring channels in pairs; the last of an odd number is paired with zero.
#[inline(always)]
pub(super) fn pair_channels<S: Simd>(values: &[f32], channels: usize, out: &mut [f32]) {
    if channels.is_multiple_of(2) {
        return pair_neighbours::<S>(values, out);
    }
    if channels == 3 {
        // Pictures: with sizes that it knows, the compiler makes vectors of this.
        for (out, &[r, g, b]) in out.as_chunks_mut().0.iter_mut().zip(values.as_chunks().0) {
            *out = [bf16_pair(r, g), bf16_pair(b, 0.0)];
        }
        return;
    }
    for (out, pixel) in out.chunks_exact_mut(channels.div_ceil(2)).zip(values.chunks_exact(channels)) {
        let (last, pairs) = (channels - 1, channels / 2);
        pair_neighbours::<S>(&pixel[..last], &mut out[..pairs]);
        out[pairs] = bf16_pair(pixel[last], 0.0);
    }
}

/// Values with neighbours in pairs.
#[inline(always)]
fn pair_neighbours<S: Simd>(values: &[f32], out: &mut [f32]) {
    assert_eq!(values.len(), 2 * out.len());
    let whole = out.len() / S::LANES * S::LANES;
    for i in (0..whole).step_by(S::LANES) {
        // SAFETY: `run_pairs_at` has entered the level; a vector's worth of pairs, and of their numbers, is left.
        unsafe { S::store(out.as_mut_ptr().add(i), S::pair_neighbours(values.as_ptr().add(2 * i))) };
    }
    for (out, values) in out.iter_mut().zip(values.chunks_exact(2)).skip(whole) {
        *out = bf16_pair(values[0], values[1]);
    }
}

/// The numbers of two arrays in pairs, or those of one and zeros.
#[inline(always)]
pub(super) fn pair_arrays<S: Simd, E: Stored<Compute = f32>>(low: &[E], high: Option<&[E]>, out: &mut [f32]) {
    // Zeros of any type.
    static ZEROS: [f32; BLOCK] = [0.0; BLOCK];
    assert!(low.len() == out.len() && high.is_none_or(|high| high.len() == out.len()));
    let whole = out.len() / S::LANES * S::LANES;
    for i in (0..whole).step_by(S::LANES) {
        // SAFETY: `run_pairs_at` has entered the level; a vector's worth of all arrays is left.
        unsafe {
            let high = high.map_or(ZEROS.as_ptr().cast(), |high| high.as_ptr().add(i));
            S::store(out.as_mut_ptr().add(i), E::pair::<S>(low.as_ptr().add(i), high));
        }
    }
    for i in whole..out.len() {
        out[i] = bf16_pair(low[i].widen(), high.map_or(0.0, |high| high[i].widen()));
    }
}

struct PairArrays<'a, E> {
    low: &'a [E],
    high: Option<&'a [E]>,
    out: &'a mut [f32],
}

impl<E: Stored<Compute = f32>> Kernel for PairArrays<'_, E> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        pair_arrays::<S, E>(self.low, self.high, self.out);
    }
}

/// A channels-last operand whose channels are summed over, as kernels read it.
pub(super) struct Operand {
    tensor: Tensor,
    /// Whether its channels lie in pairs, and are multiplied so.
    pub in_pairs: bool,
}

impl Operand {
    /// Bf16 with an even number of channels lies in pairs, which products of `pairs` read in place; anything else is read as `f32`.
    pub(super) fn new(tensor: &Tensor, channels: usize, pairs: bool) -> Result<Operand> {
        let in_pairs = pairs && tensor.dtype() == DType::Bf16 && channels.is_multiple_of(2) && as_pairs(tensor.data::<bf16>()?).is_some();
        let tensor = if in_pairs { tensor.clone() } else { tensor.to_dtype(DType::F32)? };
        Ok(Operand { tensor, in_pairs })
    }

    /// Numbers, or pairs.
    pub(super) fn values(&self) -> Result<&[f32]> {
        if !self.in_pairs {
            return self.tensor.data();
        }
        Ok(as_pairs(self.tensor.data()?).expect("what lay in pairs when it was asked still does"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cpu::simd::bf16_bits, random::Generator};

    struct PairChannels<'a> {
        values: &'a [f32],
        channels: usize,
        out: &'a mut [f32],
    }

    impl Kernel for PairChannels<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self) {
            super::pair_channels::<S>(self.values, self.channels, self.out);
        }
    }

    fn pair_channels(level: SimdLevel, values: &[f32], channels: usize) -> Buffer {
        let mut out = Buffer::uninit::<f32>(values.len() / channels * channels.div_ceil(2));
        run_pairs_at(level, PairChannels { values, channels, out: out.as_mut_slice() });
        out
    }

    /// The numbers of a pair.
    fn numbers(pair: f32) -> [bf16; 2] {
        [bf16::from_bits(pair.to_bits() as u16), bf16::from_bits((pair.to_bits() >> 16) as u16)]
    }

    #[test]
    fn rounding_is_to_the_nearest_and_ties_go_to_even() {
        let mut generator = Generator::new(1);
        let ties = [0x3f80_8000, 0x3f81_8000, 0x3f80_8001, 0x3f80_7fff, 0x7f7f_ffff, 0xff80_0000, 0x8000_0000].map(f32::from_bits);
        let random = (0..10_000).map(|_| (generator.normal() * 10.0) as f32);
        for x in ties.into_iter().chain(random) {
            assert_eq!(bf16_bits(x) as u16, bf16::from_f32(x).to_bits(), "{x:e}");
        }
        assert!(bf16::from_bits(bf16_bits(f32::from_bits(0x7f80_0001)) as u16).is_nan());
    }

    #[test]
    fn every_level_rounds_alike() {
        let mut generator = Generator::new(2);
        let special = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, 1.003_906_3, 1.011_718_8];
        let values: Vec<f32> = special.into_iter().chain((0..120).map(|_| (generator.normal() * 100.0) as f32)).collect();
        let bits = |values: &Buffer| values.as_slice::<f32>().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let all = |level| {
            [bits(&pair_channels(level, &values, 64)), bits(&pair_images(level, &values, 2)), bits(&pair_images(level, &values, 1))]
        };
        for level in SimdLevel::available() {
            assert_eq!(all(level), all(SimdLevel::Generic), "{level}");
        }
    }

    #[test]
    fn every_way_of_pairing_puts_the_right_numbers_together() {
        let value = |i: usize| (i % 251) as f32; // exact in bf16
        for level in SimdLevel::available() {
            for (a, b) in [(1, 1), (3, 3), (5, 4), (700, 37), (2, 64)] {
                let values: Vec<f32> = (0..a * b).map(value).collect();
                let at = |i: usize, j: usize| if i < a && j < b { value(i * b + j) } else { 0.0 };
                let channels = pair_channels(level, &values, b);
                let images = pair_images(level, &values, a);
                for (i, pair) in channels.as_slice::<f32>().iter().enumerate() {
                    let (pixel, c) = (i / b.div_ceil(2), i % b.div_ceil(2) * 2);
                    assert_eq!(numbers(*pair).map(bf16::to_f32), [at(pixel, c), at(pixel, c + 1)], "channel {c} of {a} x {b}");
                }
                for (i, pair) in images.as_slice::<f32>().iter().enumerate() {
                    let (n, j) = (i / b * 2, i % b);
                    assert_eq!(numbers(*pair).map(bf16::to_f32), [at(n, j), at(n + 1, j)], "picture {n} of {a} x {b}");
                }
                let rows: Vec<f32> = (0..a * b * BLOCK).map(value).collect();
                let row = |i: usize, j: usize, lane: usize| if j < b { value((i * b + j) * BLOCK + lane) } else { 0.0 };
                for (i, pair) in pair_rows(level, &rows, b, &[true]).as_slice::<f32>().iter().enumerate() {
                    let (group, j, lane) = (i / BLOCK / b.div_ceil(2), i / BLOCK % b.div_ceil(2) * 2, i % BLOCK);
                    assert_eq!(numbers(*pair).map(bf16::to_f32), [row(group, j, lane), row(group, j + 1, lane)], "row {j}");
                }
            }
        }
    }
}
