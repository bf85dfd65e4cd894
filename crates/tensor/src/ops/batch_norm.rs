//! Batch normalisation (Ioffe and Szegedy, 2015), with the addition and the ReLU that follow it in a residual network.

use super::check::{check_compute, check_float};
use crate::{Error, Layout, Result, Tensor};

/// The moments of each channel over a batch.
#[derive(Debug, Clone)]
pub struct BatchStats {
    /// The mean of each channel, `[C]`.
    pub mean: Tensor,
    /// The biased variance of each channel, `[C]`.
    pub var: Tensor,
    /// The values that each was taken over: N * H * W.
    pub count: usize,
}

/// The normalisation that [`Tensor::batch_norm`] applies: `(x - mean) / sqrt(var + eps) * weight + bias`.
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a> {
    /// `[C]`.
    pub mean: &'a Tensor,
    /// `[C]`.
    pub var: &'a Tensor,
    /// `[C]`; ones where left out.
    pub weight: Option<&'a Tensor>,
    /// `[C]`; zeros where left out.
    pub bias: Option<&'a Tensor>,
    /// Added to the variance.
    pub eps: f64,
}

/// What [`Tensor::batch_norm_backward`] needs to know of the forward pass.
#[derive(Debug, Clone, Copy)]
pub struct NormBackward<'a> {
    /// The forward pass's normalisation.
    pub norm: Norm<'a>,
    /// The forward pass's input.
    pub x: &'a Tensor,
    /// The forward pass's output, where it ended in a ReLU.
    pub relu_output: Option<&'a Tensor>,
    /// Whether mean and variance are those of this batch (training), so that gradients flow through them.
    pub batch_stats: bool,
    /// Whether the gradient of the residual is asked for.
    pub residual: bool,
}

/// The gradients of a batch normalisation.
#[derive(Debug)]
pub struct NormGrads {
    /// Of the input.
    pub x: Tensor,
    /// Of the weight, `[C]`.
    pub weight: Tensor,
    /// Of the bias, `[C]`.
    pub bias: Tensor,
    /// Of the residual, where asked for.
    pub residual: Option<Tensor>,
}

impl Norm<'_> {
    /// The scale and the shift, `[C]` each, with which `x * scale + shift` is this normalisation: `weight / sqrt(var + eps)` and
    /// `bias - mean * scale`.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn affine(&self) -> Result<(Tensor, Tensor)> {
        check_compute("batch_norm", self.mean, &self.operands())?;
        match self.operands().iter().flatten().find(|t| t.shape() != self.mean.shape()) {
            Some(t) => Err(Error::shapes("batch_norm", self.mean.dims(), t.dims(), "mean, variance, weight and bias must be [C]")),
            None => self.mean.device().backend()?.batch_norm_affine(self),
        }
    }

    fn operands(&self) -> [Option<&Tensor>; 4] {
        [Some(self.mean), Some(self.var), self.weight, self.bias]
    }
}

impl Tensor {
    /// The channel count of `[N, C]` or `[N, C, H, W]`, or an error.
    fn norm_channels(&self) -> Result<usize> {
        match self.dims() {
            &[_, c] | &[_, c, _, _] => Ok(c),
            other => Err(Error::shape("batch_norm", other, "[N, C] or [N, C, H, W] is needed")),
        }
    }

    /// `[N, C]` row-major or `[N, C, H, W]` channels-last: the channels innermost.
    fn channels_innermost(&self) -> Result<Tensor> {
        self.to_layout(if self.dims().len() == 4 { Layout::ChannelsLast } else { Layout::Contiguous })
    }

    /// The mean and biased variance of each channel of `[N, C]` or `[N, C, H, W]`.
    ///
    /// # Errors
    /// Where there are fewer than two values a channel, as PyTorch has it, or the shape or element type does not fit.
    pub fn batch_stats(&self) -> Result<BatchStats> {
        let c = self.norm_channels()?;
        check_float("batch_norm", self)?;
        let count = self.elements().checked_div(c).unwrap_or(0);
        if count < 2 {
            return Err(Error::shape(
                "batch_norm",
                self.dims(),
                "training needs more than one value a channel; use a larger batch or evaluation mode",
            ));
        }
        let (mean, var) = self.device().backend()?.batch_stats(&self.channels_innermost()?)?;
        Ok(BatchStats { mean, var, count })
    }

    /// `relu(norm(self) + residual)`; the addition and the ReLU where asked for. Mean, variance, weight and bias of bf16 are `f32`.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn batch_norm(&self, norm: &Norm<'_>, residual: Option<&Tensor>, relu: bool) -> Result<Tensor> {
        self.check_norm(norm)?;
        check_compute("batch_norm", self, &[residual])?;
        if let Some(r) = residual.filter(|r| r.shape() != self.shape()) {
            return Err(Error::shapes("batch_norm", self.dims(), r.dims(), "the residual must have the input's shape"));
        }
        let residual = residual.map(|r| r.to_dtype(self.dtype())?.channels_innermost()).transpose()?;
        self.device().backend()?.batch_norm(&self.channels_innermost()?, norm, residual.as_ref(), relu)
    }

    /// The gradients of [`batch_norm`](Tensor::batch_norm), from that of its output, `self`. Those of input and residual have the input's
    /// element type.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn batch_norm_backward(&self, forward: &NormBackward<'_>) -> Result<NormGrads> {
        self.check_norm(&forward.norm)?;
        check_compute("batch_norm_backward", self, &[Some(forward.x), forward.relu_output])?;
        for t in [Some(forward.x), forward.relu_output].into_iter().flatten() {
            if t.shape() != self.shape() {
                return Err(Error::shapes("batch_norm_backward", self.dims(), t.dims(), "the gradient must have the input's shape"));
            }
        }
        let as_x = |t: &Tensor| t.to_dtype(forward.x.dtype())?.channels_innermost();
        let (x, dy) = (forward.x.channels_innermost()?, as_x(self)?);
        let relu_output = forward.relu_output.map(as_x).transpose()?;
        let forward = NormBackward { x: &x, relu_output: relu_output.as_ref(), ..*forward };
        self.device().backend()?.batch_norm_backward(&dy, &forward)
    }

    fn check_norm(&self, norm: &Norm<'_>) -> Result<()> {
        let c = self.norm_channels()?;
        let operands = norm.operands();
        check_compute("batch_norm", self, &operands)?;
        match operands.iter().flatten().find(|t| t.dims() != [c]) {
            Some(t) => Err(Error::shapes("batch_norm", self.dims(), t.dims(), "mean, variance, weight and bias must be [C]")),
            None => Ok(()),
        }
    }
}
