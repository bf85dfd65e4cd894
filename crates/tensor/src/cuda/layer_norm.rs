//! Layer normalisation of rows that lie together in memory, and its gradients.

use super::{
    context::{Launch, arguments},
    kernels::ROWS,
    operand::{float_width, optional},
    reduce::merge,
    softmax::by_rows,
};
use crate::{
    DType, Layout, Result, Tensor,
    ops::{LayerNorm, LayerNormGrads},
};

/// Rows that one partial sum is of, at least.
const CHUNK: usize = 64;
/// Partial sums of one parameter, at most.
const MOST_CHUNKS: usize = 128;

/// `x` contiguous.
pub(super) fn layer_norm(x: &Tensor, norm: &LayerNorm<'_>) -> Result<Tensor> {
    let len = norm.normalized_shape.elements();
    let mut y = x.context()?.uninit(x.shape().clone(), x.dtype(), Layout::Contiguous)?;
    let (weight, bias) = (optional(norm.weight)?, optional(norm.bias)?);
    let arguments = arguments![norm.eps, x.address()?, weight, bias, y.address_mut()?, len as i64];
    // SAFETY: the kernel's parameters; x and y are rows of len elements, and the parameters have as many.
    unsafe { by_rows("layer_norm", x, len, arguments) }?;
    Ok(y)
}

/// `grad` and `x` contiguous.
pub(super) fn layer_norm_backward(grad: &Tensor, x: &Tensor, norm: &LayerNorm<'_>) -> Result<LayerNormGrads> {
    let (context, width) = (x.context()?, float_width("layer_norm", x)?);
    let len = norm.normalized_shape.elements();
    let rows = x.elements() / len;
    let mut dx = context.uninit(x.shape().clone(), x.dtype(), Layout::Contiguous)?;
    let mut moments = context.uninit([rows, 2], x.dtype(), Layout::Contiguous)?;
    let (g, from, weight) = (grad.address()?, x.address()?, optional(norm.weight)?);
    let arguments = arguments![norm.eps, g, from, weight, dx.address_mut()?, moments.address_mut()?, len as i64];
    // SAFETY: the kernel's parameters; all tensors are rows of len elements, with two moments each.
    unsafe { by_rows("layer_norm_backward", x, len, arguments) }?;

    let chunks = rows.div_ceil(CHUNK).clamp(1, MOST_CHUNKS);
    let per_chunk = rows.div_ceil(chunks) as i64;
    let mut partial = context.uninit([1, chunks, 2 * len], DType::F64, Layout::Contiguous)?;
    let grid = [len.div_ceil(32) as u32, chunks as u32, 1];
    let launch = Launch { program: &ROWS, width, kernel: "layer_norm_parameters", grid, block: [32, 8, 1] };
    let arguments = arguments![g, from, moments.address()?, partial.address_mut()?, rows as i64, per_chunk, len as i64];
    // SAFETY: the kernel's parameters; the chunks cover all rows.
    unsafe { context.launch(launch, arguments) }?;
    let mut both = context.uninit([2, len], x.dtype(), Layout::Contiguous)?;
    merge(context, width, 0, &partial, both.address_mut()?, 1.0)?;
    let part = |i: usize| both.rows(i, 1)?.reshape(norm.normalized_shape.clone());
    Ok(LayerNormGrads { x: dx, weight: part(0)?, bias: part(1)? })
}
