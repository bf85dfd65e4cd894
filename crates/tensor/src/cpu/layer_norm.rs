//! Layer normalisation of rows that lie together in memory, and its gradients.

use super::{
    SimdLevel,
    batch_norm::{column_sums, partial_sums},
    dispatch::{Kernel, run_at},
    pool::SharedMut,
    simd::Simd,
    softmax::{by_rows, row_sum},
};
use crate::{
    Element, Float, Layout, Result, Tensor,
    ops::{LayerNorm, LayerNormGrads},
    with_float,
};

/// `x` contiguous.
pub(super) fn layer_norm(level: SimdLevel, x: &Tensor, norm: &LayerNorm<'_>) -> Result<Tensor> {
    with_float!("layer_norm", x.dtype(), T => {
        let mut out = Tensor::uninit::<T>(x.shape().clone(), Layout::Contiguous)?;
        let (weight, bias) = (parameter(norm, norm.weight, T::ONE)?, parameter(norm, norm.bias, T::ZERO)?);
        let x = x.data::<T>()?;
        by_rows(out.data_mut::<T>()?, weight.len(), |at, y| {
            run_at(level, Forward { x: &x[at..][..y.len()], y, weight: &weight, bias: &bias, eps: norm.eps });
        });
        Ok(out)
    })
}

/// `grad` and `x` contiguous.
pub(super) fn layer_norm_backward(level: SimdLevel, grad: &Tensor, x: &Tensor, norm: &LayerNorm<'_>) -> Result<LayerNormGrads> {
    with_float!("layer_norm", x.dtype(), T => {
        let mut dx = Tensor::uninit::<T>(x.shape().clone(), Layout::Contiguous)?;
        let weight = parameter(norm, norm.weight, T::ONE)?;
        let (g, x, len) = (grad.data::<T>()?, x.data::<T>()?, weight.len());
        let out = SharedMut::new(dx.data_mut::<T>()?);
        let partial = partial_sums::<T>(x.len() / len, len, |first, end, sums| {
            let range = first * len..end * len;
            // SAFETY: chunks are disjoint rows of dx.
            let dx = unsafe { out.slice(range.start, range.len()) };
            run_at(level, Backward { g: &g[range.clone()], x: &x[range], dx, weight: &weight, sums, eps: norm.eps });
        });
        let total = column_sums(level, partial.as_slice::<T>(), 2 * len);
        let parameter = |sums: &[f64]| Tensor::from_vec::<T>(sums.iter().map(|&sum| T::from_f64(sum)).collect(), norm.normalized_shape.clone());
        Ok(LayerNormGrads { x: dx, weight: parameter(&total[..len])?, bias: parameter(&total[len..])? })
    })
}

/// The values of a weight or a bias.
fn parameter<T: Float>(norm: &LayerNorm<'_>, values: Option<&Tensor>, default: T) -> Result<Vec<T>> {
    values.map_or_else(|| Ok(vec![default; norm.normalized_shape.elements()]), Tensor::to_vec::<T>)
}

/// The mean of a row, and one over its standard deviation.
#[inline(always)]
fn moments<T: Float>(x: &[T], eps: f64) -> (T, T) {
    let n = x.len() as f64;
    let mean = row_sum(x.len(), |i| x[i].to_f64()) / n;
    let squares = row_sum(x.len(), |i| {
        let d = x[i].to_f64() - mean;
        d * d
    });
    (T::from_f64(mean), T::from_f64(1.0 / (squares / n + eps).sqrt()))
}

struct Forward<'a, T> {
    x: &'a [T],
    y: &'a mut [T],
    weight: &'a [T],
    bias: &'a [T],
    eps: f64,
}

impl<T: Float> Kernel for Forward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let len = self.weight.len();
        for (x, y) in self.x.chunks_exact(len).zip(self.y.chunks_exact_mut(len)) {
            let (mean, inv_std) = moments(x, self.eps);
            for (((y, &x), &weight), &bias) in y.iter_mut().zip(x).zip(self.weight).zip(self.bias) {
                *y = (x - mean) * inv_std * weight + bias;
            }
        }
    }
}

/// Writes `dx`, and to `sums` the gradients of the weight and, behind them, of the bias over these rows.
struct Backward<'a, T> {
    g: &'a [T],
    x: &'a [T],
    dx: &'a mut [T],
    weight: &'a [T],
    sums: &'a mut [T],
    eps: f64,
}

impl<T: Float> Kernel for Backward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let (weight, len) = (self.weight, self.weight.len());
        self.sums.fill(T::ZERO);
        let (dw, db) = self.sums.split_at_mut(len);
        for ((g, x), dx) in self.g.chunks_exact(len).zip(self.x.chunks_exact(len)).zip(self.dx.chunks_exact_mut(len)) {
            let (mean, inv_std) = moments(x, self.eps);
            let mean_g = T::from_f64(row_sum(len, |i| (g[i] * weight[i]).to_f64()) / len as f64);
            let mean_gx = T::from_f64(row_sum(len, |i| (g[i] * weight[i] * (x[i] - mean) * inv_std).to_f64()) / len as f64);
            let parameters = weight.iter().zip(dw.iter_mut()).zip(db.iter_mut());
            for (((dx, &g), &x), ((&weight, dw), db)) in dx.iter_mut().zip(g).zip(x).zip(parameters) {
                let normal = (x - mean) * inv_std;
                *dx = inv_std * (g * weight - mean_g - normal * mean_gx);
                *dw += g * normal;
                *db += g;
            }
        }
    }
}
