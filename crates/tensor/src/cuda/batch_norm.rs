//! Batch normalisation over values whose channels lie innermost: `[rows][C]`.

use super::{
    Context,
    context::{Launch, arguments},
    kernels::BATCH_NORM,
    operand::{float_width, optional, optional_mut},
};
use crate::{
    DType, Layout, Result, Tensor,
    ops::{Norm, NormBackward, NormGrads},
};

/// Values a channel up to which an input gradient is computed in f64, as on the CPU.
const FEW_ROWS: usize = 16;
/// Rows that one partial result is of, at least.
const CHUNK: usize = 32;
/// Partial results of one channel, at most.
const MOST_CHUNKS: usize = 256;
/// Channels and rows of a block.
const BLOCK: [u32; 3] = [32, 8, 1];

/// How the work on `[rows][C]` is cut up.
struct Cut {
    context: &'static Context,
    width: u32,
    channels: usize,
    rows: usize,
    chunks: usize,
    per_chunk: usize,
}

impl Cut {
    fn new(x: &Tensor) -> Result<Cut> {
        let (context, channels) = (x.context()?, x.dims()[1]);
        let rows = x.elements() / channels.max(1);
        // As many blocks as keep the device busy, whatever the channels.
        let wanted = (8 * context.multiprocessors() as usize).div_ceil(channels.div_ceil(32).max(1));
        let chunks = rows.div_ceil(CHUNK).min(wanted).clamp(1, MOST_CHUNKS);
        let per_chunk = rows.div_ceil(chunks).max(1);
        Ok(Cut { context, width: float_width("batch_norm", x)?, channels, rows, chunks: rows.div_ceil(per_chunk).max(1), per_chunk })
    }

    /// A kernel with blocks for 32 channels and so many pieces of the rows.
    fn by_pieces(&self, kernel: &'static str, pieces: usize) -> Launch {
        let grid = [self.channels.div_ceil(32) as u32, pieces as u32, 1];
        Launch { program: &BATCH_NORM, width: self.width, kernel, grid, block: BLOCK }
    }

    /// A kernel that goes over the rows, 8 at once.
    fn by_rows(&self, kernel: &'static str) -> Launch {
        let blocks = (16 * self.context.multiprocessors() as usize).div_ceil(self.channels.div_ceil(32));
        self.by_pieces(kernel, self.rows.div_ceil(8).min(blocks).clamp(1, 1 << 15))
    }

    fn partial(&self) -> Result<Tensor> {
        self.context.uninit([self.chunks, 2, self.channels], DType::F64, Layout::Contiguous)
    }

    fn is_empty(&self) -> bool {
        self.rows * self.channels == 0
    }
}

/// The mean and biased variance of each channel.
pub(super) fn stats(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let cut = Cut::new(x)?;
    let Cut { context, channels, rows, chunks, per_chunk, .. } = cut;
    let mut partial = cut.partial()?;
    let arguments = arguments![x.address()?, partial.address_mut()?, rows as i64, per_chunk as i64, channels as i32];
    // SAFETY: the kernel's parameters; the chunks cover the rows, and each has partial results.
    unsafe { context.launch(cut.by_pieces("batch_moments", chunks), arguments) }?;
    let vector = || context.uninit([channels], x.dtype(), Layout::Contiguous);
    let (mut mean, mut var) = (vector()?, vector()?);
    let (from, to) = (partial.address()?, (mean.address_mut()?, var.address_mut()?));
    let arguments = arguments![from, to.0, to.1, rows as i64, per_chunk as i64, chunks as i32, channels as i32];
    // SAFETY: the kernel's parameters, of the same chunks.
    unsafe { context.launch(cut.by_pieces("batch_stats", 1), arguments) }?;
    Ok((mean, var))
}

/// The factor and the summand of each channel.
pub(super) fn affine(norm: &Norm<'_>) -> Result<(Tensor, Tensor)> {
    let (context, width, c) = (norm.mean.context()?, float_width("batch_norm", norm.mean)?, norm.mean.elements());
    let vector = || context.uninit([c], norm.mean.dtype(), Layout::Contiguous);
    let (mut scale, mut shift) = (vector()?, vector()?);
    let (mean, var, weight, bias) = (norm.mean.address()?, norm.var.address()?, optional(norm.weight)?, optional(norm.bias)?);
    let arguments = arguments![norm.eps, mean, var, weight, bias, scale.address_mut()?, shift.address_mut()?, c as i32];
    // SAFETY: the kernel's parameters; all hold a value for each channel.
    unsafe { context.over(&BATCH_NORM, width, "batch_norm_affine", c, arguments) }?;
    Ok((scale, shift))
}

/// `relu((x - mean) * scale + bias + residual)`.
pub(super) fn forward(x: &Tensor, norm: &Norm<'_>, residual: Option<&Tensor>, relu: bool) -> Result<Tensor> {
    let cut = Cut::new(x)?;
    let mut y = cut.context.like(x)?;
    if cut.is_empty() {
        return Ok(y);
    }
    let (mean, var, weight, bias) = (norm.mean.address()?, norm.var.address()?, optional(norm.weight)?, optional(norm.bias)?);
    let (from, to) = ((x.address()?, optional(residual)?), y.address_mut()?);
    let (rows, channels) = (cut.rows as i64, cut.channels as i32);
    let arguments = arguments![norm.eps, i32::from(relu), from.0, mean, var, weight, bias, from.1, to, rows, channels];
    // SAFETY: the kernel's parameters; x, residual and y have the same rows, the others a value for each channel.
    unsafe { cut.context.launch(cut.by_rows("batch_norm"), arguments) }?;
    Ok(y)
}

/// All gradients, from that of the output.
pub(super) fn backward(dy: &Tensor, forward: &NormBackward<'_>) -> Result<NormGrads> {
    let cut = Cut::new(dy)?;
    let (context, norm) = (cut.context, &forward.norm);
    let vector = || context.uninit([cut.channels], dy.dtype(), Layout::Contiguous);
    let mut grads = NormGrads { x: context.like(dy)?, weight: vector()?, bias: vector()?, residual: None };
    let mut behind = if forward.residual && forward.relu.is_some() { Some(context.like(dy)?) } else { None };
    if cut.is_empty() {
        let zeros = || Tensor::zeros([cut.channels], dy.dtype())?.to_device(dy.device());
        (grads.weight, grads.bias) = (zeros()?, zeros()?);
    } else {
        let output = forward.relu.map(|relu| relu.saved().to_dtype(dy.dtype())).transpose()?;
        let (g, x, output) = (dy.address()?, forward.x.address()?, optional(output.as_ref())?);
        let (mean, var, weight) = (norm.mean.address()?, norm.var.address()?, optional(norm.weight)?);
        let (dx, dweight, dbias) = (grads.x.address_mut()?, grads.weight.address_mut()?, grads.bias.address_mut()?);
        let masked = optional_mut(behind.as_mut())?;
        let (rows, channels) = (cut.rows as i64, cut.channels as i32);
        if forward.batch_stats && cut.rows <= FEW_ROWS {
            let arguments = arguments![norm.eps, g, x, output, weight, dweight, dbias, dx, masked, rows, channels];
            // SAFETY: the kernel's parameters; all of dy's rows, or a value for each channel.
            unsafe { context.over(&BATCH_NORM, cut.width, "batch_norm_backward_few", cut.channels, arguments) }?;
        } else {
            let mut partial = cut.partial()?;
            let sums = arguments![g, x, output, mean, partial.address_mut()?, rows, cut.per_chunk as i64, channels];
            // SAFETY: as above; the chunks cover the rows.
            unsafe { context.launch(cut.by_pieces("batch_norm_sums", cut.chunks), sums) }?;
            let mut constants = context.uninit([2, cut.channels], dy.dtype(), Layout::Contiguous)?;
            let (from, to, batch) = (partial.address()?, constants.address_mut()?, i32::from(forward.batch_stats));
            let merged = arguments![norm.eps, batch, from, var, dweight, dbias, to, rows, cut.chunks as i32, channels];
            // SAFETY: as above, of the same chunks.
            unsafe { context.launch(cut.by_pieces("batch_norm_constants", 1), merged) }?;
            let arguments = arguments![norm.eps, g, x, output, mean, var, weight, to, dx, masked, rows, channels];
            // SAFETY: as above.
            unsafe { context.launch(cut.by_rows("batch_norm_backward"), arguments) }?;
        }
    }
    grads.residual = if forward.residual { Some(behind.unwrap_or_else(|| dy.clone())) } else { None };
    Ok(grads)
}
