//! Sums over rows, channel by channel: vectors of channels in registers where `f32` are computed with, plain loops elsewhere and for what is left.

use std::ops::Range;

use super::mask::{Mask, behind};
use crate::{
    Float,
    cpu::{
        simd::Simd,
        stored::{Stored, as_f32, as_f32_mut},
    },
};

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
pub(super) fn add_rows<S: Simd, E: Stored>(channels: usize, x: &[E], out: &mut [E::Compute]) {
    let mut left = 0..channels;
    if let Some(out) = as_f32_mut(out) {
        // SAFETY: the vectors lie inside the rows of x and inside out; `run_at` has entered the level S.
        left = unsafe {
            let out = out.as_mut_ptr();
            by_vectors::<S>(channels, |c| rows_at::<S, E, 2>(channels, x, c, out), |c| rows_at::<S, E, 1>(channels, x, c, out))
        };
    }
    for c in left {
        out[c] = x.iter().skip(c).step_by(channels).map(|x| x.widen()).sum();
    }
}

/// # Safety
/// See [`Simd`]; `V` vectors of channels from `c` lie in each row and in `out`.
#[inline(always)]
unsafe fn rows_at<S: Simd, E: Stored, const V: usize>(channels: usize, x: &[E], c: usize, out: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [S::zero(); V];
        for row in x.chunks_exact(channels) {
            for v in 0..V {
                sums[v] = S::add(sums[v], E::load::<S>(row.as_ptr().add(c + v * S::LANES)));
            }
        }
        for v in 0..V {
            S::store(out.add(c + v * S::LANES), sums[v]);
        }
    }
}

/// `out[channel] = sum over rows of (x - mean)²`.
#[inline(always)]
pub(super) fn add_squares<S: Simd, E: Stored>(channels: usize, x: &[E], mean: &[E::Compute], out: &mut [E::Compute]) {
    let mut left = 0..channels;
    if let (Some(mean), Some(out)) = (as_f32(mean), as_f32_mut(out)) {
        // SAFETY: the vectors lie inside the rows of x, inside mean and out; `run_at` has entered the level S.
        left = unsafe {
            let out = out.as_mut_ptr();
            let at = SquaresAt { channels, x, mean, out };
            by_vectors::<S>(channels, |c| at.vectors::<S, 2>(c), |c| at.vectors::<S, 1>(c))
        };
    }
    for c in left {
        out[c] = x.iter().skip(c).step_by(channels).map(|x| x.widen() - mean[c]).map(|d| d * d).sum();
    }
}

struct SquaresAt<'a, E> {
    channels: usize,
    x: &'a [E],
    mean: &'a [f32],
    out: *mut f32,
}

impl<E: Stored> SquaresAt<'_, E> {
    /// # Safety
    /// See [`Simd`]; `V` vectors of channels from `c` lie in each row, in the mean and in `out`.
    #[inline(always)]
    unsafe fn vectors<S: Simd, const V: usize>(&self, c: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [S::zero(); V];
            let mut centre = [S::zero(); V];
            for v in 0..V {
                centre[v] = S::load(self.mean.as_ptr().add(c + v * S::LANES));
            }
            for row in self.x.chunks_exact(self.channels) {
                for v in 0..V {
                    let d = S::sub(E::load::<S>(row.as_ptr().add(c + v * S::LANES)), centre[v]);
                    sums[v] = S::mul_add(d, d, sums[v]);
                }
            }
            for v in 0..V {
                S::store(self.out.add(c + v * S::LANES), sums[v]);
            }
        }
    }
}

/// `sum[channel] = sum over rows of g` and `sum_x[channel] = sum over rows of g * (x - mean)`, where `g` is the gradient, zero where
/// the ReLU's mask is not set.
#[inline(always)]
pub(super) fn add_grads<S: Simd, E: Stored>(
    (grad, x, mask): (&[E], &[E], Option<Mask<'_>>),
    mean: &[E::Compute],
    sum: &mut [E::Compute],
    sum_x: &mut [E::Compute],
) {
    let channels = mean.len();
    let mut left = 0..channels;
    if let (Some(m), Some(sum), Some(sum_x)) = (as_f32(mean), as_f32_mut(sum), as_f32_mut(sum_x)) {
        let rows = GradRows { channels, grad, x, mask, mean: m, sum: sum.as_mut_ptr(), sum_x: sum_x.as_mut_ptr() };
        // SAFETY: the vectors lie inside the rows and inside mean and the sums; `run_at` has entered the level S.
        left = unsafe { by_vectors::<S>(channels, |c| rows.at::<S, 2>(c), |c| rows.at::<S, 1>(c)) };
    }
    for c in left {
        let (mut s, mut s_x) = (E::Compute::ZERO, E::Compute::ZERO);
        for (row, i) in (c..grad.len()).step_by(channels).enumerate() {
            let g = behind(mask, row, c, grad[i]).widen();
            s += g;
            s_x += g * (x[i].widen() - mean[c]);
        }
        (sum[c], sum_x[c]) = (s, s_x);
    }
}

struct GradRows<'a, E> {
    channels: usize,
    grad: &'a [E],
    x: &'a [E],
    mask: Option<Mask<'a>>,
    mean: &'a [f32],
    sum: *mut f32,
    sum_x: *mut f32,
}

impl<E: Stored> GradRows<'_, E> {
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
            for (row, start) in (c..self.grad.len()).step_by(self.channels).enumerate() {
                for v in 0..V {
                    let at = start + v * S::LANES;
                    let mut g = E::load::<S>(self.grad.as_ptr().add(at));
                    if let Some(mask) = self.mask {
                        g = S::where_set(mask.bits::<S>(row, c + v * S::LANES), g);
                    }
                    let d = S::sub(E::load::<S>(self.x.as_ptr().add(at)), centre[v]);
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
