//! Cross entropy of logits against class indices, and its gradient.

use super::{
    SimdLevel,
    dispatch::{Kernel, run_at},
    math::Math,
    pool::SharedMut,
    softmax::{by_rows, exponentials, row_sum},
};
use crate::{Layout, Result, Tensor, with_float};

/// The loss of each row, and the probabilities.
pub(super) fn cross_entropy(level: SimdLevel, logits: &Tensor, targets: &Tensor, smoothing: f64) -> Result<(Tensor, Tensor)> {
    let [rows, classes] = *logits.dims() else { unreachable!("ops checks the rank") };
    with_float!("cross_entropy", logits.dtype(), T => {
        let mut losses = Tensor::uninit::<T>([rows], Layout::Contiguous)?;
        let mut probabilities = Tensor::uninit::<T>([rows, classes], Layout::Contiguous)?;
        let (logits, targets) = (logits.data::<T>()?, targets.data::<i64>()?);
        let shared = SharedMut::new(losses.data_mut::<T>()?);
        by_rows(probabilities.data_mut::<T>()?, classes, |at, p| {
            let (first, count) = (at / classes, p.len() / classes);
            // SAFETY: each part of the rows has losses of its own.
            let losses = unsafe { shared.slice(first, count) };
            let (logits, targets) = (&logits[at..][..p.len()], &targets[first..][..count]);
            run_at(level, Forward { logits, targets, losses, probabilities: p, smoothing });
        });
        Ok((losses, probabilities))
    })
}

/// The gradient of the logits; `grad` holds that of each row's loss.
pub(super) fn cross_entropy_backward(
    level: SimdLevel,
    grad: &Tensor,
    probabilities: &Tensor,
    targets: &Tensor,
    smoothing: f64,
) -> Result<Tensor> {
    let classes = probabilities.dims()[1];
    with_float!("cross_entropy_backward", probabilities.dtype(), T => {
        let mut out = Tensor::uninit::<T>(probabilities.shape().clone(), Layout::Contiguous)?;
        let (grad, p, targets) = (grad.data::<T>()?, probabilities.data::<T>()?, targets.data::<i64>()?);
        by_rows(out.data_mut::<T>()?, classes, |at, dx| {
            let (first, count) = (at / classes, dx.len() / classes);
            let (grad, targets) = (&grad[first..][..count], &targets[first..][..count]);
            run_at(level, Backward { grad, probabilities: &p[at..][..dx.len()], targets, dx, smoothing });
        });
        Ok(out)
    })
}

struct Forward<'a, T> {
    logits: &'a [T],
    targets: &'a [i64],
    losses: &'a mut [T],
    probabilities: &'a mut [T],
    smoothing: f64,
}

impl<T: Math> Kernel for Forward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: super::simd::Simd>(self) {
        let classes = self.logits.len() / self.targets.len();
        let rows = self.logits.chunks_exact(classes).zip(self.probabilities.chunks_exact_mut(classes));
        for (((x, p), &target), loss) in rows.zip(self.targets).zip(self.losses) {
            let (max, sum) = exponentials::<S, _>(x, p);
            let scale = T::from_f64(1.0 / sum);
            p.iter_mut().for_each(|p| *p = *p * scale);
            // -ln p of a class is ln Σ e^(x - max) - (x - max).
            let (max, ln_sum) = (max.to_f64(), sum.ln());
            let of_target = ln_sum - (x[target as usize].to_f64() - max);
            let of_all = if self.smoothing > 0.0 { ln_sum - row_sum(classes, |i| x[i].to_f64() - max) / classes as f64 } else { 0.0 };
            *loss = T::from_f64((1.0 - self.smoothing) * of_target + self.smoothing * of_all);
        }
    }
}

struct Backward<'a, T> {
    grad: &'a [T],
    probabilities: &'a [T],
    targets: &'a [i64],
    dx: &'a mut [T],
    smoothing: f64,
}

impl<T: Math> Kernel for Backward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: super::simd::Simd>(self) {
        let classes = self.dx.len() / self.targets.len();
        let spread = T::from_f64(self.smoothing / classes as f64);
        let hit = T::from_f64(1.0 - self.smoothing);
        let rows = self.probabilities.chunks_exact(classes).zip(self.dx.chunks_exact_mut(classes));
        for (((p, dx), &target), &grad) in rows.zip(self.targets).zip(self.grad) {
            dx.iter_mut().zip(p).for_each(|(dx, &p)| *dx = (p - spread) * grad);
            let target = target as usize;
            dx[target] = (p[target] - spread - hit) * grad;
        }
    }
}
