//! Sums over rows, channel by channel: vectors of channels in registers for `f32`, plain loops for other floats and what is left.

use std::ops::Range;

use crate::{DType, Float, cpu::simd::Simd};

/// The slice as `f32`, where that is what it holds.
pub(super) fn as_f32<T: Float>(slice: &[T]) -> Option<&[f32]> {
    // SAFETY: DTYPE tells the types apart, so T is f32.
    (T::DTYPE == DType::F32).then(|| unsafe { std::slice::from_raw_parts(slice.as_ptr().cast(), slice.len()) })
}

/// As [`as_f32`], to write to.
pub(super) fn as_f32_mut<T: Float>(slice: &mut [T]) -> Option<&mut [f32]> {
    // SAFETY: DTYPE tells the types apart, so T is f32; the borrow passes on.
    (T::DTYPE == DType::F32).then(|| unsafe { std::slice::from_raw_parts_mut(slice.as_mut_ptr().cast(), slice.len()) })
}

/// Calls `vectors` for each pair of whole vectors of channels, then for whole vectors, and says which channels are left.
#[inline(always)]
fn by_vectors<S: Simd>(channels: usize, mut pairs: impl FnMut(usize), mut singles: impl FnMut(usize)) -> Range<usize> {
    let mut c = 0;
    while c + 2 * S::LANES <= channels {
        pairs(c);
        c += 2 * S::LANES;
    }
    while c + S::LANES <= channels {
        singles(c);
        c += S::LANES;
    }
    c..channels
}

/// `out[channel] = sum over rows of x`.
#[inline(always)]
pub(super) fn add_rows<S: Simd, T: Float>(channels: usize, x: &[T], out: &mut [T]) {
    let mut left = 0..channels;
    if let (Some(x), Some(out)) = (as_f32(x), as_f32_mut(out)) {
        // SAFETY: the vectors lie inside the rows of x and inside out; `run_at` has entered the level S.
        left = unsafe {
            let out = out.as_mut_ptr();
            by_vectors::<S>(channels, |c| rows_at::<S, 2>(channels, x, c, out), |c| rows_at::<S, 1>(channels, x, c, out))
        };
    }
    for c in left {
        out[c] = x.iter().skip(c).step_by(channels).copied().sum();
    }
}

/// # Safety
/// See [`Simd`]; `V` vectors of channels from `c` lie in each row and in `out`.
#[inline(always)]
unsafe fn rows_at<S: Simd, const V: usize>(channels: usize, x: &[f32], c: usize, out: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [S::zero(); V];
        for row in x.chunks_exact(channels) {
            for v in 0..V {
                sums[v] = S::add(sums[v], S::load(row.as_ptr().add(c + v * S::LANES)));
            }
        }
        for v in 0..V {
            S::store(out.add(c + v * S::LANES), sums[v]);
        }
    }
}

/// `out[channel] = sum over rows of (x - mean)²`.
#[inline(always)]
pub(super) fn add_squares<S: Simd, T: Float>(channels: usize, x: &[T], mean: &[T], out: &mut [T]) {
    let mut left = 0..channels;
    if let (Some(x), Some(mean), Some(out)) = (as_f32(x), as_f32(mean), as_f32_mut(out)) {
        // SAFETY: the vectors lie inside the rows of x, inside mean and out; `run_at` has entered the level S.
        left = unsafe {
            let out = out.as_mut_ptr();
            by_vectors::<S>(channels, |c| squares_at::<S, 2>(channels, x, mean, c, out), |c| squares_at::<S, 1>(channels, x, mean, c, out))
        };
    }
    for c in left {
        out[c] = x.iter().skip(c).step_by(channels).map(|&x| (x - mean[c]) * (x - mean[c])).sum();
    }
}

/// # Safety
/// See [`Simd`]; `V` vectors of channels from `c` lie in each row, in `mean` and in `out`.
#[inline(always)]
unsafe fn squares_at<S: Simd, const V: usize>(channels: usize, x: &[f32], mean: &[f32], c: usize, out: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [S::zero(); V];
        let mut centre = [S::zero(); V];
        for v in 0..V {
            centre[v] = S::load(mean.as_ptr().add(c + v * S::LANES));
        }
        for row in x.chunks_exact(channels) {
            for v in 0..V {
                let d = S::sub(S::load(row.as_ptr().add(c + v * S::LANES)), centre[v]);
                sums[v] = S::mul_add(d, d, sums[v]);
            }
        }
        for v in 0..V {
            S::store(out.add(c + v * S::LANES), sums[v]);
        }
    }
}

/// `sum[channel] = sum over rows of g` and `sum_x[channel] = sum over rows of g * (x - mean)`, where `g` is the gradient, zero where
/// the ReLU's `output` is not above zero.
#[inline(always)]
pub(super) fn add_grads<S: Simd, T: Float>(grad: &[T], x: &[T], output: Option<&[T]>, mean: &[T], sum: &mut [T], sum_x: &mut [T]) {
    let channels = mean.len();
    let mut left = 0..channels;
    if let (Some(g), Some(x), Some(m), Some(sum), Some(sum_x)) = (as_f32(grad), as_f32(x), as_f32(mean), as_f32_mut(sum), as_f32_mut(sum_x))
    {
        let rows =
            GradRows { channels, grad: g, x, output: output.and_then(as_f32), mean: m, sum: sum.as_mut_ptr(), sum_x: sum_x.as_mut_ptr() };
        // SAFETY: the vectors lie inside the rows and inside mean and the sums; `run_at` has entered the level S.
        left = unsafe { by_vectors::<S>(channels, |c| rows.at::<S, 2>(c), |c| rows.at::<S, 1>(c)) };
    }
    for c in left {
        let (mut s, mut s_x) = (T::ZERO, T::ZERO);
        for i in (c..grad.len()).step_by(channels) {
            let g = output.map_or(grad[i], |y| super::behind_relu(grad[i], y[i]));
            s += g;
            s_x += g * (x[i] - mean[c]);
        }
        (sum[c], sum_x[c]) = (s, s_x);
    }
}

struct GradRows<'a> {
    channels: usize,
    grad: &'a [f32],
    x: &'a [f32],
    output: Option<&'a [f32]>,
    mean: &'a [f32],
    sum: *mut f32,
    sum_x: *mut f32,
}

impl GradRows<'_> {
    /// # Safety
    /// See [`Simd`]; `V` vectors of channels from `c` lie in each row, in the mean and in the sums.
    #[inline(always)]
    unsafe fn at<S: Simd, const V: usize>(&self, c: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[S::zero(); 2]; V];
            let mut centre = [S::zero(); V];
            for v in 0..V {
                centre[v] = S::load(self.mean.as_ptr().add(c + v * S::LANES));
            }
            for start in (c..self.grad.len()).step_by(self.channels) {
                for v in 0..V {
                    let at = start + v * S::LANES;
                    let mut g = S::load(self.grad.as_ptr().add(at));
                    if let Some(y) = self.output {
                        g = S::where_positive(S::load(y.as_ptr().add(at)), g);
                    }
                    let d = S::sub(S::load(self.x.as_ptr().add(at)), centre[v]);
                    sums[v][0] = S::add(sums[v][0], g);
                    sums[v][1] = S::mul_add(g, d, sums[v][1]);
                }
            }
            for v in 0..V {
                S::store(self.sum.add(c + v * S::LANES), sums[v][0]);
                S::store(self.sum_x.add(c + v * S::LANES), sums[v][1]);
            }
        }
    }
}
