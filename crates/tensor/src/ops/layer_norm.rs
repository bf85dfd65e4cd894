//! Layer normalisation (Ba, Kiros and Hinton, "Layer normalization", 2016) over the last dimensions.

use super::check::{check_compute, check_float};
use crate::{Error, Layout, Result, Shape, Tensor};

/// The normalisation that [`Tensor::layer_norm`] applies to each row of the last dimensions:
/// `(x - mean) / sqrt(var + eps) * weight + bias` by the row's own mean and biased variance.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm<'a> {
    /// The sizes of the last dimensions, which are normalised together.
    pub normalized_shape: &'a Shape,
    /// Of the normalized shape; ones where left out.
    pub weight: Option<&'a Tensor>,
    /// Of the normalized shape; zeros where left out.
    pub bias: Option<&'a Tensor>,
    /// Added to the variance.
    pub eps: f64,
}

/// The gradients of a layer normalisation.
#[derive(Debug)]
pub struct LayerNormGrads {
    /// Of the input.
    pub x: Tensor,
    /// Of the weight, of the normalized shape.
    pub weight: Tensor,
    /// Of the bias, of the normalized shape.
    pub bias: Tensor,
}

impl Tensor {
    /// Layer normalisation of `[…, normalized_shape]`. The result is contiguous, and `f32` where the input is bf16.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn layer_norm(&self, norm: &LayerNorm<'_>) -> Result<Tensor> {
        self.check_layer_norm(norm)?;
        self.device().backend()?.layer_norm(&self.widened()?.to_layout(Layout::Contiguous)?, norm)
    }

    /// The gradients of [`layer_norm`](Tensor::layer_norm) of `x`, from that of its output, `self`.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn layer_norm_backward(&self, x: &Tensor, norm: &LayerNorm<'_>) -> Result<LayerNormGrads> {
        self.check_layer_norm(norm)?;
        check_compute("layer_norm", self, &[Some(x)])?;
        if self.shape() != x.shape() {
            return Err(Error::shapes("layer_norm", self.dims(), x.dims(), "the gradient has the input's shape"));
        }
        self.device().backend()?.layer_norm_backward(&self.widened()?.contiguous()?, &x.widened()?.contiguous()?, norm)
    }

    fn check_layer_norm(&self, norm: &LayerNorm<'_>) -> Result<()> {
        check_float("layer_norm", self)?;
        let shape = norm.normalized_shape;
        if !self.dims().ends_with(shape) || shape.elements() == 0 {
            return Err(Error::shapes("layer_norm", self.dims(), shape, "the first must end in the normalized shape, which is not empty"));
        }
        for parameter in [norm.weight, norm.bias].into_iter().flatten() {
            check_compute("layer_norm", self, &[Some(parameter)])?;
            if parameter.shape() != shape {
                return Err(Error::shapes("layer_norm", parameter.dims(), shape, "weight and bias must have the normalized shape"));
            }
        }
        Ok(())
    }
}
