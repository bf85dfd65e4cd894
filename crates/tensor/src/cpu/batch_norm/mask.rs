//! Which values a ReLU let through, a bit each, so that the backward pass need not read its output: a sixteenth of what is stored as bf16, half
//! as much of `f32`.

use std::ops::Range;

use crate::cpu::{simd::Simd, stored::Stored};

/// Channels whose bits lie together, the first in the lowest bit; each row begins anew. Every level's vector divides them.
const WORD: usize = 16;

/// The bytes of a row's bits.
pub(super) const fn row_len(channels: usize) -> usize {
    channels.div_ceil(WORD) * (WORD / 8)
}

/// The bits of some rows.
#[derive(Clone, Copy)]
pub(super) struct Mask<'a> {
    bytes: &'a [u8],
    row: usize,
}

impl<'a> Mask<'a> {
    pub(super) fn new(bytes: &'a [u8], channels: usize) -> Self {
        Mask { bytes, row: row_len(channels) }
    }

    /// Those of these rows alone.
    pub(super) fn rows(self, rows: Range<usize>) -> Self {
        Mask { bytes: &self.bytes[rows.start * self.row..rows.end * self.row], row: self.row }
    }

    /// The bits of a vector of channels from `channel` on, which the lanes divide; higher ones are of no meaning.
    ///
    /// # Safety
    /// The row and the channel exist.
    #[inline(always)]
    pub(super) unsafe fn bits<S: Simd>(self, row: usize, channel: usize) -> u32 {
        const { assert!(WORD.is_multiple_of(S::LANES)) };
        let at = row * self.row + channel / WORD * 2;
        // SAFETY: the caller's promise.
        let word = unsafe { self.bytes.as_ptr().add(at).cast::<[u8; 2]>().read() };
        u32::from(u16::from_le_bytes(word)) >> (channel % WORD)
    }

    fn is_set(self, row: usize, channel: usize) -> bool {
        self.bytes[row * self.row + channel / 8] >> (channel % 8) & 1 == 1
    }
}

/// The gradient `g` of a channel of a row behind a ReLU, where there is one.
#[inline(always)]
pub(super) fn behind<E: Stored>(mask: Option<Mask<'_>>, row: usize, channel: usize, g: E) -> E {
    if mask.is_none_or(|mask| mask.is_set(row, channel)) { g } else { E::default() }
}

/// The bits of some rows, which are written.
pub(super) struct MaskMut<'a> {
    bytes: &'a mut [u8],
    row: usize,
}

impl<'a> MaskMut<'a> {
    /// None of them set, whatever `bytes` held.
    pub(super) fn cleared(bytes: &'a mut [u8], channels: usize) -> Self {
        bytes.fill(0);
        MaskMut { bytes, row: row_len(channels) }
    }

    /// The same for a shorter time.
    #[inline(always)]
    pub(super) fn reborrow(&mut self) -> MaskMut<'_> {
        MaskMut { bytes: self.bytes, row: self.row }
    }

    /// Sets the bit of a channel, or leaves it.
    pub(super) fn set(&mut self, row: usize, channel: usize, is_set: bool) {
        self.bytes[row * self.row + channel / 8] |= u8::from(is_set) << (channel % 8);
    }

    /// Sets the bits of a vector of channels from `channel` on, which the lanes divide.
    ///
    /// # Safety
    /// The row and the channel exist.
    #[inline(always)]
    pub(super) unsafe fn set_vector<S: Simd>(&mut self, row: usize, channel: usize, bits: u32) {
        const { assert!(WORD.is_multiple_of(S::LANES)) };
        let at = row * self.row + channel / WORD * 2;
        // SAFETY: the caller's promise.
        unsafe {
            let word = self.bytes.as_mut_ptr().add(at).cast::<[u8; 2]>();
            let before = if const { S::LANES == WORD } { 0 } else { u16::from_le_bytes(word.read()) };
            word.write((before | (bits << (channel % WORD)) as u16).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::{
        dispatch::{Kernel, SimdLevel, run_at},
        simd::Portable,
    };

    /// Where values are above zero, told by vectors, and the values there.
    struct Roundtrip<'a> {
        values: &'a [f32],
        channels: usize,
        through: &'a mut [f32],
    }

    impl Kernel for Roundtrip<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self) {
            let (c, mut bytes) = (self.channels, vec![0xff; self.values.len() / self.channels * row_len(self.channels)]);
            let mut mask = MaskMut::cleared(&mut bytes, c);
            let whole = c / S::LANES * S::LANES;
            for (row, values) in self.values.chunks_exact(c).enumerate() {
                for i in (0..whole).step_by(S::LANES) {
                    // SAFETY: the level is entered, and a vector of values follows.
                    unsafe { mask.set_vector::<S>(row, i, S::positive(S::load(values[i..].as_ptr()))) }
                }
                (whole..c).for_each(|i| mask.set(row, i, values[i] > 0.0));
            }
            let mask = Mask::new(&bytes, c);
            for (row, (values, through)) in self.values.chunks_exact(c).zip(self.through.chunks_exact_mut(c)).enumerate() {
                for i in (0..whole).step_by(S::LANES) {
                    // SAFETY: as above.
                    unsafe { S::store(through[i..].as_mut_ptr(), S::where_set(mask.bits::<S>(row, i), S::load(values[i..].as_ptr()))) }
                }
                (whole..c).for_each(|i| through[i] = behind(Some(mask), row, i, values[i]));
            }
        }
    }

    #[test]
    fn what_goes_through_is_what_a_relu_leaves() {
        for channels in [1, 3, 4, 8, 15, 16, 17, 24, 36, 40, 100] {
            let special = [0.0, -0.0, f32::NAN, 1e-45, f32::INFINITY];
            let value = |i: usize| special.get(i * 7 % 13).copied().unwrap_or((i * 37 % 11) as f32 - 5.0);
            let values: Vec<f32> = (0..7 * channels).map(value).collect();
            let expected: Vec<u32> = values.iter().map(|&v| if v > 0.0 { v.to_bits() } else { 0 }).collect();
            for level in SimdLevel::available() {
                let mut through = vec![9.0; values.len()];
                run_at(level, Roundtrip { values: &values, channels, through: &mut through });
                assert_eq!(through.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), expected, "{channels} channels at {level}");
            }
        }
    }

    #[test]
    fn rows_are_cut_out() {
        let mut bytes = [0xff; 3 * row_len(20)];
        let mut mask = MaskMut::cleared(&mut bytes, 20);
        mask.set(2, 17, true);
        let mask = Mask::new(&bytes, 20).rows(1..3);
        assert_eq!((0..20).filter(|&c| mask.is_set(1, c)).collect::<Vec<_>>(), [17]);
        // SAFETY: there are two rows of 20 channels.
        assert_eq!([1, 0].map(|row| unsafe { mask.bits::<Portable>(row, 16) } & 15), [2, 0]);
    }
}
