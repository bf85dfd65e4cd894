//! The CUDA backend: kernels of our own, compiled by NVRTC when they are first used. Only the driver and NVRTC are needed, both looked
//! for at run time.

mod batch_norm;
mod compile;
mod context;
mod conv2d;
mod copy;
mod cross_entropy;
mod driver;
mod elementwise;
#[cfg(feature = "cuda-emulator")]
mod emulator;
mod gpu;
mod kernels;
mod layer_norm;
mod matmul;
mod operand;
mod optim;
mod pool2d;
mod reduce;
mod softmax;
mod unary;
mod walk;

use std::sync::OnceLock;

pub(crate) use context::{Context, Memory};

use crate::{
    Backend, DType, Device, Error, Layout, Result, Shape, Tensor,
    ops::{
        Binary, Compare, ConvShape, Epilogue, Extreme, LayerNorm, LayerNormGrads, MaxPool2dOptions, Norm, NormBackward, NormGrads, Reduce,
        Softmax, Unary, View, Windows,
        optim::{AdamStep, RmspropStep, SgdStep},
    },
};
use driver::Driver;

/// Devices that can be named.
const MOST_DEVICES: usize = 64;

static DEVICES: [OnceLock<Result<Cuda>>; MOST_DEVICES] = [const { OnceLock::new() }; MOST_DEVICES];

/// A CUDA device as a [`Backend`].
pub(crate) struct Cuda {
    context: Context,
}

/// The device of this number, opened when it is first asked for.
fn device(number: usize) -> Result<&'static Cuda> {
    let unusable = |reason: String| Error::Device { device: Device::Cuda(number), reason };
    let place = DEVICES.get(number).ok_or_else(|| unusable(driver::NO_SUCH_DEVICE.to_owned()))?;
    let opened = place.get_or_init(|| Ok(Cuda { context: Context::new(number, open(number).map_err(unusable)?) }));
    opened.as_ref().map_err(Clone::clone)
}

fn open(number: usize) -> std::result::Result<Box<dyn Driver>, String> {
    #[cfg(feature = "cuda-emulator")]
    if let Some(emulator) = emulator::open()? {
        return Ok(emulator);
    }
    if number >= gpu::count()? {
        return Err(driver::NO_SUCH_DEVICE.to_owned());
    }
    Ok(Box::new(gpu::Gpu::open(number).map_err(driver::Failure::text)?))
}

/// Whether there is a device, and the compiler for its kernels.
pub(crate) fn is_available() -> bool {
    #[cfg(feature = "cuda-emulator")]
    if emulator::is_named() {
        return true;
    }
    gpu::count().is_ok_and(|count| count > 0) && gpu::has_compiler()
}

pub(crate) fn backend(number: usize) -> Result<&'static dyn Backend> {
    Ok(device(number)?)
}

/// Waits until all work on the device of this number is done.
pub(crate) fn synchronize(number: usize) -> Result<()> {
    device(number)?.context.synchronize()
}

/// A copy of a tensor in main memory on the device of this number.
pub(crate) fn upload(number: usize, x: &Tensor) -> Result<Tensor> {
    Ok(x.uploaded(device(number)?.context.upload(x.bytes()?)?))
}

impl Backend for Cuda {
    fn conv2d(&self, x: &Tensor, w: &Tensor, shape: &ConvShape, epilogue: Epilogue<'_>) -> Result<Tensor> {
        conv2d::forward(x, w, shape, &epilogue)
    }
    fn conv2d_grad_input(&self, dy: &Tensor, w: &Tensor, shape: &ConvShape, sum: Option<Tensor>) -> Result<Tensor> {
        conv2d::grad_input(dy, w, shape)?.added_to(sum)
    }
    fn conv2d_grad_weight(&self, x: &Tensor, dy: &Tensor, shape: &ConvShape) -> Result<Tensor> {
        conv2d::grad_weight(x, dy, shape)
    }
    fn batch_stats(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        batch_norm::stats(x)
    }
    fn batch_norm(&self, x: &Tensor, norm: &Norm<'_>, residual: Option<&Tensor>, relu: bool) -> Result<Tensor> {
        batch_norm::forward(x, norm, residual, relu)
    }
    fn batch_norm_affine(&self, norm: &Norm<'_>) -> Result<(Tensor, Tensor)> {
        batch_norm::affine(norm)
    }
    fn batch_norm_backward(&self, dy: &Tensor, forward: &NormBackward<'_>) -> Result<NormGrads> {
        batch_norm::backward(dy, forward)
    }
    fn layer_norm(&self, x: &Tensor, norm: &LayerNorm<'_>) -> Result<Tensor> {
        layer_norm::layer_norm(x, norm)
    }
    fn layer_norm_backward(&self, dy: &Tensor, x: &Tensor, norm: &LayerNorm<'_>) -> Result<LayerNormGrads> {
        layer_norm::layer_norm_backward(dy, x, norm)
    }
    fn sgd_step(&self, param: &mut Tensor, grad: &Tensor, momentum_buffer: Option<&mut Tensor>, step: &SgdStep) -> Result<()> {
        optim::sgd_step(param, grad, momentum_buffer, step)
    }
    fn adam_step(&self, param: &mut Tensor, grad: &Tensor, exp_avg: &mut Tensor, exp_avg_sq: &mut Tensor, step: &AdamStep) -> Result<()> {
        optim::adam_step(param, grad, exp_avg, exp_avg_sq, step)
    }
    fn rmsprop_step(
        &self,
        param: &mut Tensor,
        grad: &Tensor,
        square_avg: &mut Tensor,
        momentum_buffer: Option<&mut Tensor>,
        step: &RmspropStep,
    ) -> Result<()> {
        optim::rmsprop_step(param, grad, square_avg, momentum_buffer, step)
    }
    fn unary(&self, op: Unary, x: &Tensor) -> Result<Tensor> {
        unary::unary(op, x)
    }
    fn unary_backward(&self, op: Unary, grad: &Tensor, saved: &Tensor) -> Result<Tensor> {
        unary::unary_backward(op, grad, saved)
    }
    fn binary(&self, op: Binary, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
        elementwise::binary(op, a, b, shape, layout)
    }
    fn add_assign(&self, a: &mut Tensor, b: &Tensor) -> Result<()> {
        elementwise::blend(a, b, 1.0, 1.0)
    }
    fn blend(&self, a: &mut Tensor, b: &Tensor, keep: f64, take: f64) -> Result<()> {
        elementwise::blend(a, b, keep, take)
    }
    fn compare(&self, op: Compare, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
        elementwise::compare(op, a, b, shape, layout)
    }
    fn select(&self, cond: &Tensor, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
        copy::select(cond, a, b, shape, layout)
    }
    fn masked_scale(&self, x: &Tensor, mask: &Tensor, scale: f64) -> Result<Tensor> {
        elementwise::masked_scale(x, mask, scale)
    }
    fn cast(&self, x: &Tensor, dtype: DType) -> Result<Tensor> {
        elementwise::cast(x, dtype)
    }
    fn to_layout(&self, x: &Tensor, layout: Layout) -> Result<Tensor> {
        copy::to_layout(x, layout)
    }
    fn reduce(&self, op: Reduce, x: &Tensor, reduced: &[bool]) -> Result<Tensor> {
        reduce::reduce(op, x, reduced)
    }
    fn arg_reduce(&self, extreme: Extreme, x: &Tensor, dim: usize) -> Result<Tensor> {
        reduce::arg_reduce(extreme, x, dim)
    }
    fn top_k(&self, x: &Tensor, k: usize) -> Result<(Tensor, Tensor)> {
        reduce::top_k(x, k)
    }
    fn matmul(&self, a: &Tensor, b: &Tensor, transpose_a: bool, transpose_b: bool) -> Result<Tensor> {
        matmul::matmul(a, b, transpose_a, transpose_b)
    }
    fn copy(&self, x: &Tensor, view: &View) -> Result<Tensor> {
        copy::copy(x, view)
    }
    fn cat(&self, parts: &[Tensor], dim: usize, shape: &Shape, layout: Layout) -> Result<Tensor> {
        copy::cat(parts, dim, shape, layout)
    }
    fn index_select(&self, x: &Tensor, dim: usize, indices: &Tensor) -> Result<Tensor> {
        copy::index_select(x, dim, indices)
    }
    fn softmax(&self, op: Softmax, x: &Tensor, dim: usize) -> Result<Tensor> {
        softmax::softmax(op, x, dim)
    }
    fn softmax_backward(&self, op: Softmax, grad: &Tensor, output: &Tensor, dim: usize) -> Result<Tensor> {
        softmax::softmax_backward(op, grad, output, dim)
    }
    fn cross_entropy(&self, logits: &Tensor, targets: &Tensor, label_smoothing: f64) -> Result<(Tensor, Tensor)> {
        cross_entropy::cross_entropy(logits, targets, label_smoothing)
    }
    fn cross_entropy_backward(&self, grad: &Tensor, probabilities: &Tensor, targets: &Tensor, label_smoothing: f64) -> Result<Tensor> {
        cross_entropy::cross_entropy_backward(grad, probabilities, targets, label_smoothing)
    }
    fn max_pool2d(&self, x: &Tensor, shape: &Shape, options: &MaxPool2dOptions) -> Result<(Tensor, Tensor)> {
        pool2d::max_pool2d(x, shape, options)
    }
    fn max_pool2d_backward(&self, grad: &Tensor, places: &Tensor, input: &Shape, options: &MaxPool2dOptions) -> Result<Tensor> {
        pool2d::max_pool2d_backward(grad, places, input, options)
    }
    fn avg_pool2d(&self, x: &Tensor, windows: &Windows) -> Result<Tensor> {
        pool2d::avg_pool2d(x, windows)
    }
    fn avg_pool2d_backward(&self, grad: &Tensor, input: &Shape, windows: &Windows) -> Result<Tensor> {
        pool2d::avg_pool2d_backward(grad, input, windows)
    }
}
