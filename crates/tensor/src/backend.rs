//! What a device must provide: one method an operation, with shapes already checked by `ops`.

use crate::{
    DType, Layout, Result, Shape, Tensor,
    ops::{
        Binary, CatStep, Compare, ConvShape, ConvStep, Epilogue, Extreme, LayerNorm, LayerNormGrads, MaxPool2dOptions, Norm, NormBackward,
        NormGrads, Reduce, Softmax, Unary, View, Windows,
        optim::{AdamStep, RmspropStep, SgdStep},
    },
};

/// The computations of a device. `ops` checks shapes and types, infers the result's and calls these.
pub trait Backend: Sync {
    /// Convolution and its epilogue; `x` and the residual channels-last, `w` blocked.
    fn conv2d(&self, x: &Tensor, w: &Tensor, shape: &ConvShape, epilogue: Epilogue<'_>) -> Result<Tensor>;
    /// The second convolution of the first one's output, each with its epilogue; memory orders as in `conv2d`. Devices that gain nothing by
    /// computing them together compute one after the other.
    fn conv2d_pair(&self, x: &Tensor, first: ConvStep<'_>, second: ConvStep<'_>) -> Result<Tensor> {
        let x = self.conv2d(x, &first.weight, &first.shape, first.epilogue)?;
        self.conv2d(&x, &second.weight, &second.shape, second.epilogue)
    }
    /// [`conv2d_pair`](Backend::conv2d_pair), and the means `[N, K, 1, 1]` of its channels, channels-last, where they cost less than a pass.
    fn conv2d_pair_with_means(&self, x: &Tensor, first: ConvStep<'_>, second: ConvStep<'_>) -> Result<(Tensor, Option<Tensor>)> {
        Ok((self.conv2d_pair(x, first, second)?, None))
    }
    /// The convolution of `x * factors`, `[N, C, 1, 1]` and channels-last; memory orders as in `conv2d`. Devices that cannot take factors into
    /// a convolution compute [the product first](Backend::conv2d_of_product).
    fn conv2d_scaled(&self, x: &Tensor, factors: &Tensor, conv: ConvStep<'_>) -> Result<Tensor> {
        self.conv2d_of_product(x, factors, conv)
    }
    /// The product, then its convolution.
    fn conv2d_of_product(&self, x: &Tensor, factors: &Tensor, conv: ConvStep<'_>) -> Result<Tensor> {
        let x = self.binary(Binary::Mul, x, factors, x.shape(), Layout::ChannelsLast)?;
        self.conv2d(&x, &conv.weight, &conv.shape, conv.epilogue)
    }
    /// All parts side by side along the channels; memory orders as in `conv2d`. Devices that gain nothing by computing them in place compute
    /// [each by itself](Backend::cat_of_each).
    fn conv2d_cat(&self, parts: Vec<CatStep<'_>>, shape: &Shape) -> Result<Tensor> {
        self.cat_of_each(parts, shape)
    }
    /// All parts, joined when they are there.
    fn cat_of_each(&self, parts: Vec<CatStep<'_>>, shape: &Shape) -> Result<Tensor> {
        let compute = |part| match part {
            CatStep::Conv(x, step) => self.conv2d(&x, &step.weight, &step.shape, step.epilogue),
            CatStep::Tensor(x) => Ok(x),
        };
        let parts = parts.into_iter().map(compute).collect::<Result<Vec<_>>>()?;
        self.cat(&parts, 1, shape, Layout::ChannelsLast)
    }
    /// A convolution's input gradient, added to `sum` where there is one; `dy` and `sum` channels-last and of one type, `w` blocked.
    fn conv2d_grad_input(&self, dy: &Tensor, w: &Tensor, shape: &ConvShape, sum: Option<Tensor>) -> Result<Tensor>;
    /// A convolution's weight gradient, blocked; `x` and `dy` channels-last.
    fn conv2d_grad_weight(&self, x: &Tensor, dy: &Tensor, shape: &ConvShape) -> Result<Tensor>;
    /// The mean and biased variance of each channel; channels innermost, here and below.
    fn batch_stats(&self, x: &Tensor) -> Result<(Tensor, Tensor)>;
    /// `relu(norm(x) + residual)`.
    fn batch_norm(&self, x: &Tensor, norm: &Norm<'_>, residual: Option<&Tensor>, relu: bool) -> Result<Tensor>;
    /// `relu(norm(x) + residual)`, and which of its values are above zero in a form that [`batch_norm_backward`](Backend::batch_norm_backward)
    /// reads: here, the values themselves.
    fn batch_norm_relu(&self, x: &Tensor, norm: &Norm<'_>, residual: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        let y = self.batch_norm(x, norm, residual, true)?;
        Ok((y.clone(), y))
    }
    /// The factor and the summand that a batch normalisation comes to, of each channel.
    fn batch_norm_affine(&self, norm: &Norm<'_>) -> Result<(Tensor, Tensor)>;
    /// All gradients of a batch normalisation.
    fn batch_norm_backward(&self, dy: &Tensor, forward: &NormBackward<'_>) -> Result<NormGrads>;
    /// Layer normalisation; `x` contiguous.
    fn layer_norm(&self, x: &Tensor, norm: &LayerNorm<'_>) -> Result<Tensor>;
    /// All gradients of a layer normalisation of `x`; both contiguous.
    fn layer_norm_backward(&self, dy: &Tensor, x: &Tensor, norm: &LayerNorm<'_>) -> Result<LayerNormGrads>;
    /// One step of stochastic gradient descent, in place; gradient and state in the parameter's layout, here and below.
    fn sgd_step(&self, param: &mut Tensor, grad: &Tensor, momentum_buffer: Option<&mut Tensor>, step: &SgdStep) -> Result<()>;
    /// One step of Adam or AdamW, in place.
    fn adam_step(&self, param: &mut Tensor, grad: &Tensor, exp_avg: &mut Tensor, exp_avg_sq: &mut Tensor, step: &AdamStep) -> Result<()>;
    /// One step of RMSprop, in place.
    fn rmsprop_step(
        &self,
        param: &mut Tensor,
        grad: &Tensor,
        square_avg: &mut Tensor,
        momentum_buffer: Option<&mut Tensor>,
        step: &RmspropStep,
    ) -> Result<()>;
    /// Each element through `op`, in the memory order of `x`.
    fn unary(&self, op: Unary, x: &Tensor) -> Result<Tensor>;
    /// The gradient of `unary` from what [`Unary::saved`] names; both operands in one memory order.
    fn unary_backward(&self, op: Unary, grad: &Tensor, saved: &Tensor) -> Result<Tensor>;
    /// `op` of each pair of elements, broadcast to `shape`.
    fn binary(&self, op: Binary, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor>;
    /// `a += b`; both of one shape and memory order.
    fn add_assign(&self, a: &mut Tensor, b: &Tensor) -> Result<()>;
    /// `op` of each pair of elements, broadcast to `shape`, as U8.
    fn compare(&self, op: Compare, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor>;
    /// `a` where `cond` (U8) is not 0, else `b`, broadcast to `shape`.
    fn select(&self, cond: &Tensor, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor>;
    /// `x * scale` where `mask` (U8, in the memory order of `x`) is not 0, else 0.
    fn masked_scale(&self, x: &Tensor, mask: &Tensor, scale: f64) -> Result<Tensor>;
    /// The values as another element type.
    fn cast(&self, x: &Tensor, dtype: DType) -> Result<Tensor>;
    /// `op` over the dimensions marked, which stay with size 1, in the memory order of `x`.
    fn reduce(&self, op: Reduce, x: &Tensor, reduced: &[bool]) -> Result<Tensor>;
    /// The places (I64) of extremes along a dimension, which stays with size 1; `x` contiguous.
    fn arg_reduce(&self, extreme: Extreme, x: &Tensor, dim: usize) -> Result<Tensor>;
    /// The `k` largest elements of each row and their places (I64); `x` contiguous.
    fn top_k(&self, x: &Tensor, k: usize) -> Result<(Tensor, Tensor)>;
    /// `keep * a + take * b` in place of `a`; both of one shape and memory order.
    fn blend(&self, a: &mut Tensor, b: &Tensor, keep: f64, take: f64) -> Result<()>;
    /// The same elements in another memory order, one that fits their shape.
    fn to_layout(&self, x: &Tensor, layout: Layout) -> Result<Tensor>;
    /// The product of matrices or batches of matrices, each transposed first where asked; both contiguous.
    fn matmul(&self, a: &Tensor, b: &Tensor, transpose_a: bool, transpose_b: bool) -> Result<Tensor>;
    /// A copy of regularly spaced elements.
    fn copy(&self, x: &Tensor, view: &View) -> Result<Tensor>;
    /// Tensors, all in the result's memory order, joined along a dimension.
    fn cat(&self, parts: &[Tensor], dim: usize, shape: &Shape, layout: Layout) -> Result<Tensor>;
    /// The entries along a dimension that `indices` (I64, in range) name.
    fn index_select(&self, x: &Tensor, dim: usize, indices: &Tensor) -> Result<Tensor>;
    /// Softmax along dimension `dim`, the innermost in memory.
    fn softmax(&self, op: Softmax, x: &Tensor, dim: usize) -> Result<Tensor>;
    /// The gradient of `softmax` from its output.
    fn softmax_backward(&self, op: Softmax, grad: &Tensor, output: &Tensor, dim: usize) -> Result<Tensor>;
    /// The loss of each row of contiguous logits, and the probabilities.
    fn cross_entropy(&self, logits: &Tensor, targets: &Tensor, label_smoothing: f64) -> Result<(Tensor, Tensor)>;
    /// The gradient of the logits; `grad` holds that of each row's loss.
    fn cross_entropy_backward(&self, grad: &Tensor, probabilities: &Tensor, targets: &Tensor, label_smoothing: f64) -> Result<Tensor>;
    /// The largest elements of windows and their places in them; channels-last.
    fn max_pool2d(&self, x: &Tensor, shape: &Shape, options: &MaxPool2dOptions) -> Result<(Tensor, Tensor)>;
    /// Those elements alone.
    fn max_pool2d_values(&self, x: &Tensor, shape: &Shape, options: &MaxPool2dOptions) -> Result<Tensor> {
        Ok(self.max_pool2d(x, shape, options)?.0)
    }
    /// The gradient of `max_pool2d` for an input of this shape; channels-last.
    fn max_pool2d_backward(&self, grad: &Tensor, places: &Tensor, input: &Shape, options: &MaxPool2dOptions) -> Result<Tensor>;
    /// The mean of each window; channels-last.
    fn avg_pool2d(&self, x: &Tensor, windows: &Windows) -> Result<Tensor>;
    /// The gradient of `avg_pool2d` for an input of this shape; channels-last.
    fn avg_pool2d_backward(&self, grad: &Tensor, input: &Shape, windows: &Windows) -> Result<Tensor>;
}
