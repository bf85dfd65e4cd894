//! The means of a picture's channels, from sums of its rows that are taken while a row is in the first-level cache.

use std::ops::Range;

use crate::{
    Layout, Result, Tensor,
    cpu::{
        dispatch::{Kernel, SimdLevel, run_at},
        pool::SharedMut,
        simd::Simd,
    },
    ops::ConvShape,
    storage::Buffer,
};

/// Sums along the rows of an output, `[N, rows, K]`. Which thread takes a row makes no difference to them.
pub(super) struct RowSums {
    values: Buffer,
    images: usize,
    rows: usize,
    width: usize,
    channels: usize,
}

/// A place for them that tasks share.
#[derive(Clone, Copy)]
pub(super) struct SharedSums {
    values: SharedMut<f32>,
    rows: usize,
    width: usize,
    channels: usize,
}

impl RowSums {
    /// Room for the sums of this convolution's output.
    pub(super) fn new(s: &ConvShape) -> Self {
        let values = Buffer::uninit::<f32>(s.n * s.output.0 * s.k);
        RowSums { values, images: s.n, rows: s.output.0, width: s.output.1, channels: s.k }
    }

    /// The place that tasks write to.
    pub(super) fn shared(&mut self) -> SharedSums {
        SharedSums { values: SharedMut::new(self.values.as_mut_slice()), rows: self.rows, width: self.width, channels: self.channels }
    }

    /// The means, `[N, K, 1, 1]`.
    pub(super) fn means(&self, level: SimdLevel) -> Result<Tensor> {
        let mut means = Tensor::uninit::<f32>([self.images, self.channels, 1, 1], Layout::ChannelsLast)?;
        let pictures = self.values.as_slice::<f32>().chunks_exact(self.rows * self.channels);
        for (sums, means) in pictures.zip(means.data_mut::<f32>()?.chunks_exact_mut(self.channels)) {
            run_at(level, Means { sums, factor: 1.0 / (self.rows * self.width) as f64, means });
        }
        Ok(means)
    }
}

impl SharedSums {
    /// Sums some channels, a multiple of the widest vector, of a row of the output `y`.
    ///
    /// # Safety
    /// All tasks write to `y` the values that it names before this, and no two sum the same row and channels.
    pub(super) unsafe fn add_row(self, level: SimdLevel, y: SharedMut<f32>, (image, row): (usize, usize), channels: Range<usize>) {
        let row = image * self.rows + row;
        // SAFETY: the row and the channels exist, and are this call's alone.
        let sums = unsafe { self.values.slice(row * self.channels + channels.start, channels.len()) };
        let first = y.get().wrapping_add(row * self.width * self.channels + channels.start);
        run_at(level, SumRow { first, pixels: self.width, pixel: self.channels, sums });
    }
}

/// Accumulators of a row's sum, as an addition takes several cycles.
const PARTS: usize = 4;

struct SumRow<'a> {
    /// The first of the channels of the first pixel.
    first: *const f32,
    pixels: usize,
    /// Values from one pixel to the next.
    pixel: usize,
    sums: &'a mut [f32],
}

impl Kernel for SumRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for (i, sums) in self.sums.chunks_exact_mut(S::LANES).enumerate() {
            let x = self.first.wrapping_add(i * S::LANES);
            // SAFETY: `add_row` says that the pixels exist; `run_at` has entered the level S, and there is room for a vector.
            unsafe {
                let mut acc = [S::zero(); PARTS];
                let whole = self.pixels / PARTS * PARTS;
                for p in (0..whole).step_by(PARTS) {
                    for (part, acc) in acc.iter_mut().enumerate() {
                        *acc = S::add(*acc, S::load(x.wrapping_add((p + part) * self.pixel)));
                    }
                }
                for p in whole..self.pixels {
                    acc[0] = S::add(acc[0], S::load(x.wrapping_add(p * self.pixel)));
                }
                S::store(sums.as_mut_ptr(), S::add(S::add(acc[0], acc[1]), S::add(acc[2], acc[3])));
            }
        }
    }
}

/// Channels that are summed over the rows together.
const TOGETHER: usize = 32;

/// Means of the rows' sums, added in 64 bits.
struct Means<'a> {
    sums: &'a [f32],
    factor: f64,
    means: &'a mut [f32],
}

impl Kernel for Means<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let channels = self.means.len();
        for (i, means) in self.means.chunks_mut(TOGETHER).enumerate() {
            let mut totals = [0.0f64; TOGETHER];
            for row in self.sums.chunks_exact(channels) {
                for (total, &sum) in totals.iter_mut().zip(&row[i * TOGETHER..]) {
                    *total += f64::from(sum);
                }
            }
            for (mean, total) in means.iter_mut().zip(totals) {
                *mean = (total * self.factor) as f32;
            }
        }
    }
}
