//! A convolution of an input whose channels are scaled first, such as the one behind a squeeze-and-excitation.

use super::forward;
use crate::{
    BLOCK, DType, Layout, Result, Tensor,
    cpu::{
        dispatch::{Kernel, SimdLevel, level, run_at},
        pool::{SharedMut, parallel_ranges},
        simd::Simd,
    },
    ops::{ConvShape, Epilogue},
};

/// Rows of weights below which a second thread is not worth waking.
const GRAIN: usize = 1 << 7;

/// How many times as many inputs as weights there are where it pays to scale the weights: these come from further away than inputs, which
/// have just been written.
const LEAST_GAIN: usize = 4;

/// The convolution of `x * factors` `[1, C, 1, 1]`, which the weight takes along.
pub(in crate::cpu) fn forward_scaled(x: &Tensor, factors: &Tensor, s: &ConvShape, w: &Tensor, e: Epilogue<'_>) -> Result<Tensor> {
    forward(x, &scaled_weight(level(), w, factors, s)?, s, e)
}

/// Whether the factors are taken into the weight: those of a single picture, where there are far fewer weights than inputs.
pub(in crate::cpu) fn scales_weight(dtype: DType, s: &ConvShape) -> bool {
    let weights = s.k * s.kernel.0 * s.kernel.1;
    dtype != DType::F64 && s.n == 1 && s.options.groups == 1 && LEAST_GAIN * weights <= s.input.0 * s.input.1
}

/// The blocked weight with each input channel times its factor.
fn scaled_weight(level: SimdLevel, weight: &Tensor, factors: &Tensor, s: &ConvShape) -> Result<Tensor> {
    let mut scaled = Tensor::uninit::<f32>(s.weight_dims(), Layout::Blocked)?;
    let factors = factors.widened()?;
    let (weight, factors) = (weight.data::<f32>()?, factors.data::<f32>()?);
    let out = SharedMut::new(scaled.data_mut::<f32>()?);
    parallel_ranges(weight.len() / BLOCK, GRAIN, |start, end| {
        // SAFETY: the ranges of rows are disjoint and lie in the tensor.
        let out = unsafe { out.slice(start * BLOCK, (end - start) * BLOCK) };
        run_at(level, ScaleRows { rows: &weight[start * BLOCK..end * BLOCK], first: start % s.c, factors, out });
    });
    Ok(scaled)
}

/// Rows of 32 values, each times its factor.
struct ScaleRows<'a> {
    rows: &'a [f32],
    /// The factor of the first row; those of the others follow, again from the start when all are used.
    first: usize,
    factors: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for ScaleRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let factors = self.factors[self.first..].iter().chain(self.factors.iter().cycle());
        for ((out, row), &factor) in self.out.chunks_exact_mut(BLOCK).zip(self.rows.chunks_exact(BLOCK)).zip(factors) {
            for (out, &w) in out.iter_mut().zip(row) {
                *out = w * factor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Tensor,
        ops::{Conv2dOptions, FusedConv2d, Unary},
        random::Generator,
    };

    /// The largest deviation, beside the largest value.
    fn deviation(a: &Tensor, b: &Tensor) -> f64 {
        let largest = |t: &Tensor| t.abs().unwrap().amax(&[], false).unwrap().item().unwrap();
        largest(&a.sub(b).unwrap()) / largest(b)
    }

    #[test]
    fn is_the_convolution_of_the_scaled_input() {
        let mut generator = Generator::new(11);
        let mut taken = [0, 0];
        for _ in 0..60 {
            let mut draw = |n: usize| 1 + generator.below(n);
            let (n, c, k, kernel, size, groups) = (draw(2), 8 * draw(9), 8 * draw(5), 2 * draw(2) - 1, draw(24), [1, 8][draw(2) - 1]);
            let options = Conv2dOptions { padding: (kernel / 2, kernel / 2), groups, ..Default::default() };
            let mut normal = |shape: &[usize]| Tensor::normal(shape, 0.0, 1.0, &mut generator).unwrap();
            let (x, factors) = (normal(&[n, c, size, size]), normal(&[n, c, 1, 1]));
            let (w, bias, residual) = (normal(&[k, c / groups, kernel, kernel]), normal(&[k]), normal(&[n, k, size, size]));
            let conv = || FusedConv2d {
                weight: &w,
                options,
                epilogue: Epilogue {
                    shift: Some(&bias),
                    residual: Some(residual.clone()),
                    activation: Some(Unary::Relu),
                    ..Default::default()
                },
            };
            let step = ConvShape::new(x.dims(), w.dims(), &options).unwrap();
            taken[usize::from(scales_weight(DType::F32, &step))] += 1;
            let scaled = x.conv2d_scaled(&factors, conv()).unwrap();
            let expected = x.mul(&factors).unwrap().conv2d_fused(&w, &options, conv().epilogue).unwrap();
            assert!(deviation(&scaled, &expected) < 1e-5, "{step:?}");
        }
        assert!(taken[0] > 5 && taken[1] > 5, "both ways are tried: {taken:?}");
    }

    #[test]
    fn each_input_channel_of_a_weight_is_scaled() {
        let mut generator = Generator::new(12);
        for (k, c, kernel) in [(1, 1, 1), (33, 5, 3), (96, 480, 1), (320, 17, 2)] {
            let w = Tensor::normal([k, c, kernel, kernel], 0.0, 1.0, &mut generator).unwrap();
            let factors = Tensor::normal([1, c, 1, 1], 0.0, 1.0, &mut generator).unwrap();
            let s = ConvShape::new(&[1, c, 9, 9], w.dims(), &Conv2dOptions::default()).unwrap();
            let blocked = w.to_layout(Layout::Blocked).unwrap();
            let scaled = scaled_weight(level(), &blocked, &factors, &s).unwrap();
            assert_eq!(scaled.to_vec::<f32>().unwrap(), w.mul(&factors).unwrap().to_vec::<f32>().unwrap());
        }
    }

    #[test]
    fn factors_that_do_not_fit_are_refused() {
        let (x, w) = (Tensor::ones([2, 4, 3, 3], DType::F32).unwrap(), Tensor::ones([5, 4, 1, 1], DType::F32).unwrap());
        let conv = || FusedConv2d { weight: &w, options: Conv2dOptions::default(), epilogue: Epilogue::default() };
        for factors in [&[1, 4, 1, 1][..], &[2, 3, 1, 1], &[2, 4]] {
            let error = x.conv2d_scaled(&Tensor::ones(factors, DType::F32).unwrap(), conv()).unwrap_err().to_string();
            assert!(error.contains("[2, 4, 3, 3]") && error.contains("[N, C, 1, 1]"), "{error}");
        }
        assert!(x.conv2d_scaled(&Tensor::ones([2, 4, 1, 1], DType::F64).unwrap(), conv()).is_err());
    }
}
