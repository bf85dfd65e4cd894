//! Batch normalisation (Ioffe and Szegedy, 2015), with the addition and the ReLU that follow it in a residual network.

use super::check::{check_compute, check_float};
use crate::{Error, Layout, Result, Shape, Tensor};

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
    /// What the forward pass's ReLU let through, where it ended in one.
    pub relu: Option<&'a ReluMask>,
    /// Whether mean and variance are those of this batch (training), so that gradients flow through them.
    pub batch_stats: bool,
    /// Whether the gradient of the residual is asked for.
    pub residual: bool,
}

/// Which values the ReLU of a [`batch_norm_relu`](Tensor::batch_norm_relu) let through. On the CPU it takes a bit for each.
#[derive(Debug, Clone)]
pub struct ReluMask {
    shape: Shape,
    /// What the [`Backend`](crate::Backend) made.
    saved: Tensor,
}

impl ReluMask {
    /// What the backend that reads it made.
    pub(crate) fn saved(&self) -> &Tensor {
        &self.saved
    }
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
        let residual = self.norm_residual(norm, residual)?;
        self.device().backend()?.batch_norm(&self.channels_innermost()?, norm, residual.as_ref(), relu)
    }

    /// [`batch_norm`](Tensor::batch_norm) with the ReLU, and what [`batch_norm_backward`](Tensor::batch_norm_backward) is to know of the ReLU.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn batch_norm_relu(&self, norm: &Norm<'_>, residual: Option<&Tensor>) -> Result<(Tensor, ReluMask)> {
        let residual = self.norm_residual(norm, residual)?;
        let (y, saved) = self.device().backend()?.batch_norm_relu(&self.channels_innermost()?, norm, residual.as_ref())?;
        let shape = y.shape().clone();
        Ok((y, ReluMask { shape, saved }))
    }

    /// The residual as backends take it; everything is checked.
    fn norm_residual(&self, norm: &Norm<'_>, residual: Option<&Tensor>) -> Result<Option<Tensor>> {
        self.check_norm(norm)?;
        check_compute("batch_norm", self, &[residual])?;
        if let Some(r) = residual.filter(|r| r.shape() != self.shape()) {
            return Err(Error::shapes("batch_norm", self.dims(), r.dims(), "the residual must have the input's shape"));
        }
        residual.map(|r| r.to_dtype(self.dtype())?.channels_innermost()).transpose()
    }

    /// The gradients of [`batch_norm`](Tensor::batch_norm), from that of its output, `self`. Those of input and residual have the input's
    /// element type.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn batch_norm_backward(&self, forward: &NormBackward<'_>) -> Result<NormGrads> {
        self.check_norm(&forward.norm)?;
        check_compute("batch_norm_backward", self, &[Some(forward.x)])?;
        self.check_same_device("batch_norm_backward", forward.relu.map(|relu| &relu.saved))?;
        for shape in [Some(forward.x.shape()), forward.relu.map(|relu| &relu.shape)].into_iter().flatten() {
            if shape != self.shape() {
                return Err(Error::shapes("batch_norm_backward", self.dims(), shape, "the gradient must have the input's shape"));
            }
        }
        let (x, dy) = (forward.x.channels_innermost()?, self.to_dtype(forward.x.dtype())?.channels_innermost()?);
        self.device().backend()?.batch_norm_backward(&dy, &NormBackward { x: &x, ..*forward })
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
