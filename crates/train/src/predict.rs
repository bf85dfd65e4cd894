//! What a model sees in pictures.

use autograd::{Var, no_grad};
use layers::{Mode, Module, ModuleExt};
use tensor::Tensor;

use crate::{Error, Result};

/// A class that a picture may show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// The class: a place among the model's outputs.
    pub index: usize,
    /// Its probability, from 0 to 1.
    pub probability: f32,
}

/// The probability of each class, `[N, K]`, for pictures `[N, 3, H, W]`.
///
/// # Errors
/// Where the pictures do not suit the model, or its output is not finite.
pub fn probabilities(model: &dyn Module, images: &Tensor) -> Result<Tensor> {
    let images = Var::from(images.to_device(model.device())?);
    let logits = no_grad(|| model.forward(&images, Mode::Eval))?.into_value().to_host()?;
    if logits.to_f64_vec()?.iter().any(|logit| !logit.is_finite()) {
        return Err(Error::OutputNotFinite);
    }
    Ok(logits.softmax(-1)?)
}

/// The `k` most probable classes (all, where there are fewer) of each of the pictures `[N, 3, H, W]`, most probable first.
///
/// # Errors
/// Those of [`probabilities`].
pub fn predict(model: &dyn Module, images: &Tensor, k: usize) -> Result<Vec<Vec<Prediction>>> {
    let probabilities = probabilities(model, images)?;
    let k = k.min(probabilities.dims().last().copied().unwrap_or(0));
    if k == 0 {
        return Ok(vec![Vec::new(); images.dims().first().copied().unwrap_or(0)]);
    }
    let (values, indices) = probabilities.top_k(k)?;
    let (values, indices) = (values.to_vec::<f32>()?, indices.to_vec::<i64>()?);
    let predictions: Vec<Prediction> =
        values.into_iter().zip(indices).map(|(probability, index)| Prediction { index: index as usize, probability }).collect();
    Ok(predictions.chunks(k).map(<[_]>::to_vec).collect())
}
