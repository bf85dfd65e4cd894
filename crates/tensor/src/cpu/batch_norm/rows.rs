//! Row by row passes: vectors of channels where `f32` are computed with, plain loops elsewhere and for the channels that fill no vector.

use super::mask::{Mask, MaskMut, behind};
use crate::{
    Float,
    cpu::{
        simd::Simd,
        stored::{Stored, as_f32, write},
    },
};

/// `out = relu((x - mean) * scale + bias + residual)`.
pub(super) struct Normalise<'a, E: Stored, C = <E as Stored>::Compute> {
    pub mean: &'a [C],
    pub scale: &'a [C],
    pub bias: &'a [C],
    pub x: &'a [E],
    pub residual: Option<&'a [E]>,
    pub relu: bool,
    /// Takes which results are above zero.
    pub mask: Option<MaskMut<'a>>,
    /// Whether `out`, whose rows lie aligned then, is written past the caches.
    pub streams: bool,
    pub out: &'a mut [E],
}

impl<E: Stored> Normalise<'_, E> {
    #[inline(always)]
    pub(super) fn run<S: Simd>(self) {
        let Normalise { mean, scale, bias, x, residual, relu, mut mask, streams, out } = self;
        let c = mean.len();
        let mut done = 0;
        if let (Some(mean), Some(scale), Some(bias)) = (as_f32(mean), as_f32(scale), as_f32(bias)) {
            let mask = mask.as_mut().map(MaskMut::reborrow);
            let vectors = Normalise { mean, scale, bias, x, residual, relu, mask, streams, out: &mut *out };
            // SAFETY: `run_at` has entered the level S; `streams` says what it takes.
            done = unsafe { vectors.vectors::<S>() };
        }
        if done == c {
            return;
        }
        for (row, start) in (0..x.len()).step_by(c).enumerate() {
            for i in done..c {
                let value = (x[start + i].widen() - mean[i]) * scale[i] + bias[i];
                let value = residual.map_or(value, |r| value + r[start + i].widen());
                if let Some(mask) = &mut mask {
                    mask.set(row, i, value > E::Compute::ZERO);
                }
                out[start + i] = E::narrow(if relu { value.maximum(E::Compute::ZERO) } else { value });
            }
        }
    }
}

impl<E: Stored> Normalise<'_, E, f32> {
    /// The channels that fill whole vectors; how many those are.
    ///
    /// # Safety
    /// See [`Simd`]; where results are streamed, they lie aligned.
    #[inline(always)]
    unsafe fn vectors<S: Simd>(self) -> usize {
        let c = self.mean.len();
        let whole = c / S::LANES * S::LANES;
        // Values of their own: the compiler cannot tell that bits are not written over the fields.
        let Normalise { mean, scale, bias, x, residual, relu, mut mask, streams, out } = self;
        let (mean, scale, bias, len) = (mean.as_ptr(), scale.as_ptr(), bias.as_ptr(), x.len());
        let (x, residual, out) = (x.as_ptr(), residual.map(<[E]>::as_ptr), out.as_mut_ptr());
        for (row, start) in (0..len).step_by(c).enumerate() {
            for i in (0..whole).step_by(S::LANES) {
                // SAFETY: `i` has a vector of channels behind it, and `start + i` one of values.
                unsafe {
                    let (mean, scale, bias) = (S::load(mean.add(i)), S::load(scale.add(i)), S::load(bias.add(i)));
                    let mut value = S::mul_add(S::sub(E::load::<S>(x.add(start + i)), mean), scale, bias);
                    if let Some(residual) = residual {
                        value = S::add(value, E::load::<S>(residual.add(start + i)));
                    }
                    if let Some(mask) = &mut mask {
                        mask.set_vector::<S>(row, i, S::positive(value));
                    }
                    if relu {
                        value = S::max(value, S::zero());
                    }
                    write::<S, E>(streams, out.add(start + i), value);
                }
            }
        }
        // SAFETY: as above.
        unsafe { S::fence() };
        whole
    }
}

/// `out = scale * (g - offset - (x - mean) * slope)`, where `g` is the gradient, zero where the ReLU's `mask` is not set;
/// `masked = g` where that is wanted.
pub(super) struct InputGrad<'a, E: Stored, C = <E as Stored>::Compute> {
    pub mean: &'a [C],
    pub scale: &'a [C],
    pub offset: &'a [C],
    pub slope: &'a [C],
    pub grad: &'a [E],
    pub x: &'a [E],
    pub mask: Option<Mask<'a>>,
    pub masked: Option<&'a mut [E]>,
    /// Whether `out` and `masked`, whose rows lie aligned then, are written past the caches.
    pub streams: bool,
    pub out: &'a mut [E],
}

impl<E: Stored> InputGrad<'_, E> {
    #[inline(always)]
    pub(super) fn run<S: Simd>(self) {
        let InputGrad { mean, scale, offset, slope, grad, x, mask, mut masked, streams, out } = self;
        let c = mean.len();
        let mut done = 0;
        if let (Some(mean), Some(scale), Some(offset), Some(slope)) = (as_f32(mean), as_f32(scale), as_f32(offset), as_f32(slope)) {
            let masked = masked.as_deref_mut();
            let vectors = InputGrad { mean, scale, offset, slope, grad, x, mask, masked, streams, out: &mut *out };
            // SAFETY: `run_at` has entered the level S; `streams` says what it takes.
            done = unsafe { vectors.vectors::<S>() };
        }
        if done == c {
            return;
        }
        for (row, start) in (0..grad.len()).step_by(c).enumerate() {
            for i in done..c {
                let at = start + i;
                let g = behind(mask, row, i, grad[at]);
                if let Some(masked) = &mut masked {
                    masked[at] = g;
                }
                out[at] = E::narrow(scale[i] * (g.widen() - offset[i] - (x[at].widen() - mean[i]) * slope[i]));
            }
        }
    }
}

impl<E: Stored> InputGrad<'_, E, f32> {
    /// The channels that fill whole vectors; how many those are.
    ///
    /// # Safety
    /// See [`Simd`]; where results are streamed, they lie aligned.
    #[inline(always)]
    unsafe fn vectors<S: Simd>(self) -> usize {
        let c = self.mean.len();
        let whole = c / S::LANES * S::LANES;
        let masked = self.masked.map(<[E]>::as_mut_ptr);
        for (row, start) in (0..self.grad.len()).step_by(c).enumerate() {
            for i in (0..whole).step_by(S::LANES) {
                // SAFETY: `i` has a vector of channels behind it, and `start + i` one of values.
                unsafe {
                    let at = start + i;
                    let mut g = E::load::<S>(self.grad.as_ptr().add(at));
                    if let Some(mask) = self.mask {
                        g = S::where_set(mask.bits::<S>(row, i), g);
                    }
                    if let Some(masked) = masked {
                        write::<S, E>(self.streams, masked.add(at), g);
                    }
                    let d = S::sub(E::load::<S>(self.x.as_ptr().add(at)), S::load(self.mean.as_ptr().add(i)));
                    let inner = S::sub(S::sub(g, S::load(self.offset.as_ptr().add(i))), S::mul(d, S::load(self.slope.as_ptr().add(i))));
                    write::<S, E>(self.streams, self.out.as_mut_ptr().add(at), S::mul(S::load(self.scale.as_ptr().add(i)), inner));
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
        cpu::{SimdLevel, batch_norm::mask::row_len, dispatch::run_at},
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
                let mut bits = vec![0xff; rows * row_len(channels)];
                let mask = Some(MaskMut::cleared(&mut bits, channels));
                run_at(level, Normalise { mean, scale, bias, x, residual: Some(other), relu: true, mask, streams, out });
                let mask = Some(Mask::new(&bits, channels));
                run_at(level, InputGrad { mean, scale, offset: bias, slope, grad, x, mask, masked: Some(masked), streams, out: dx });
                written.map(|result| result.as_slice::<f32>().to_vec())
            });
            assert_eq!(results[0], results[1], "{level}");
            let masked = grad.iter().zip(&results[1][0]).map(|(&g, &y)| if y > 0.0 { g } else { 0.0 });
            assert!(masked.eq(results[1][2].iter().copied()), "{level}");
        }
    }
}
