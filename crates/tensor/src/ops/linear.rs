//! The linear layer's product, `x wᵀ + b`: a 1x1 convolution of one pixel a row.

use crate::{
    Error, Layout, Result, Tensor,
    ops::{Conv2dOptions, ConvMethod, Epilogue},
};

impl Tensor {
    /// `self` `[…, C]` times the transpose of `weight` `[K, C]`, plus `bias` `[K]`: `[…, K]`. That of bf16 is `f32`.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn linear(&self, weight: &Tensor, bias: Option<&Tensor>, method: ConvMethod) -> Result<Tensor> {
        let (rows, w) = (self.as_pixels(weight, 1)?, as_1x1(weight)?);
        let epilogue = Epilogue { shift: bias, dtype: Some(self.dtype().computed()), ..Default::default() };
        let y = rows.conv2d_fused(&w, &options(method), epilogue)?;
        let mut dims = self.dims().to_vec();
        if let Some(last) = dims.last_mut() {
            *last = weight.dims()[0];
        }
        y.reshape(dims)
    }

    /// The gradient of [`linear`](Tensor::linear) with respect to its input, from that of its output, `self`.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn linear_grad_input(&self, weight: &Tensor, method: ConvMethod) -> Result<Tensor> {
        let dy = self.as_pixels(weight, 0)?;
        let mut dims = self.dims().to_vec();
        if let (Some(last), [_, c]) = (dims.last_mut(), weight.dims()) {
            *last = *c;
        }
        let dx = dy.conv2d_grad_input(&as_1x1(weight)?, &[dy.dims()[0], weight.dims()[1], 1, 1], &options(method))?;
        dx.reshape(dims)
    }

    /// The gradient of [`linear`](Tensor::linear) with respect to its weight `[K, C]`, from its input `x` and the gradient of its
    /// output, `self`. In [`Layout::Blocked`].
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn linear_grad_weight(&self, x: &Tensor, method: ConvMethod) -> Result<Tensor> {
        let (Some(&k), Some(&c)) = (self.dims().last(), x.dims().last()) else {
            return Err(Error::shapes("linear", x.dims(), self.dims(), "at least one dimension is needed"));
        };
        let pixels = |t: &Tensor, n: usize| t.reshape([t.elements() / n.max(1), n, 1, 1]);
        let dw = pixels(self, k)?.conv2d_grad_weight(&pixels(x, c)?, &[k, c, 1, 1], &options(method))?;
        dw.with_shape_of_same_order([k, c])
    }

    /// The rows as pixels `[rows, C, 1, 1]`, where C is dimension `dim` of `weight`.
    fn as_pixels(&self, weight: &Tensor, dim: usize) -> Result<Tensor> {
        let channels = match weight.dims() {
            &[k, c] => [k, c][dim],
            other => return Err(Error::shape("linear", other, "a weight [out, in] is needed")),
        };
        if self.dims().last() != Some(&channels) || channels == 0 {
            return Err(Error::shapes("linear", self.dims(), weight.dims(), "the last dimension must be the weight's in_features"));
        }
        self.reshape([self.elements() / channels, channels, 1, 1])
    }
}

fn as_1x1(weight: &Tensor) -> Result<Tensor> {
    let blocked = weight.to_layout(Layout::Blocked)?;
    let (k, c) = (weight.dims()[0], weight.dims()[1]);
    blocked.with_shape_of_same_order([k, c, 1, 1])
}

fn options(method: ConvMethod) -> Conv2dOptions {
    Conv2dOptions { method, ..Default::default() }
}
