//! Pillow's `Resample.c`: a separable filter in fixed point, first along the rows, then along the columns.

use crate::image::{CHANNELS, checked_area};
use crate::{Image, Result};

/// Fraction bits of a weight; ten more bits hold a byte, the sum's growth and the sign.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// One half, with which every sum starts to round at its end.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// Bytes of a row that are summed together.
const LANES: usize = 32;

/// A kernel and the distance at which it ends, in pixels of the larger scale.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    kernel: fn(f64) -> f64,
    support: f64,
}

impl Filter {
    pub(super) const BILINEAR: Self = Self { kernel: |x| (1.0 - x.abs()).max(0.0), support: 1.0 };

    pub(super) const BICUBIC: Self = Self {
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
struct Taps {
    count: usize,
    starts: Vec<usize>,
    weights: Vec<i32>,
}

impl Taps {
    fn new(filter: Filter, source: usize, target: usize) -> Self {
        let scale = source as f64 / target as f64;
        let filter_scale = scale.max(1.0);
        let support = filter.support * filter_scale;
        let center = |position: usize| (position as f64 + 0.5) * scale;
        let range = |position: usize| {
            // Converting a negative number to usize gives 0.
            let first = (center(position) - support + 0.5) as usize;
            first..((center(position) + support + 0.5) as usize).min(source)
        };

        let count = (0..target).map(|position| range(position).len()).max().unwrap_or(0);
        let mut taps = Self { count, starts: Vec::with_capacity(target), weights: Vec::with_capacity(target * count) };
        for position in 0..target {
            let range = range(position);
            let weight = |x: usize| (filter.kernel)((x as f64 - center(position) + 0.5) * (1.0 / filter_scale));
            let sum: f64 = range.clone().map(weight).sum();
            let start = range.start.min(source - count);
            taps.starts.push(start);
            taps.weights.extend((start..start + count).map(|x| if range.contains(&x) { fixed_point(weight(x) / sum) } else { 0 }));
        }
        taps
    }

    /// For each target position, where its sources start and their weights.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.starts.iter().copied().zip(self.weights.chunks_exact(self.count))
    }
}

/// A weight with [`PRECISION_BITS`] of fraction, halves away from zero.
fn fixed_point(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION_BITS);
    (scaled + 0.5_f64.copysign(scaled)) as i32
}

/// The byte of a sum that started at [`HALF`].
fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// `image` resized with an antialiasing filter.
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge) where the picture between the two passes would be.
pub(super) fn resample(image: Image, width: usize, height: usize, filter: Filter) -> Result<Image> {
    if columns_come_first(&image, width, height) {
        let image = resample_height(image, height, filter)?;
        resample_width(image, width, filter)
    } else {
        let image = resample_width(image, width, filter)?;
        resample_height(image, height, filter)
    }
}

/// Pillow 13's order of the passes; earlier versions begin with the rows always, and differ by a level where this is true.
fn columns_come_first(image: &Image, width: usize, height: usize) -> bool {
    let shrinks_by = |from: usize, to: usize| from as i64 - to as i64;
    let (by_height, by_width) = (shrinks_by(image.height(), height), shrinks_by(image.width(), width));
    by_height > 0 && by_height > 2 * by_width
}

fn resample_width(image: Image, width: usize, filter: Filter) -> Result<Image> {
    if width == image.width() {
        return Ok(image);
    }
    checked_area("Resize", width, image.height())?;
    Ok(along_rows(&image, &Taps::new(filter, image.width(), width)))
}

fn resample_height(image: Image, height: usize, filter: Filter) -> Result<Image> {
    if height == image.height() {
        return Ok(image);
    }
    checked_area("Resize", image.width(), height)?;
    Ok(along_columns(&image, &Taps::new(filter, image.height(), height)))
}

/// Every row resized to as many pixels as there are taps.
fn along_rows(image: &Image, taps: &Taps) -> Image {
    let width = taps.starts.len();
    let mut data = vec![0; width * image.height() * CHANNELS];
    // A count known to the compiler unrolls the sum; these are the filters' usual ones.
    let sum_pixels = match taps.count {
        2 => sum_pixels_of::<2>,
        3 => sum_pixels_of::<3>,
        4 => sum_pixels_of::<4>,
        5 => sum_pixels_of::<5>,
        6 => sum_pixels_of::<6>,
        _ => sum_pixels,
    };
    for (to, from) in data.chunks_exact_mut(width * CHANNELS).zip(image.rows()) {
        sum_pixels(to.as_chunks_mut().0, from.as_chunks().0, taps);
    }
    Image::from_parts(width, image.height(), data).with_max_value(image.max_value())
}

/// The weighted sums of a row's pixels, for any number of taps.
fn sum_pixels(to: &mut [[u8; CHANNELS]], from: &[[u8; CHANNELS]], taps: &Taps) {
    for (to, (start, weights)) in to.iter_mut().zip(taps.iter()) {
        *to = weighted_sum(&from[start..start + weights.len()], weights);
    }
}

/// The weighted sums of a row's pixels, for `N` taps.
fn sum_pixels_of<const N: usize>(to: &mut [[u8; CHANNELS]], from: &[[u8; CHANNELS]], taps: &Taps) {
    let (weights, _) = taps.weights.as_chunks::<N>();
    for (to, (&start, weights)) in to.iter_mut().zip(taps.starts.iter().zip(weights)) {
        if let Some(pixels) = from[start..].first_chunk::<N>() {
            *to = weighted_sum(pixels, weights);
        }
    }
}

#[inline(always)]
fn weighted_sum(pixels: &[[u8; CHANNELS]], weights: &[i32]) -> [u8; CHANNELS] {
    let mut sums = [HALF; CHANNELS];
    for (pixel, &weight) in pixels.iter().zip(weights) {
        for channel in 0..CHANNELS {
            sums[channel] += i32::from(pixel[channel]) * weight;
        }
    }
    sums.map(to_byte)
}

/// Every column resized to as many pixels as there are taps.
fn along_columns(image: &Image, taps: &Taps) -> Image {
    let height = taps.starts.len();
    let row_len = image.row_len();
    let mut data = vec![0; row_len * height];
    for (to, (start, weights)) in data.chunks_exact_mut(row_len).zip(taps.iter()) {
        let from = &image.data()[start * row_len..(start + weights.len()) * row_len];
        sum_rows(to, from, weights);
    }
    Image::from_parts(image.width(), height, data).with_max_value(image.max_value())
}

/// The weighted sum of the rows in `from`, each as long as `to`.
fn sum_rows(to: &mut [u8], from: &[u8], weights: &[i32]) {
    let row_len = to.len();
    let (blocks, rest) = to.as_chunks_mut::<LANES>();
    let rest_start = row_len - rest.len();
    for (block, to) in blocks.iter_mut().enumerate() {
        let mut sums = [HALF; LANES];
        for (row, &weight) in from.chunks_exact(row_len).zip(weights) {
            let bytes: &[u8] = &row[block * LANES..][..LANES];
            for (sum, &byte) in sums.iter_mut().zip(bytes) {
                *sum += i32::from(byte) * weight;
            }
        }
        *to = sums.map(to_byte);
    }
    for (offset, to) in rest.iter_mut().enumerate() {
        let column = from[rest_start + offset..].iter().step_by(row_len);
        let sum = column.zip(weights).fold(HALF, |sum, (&byte, &weight)| sum + i32::from(byte) * weight);
        *to = to_byte(sum);
    }
}

/// `image` resized by taking the nearest pixel.
pub(super) fn nearest(image: &Image, width: usize, height: usize) -> Image {
    let columns = nearest_positions(image.width(), width);
    let mut data = Vec::with_capacity(width * height * CHANNELS);
    for row in nearest_positions(image.height(), height) {
        let (pixels, _) = image.data()[row * image.row_len()..][..image.row_len()].as_chunks();
        data.extend(columns.iter().flat_map(|&column| -> [u8; CHANNELS] { pixels[column] }));
    }
    Image::from_parts(width, height, data).with_max_value(image.max_value())
}

/// The source position under the centre of each target position, with the rounding of Pillow's running sum.
fn nearest_positions(source: usize, target: usize) -> Vec<usize> {
    let scale = source as f64 / target as f64;
    let mut center = scale * 0.5;
    let mut positions = Vec::with_capacity(target);
    for _ in 0..target {
        positions.push((center as usize).min(source - 1));
        center += scale;
    }
    positions
}
