//! The CPU backend: one file an operation, each dispatching to the kernels of the instruction set in use.
// Loops over the registers of a tile run over a constant range and index several arrays; iterators would hide that from the compiler.
#![allow(clippy::needless_range_loop)]

pub(crate) mod alloc;
pub(crate) mod avg_pool2d;
mod batch_norm;
mod binary;
mod cast;
pub(crate) mod cat;
mod channels;
mod conv2d;
mod copy;
mod cross_entropy;
pub(crate) mod dispatch;
mod elementwise;
mod generic;
mod helpers;
mod layer_norm;
#[cfg(test)]
mod level_tests;
pub(crate) mod loops;
mod masked_scale;
mod math;
mod matmul;
#[cfg_attr(not(any(test, target_arch = "x86_64")), allow(dead_code))] // only x86-64 has such a unit
mod matrix_unit;
mod max_pool2d;
mod optim;
pub(crate) mod pool;
mod reduce;
mod roofline;
pub(crate) mod simd;
mod softmax;
mod stored;
mod top_k;
mod unary;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_64;

pub use alloc::{Stats, release_idle, stats};
pub use conv2d::{ConvAlgorithm, ConvPass, conv2d_algorithm, conv2d_speedup, winograd_enabled, winograd_switch};
pub use dispatch::{SimdLevel, Vectorize, forced_level, level, vectorized};
pub use pool::{parallel, parallel_ranges, threads};
pub use roofline::Roofline;

use crate::{
    Backend, DType, Layout, Result, Shape, Tensor,
    ops::{
        Binary, CatStep, Compare, ConvShape, ConvStep, Epilogue, Extreme, LayerNorm, LayerNormGrads, MaxPool2dOptions, Norm, NormBackward,
        NormGrads, Reduce, Softmax, Unary, View, Windows,
        optim::{AdamStep, RmspropStep, SgdStep},
    },
};

/// The processor as a [`Backend`].
pub(crate) struct Cpu;

impl Backend for Cpu {
    fn conv2d(&self, x: &Tensor, w: &Tensor, shape: &ConvShape, epilogue: Epilogue<'_>) -> Result<Tensor> {
        conv2d::forward(x, w, shape, epilogue)
    }
    fn conv2d_pair(&self, x: &Tensor, first: ConvStep<'_>, second: ConvStep<'_>) -> Result<Tensor> {
        conv2d::forward_pair(x, first, second)
    }
    fn conv2d_pair_with_means(&self, x: &Tensor, first: ConvStep<'_>, second: ConvStep<'_>) -> Result<(Tensor, Option<Tensor>)> {
        conv2d::forward_pair_with_means(x, first, second)
    }
    fn conv2d_scaled(&self, x: &Tensor, factors: &Tensor, conv: ConvStep<'_>) -> Result<Tensor> {
        if conv2d::scales_weight(x.dtype(), &conv.shape) {
            return conv2d::forward_scaled(x, factors, &conv.shape, &conv.weight, conv.epilogue);
        }
        self.conv2d_of_product(x, factors, conv)
    }
    fn conv2d_cat(&self, parts: Vec<CatStep<'_>>, shape: &Shape) -> Result<Tensor> {
        if parts.iter().all(|part| part.operand().dtype() != DType::F64) {
            return conv2d::forward_cat(parts, shape);
        }
        self.cat_of_each(parts, shape)
    }
    fn conv2d_grad_input(&self, dy: &Tensor, w: &Tensor, shape: &ConvShape, sum: Option<Tensor>) -> Result<Tensor> {
        conv2d::grad_input(dy, w, shape, sum)
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
    fn batch_norm_relu(&self, x: &Tensor, norm: &Norm<'_>, residual: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        batch_norm::forward_relu(x, norm, residual)
    }
    fn batch_norm_affine(&self, norm: &Norm<'_>) -> Result<(Tensor, Tensor)> {
        batch_norm::affine(norm)
    }
    fn batch_norm_backward(&self, dy: &Tensor, forward: &NormBackward<'_>) -> Result<NormGrads> {
        batch_norm::backward(dy, forward)
    }
    fn layer_norm(&self, x: &Tensor, norm: &LayerNorm<'_>) -> Result<Tensor> {
        layer_norm::layer_norm(level(), x, norm)
    }
    fn layer_norm_backward(&self, dy: &Tensor, x: &Tensor, norm: &LayerNorm<'_>) -> Result<LayerNormGrads> {
        layer_norm::layer_norm_backward(level(), dy, x, norm)
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
        unary::unary(level(), op, x)
    }
    fn unary_backward(&self, op: Unary, grad: &Tensor, saved: &Tensor) -> Result<Tensor> {
        unary::unary_backward(level(), op, grad, saved)
    }
    fn binary(&self, op: Binary, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
        binary::binary(level(), op, a, b, shape, layout)
    }
    fn add_assign(&self, a: &mut Tensor, b: &Tensor) -> Result<()> {
        binary::add_assign(level(), a, b)
    }
    fn compare(&self, op: Compare, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
        binary::compare(op, a, b, shape, layout)
    }
    fn select(&self, cond: &Tensor, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
        binary::select(cond, a, b, shape, layout)
    }
    fn masked_scale(&self, x: &Tensor, mask: &Tensor, scale: f64) -> Result<Tensor> {
        masked_scale::masked_scale(level(), x, mask, scale)
    }
    fn cast(&self, x: &Tensor, dtype: DType) -> Result<Tensor> {
        cast::cast(level(), x, dtype)
    }
    fn reduce(&self, op: Reduce, x: &Tensor, reduced: &[bool]) -> Result<Tensor> {
        reduce::reduce(level(), op, x, reduced)
    }
    fn arg_reduce(&self, extreme: Extreme, x: &Tensor, dim: usize) -> Result<Tensor> {
        reduce::arg_reduce(extreme, x, dim)
    }
    fn top_k(&self, x: &Tensor, k: usize) -> Result<(Tensor, Tensor)> {
        top_k::top_k(x, k)
    }
    fn blend(&self, a: &mut Tensor, b: &Tensor, keep: f64, take: f64) -> Result<()> {
        binary::blend(level(), a, b, keep, take)
    }
    fn to_layout(&self, x: &Tensor, layout: Layout) -> Result<Tensor> {
        copy::to_layout(x, layout)
    }
    fn matmul(&self, a: &Tensor, b: &Tensor, transpose_a: bool, transpose_b: bool) -> Result<Tensor> {
        matmul::matmul(a, b, transpose_a, transpose_b)
    }
    fn copy(&self, x: &Tensor, view: &View) -> Result<Tensor> {
        copy::copy(x, view)
    }
    fn cat(&self, parts: &[Tensor], dim: usize, shape: &Shape, layout: Layout) -> Result<Tensor> {
        cat::cat(parts, dim, shape, layout)
    }
    fn index_select(&self, x: &Tensor, dim: usize, indices: &Tensor) -> Result<Tensor> {
        cat::index_select(x, dim, indices)
    }
    fn softmax(&self, op: Softmax, x: &Tensor, dim: usize) -> Result<Tensor> {
        softmax::softmax(level(), op, x, dim)
    }
    fn softmax_backward(&self, op: Softmax, grad: &Tensor, output: &Tensor, dim: usize) -> Result<Tensor> {
        softmax::softmax_backward(level(), op, grad, output, dim)
    }
    fn cross_entropy(&self, logits: &Tensor, targets: &Tensor, label_smoothing: f64) -> Result<(Tensor, Tensor)> {
        cross_entropy::cross_entropy(level(), logits, targets, label_smoothing)
    }
    fn cross_entropy_backward(&self, grad: &Tensor, probabilities: &Tensor, targets: &Tensor, label_smoothing: f64) -> Result<Tensor> {
        cross_entropy::cross_entropy_backward(level(), grad, probabilities, targets, label_smoothing)
    }
    fn max_pool2d(&self, x: &Tensor, shape: &Shape, options: &MaxPool2dOptions) -> Result<(Tensor, Tensor)> {
        max_pool2d::max_pool2d(level(), x, shape, options)
    }
    fn max_pool2d_values(&self, x: &Tensor, shape: &Shape, options: &MaxPool2dOptions) -> Result<Tensor> {
        max_pool2d::max_pool2d_values(level(), x, shape, options)
    }
    fn max_pool2d_backward(&self, grad: &Tensor, places: &Tensor, input: &Shape, options: &MaxPool2dOptions) -> Result<Tensor> {
        max_pool2d::max_pool2d_backward(level(), grad, places, input, options)
    }
    fn avg_pool2d(&self, x: &Tensor, windows: &Windows) -> Result<Tensor> {
        avg_pool2d::avg_pool2d(level(), x, windows)
    }
    fn avg_pool2d_backward(&self, grad: &Tensor, input: &Shape, windows: &Windows) -> Result<Tensor> {
        avg_pool2d::avg_pool2d_backward(level(), grad, input, windows)
    }
}
