//! The gradients of a batch normalisation over few values a channel, in f64 from the values themselves.

use super::behind_relu;
use crate::{
    Float, Result, Tensor,
    ops::{NormBackward, NormGrads},
};

/// As [`backward_of`](super::backward_of), for the moments of this batch.
pub(super) fn backward<T: Float>(dy: &Tensor, forward: &NormBackward<'_>) -> Result<NormGrads> {
    let c = dy.dims()[1];
    let (grad, x) = (dy.data::<T>()?, forward.x.data::<T>()?);
    let output = forward.relu_output.map(Tensor::data::<T>).transpose()?;
    let weight = forward.norm.weight.map(Tensor::data::<T>).transpose()?;
    let behind: Vec<T> = (0..grad.len()).map(|i| output.map_or(grad[i], |y| behind_relu(grad[i], y[i]))).collect();
    let rows = (grad.len() / c.max(1)) as f64;
    let mut dx = Tensor::uninit::<T>(dy.shape().clone(), dy.layout())?;
    let out = dx.data_mut::<T>()?;
    let (mut dweight, mut dbias) = (Vec::with_capacity(c), Vec::with_capacity(c));
    for channel in 0..c {
        let places = || (channel..grad.len()).step_by(c);
        let mean = places().map(|i| x[i].to_f64()).sum::<f64>() / rows;
        let var = places().map(|i| (x[i].to_f64() - mean).powi(2)).sum::<f64>() / rows;
        let inv_std = 1.0 / (var + forward.norm.eps).sqrt();
        let normal = |i: usize| (x[i].to_f64() - mean) * inv_std;
        let sum: f64 = places().map(|i| behind[i].to_f64()).sum();
        let sum_x: f64 = places().map(|i| behind[i].to_f64() * normal(i)).sum();
        let scale = inv_std * weight.map_or(1.0, |w| w[channel].to_f64());
        for i in places() {
            out[i] = T::from_f64(scale * (behind[i].to_f64() - sum / rows - normal(i) * sum_x / rows));
        }
        dweight.push(T::from_f64(sum_x));
        dbias.push(T::from_f64(sum));
    }
    let residual = match (forward.residual, output.is_some()) {
        (false, _) => None,
        (true, false) => Some(dy.clone()),
        (true, true) => {
            let mut masked = Tensor::uninit::<T>(dy.shape().clone(), dy.layout())?;
            masked.data_mut::<T>()?.copy_from_slice(&behind);
            Some(masked)
        }
    };
    Ok(NormGrads { x: dx, weight: Tensor::from_vec(dweight, [c])?, bias: Tensor::from_vec(dbias, [c])?, residual })
}
