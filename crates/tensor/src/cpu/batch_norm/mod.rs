//! Batch normalisation over values whose channels lie innermost: `[rows][C]`.

mod few;
mod mask;
mod rows;
mod sums;

use self::mask::{Mask, MaskMut, row_len};
use crate::cpu::{
    dispatch::{Kernel, SimdLevel, level, run_at},
    pool::{SharedMut, parallel},
    simd::{Simd, streams},
    stored::{Stored, run_stored_at, with_stored},
};
use crate::{
    Element, Float, Layout, Result, Tensor,
    ops::{Norm, NormBackward, NormGrads},
    storage::Buffer,
    with_float,
};

/// Values a channel up to which an input gradient is computed in f64: it is what is left when terms of its size cancel, and the fewer
/// values, the less is left.
const FEW_ROWS: usize = 16;

/// The rows of one piece of work: a function of the shape alone, so that sums do not depend on the number of threads.
fn rows_per_chunk(channels: usize) -> usize {
    (16_384 / channels.max(1)).max(16)
}

/// Runs `work(chunk, first row, behind the last row)` for all chunks in parallel.
fn for_chunks(rows: usize, channels: usize, work: impl Fn(usize, usize, usize) + Sync) {
    let step = rows_per_chunk(channels);
    parallel(rows.div_ceil(step), |i| work(i, i * step, rows.min((i + 1) * step)));
}

/// The mean and biased variance of each channel, from chunks combined by the formula of Chan, Golub and LeVeque (1979).
pub(super) fn stats(x: &Tensor) -> Result<(Tensor, Tensor)> {
    with_stored!("batch_norm", x.dtype(), E => stats_of::<E>(x))
}

/// The mean of each channel over some rows, and behind all of them the sums of squared deviations.
struct Moments<'a, E: Stored> {
    channels: usize,
    data: &'a [E],
    out: &'a mut [E::Compute],
}

impl<E: Stored> Kernel for Moments<'_, E> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let c = self.channels;
        let (mean, m2) = self.out.split_at_mut(c);
        let n = E::Compute::from_f64((self.data.len() / c) as f64);
        sums::add_rows::<S, E>(c, self.data, mean);
        mean.iter_mut().for_each(|m| *m = *m / n);
        sums::add_squares::<S, E>(c, self.data, mean, m2);
    }
}

fn stats_of<E: Stored>(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let (data, c) = (x.data::<E>()?, x.dims()[1]);
    let rows = data.len() / c;
    let moments = partial_sums::<E::Compute>(rows, c, |a, b, out| run_at(level(), Moments { channels: c, data: &data[a * c..b * c], out }));
    let (mut mean, mut m2) = (vec![0.0; c], vec![0.0; c]);
    run_at(level(), Combine { rows, moments: moments.as_slice::<E::Compute>(), mean: &mut mean, m2: &mut m2 });
    let mean = mean.into_iter().map(E::Compute::from_f64).collect();
    let var = m2.into_iter().map(|m2| E::Compute::from_f64(m2 / rows as f64)).collect();
    Ok((Tensor::from_vec::<E::Compute>(mean, [c])?, Tensor::from_vec::<E::Compute>(var, [c])?))
}

/// Two numbers a channel of each chunk, those of all channels and then the others: `sums(first row, behind the last row, out)` computes those
/// of one chunk, whatever `out` held.
pub(super) fn partial_sums<T: Float>(rows: usize, channels: usize, sums: impl Fn(usize, usize, &mut [T]) + Sync) -> Buffer {
    let mut partial = Buffer::uninit::<T>(rows.div_ceil(rows_per_chunk(channels)) * 2 * channels);
    let out = SharedMut::new(partial.as_mut_slice());
    // SAFETY: each chunk has its own partial sums.
    for_chunks(rows, channels, |i, a, b| sums(a, b, unsafe { out.slice(i * 2 * channels, 2 * channels) }));
    partial
}

/// Joins the [`Moments`] of chunks.
struct Combine<'a, T> {
    /// Rows of all chunks.
    rows: usize,
    moments: &'a [T],
    mean: &'a mut [f64],
    m2: &'a mut [f64],
}

impl<T: Float> Kernel for Combine<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let c = self.mean.len();
        let mut n = 0.0;
        for (i, chunk) in self.moments.chunks_exact(2 * c).enumerate() {
            let size = (self.rows - i * rows_per_chunk(c)).min(rows_per_chunk(c)) as f64;
            let (weight, spread) = (size / (n + size), n * size / (n + size));
            n += size;
            let (means, squares) = chunk.split_at(c);
            for (((mean, m2), chunk_mean), chunk_m2) in self.mean.iter_mut().zip(&mut *self.m2).zip(means).zip(squares) {
                let delta = chunk_mean.to_f64() - *mean;
                *m2 += chunk_m2.to_f64() + delta * delta * spread;
                *mean += delta * weight;
            }
        }
    }
}

/// A norm's per-channel numbers: `(x - mean) * scale + bias`.
struct Channels<T> {
    mean: Vec<T>,
    scale: Vec<T>,
    bias: Vec<T>,
    inv_std: Vec<f64>,
}

impl<T: Float> Channels<T> {
    fn new(norm: &Norm<'_>) -> Result<Self> {
        let inv_std: Vec<f64> = norm.var.data::<T>()?.iter().map(|&v| inverse_std(v, norm.eps)).collect();
        let or = |t: Option<&Tensor>, default: T| t.map_or(Ok(vec![default; inv_std.len()]), |t| t.data::<T>().map(<[T]>::to_vec));
        let weight = or(norm.weight, T::ONE)?;
        let scale = weight.iter().zip(&inv_std).map(|(w, s)| T::from_f64(w.to_f64() * s)).collect();
        Ok(Channels { mean: norm.mean.data::<T>()?.to_vec(), scale, bias: or(norm.bias, T::ZERO)?, inv_std })
    }
}

/// What makes a channel's variance 1.
#[inline(always)]
fn inverse_std<T: Float>(var: T, eps: f64) -> f64 {
    1.0 / (var.to_f64() + eps).sqrt()
}

/// The factor and the summand of each channel: `scale` and `bias - mean * scale`.
pub(super) fn affine(norm: &Norm<'_>) -> Result<(Tensor, Tensor)> {
    with_float!("batch_norm", norm.mean.dtype(), T => affine_of::<T>(norm))
}

fn affine_of<T: Float>(norm: &Norm<'_>) -> Result<(Tensor, Tensor)> {
    let new = || Tensor::uninit::<T>(norm.mean.shape().clone(), Layout::Contiguous);
    let (mut scale, mut shift) = (new()?, new()?);
    let affine = Affine {
        mean: norm.mean.data::<T>()?,
        var: norm.var.data::<T>()?,
        weight: norm.weight.map(Tensor::data::<T>).transpose()?,
        bias: norm.bias.map(Tensor::data::<T>).transpose()?,
        eps: norm.eps,
        scale: scale.data_mut::<T>()?,
        shift: shift.data_mut::<T>()?,
    };
    run_at(level(), affine);
    Ok((scale, shift))
}

/// See [`affine`]; in one pass, as a network computes it anew for each norm of each picture.
struct Affine<'a, T> {
    mean: &'a [T],
    var: &'a [T],
    weight: Option<&'a [T]>,
    bias: Option<&'a [T]>,
    eps: f64,
    scale: &'a mut [T],
    shift: &'a mut [T],
}

impl<T: Float> Kernel for Affine<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let inverse = |v: T| inverse_std(v, self.eps);
        let scaled = self.scale.iter_mut().zip(self.var);
        match self.weight {
            Some(weight) => scaled.zip(weight).for_each(|((s, &v), w)| *s = T::from_f64(w.to_f64() * inverse(v))),
            None => scaled.for_each(|(s, &v)| *s = T::from_f64(inverse(v))),
        }
        let product = |m: T, s: T| m.to_f64() * s.to_f64();
        let shifted = self.shift.iter_mut().zip(self.mean).zip(&*self.scale);
        match self.bias {
            Some(bias) => shifted.zip(bias).for_each(|(((y, &m), &s), b)| *y = T::from_f64(b.to_f64() - product(m, s))),
            None => shifted.for_each(|((y, &m), &s)| *y = T::from_f64(-product(m, s))),
        }
    }
}

/// `relu((x - mean) * scale + bias + residual)`.
pub(super) fn forward(x: &Tensor, norm: &Norm<'_>, residual: Option<&Tensor>, relu: bool) -> Result<Tensor> {
    with_stored!("batch_norm", x.dtype(), E => forward_of::<E>(x, norm, residual, relu, None))
}

/// The same with the ReLU, and the [`Mask`] of what it let through.
pub(super) fn forward_relu(x: &Tensor, norm: &Norm<'_>, residual: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
    let c = x.dims()[1];
    let mut mask = Tensor::uninit::<u8>([x.elements() / c.max(1), row_len(c)], Layout::Contiguous)?;
    let y = with_stored!("batch_norm", x.dtype(), E => forward_of::<E>(x, norm, residual, true, Some(&mut mask)))?;
    Ok((y, mask))
}

fn forward_of<E: Stored>(x: &Tensor, norm: &Norm<'_>, residual: Option<&Tensor>, relu: bool, mask: Option<&mut Tensor>) -> Result<Tensor> {
    let c = x.dims()[1];
    let channels = Channels::<E::Compute>::new(norm)?;
    let mut y = Tensor::uninit::<E>(x.shape().clone(), x.layout())?;
    let data = x.data::<E>()?;
    let residual = residual.map(Tensor::data::<E>).transpose()?;
    let out = y.data_mut::<E>()?;
    let (streams, out) = (streams(out, c), SharedMut::new(out));
    let mask = mask.map(|mask| mask.data_mut::<u8>().map(SharedMut::new)).transpose()?;
    if data.is_empty() {
        return Ok(y);
    }
    for_chunks(data.len() / c, c, |_, a, b| {
        // SAFETY: chunks are disjoint rows.
        let (out, mask) = unsafe { (out.slice(a * c, (b - a) * c), mask.map(|mask| mask.slice(a * row_len(c), (b - a) * row_len(c)))) };
        let mask = mask.map(|mask| MaskMut::cleared(mask, c));
        let rows = a * c..b * c;
        let Channels { mean, scale, bias, .. } = &channels;
        run_stored_at::<E, _>(
            level(),
            rows::Normalise { mean, scale, bias, x: &data[rows.clone()], residual: residual.map(|r| &r[rows]), relu, mask, streams, out },
        );
    });
    Ok(y)
}

impl<E: Stored> Kernel for rows::Normalise<'_, E> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        self.run::<S>();
    }
}

/// All gradients, from that of the output.
pub(super) fn backward(dy: &Tensor, forward: &NormBackward<'_>) -> Result<NormGrads> {
    with_stored!("batch_norm_backward", dy.dtype(), E => backward_of::<E>(dy, forward))
}

fn backward_of<E: Stored>(dy: &Tensor, forward: &NormBackward<'_>) -> Result<NormGrads> {
    let c = dy.dims()[1];
    if forward.batch_stats && dy.elements() <= FEW_ROWS * c {
        return few::backward::<E>(dy, forward);
    }
    let channels = Channels::<E::Compute>::new(&forward.norm)?;
    let (grad, x) = (dy.data::<E>()?, forward.x.data::<E>()?);
    let mask = mask_of(forward, c)?;
    let (sum, sum_x) = reduce((grad, x, mask), &channels.mean);
    let mut dx = Tensor::uninit::<E>(dy.shape().clone(), dy.layout())?;
    let keep_masked = forward.residual && mask.is_some();
    let mut masked = if keep_masked { Some(Tensor::uninit::<E>(dy.shape().clone(), dy.layout())?) } else { None };
    // dx = scale * (g - sum / n - (x - mean) * inv_std² * sum_x / n); with fixed moments only the first term stays.
    let n = (grad.len() / c.max(1)) as f64;
    let constants = |f: &dyn Fn(usize) -> f64| -> Vec<E::Compute> {
        (0..c).map(|i| E::Compute::from_f64(if forward.batch_stats { f(i) } else { 0.0 })).collect()
    };
    let offset = constants(&|i| sum[i] / n);
    let slope = constants(&|i| sum_x[i] * channels.inv_std[i] * channels.inv_std[i] / n);
    let out = dx.data_mut::<E>()?;
    let (streams, out) = (streams(out, c), SharedMut::new(out));
    let masked_out = masked.as_mut().map(|m| m.data_mut::<E>().map(SharedMut::new)).transpose()?;
    if !grad.is_empty() {
        for_chunks(grad.len() / c, c, |_, a, b| {
            let range = a * c..b * c;
            // SAFETY: chunks are disjoint rows of dx and of the masked gradient.
            let (out, masked) = unsafe { (out.slice(range.start, range.len()), masked_out.map(|m| m.slice(range.start, range.len()))) };
            let (grad, x, mask) = (&grad[range.clone()], &x[range.clone()], mask.map(|mask| mask.rows(a..b)));
            let Channels { mean, scale, .. } = &channels;
            run_stored_at::<E, _>(
                level(),
                rows::InputGrad { mean, scale, offset: &offset, slope: &slope, grad, x, mask, masked, streams, out },
            );
        });
    }
    let weight = (0..c).map(|i| E::Compute::from_f64(sum_x[i] * channels.inv_std[i])).collect();
    let bias = sum.iter().map(|&s| E::Compute::from_f64(s)).collect();
    let residual = if forward.residual { Some(masked.unwrap_or_else(|| dy.clone())) } else { None };
    Ok(NormGrads {
        x: dx,
        weight: Tensor::from_vec::<E::Compute>(weight, [c])?,
        bias: Tensor::from_vec::<E::Compute>(bias, [c])?,
        residual,
    })
}

struct GradSums<'a, E: Stored> {
    grad: &'a [E],
    x: &'a [E],
    mask: Option<Mask<'a>>,
    mean: &'a [E::Compute],
    out: &'a mut [E::Compute],
}

impl<E: Stored> Kernel for GradSums<'_, E> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let (sum, sum_x) = self.out.split_at_mut(self.mean.len());
        sums::add_grads::<S, E>((self.grad, self.x, self.mask), self.mean, sum, sum_x);
    }
}

/// What the forward pass's ReLU let through, where there was one.
fn mask_of<'a>(forward: &NormBackward<'a>, channels: usize) -> Result<Option<Mask<'a>>> {
    forward.relu.map(|relu| Ok(Mask::new(relu.saved().data()?, channels))).transpose()
}

/// For each channel, the sums of g and of g * (x - mean), where g is the gradient behind the ReLU.
fn reduce<E: Stored>((grad, x, mask): (&[E], &[E], Option<Mask<'_>>), mean: &[E::Compute]) -> (Vec<f64>, Vec<f64>) {
    let c = mean.len();
    let partial = partial_sums::<E::Compute>(grad.len() / c.max(1), c, |a, b, out| {
        let rows = a * c..b * c;
        run_at(level(), GradSums { grad: &grad[rows.clone()], x: &x[rows.clone()], mask: mask.map(|mask| mask.rows(a..b)), mean, out });
    });
    let mut sums = column_sums(level(), partial.as_slice::<E::Compute>(), 2 * c);
    let sums_x = sums.split_off(c);
    (sums, sums_x)
}

/// The sums of the columns of rows of this length.
pub(super) fn column_sums<T: Float>(level: SimdLevel, rows: &[T], len: usize) -> Vec<f64> {
    let mut sums = vec![0.0; len];
    run_at(level, AddRows { rows, sums: &mut sums });
    sums
}

struct AddRows<'a, T> {
    rows: &'a [T],
    sums: &'a mut [f64],
}

impl<T: Float> Kernel for AddRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        for row in self.rows.chunks_exact(self.sums.len().max(1)) {
            self.sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value.to_f64());
        }
    }
}

impl<E: Stored> Kernel for rows::InputGrad<'_, E> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        self.run::<S>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, ops::ReluMask, random::Generator};

    #[test]
    fn bf16_is_computed_with_as_the_same_numbers_in_f32_and_then_rounded() {
        let mut generator = Generator::new(9);
        for (shape, relu, residual) in [
            ([2, 3, 5, 4], true, true),
            ([2, 16, 2, 2], false, true),
            ([3, 37, 7, 9], true, false),
            ([3, 96, 9, 9], true, true),
            ([40, 32, 24, 24], false, false),
        ] {
            let mut draw = || {
                let t = Tensor::normal(shape, 0.3, 1.0, &mut generator).unwrap().channels_last().unwrap();
                t.to_dtype(DType::Bf16).unwrap()
            };
            let stored = [draw(), draw(), draw()];
            let all = |[x, dy, other]: &[Tensor; 3]| {
                let (mean, var) = stats(x).unwrap();
                let norm = Norm { mean: &mean, var: &var, weight: Some(&var), bias: Some(&mean), eps: 1e-5 };
                let y = x.batch_norm(&norm, residual.then_some(other), relu).unwrap();
                let (with_relu, mask) = x.batch_norm_relu(&norm, residual.then_some(other)).unwrap();
                assert!(!relu || with_relu.to_f64_vec().unwrap() == y.to_f64_vec().unwrap());
                let of = NormBackward { norm, x, relu: relu.then_some(&mask), batch_stats: true, residual };
                let NormGrads { x: dx, weight, bias, residual } = backward(dy, &of).unwrap();
                let results = [Some(mean.clone()), Some(var.clone()), Some(weight), Some(bias), Some(y.clone()), Some(dx), residual];
                results.map(|t| t.map(|t| t.to_dtype(if t.shape().rank() == 4 { DType::Bf16 } else { DType::F32 }).unwrap()))
            };
            let got = all(&stored);
            let expected = all(&stored.each_ref().map(|t| t.to_dtype(DType::F32).unwrap()));
            for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
                let values = |t: &Option<Tensor>| t.as_ref().map(|t| t.to_f64_vec().unwrap());
                assert_eq!(values(got), values(expected), "result {i} of {shape:?}");
            }
        }
    }

    #[test]
    fn large_results_are_those_of_their_pictures() {
        let (images, c, side) = (5, 64, 128);
        let mut generator = Generator::new(8);
        let mut pictures = || -> Vec<Tensor> {
            (0..images).map(|_| Tensor::normal([1, c, side, side], 0.0, 1.0, &mut generator).unwrap().channels_last().unwrap()).collect()
        };
        let joined = |pictures: &[Tensor]| Tensor::cat(&pictures.iter().collect::<Vec<_>>(), 0).unwrap().channels_last().unwrap();
        let (x, dy, other) = (pictures(), pictures(), pictures());
        let (all_x, all_dy, all_other) = (joined(&x), joined(&dy), joined(&other));
        let data = |t: &Tensor| t.data::<f32>().unwrap().to_vec();
        let streams = |t: &Tensor| streams(t.data::<f32>().unwrap(), c);
        assert!(streams(&all_x) && !streams(&x[0]));
        let (mean, var) = stats(&x[0]).unwrap();
        let norm = Norm { mean: &mean, var: &var, weight: None, bias: None, eps: 1e-5 };
        let (y, mask) = all_x.batch_norm_relu(&norm, Some(&all_other)).unwrap();
        fn of<'a>(norm: Norm<'a>, x: &'a Tensor, mask: &'a ReluMask) -> NormBackward<'a> {
            NormBackward { norm, x, relu: Some(mask), batch_stats: false, residual: true }
        }
        let whole = backward(&all_dy, &of(norm, &all_x, &mask)).unwrap();
        let (mut ys, mut dxs, mut masked) = (vec![], vec![], vec![]);
        for ((x, dy), other) in x.iter().zip(&dy).zip(&other) {
            let (y, mask) = x.batch_norm_relu(&norm, Some(other)).unwrap();
            let grads = backward(dy, &of(norm, x, &mask)).unwrap();
            ys.extend(data(&y));
            dxs.extend(data(&grads.x));
            masked.extend(data(&grads.residual.unwrap()));
        }
        assert!(data(&y) == ys && data(&whole.x) == dxs && data(&whole.residual.unwrap()) == masked);
    }
}
