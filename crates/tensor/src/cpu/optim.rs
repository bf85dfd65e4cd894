//! The optimisers' update rules: one pass over the elements as they lie in memory, whatever the layout. Zeros that fill up a
//! blocked weight stay zero, because their gradient and state are.

use crate::{
    BLOCK, Element, Float, Result, Tensor,
    cpu::{
        dispatch::{Kernel, level, run_at},
        pool::{SharedMut, parallel, parallel_ranges},
        simd::Simd,
    },
    ops::optim::{AdamStep, RmspropStep, SgdStep},
    with_float,
};

/// Elements that are worth a thread.
const GRAIN: usize = 1 << 15;

pub(crate) fn sgd_step(param: &mut Tensor, grad: &Tensor, mut momentum_buffer: Option<&mut Tensor>, step: &SgdStep) -> Result<()> {
    let still = still_taps(grad, momentum_buffer.as_deref(), step);
    let pieces = pieces(param, still.as_deref());
    with_float!("sgd_step", param.dtype(), T => {
        let grad = grad.data::<T>()?;
        let param = SharedMut::new(param.data_mut::<T>()?);
        let buffer = shared::<T>(momentum_buffer.as_deref_mut())?;
        parallel(pieces.len(), |i| {
            let (a, b) = pieces[i];
            // SAFETY: the pieces are disjoint and lie in all operands, which have the parameter's shape and layout.
            let (param, buffer) = unsafe { (param.slice(a, b - a), buffer.map(|m| m.slice(a, b - a))) };
            run_at(level(), Sgd { param, grad: &grad[a..b], buffer, step });
        });
    });
    if let (Some(buffer), Some(still)) = (momentum_buffer, still) {
        buffer.set_zero_taps(still);
    }
    Ok(())
}

/// The taps of a blocked weight that a step leaves as they are: no gradient, no momentum, no decay. At 32x32 pixels most of a
/// ResNet's last weights meet nothing but padding, and are not even read.
fn still_taps(grad: &Tensor, momentum_buffer: Option<&Tensor>, step: &SgdStep) -> Option<Vec<bool>> {
    if step.weight_decay != 0.0 {
        return None;
    }
    let grad = grad.zero_taps()?;
    match momentum_buffer {
        None => Some(grad.to_vec()),
        Some(buffer) => Some(grad.iter().zip(buffer.zero_taps()?).map(|(&g, &b)| g && b).collect()),
    }
}

/// Ranges of elements to update, each small enough to share out, without the taps that are `still`.
fn pieces(param: &Tensor, still: Option<&[bool]>) -> Vec<(usize, usize)> {
    let stored = param.layout().stored_elements(param.shape());
    let cut = |start: usize, end: usize| (start..end).step_by(GRAIN).map(move |a| (a, end.min(a + GRAIN)));
    match still.filter(|still| still.contains(&true)) {
        None => cut(0, stored).collect(),
        Some(still) => {
            let stretch = param.dims()[1] * BLOCK;
            let moving = (0..stored / stretch).filter(|i| !still[i % still.len()]);
            moving.flat_map(|i| cut(i * stretch, (i + 1) * stretch)).collect()
        }
    }
}

pub(crate) fn adam_step(param: &mut Tensor, grad: &Tensor, exp_avg: &mut Tensor, exp_avg_sq: &mut Tensor, step: &AdamStep) -> Result<()> {
    with_float!("adam_step", param.dtype(), T => {
        let grad = grad.data::<T>()?;
        let param = SharedMut::new(param.data_mut::<T>()?);
        let (mean, square) = (SharedMut::new(exp_avg.data_mut::<T>()?), SharedMut::new(exp_avg_sq.data_mut::<T>()?));
        parallel_ranges(grad.len(), GRAIN, |a, b| {
            // SAFETY: as in `sgd_step`.
            let (param, mean, square) = unsafe { (param.slice(a, b - a), mean.slice(a, b - a), square.slice(a, b - a)) };
            run_at(level(), Adam { param, grad: &grad[a..b], mean, square, step });
        });
        Ok(())
    })
}

pub(crate) fn rmsprop_step(
    param: &mut Tensor,
    grad: &Tensor,
    square_avg: &mut Tensor,
    momentum_buffer: Option<&mut Tensor>,
    step: &RmspropStep,
) -> Result<()> {
    with_float!("rmsprop_step", param.dtype(), T => {
        let grad = grad.data::<T>()?;
        let param = SharedMut::new(param.data_mut::<T>()?);
        let square = SharedMut::new(square_avg.data_mut::<T>()?);
        let buffer = shared::<T>(momentum_buffer)?;
        parallel_ranges(grad.len(), GRAIN, |a, b| {
            // SAFETY: as in `sgd_step`.
            let (param, square, buffer) =
                unsafe { (param.slice(a, b - a), square.slice(a, b - a), buffer.map(|m| m.slice(a, b - a))) };
            run_at(level(), Rmsprop { param, grad: &grad[a..b], square, buffer, step });
        });
        Ok(())
    })
}

fn shared<T: Element>(tensor: Option<&mut Tensor>) -> Result<Option<SharedMut<T>>> {
    tensor.map(|t| Ok(SharedMut::new(t.data_mut::<T>()?))).transpose()
}

struct Sgd<'a, T> {
    param: &'a mut [T],
    grad: &'a [T],
    buffer: Option<&'a mut [T]>,
    step: &'a SgdStep,
}

impl<T: Float> Kernel for Sgd<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let SgdStep { lr, momentum, dampening, weight_decay, nesterov, first } = *self.step;
        let [lr, momentum, undamped, decay] = [lr, momentum, 1.0 - dampening, weight_decay].map(T::from_f64);
        let Some(buffer) = self.buffer else {
            for (p, &g) in self.param.iter_mut().zip(self.grad) {
                *p = *p - lr * (g + decay * *p);
            }
            return;
        };
        // On the first step the buffer's content does not count: it may be anything.
        let (keep, take) = if first { (T::ZERO, T::ONE) } else { (momentum, undamped) };
        for ((p, &g), m) in self.param.iter_mut().zip(self.grad).zip(buffer) {
            let g = g + decay * *p;
            let old = if first { T::ZERO } else { *m };
            *m = keep * old + take * g;
            *p = *p - lr * if nesterov { g + momentum * *m } else { *m };
        }
    }
}

struct Adam<'a, T> {
    param: &'a mut [T],
    grad: &'a [T],
    mean: &'a mut [T],
    square: &'a mut [T],
    step: &'a AdamStep,
}

impl<T: Float> Kernel for Adam<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let AdamStep { lr, beta1, beta2, eps, weight_decay, decoupled, step } = *self.step;
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        let (shrink, decay) = if decoupled { (1.0 - lr * weight_decay, 0.0) } else { (1.0, weight_decay) };
        let [shrink, decay, eps, beta2, new1, new2, step_size, root] =
            [shrink, decay, eps, beta2, 1.0 - beta1, 1.0 - beta2, lr / correction(beta1), correction(beta2).sqrt()].map(T::from_f64);
        let moments = self.mean.iter_mut().zip(self.square);
        for ((p, &g), (mean, square)) in self.param.iter_mut().zip(self.grad).zip(moments) {
            let g = g + decay * *p;
            *mean = *mean + new1 * (g - *mean);
            *square = beta2 * *square + new2 * g * g;
            *p = shrink * *p - step_size * (*mean / (square.sqrt() / root + eps));
        }
    }
}

struct Rmsprop<'a, T> {
    param: &'a mut [T],
    grad: &'a [T],
    square: &'a mut [T],
    buffer: Option<&'a mut [T]>,
    step: &'a RmspropStep,
}

impl<T: Float> Kernel for Rmsprop<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let RmspropStep { lr, alpha, eps, weight_decay, momentum } = *self.step;
        let [lr, alpha, new, eps, decay, momentum] = [lr, alpha, 1.0 - alpha, eps, weight_decay, momentum].map(T::from_f64);
        let scaled = |p: T, g: T, square: &mut T| {
            let g = g + decay * p;
            *square = alpha * *square + new * g * g;
            g / (square.sqrt() + eps)
        };
        let elements = self.param.iter_mut().zip(self.grad).zip(self.square);
        match self.buffer {
            None => elements.for_each(|((p, &g), square)| *p = *p - lr * scaled(*p, g, square)),
            Some(buffer) => elements.zip(buffer).for_each(|(((p, &g), square), m)| {
                *m = momentum * *m + scaled(*p, g, square);
                *p = *p - lr * *m;
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Layout,
        ops::{Conv2dOptions, optim::sgd_step},
        random::Generator,
    };

    #[test]
    fn taps_that_meet_only_padding_are_left_out_and_the_result_stays() {
        let mut g = Generator::new(5);
        let mut random = |dims: &[usize]| Tensor::uniform(dims, -1.0, 1.0, &mut g).unwrap();
        let options = Conv2dOptions { padding: (1, 1), ..Default::default() };
        let mut weight = random(&[40, 6, 3, 3]).to_layout(Layout::Blocked).unwrap();
        let mut plain = weight.contiguous().unwrap();
        let (mut buffer, mut plain_buffer) = (weight.zeros_like().unwrap(), plain.zeros_like().unwrap());
        // The maps are one pixel wide at first; from the third step on, more taps meet them.
        for (i, size) in [1, 1, 2, 5, 1].into_iter().enumerate() {
            let grad = random(&[3, 40, size, size]).conv2d_grad_weight(&random(&[3, 6, size, size]), weight.dims(), &options).unwrap();
            let step = SgdStep { lr: 0.1, momentum: 0.9, dampening: 0.0, weight_decay: 0.0, nesterov: false, first: i == 0 };
            let still = still_taps(&grad, Some(&buffer), &step).unwrap();
            assert_eq!(still.iter().filter(|&&s| s).count(), if i < 2 { 8 } else { 0 }, "step {i}");
            sgd_step(&mut weight, &grad, Some(&mut buffer), &step).unwrap();
            sgd_step(&mut plain, &grad.contiguous().unwrap(), Some(&mut plain_buffer), &step).unwrap();
            for (a, b) in [(&weight, &plain), (&buffer, &plain_buffer)] {
                let (a, b) = (a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap());
                let wrong = a.iter().zip(&b).position(|(a, b)| a != b);
                assert!(wrong.is_none(), "step {i}: element {wrong:?} of {}", a.len());
            }
        }
    }
}
