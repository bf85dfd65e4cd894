//! Average pooling of channels-last pictures, vectorised over the channels. Forward and backward are the same weighted sum over
//! stretches of places; sums of many places are carried in 64 bits.

use std::ops::Range;

use super::{
    SimdLevel,
    channels::{Channels, in_blocks},
    dispatch::{Kernel, run_at},
    pool::{SharedMut, parallel, threads},
    simd::Simd,
    stored::{Stored, with_stored},
};
use crate::{
    Element, Float, Layout, Result, Shape, Tensor,
    ops::{Window, Windows},
};

/// Which source places each destination place sums, along one dimension.
pub(crate) struct Axis {
    pub places: Vec<Range<usize>>,
    /// The factor of each source place.
    pub source_weights: Vec<f64>,
    /// The factor of each sum.
    pub sum_weights: Vec<f64>,
}

impl Axis {
    /// Outputs from the inputs in their windows.
    pub fn forward(windows: &[Window], input: usize) -> Axis {
        Axis {
            places: windows.iter().map(|w| w.places.clone()).collect(),
            source_weights: vec![1.0; input],
            sum_weights: windows.iter().map(weight).collect(),
        }
    }

    /// Gradients of inputs from those of the outputs whose windows contain them.
    pub fn backward(windows: &[Window], input: usize) -> Axis {
        let containing = |i| windows.partition_point(|w| w.places.end <= i)..windows.partition_point(|w| w.places.start <= i);
        Axis {
            places: (0..input).map(containing).collect(),
            source_weights: windows.iter().map(weight).collect(),
            sum_weights: vec![1.0; input],
        }
    }
}

fn weight(window: &Window) -> f64 {
    if window.places.is_empty() { 0.0 } else { 1.0 / window.count as f64 }
}

/// The mean of each window.
pub(super) fn avg_pool2d(level: SimdLevel, x: &Tensor, windows: &Windows) -> Result<Tensor> {
    let (_, _, h, w) = x.shape().nchw("avg_pool2d")?;
    let (rows, columns) = (Axis::forward(&windows.rows, h), Axis::forward(&windows.columns, w));
    with_stored!("avg_pool2d", x.dtype(), E => weighted_sums::<E>(level, x, &rows, &columns))
}

/// The gradient of an input of this shape.
pub(super) fn avg_pool2d_backward(level: SimdLevel, grad: &Tensor, input: &Shape, windows: &Windows) -> Result<Tensor> {
    let (_, _, h, w) = input.nchw("avg_pool2d_backward")?;
    let (rows, columns) = (Axis::backward(&windows.rows, h), Axis::backward(&windows.columns, w));
    with_stored!("avg_pool2d_backward", grad.dtype(), E => weighted_sums::<E>(level, grad, &rows, &columns))
}

fn weighted_sums<E: Stored>(level: SimdLevel, source: &Tensor, rows: &Axis, columns: &Axis) -> Result<Tensor> {
    let (n, channels, h, w) = source.shape().nchw("avg_pool2d")?;
    let (height, width) = (rows.places.len(), columns.places.len());
    let mut out = Tensor::uninit::<E>([n, channels, height, width], Layout::ChannelsLast)?;
    if channels == 0 {
        return Ok(out);
    }
    let source = source.data::<E>()?;
    let picture = h * w * channels;
    let out_rows = n * height;
    // Few rows, such as the means of whole pictures, are shared out by channels.
    let parts = (2 * threads()).div_ceil(out_rows.max(1)).min(channels.div_ceil(CHANNELS)).max(1);
    let shared = SharedMut::new(out.data_mut::<E>()?);
    parallel(out_rows * parts, |task| {
        let (row, part) = (task / parts, task % parts);
        let bound = |part: usize| (part * channels.div_ceil(CHANNELS) / parts * CHANNELS).min(channels);
        let source = &source[row / height * picture..][..picture];
        let out = Out { shared, row, channels: bound(part)..bound(part + 1) };
        run_at(level, Row { source, width: w, channels, row: row % height, rows, columns, out });
    });
    Ok(out)
}

/// Channels that are not shared out further.
const CHANNELS: usize = 16;

/// Where a task writes: some channels of a row.
struct Out<T> {
    shared: SharedMut<T>,
    row: usize,
    channels: Range<usize>,
}

/// One row of the result.
struct Row<'a, T> {
    source: &'a [T],
    width: usize,
    channels: usize,
    row: usize,
    rows: &'a Axis,
    columns: &'a Axis,
    out: Out<T>,
}

impl<T: Stored> Kernel for Row<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let Out { shared, row, channels } = self.out;
        for (column, places) in self.columns.places.iter().enumerate() {
            let start = (row * self.columns.places.len() + column) * self.channels + channels.start;
            let sum = Sum {
                source: &self.source[channels.start..],
                line: self.width * self.channels,
                pixel: self.channels,
                rows: (self.rows.places[self.row].clone(), &self.rows.source_weights),
                columns: (places.clone(), &self.columns.source_weights),
                weight: self.rows.sum_weights[self.row] * self.columns.sum_weights[column],
                // SAFETY: each task has its own channels of a row.
                out: unsafe { shared.slice(start, channels.len()) },
            };
            in_blocks::<S>(channels.len(), sum);
        }
    }
}

/// The weighted sum over the places of one result.
struct Sum<'a, T> {
    source: &'a [T],
    /// The elements of one row of the source.
    line: usize,
    /// Those of one pixel.
    pixel: usize,
    rows: (Range<usize>, &'a [f64]),
    columns: (Range<usize>, &'a [f64]),
    weight: f64,
    /// Neighbouring channels of one pixel.
    out: &'a mut [T],
}

impl<T: Stored> Channels for Sum<'_, T> {
    #[inline(always)]
    fn block<const C: usize>(&mut self, first: usize) {
        if self.rows.0.len() * self.columns.0.len() <= FEW_PLACES { self.sum::<T::Compute, C>(first) } else { self.sum::<f64, C>(first) }
    }
}

/// Places whose sum is as exact as its result without a wider type.
const FEW_PLACES: usize = 32;

impl<T: Stored> Sum<'_, T> {
    /// The sums of some channels, carried in an `A`.
    #[inline(always)]
    fn sum<A: Float, const C: usize>(&mut self, first: usize) {
        let mut sums = [A::ZERO; C];
        for i in self.rows.0.clone() {
            for j in self.columns.0.clone() {
                let weight = A::from_f64(self.rows.1[i] * self.columns.1[j]);
                let pixel = &self.source[i * self.line + j * self.pixel + first..][..C];
                sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += A::from_f64(x.widen().to_f64()) * weight);
            }
        }
        let weight = A::from_f64(self.weight);
        self.out[first..][..C].iter_mut().zip(sums).for_each(|(y, sum)| *y = T::narrow(T::Compute::from_f64((sum * weight).to_f64())));
    }
}
