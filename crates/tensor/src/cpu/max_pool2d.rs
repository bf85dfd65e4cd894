//! Max pooling of channels-last pictures, vectorised over the channels.

use std::{array::from_fn, ops::Range};

use super::{
    SimdLevel,
    channels::{Channels, in_blocks},
    dispatch::{Kernel, run_at},
    pool::{SharedMut, parallel},
    simd::{Portable, Simd},
    stored::{Stored, with_stored},
};
use crate::{DType, Element, Float, Layout, Result, Shape, Tensor, ops::MaxPool2dOptions};

/// A type that holds a place in a window.
trait Place: Copy + PartialEq + Send + Sync {
    /// Whether windows are so large that no network has them: their code is made for the baseline instructions alone.
    const IS_RARE: bool = false;
    fn new(place: u32) -> Self;
}

/// Runs a kernel over windows with such places.
fn run<P: Place, K: Kernel>(level: SimdLevel, kernel: K) -> K::Output {
    if const { P::IS_RARE } { kernel.run::<Portable>() } else { run_at(level, kernel) }
}

impl Place for u8 {
    #[inline(always)]
    fn new(place: u32) -> u8 {
        place as u8
    }
}

impl Place for i64 {
    const IS_RARE: bool = true;
    #[inline(always)]
    fn new(place: u32) -> i64 {
        i64::from(place)
    }
}

/// Of no interest.
impl Place for () {
    #[inline(always)]
    fn new(_: u32) {}
}

/// The largest elements and their places.
pub(super) fn max_pool2d(level: SimdLevel, x: &Tensor, shape: &Shape, options: &MaxPool2dOptions) -> Result<(Tensor, Tensor)> {
    with_stored!("max_pool2d", x.dtype(), E => match options.place_dtype() {
        DType::U8 => with_places::<E, u8>(level, x, shape, options),
        _ => with_places::<E, i64>(level, x, shape, options),
    })
}

fn with_places<T: Stored, P: Place + Element>(
    level: SimdLevel,
    x: &Tensor,
    shape: &Shape,
    options: &MaxPool2dOptions,
) -> Result<(Tensor, Tensor)> {
    let mut places = Tensor::uninit::<P>(shape.clone(), Layout::ChannelsLast)?;
    Ok((forward::<T, P>(level, x, shape, options, places.data_mut()?)?, places))
}

/// The largest elements alone.
pub(super) fn max_pool2d_values(level: SimdLevel, x: &Tensor, shape: &Shape, options: &MaxPool2dOptions) -> Result<Tensor> {
    with_stored!("max_pool2d", x.dtype(), E => forward::<E, ()>(level, x, shape, options, &mut vec![(); shape.elements()]))
}

pub(super) fn max_pool2d_backward(
    level: SimdLevel,
    grad: &Tensor,
    places: &Tensor,
    input: &Shape,
    options: &MaxPool2dOptions,
) -> Result<Tensor> {
    with_stored!("max_pool2d_backward", grad.dtype(), E => match options.place_dtype() {
        DType::U8 => backward::<E, u8>(level, grad, places, input, options),
        _ => backward::<E, i64>(level, grad, places, input, options),
    })
}

fn forward<T: Stored, P: Place>(
    level: SimdLevel,
    x: &Tensor,
    shape: &Shape,
    options: &MaxPool2dOptions,
    places: &mut [P],
) -> Result<Tensor> {
    let (n, channels, h, w) = x.shape().nchw("max_pool2d")?;
    let (_, _, oh, ow) = shape.nchw("max_pool2d")?;
    let mut out = Tensor::uninit::<T>(shape.clone(), Layout::ChannelsLast)?;
    let x = x.data::<T>()?;
    let (y, at) = (SharedMut::new(out.data_mut::<T>()?), SharedMut::new(places));
    let picture = h * w * channels;
    parallel(n * oh, |task| {
        // SAFETY: each task has an output row of its own.
        let (y, places) = unsafe { (y.slice(task * ow * channels, ow * channels), at.slice(task * ow * channels, ow * channels)) };
        let x = &x[task / oh * picture..][..picture];
        run::<P, _>(level, Forward { x, size: [h, w], channels, row: task % oh, y, places, options });
    });
    Ok(out)
}

/// The taps of a window, along one dimension, that lie inside the input.
#[inline(always)]
fn taps(options: &MaxPool2dOptions, d: usize, position: usize, size: usize) -> Range<usize> {
    let (dilation, padding) = (options.dilation[d], options.padding[d]);
    // Counted from the first place of the padding.
    let start = position * options.stride[d];
    let first = padding.saturating_sub(start).div_ceil(dilation);
    let end = (size + padding).saturating_sub(start).div_ceil(dilation).min(options.kernel_size[d]);
    first.min(end)..end
}

/// One output row.
struct Forward<'a, T, P> {
    x: &'a [T],
    size: [usize; 2],
    channels: usize,
    row: usize,
    y: &'a mut [T],
    places: &'a mut [P],
    options: &'a MaxPool2dOptions,
}

impl<T: Stored, P: Place> Kernel for Forward<'_, T, P> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let Forward { x, size: [h, w], channels, row, y, places, options } = self;
        if channels == 0 {
            return;
        }
        let rows = taps(options, 0, row, h);
        for (column, (y, places)) in y.chunks_exact_mut(channels).zip(places.chunks_exact_mut(channels)).enumerate() {
            let columns = taps(options, 1, column, w);
            in_blocks::<S>(channels, Window { x, width: w, at: [row, column], rows: rows.clone(), columns, y, places, options });
        }
    }
}

/// The channels of one output pixel.
struct Window<'a, T, P> {
    x: &'a [T],
    width: usize,
    at: [usize; 2],
    rows: Range<usize>,
    columns: Range<usize>,
    y: &'a mut [T],
    places: &'a mut [P],
    options: &'a MaxPool2dOptions,
}

impl<T: Stored, P: Place> Channels for Window<'_, T, P> {
    /// The first of equal elements counts, and the last NaN.
    #[inline(always)]
    fn block<const C: usize>(&mut self, first: usize) {
        let o = self.options;
        let kernel_width = o.kernel_size[1];
        let mut best = [T::Compute::NEG_INFINITY; C];
        let mut place = [(self.rows.start * kernel_width + self.columns.start) as u32; C];
        for i in self.rows.clone() {
            let row = self.at[0] * o.stride[0] + i * o.dilation[0] - o.padding[0];
            for j in self.columns.clone() {
                let column = self.at[1] * o.stride[1] + j * o.dilation[1] - o.padding[1];
                let tap = (i * kernel_width + j) as u32;
                let at = (row * self.width + column) * self.y.len() + first;
                let mut pixel = [T::Compute::ZERO; C];
                pixel.iter_mut().zip(&self.x[at..][..C]).for_each(|(pixel, x)| *pixel = x.widen());
                // Whole arrays at a time, masks of all ones and no short circuit: this form stays in registers.
                let better: [u32; C] = from_fn(|c| 0u32.wrapping_sub(u32::from((pixel[c] > best[c]) | pixel[c].is_nan())));
                best = from_fn(|c| if better[c] != 0 { pixel[c] } else { best[c] });
                place = from_fn(|c| tap & better[c] | place[c] & !better[c]);
            }
        }
        self.y[first..][..C].iter_mut().zip(best).for_each(|(y, best)| *y = T::narrow(best));
        self.places[first..][..C].iter_mut().zip(place).for_each(|(p, place)| *p = P::new(place));
    }
}

/// For each place of one dimension, the windows that contain it: tap and position.
fn windows_over(options: &MaxPool2dOptions, d: usize, size: usize, positions: usize) -> Vec<Vec<(usize, usize)>> {
    let mut over = vec![Vec::new(); size];
    for position in 0..positions {
        for tap in taps(options, d, position, size) {
            over[position * options.stride[d] + tap * options.dilation[d] - options.padding[d]].push((tap, position));
        }
    }
    over
}

/// Each input place gathers from the windows that contain it, so that no two tasks write to one place.
fn backward<T: Stored, P: Place + Element>(
    level: SimdLevel,
    grad: &Tensor,
    places: &Tensor,
    input: &Shape,
    options: &MaxPool2dOptions,
) -> Result<Tensor> {
    let (n, channels, h, w) = input.nchw("max_pool2d_backward")?;
    let (_, _, oh, ow) = grad.shape().nchw("max_pool2d_backward")?;
    let mut out = Tensor::uninit::<T>(input.clone(), Layout::ChannelsLast)?;
    let (grad, places) = (grad.data::<T>()?, places.data::<P>()?);
    let (over_rows, over_columns) = (windows_over(options, 0, h, oh), windows_over(options, 1, w, ow));
    let shared = SharedMut::new(out.data_mut::<T>()?);
    let picture = oh * ow * channels;
    parallel(n * h, |task| {
        // SAFETY: each task has an input row of its own.
        let dx = unsafe { shared.slice(task * w * channels, w * channels) };
        let of_picture = task / h * picture..(task / h + 1) * picture;
        run::<P, _>(
            level,
            Backward {
                grad: &grad[of_picture.clone()],
                places: &places[of_picture],
                rows: &over_rows[task % h],
                columns: &over_columns,
                kernel_width: options.kernel_size[1],
                output_width: ow,
                channels,
                dx,
            },
        );
    });
    Ok(out)
}

/// One row of the input's gradient.
struct Backward<'a, T, P> {
    grad: &'a [T],
    places: &'a [P],
    rows: &'a [(usize, usize)],
    columns: &'a [Vec<(usize, usize)>],
    kernel_width: usize,
    output_width: usize,
    channels: usize,
    dx: &'a mut [T],
}

impl<T: Stored, P: Place> Kernel for Backward<'_, T, P> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let Backward { grad, places, rows, columns, kernel_width, output_width, channels, dx } = self;
        for (dx, columns) in dx.chunks_exact_mut(channels.max(1)).zip(columns) {
            in_blocks::<S>(channels, Gathered { grad, places, rows, columns, kernel_width, output_width, dx });
        }
    }
}

/// The channels of one pixel of the input's gradient.
struct Gathered<'a, T, P> {
    grad: &'a [T],
    places: &'a [P],
    rows: &'a [(usize, usize)],
    columns: &'a [(usize, usize)],
    kernel_width: usize,
    output_width: usize,
    dx: &'a mut [T],
}

impl<T: Stored, P: Place> Channels for Gathered<'_, T, P> {
    #[inline(always)]
    fn block<const C: usize>(&mut self, first: usize) {
        let mut sums = [T::Compute::ZERO; C];
        for &(i, row) in self.rows {
            for &(j, column) in self.columns {
                let tap = P::new((i * self.kernel_width + j) as u32);
                let at = (row * self.output_width + column) * self.dx.len() + first;
                let of_window = self.grad[at..][..C].iter().zip(&self.places[at..][..C]);
                for (sum, (g, &place)) in sums.iter_mut().zip(of_window) {
                    *sum += if place == tap { g.widen() } else { T::Compute::ZERO };
                }
            }
        }
        self.dx[first..][..C].iter_mut().zip(sums).for_each(|(dx, sum)| *dx = T::narrow(sum));
    }
}
