//! Row by row passes: vectors of channels for `f32`, plain loops for other floats and for the channels that fill no vector.

use super::{
    behind_relu,
    sums::{as_f32, as_f32_mut},
};
use crate::{
    Float,
    cpu::simd::{Simd, write},
};

/// `out = relu((x - mean) * scale + bias + residual)`.
pub(super) struct Normalise<'a, T> {
    pub mean: &'a [T],
    pub scale: &'a [T],
    pub bias: &'a [T],
    pub x: &'a [T],
    pub residual: Option<&'a [T]>,
    pub relu: bool,
    /// Whether `out`, whose rows lie aligned then, is written past the caches.
    pub streams: bool,
    pub out: &'a mut [T],
}

impl<T: Float> Normalise<'_, T> {
    #[inline(always)]
    pub(super) fn run<S: Simd>(self) {
        let c = self.mean.len();
        let mut done = 0;
        if let (Some(x), Some(mean), Some(scale), Some(bias), Some(out)) =
            (as_f32(self.x), as_f32(self.mean), as_f32(self.scale), as_f32(self.bias), as_f32_mut(self.out))
        {
            let vectors =
                Normalise { mean, scale, bias, x, residual: self.residual.and_then(as_f32), relu: self.relu, streams: self.streams, out };
            // SAFETY: `run_at` has entered the level S; `streams` says what it takes.
            done = unsafe { vectors.vectors::<S>() };
        }
        if done == c {
            return;
        }
        for start in (0..self.x.len()).step_by(c) {
            for i in done..c {
                let value =
                    (self.x[start + i] - self.mean[i]) * self.scale[i] + self.bias[i] + self.residual.map_or(T::ZERO, |r| r[start + i]);
                self.out[start + i] = if self.relu { value.maximum(T::ZERO) } else { value };
            }
        }
    }
}

impl Normalise<'_, f32> {
    /// The channels that fill whole vectors; how many those are.
    ///
    /// # Safety
    /// See [`Simd`]; where results are streamed, they lie aligned.
    #[inline(always)]
    unsafe fn vectors<S: Simd>(self) -> usize {
        let c = self.mean.len();
        let whole = c / S::LANES * S::LANES;
        let residual = self.residual.map(<[f32]>::as_ptr);
        for start in (0..self.x.len()).step_by(c) {
            for i in (0..whole).step_by(S::LANES) {
                // SAFETY: `i` has a vector of channels behind it, and `start + i` one of values.
                unsafe {
                    let (mean, scale, bias) =
                        (S::load(self.mean.as_ptr().add(i)), S::load(self.scale.as_ptr().add(i)), S::load(self.bias.as_ptr().add(i)));
                    let mut value = S::mul_add(S::sub(S::load(self.x.as_ptr().add(start + i)), mean), scale, bias);
                    if let Some(residual) = residual {
                        value = S::add(value, S::load(residual.add(start + i)));
                    }
                    if self.relu {
                        value = S::max(value, S::zero());
                    }
                    write::<S>(self.streams, self.out.as_mut_ptr().add(start + i), value);
                }
            }
        }
        // SAFETY: as above.
        unsafe { S::fence() };
        whole
    }
}

/// `out = scale * (g - offset - (x - mean) * slope)`, where `g` is the gradient, zero where the ReLU's `output` is not above zero;
/// `masked = g` where that is wanted.
pub(super) struct InputGrad<'a, T> {
    pub mean: &'a [T],
    pub scale: &'a [T],
    pub offset: &'a [T],
    pub slope: &'a [T],
    pub grad: &'a [T],
    pub x: &'a [T],
    pub output: Option<&'a [T]>,
    pub masked: Option<&'a mut [T]>,
    /// Whether `out` and `masked`, whose rows lie aligned then, are written past the caches.
    pub streams: bool,
    pub out: &'a mut [T],
}

impl<T: Float> InputGrad<'_, T> {
    #[inline(always)]
    pub(super) fn run<S: Simd>(mut self) {
        let c = self.mean.len();
        let mut done = 0;
        if let (Some(mean), Some(scale), Some(offset), Some(slope), Some(grad), Some(x), Some(out)) = (
            as_f32(self.mean),
            as_f32(self.scale),
            as_f32(self.offset),
            as_f32(self.slope),
            as_f32(self.grad),
            as_f32(self.x),
            as_f32_mut(self.out),
        ) {
            let masked = self.masked.as_deref_mut().and_then(as_f32_mut);
            let vectors =
                InputGrad { mean, scale, offset, slope, grad, x, output: self.output.and_then(as_f32), masked, streams: self.streams, out };
            // SAFETY: `run_at` has entered the level S; `streams` says what it takes.
            done = unsafe { vectors.vectors::<S>() };
        }
        if done == c {
            return;
        }
        for start in (0..self.grad.len()).step_by(c) {
            for i in done..c {
                let at = start + i;
                let g = self.output.map_or(self.grad[at], |y| behind_relu(self.grad[at], y[at]));
                if let Some(masked) = &mut self.masked {
                    masked[at] = g;
                }
                self.out[at] = self.scale[i] * (g - self.offset[i] - (self.x[at] - self.mean[i]) * self.slope[i]);
            }
        }
    }
}

impl InputGrad<'_, f32> {
    /// The channels that fill whole vectors; how many those are.
    ///
    /// # Safety
    /// See [`Simd`]; where results are streamed, they lie aligned.
    #[inline(always)]
    unsafe fn vectors<S: Simd>(self) -> usize {
        let c = self.mean.len();
        let whole = c / S::LANES * S::LANES;
        let (output, masked) = (self.output.map(<[f32]>::as_ptr), self.masked.map(<[f32]>::as_mut_ptr));
        for start in (0..self.grad.len()).step_by(c) {
            for i in (0..whole).step_by(S::LANES) {
                // SAFETY: `i` has a vector of channels behind it, and `start + i` one of values.
                unsafe {
                    let at = start + i;
                    let mut g = S::load(self.grad.as_ptr().add(at));
                    if let Some(output) = output {
                        g = S::where_positive(S::load(output.add(at)), g);
                    }
                    if let Some(masked) = masked {
                        write::<S>(self.streams, masked.add(at), g);
                    }
                    let d = S::sub(S::load(self.x.as_ptr().add(at)), S::load(self.mean.as_ptr().add(i)));
                    let inner = S::sub(S::sub(g, S::load(self.offset.as_ptr().add(i))), S::mul(d, S::load(self.slope.as_ptr().add(i))));
                    write::<S>(self.streams, self.out.as_mut_ptr().add(at), S::mul(S::load(self.scale.as_ptr().add(i)), inner));
                }
            }
        }
        // SAFETY: as above.
        unsafe { S::fence() };
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cpu::{SimdLevel, dispatch::run_at},
        storage::Buffer,
    };

    #[test]
    fn results_past_the_caches_are_the_same() {
        let (channels, rows) = (48, 37);
        let values = |seed: usize| -> Buffer {
            let mut values = Buffer::uninit::<f32>(rows * channels);
            let each = values.as_mut_slice::<f32>().iter_mut().enumerate();
            each.for_each(|(i, value)| *value = ((i + seed) * 7919 % 1009) as f32 / 500.0 - 1.0);
            values
        };
        let (x, other, grad) = (values(1), values(2), values(3));
        let (x, other, grad) = (x.as_slice::<f32>(), other.as_slice::<f32>(), grad.as_slice::<f32>());
        let per_channel = |i: usize| &x[i * channels..][..channels];
        let (mean, scale, bias, slope) = (per_channel(3), per_channel(4), per_channel(5), per_channel(6));
        for level in SimdLevel::available() {
            let results = [false, true].map(|streams| {
                let mut written = [0, 1, 2].map(|_| values(9));
                let [out, dx, masked] = written.each_mut().map(Buffer::as_mut_slice::<f32>);
                run_at(level, Normalise { mean, scale, bias, x, residual: Some(other), relu: true, streams, out });
                let output = Some(other);
                run_at(level, InputGrad { mean, scale, offset: bias, slope, grad, x, output, masked: Some(masked), streams, out: dx });
                written.map(|result| result.as_slice::<f32>().to_vec())
            });
            assert_eq!(results[0], results[1], "{level}");
            let masked = grad.iter().zip(other).map(|(&g, &y)| behind_relu(g, y));
            assert!(masked.eq(results[1][2].iter().copied()), "{level}");
        }
    }
}
