//! Work on the channels of one pixel, in blocks whose size the compiler knows.

use super::simd::Simd;

/// A computation on neighbouring channels.
pub(super) trait Channels {
    /// Computes the `C` channels from `first`. Must be `#[inline(always)]`.
    fn block<const C: usize>(&mut self, first: usize);
}

/// Runs a computation over all channels: as many as possible in blocks of two registers, the rest in smaller ones.
#[inline(always)]
pub(super) fn in_blocks<S: Simd>(channels: usize, mut work: impl Channels) {
    let mut first = 0;
    while S::LANES >= 16 && first + 32 <= channels {
        work.block::<32>(first);
        first += 32;
    }
    while S::LANES >= 8 && first + 16 <= channels {
        work.block::<16>(first);
        first += 16;
    }
    while first + 8 <= channels {
        work.block::<8>(first);
        first += 8;
    }
    while first < channels {
        work.block::<1>(first);
        first += 1;
    }
}
