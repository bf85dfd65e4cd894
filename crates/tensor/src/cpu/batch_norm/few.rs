//! The gradients of a batch normalisation over few values a channel, in f64 from the values themselves.

use super::{mask::behind, mask_of};
use crate::{
    Element, Result, Tensor,
    cpu::stored::Stored,
    ops::{NormBackward, NormGrads},
};

/// As [`backward_of`](super::backward_of), for the moments of this batch.
pub(super) fn backward<E: Stored>(dy: &Tensor, forward: &NormBackward<'_>) -> Result<NormGrads> {
    let c = dy.dims()[1];
    let (grad, x) = (dy.data::<E>()?, forward.x.data::<E>()?);
    let mask = mask_of(forward, c)?;
    let weight = forward.norm.weight.map(Tensor::data::<E::Compute>).transpose()?;
    let behind: Vec<E> = (0..grad.len()).map(|i| behind(mask, i / c, i % c, grad[i])).collect();
    let rows = (grad.len() / c.max(1)) as f64;
    let mut dx = Tensor::uninit::<E>(dy.shape().clone(), dy.layout())?;
    let out = dx.data_mut::<E>()?;
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
            let gradient = scale * (behind[i].to_f64() - sum / rows - normal(i) * sum_x / rows);
            out[i] = E::narrow(E::Compute::from_f64(gradient));
        }
        dweight.push(E::Compute::from_f64(sum_x));
        dbias.push(E::Compute::from_f64(sum));
    }
    let residual = match (forward.residual, mask.is_some()) {
        (false, _) => None,
        (true, false) => Some(dy.clone()),
        (true, true) => {
            let mut masked = Tensor::uninit::<E>(dy.shape().clone(), dy.layout())?;
            masked.data_mut::<E>()?.copy_from_slice(&behind);
            Some(masked)
        }
    };
    Ok(NormGrads { x: dx, weight: Tensor::from_vec(dweight, [c])?, bias: Tensor::from_vec(dbias, [c])?, residual })
}
