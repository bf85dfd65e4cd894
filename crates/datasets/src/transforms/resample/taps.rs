//! Pillow's filters as weights in fixed point.

use std::ops::Range;

/// Fraction bits of a weight; ten more bits hold a byte, the sum's growth and the sign.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// One half, with which every sum starts to round at its end.
pub(super) const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// A kernel and the distance at which it ends, in pixels of the larger scale.
#[derive(Clone, Copy)]
pub(in super::super) struct Filter {
    kernel: fn(f64) -> f64,
    support: f64,
}

impl Filter {
    pub(in super::super) const BILINEAR: Self = Self { kernel: |x| (1.0 - x.abs()).max(0.0), support: 1.0 };

    pub(in super::super) const BICUBIC: Self = Self {
        kernel: |x| {
            const A: f64 = -0.5;
            match x.abs() {
                x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
                x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
                _ => 0.0,
            }
        },
        support: 2.0,
    };
}

/// The source positions that each target position is a weighted sum of, the same number for each.
pub(super) struct Taps {
    count: usize,
    starts: Vec<usize>,
    weights: Vec<i32>,
}

impl Taps {
    /// Those of the target positions in `part`, where `source` positions become `target`.
    pub(super) fn new(filter: Filter, source: usize, target: usize, part: Range<usize>) -> Self {
        let scale = source as f64 / target as f64;
        let filter_scale = scale.max(1.0);
        let support = filter.support * filter_scale;
        let center = |position: usize| (position as f64 + 0.5) * scale;
        let range = |position: usize| {
            // Converting a negative number to usize gives 0.
            let first = (center(position) - support + 0.5) as usize;
            first..((center(position) + support + 0.5) as usize).min(source)
        };

        let count = part.clone().map(|position| range(position).len()).max().unwrap_or(0);
        let mut taps = Self { count, starts: Vec::with_capacity(part.len()), weights: Vec::with_capacity(part.len() * count) };
        for position in part {
            let range = range(position);
            let weight = |x: usize| (filter.kernel)((x as f64 - center(position) + 0.5) * (1.0 / filter_scale));
            let sum: f64 = range.clone().map(weight).sum();
            let start = range.start.min(source - count);
            taps.starts.push(start);
            taps.weights.extend((start..start + count).map(|x| if range.contains(&x) { fixed_point(weight(x) / sum) } else { 0 }));
        }
        taps
    }

    /// The source positions from the first to the last with a weight.
    pub(super) fn sources(&self) -> Range<usize> {
        let start = self.starts.iter().min().copied().unwrap_or(0);
        let last = self.starts.iter().max().copied().unwrap_or(0);
        start..last + self.count
    }

    /// The number of target positions.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// For each target position, where its sources start, counted from the start of [`sources`](Self::sources), and their weights.
    #[inline(always)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let first = self.sources().start;
        self.starts.iter().map(move |start| start - first).zip(self.weights.chunks_exact(self.count))
    }
}

/// A weight with [`PRECISION_BITS`] of fraction, halves away from zero.
fn fixed_point(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION_BITS);
    (scaled + 0.5_f64.copysign(scaled)) as i32
}

/// The byte of a sum that started at [`HALF`].
#[inline(always)]
pub(super) fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}
