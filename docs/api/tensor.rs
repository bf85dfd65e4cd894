//! The public API of `tensor`, written by `cargo xtask api` and checked by `cargo xtask tidy`.

// tensor/src/backend.rs
pub trait Backend: Sync {
    fn conv2d(
        &self,
        x: &Tensor,
        w: &Tensor,
        shape: &ConvShape,
        epilogue: Epilogue<'_>,
    ) -> Result<Tensor>;
    fn conv2d_pair(
        &self,
        x: &Tensor,
        first: ConvStep<'_>,
        second: ConvStep<'_>,
    ) -> Result<Tensor> {
        ..
    }
    fn conv2d_pair_with_means(
        &self,
        x: &Tensor,
        first: ConvStep<'_>,
        second: ConvStep<'_>,
    ) -> Result<(Tensor, Option<Tensor>)> {
        ..
    }
    fn conv2d_scaled(
        &self,
        x: &Tensor,
        factors: &Tensor,
        conv: ConvStep<'_>,
    ) -> Result<Tensor> {
        ..
    }
    fn conv2d_of_product(
        &self,
        x: &Tensor,
        factors: &Tensor,
        conv: ConvStep<'_>,
    ) -> Result<Tensor> {
        ..
    }
    fn conv2d_cat(&self, parts: Vec<CatStep<'_>>, shape: &Shape) -> Result<Tensor> {
        ..
    }
    fn cat_of_each(&self, parts: Vec<CatStep<'_>>, shape: &Shape) -> Result<Tensor> {
        ..
    }
    fn conv2d_grad_input(
        &self,
        dy: &Tensor,
        w: &Tensor,
        shape: &ConvShape,
        sum: Option<Tensor>,
    ) -> Result<Tensor>;
    fn conv2d_grad_weight(
        &self,
        x: &Tensor,
        dy: &Tensor,
        shape: &ConvShape,
    ) -> Result<Tensor>;
    fn batch_stats(&self, x: &Tensor) -> Result<(Tensor, Tensor)>;
    fn batch_norm(
        &self,
        x: &Tensor,
        norm: &Norm<'_>,
        residual: Option<&Tensor>,
        relu: bool,
    ) -> Result<Tensor>;
    fn batch_norm_relu(
        &self,
        x: &Tensor,
        norm: &Norm<'_>,
        residual: Option<&Tensor>,
    ) -> Result<(Tensor, Tensor)> {
        ..
    }
    fn batch_norm_affine(&self, norm: &Norm<'_>) -> Result<(Tensor, Tensor)>;
    fn batch_norm_backward(
        &self,
        dy: &Tensor,
        forward: &NormBackward<'_>,
    ) -> Result<NormGrads>;
    fn layer_norm(&self, x: &Tensor, norm: &LayerNorm<'_>) -> Result<Tensor>;
    fn layer_norm_backward(
        &self,
        dy: &Tensor,
        x: &Tensor,
        norm: &LayerNorm<'_>,
    ) -> Result<LayerNormGrads>;
    fn sgd_step(
        &self,
        param: &mut Tensor,
        grad: &Tensor,
        momentum_buffer: Option<&mut Tensor>,
        step: &SgdStep,
    ) -> Result<()>;
    fn adam_step(
        &self,
        param: &mut Tensor,
        grad: &Tensor,
        exp_avg: &mut Tensor,
        exp_avg_sq: &mut Tensor,
        step: &AdamStep,
    ) -> Result<()>;
    fn rmsprop_step(
        &self,
        param: &mut Tensor,
        grad: &Tensor,
        square_avg: &mut Tensor,
        momentum_buffer: Option<&mut Tensor>,
        step: &RmspropStep,
    ) -> Result<()>;
    fn unary(&self, op: Unary, x: &Tensor) -> Result<Tensor>;
    fn unary_backward(&self, op: Unary, grad: &Tensor, saved: &Tensor) -> Result<Tensor>;
    fn binary(
        &self,
        op: Binary,
        a: &Tensor,
        b: &Tensor,
        shape: &Shape,
        layout: Layout,
    ) -> Result<Tensor>;
    fn add_assign(&self, a: &mut Tensor, b: &Tensor) -> Result<()>;
    fn compare(
        &self,
        op: Compare,
        a: &Tensor,
        b: &Tensor,
        shape: &Shape,
        layout: Layout,
    ) -> Result<Tensor>;
    fn select(
        &self,
        cond: &Tensor,
        a: &Tensor,
        b: &Tensor,
        shape: &Shape,
        layout: Layout,
    ) -> Result<Tensor>;
    fn masked_scale(&self, x: &Tensor, mask: &Tensor, scale: f64) -> Result<Tensor>;
    fn cast(&self, x: &Tensor, dtype: DType) -> Result<Tensor>;
    fn reduce(&self, op: Reduce, x: &Tensor, reduced: &[bool]) -> Result<Tensor>;
    fn arg_reduce(&self, extreme: Extreme, x: &Tensor, dim: usize) -> Result<Tensor>;
    fn top_k(&self, x: &Tensor, k: usize) -> Result<(Tensor, Tensor)>;
    fn blend(&self, a: &mut Tensor, b: &Tensor, keep: f64, take: f64) -> Result<()>;
    fn to_layout(&self, x: &Tensor, layout: Layout) -> Result<Tensor>;
    fn matmul(
        &self,
        a: &Tensor,
        b: &Tensor,
        transpose_a: bool,
        transpose_b: bool,
    ) -> Result<Tensor>;
    fn copy(&self, x: &Tensor, view: &View) -> Result<Tensor>;
    fn cat(
        &self,
        parts: &[Tensor],
        dim: usize,
        shape: &Shape,
        layout: Layout,
    ) -> Result<Tensor>;
    fn index_select(&self, x: &Tensor, dim: usize, indices: &Tensor) -> Result<Tensor>;
    fn softmax(&self, op: Softmax, x: &Tensor, dim: usize) -> Result<Tensor>;
    fn softmax_backward(
        &self,
        op: Softmax,
        grad: &Tensor,
        output: &Tensor,
        dim: usize,
    ) -> Result<Tensor>;
    fn cross_entropy(
        &self,
        logits: &Tensor,
        targets: &Tensor,
        label_smoothing: f64,
    ) -> Result<(Tensor, Tensor)>;
    fn cross_entropy_backward(
        &self,
        grad: &Tensor,
        probabilities: &Tensor,
        targets: &Tensor,
        label_smoothing: f64,
    ) -> Result<Tensor>;
    fn max_pool2d(
        &self,
        x: &Tensor,
        shape: &Shape,
        options: &MaxPool2dOptions,
    ) -> Result<(Tensor, Tensor)>;
    fn max_pool2d_values(
        &self,
        x: &Tensor,
        shape: &Shape,
        options: &MaxPool2dOptions,
    ) -> Result<Tensor> {
        ..
    }
    fn max_pool2d_backward(
        &self,
        grad: &Tensor,
        places: &Tensor,
        input: &Shape,
        options: &MaxPool2dOptions,
    ) -> Result<Tensor>;
    fn avg_pool2d(&self, x: &Tensor, windows: &Windows) -> Result<Tensor>;
    fn avg_pool2d_backward(
        &self,
        grad: &Tensor,
        input: &Shape,
        windows: &Windows,
    ) -> Result<Tensor>;
}

// tensor/src/cpu/alloc.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    pub system_allocations: usize,
    pub bytes_in_use: usize,
    pub bytes_idle: usize,
}
pub fn stats() -> Stats;
pub fn release_idle();

// tensor/src/cpu/conv2d/algorithm.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConvPass {
    Forward,
    GradInput,
    GradWeight,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConvAlgorithm {
    Direct,
    Bf16,
    Winograd,
    Depthwise,
    Plain,
}
impl fmt::Display for ConvAlgorithm;
pub fn conv2d_algorithm(shape: &ConvShape, pass: ConvPass) -> ConvAlgorithm;

// tensor/src/cpu/conv2d/mod.rs
pub use algorithm::{ConvAlgorithm, ConvPass, conv2d_algorithm};
pub use schedule::conv2d_speedup;
pub use winograd::{winograd_enabled, winograd_switch};

// tensor/src/cpu/conv2d/schedule.rs
pub fn conv2d_speedup(shape: &ConvShape, pass: ConvPass, threads: usize) -> Option<f64>;

// tensor/src/cpu/conv2d/winograd.rs
pub use choice::{winograd_enabled, winograd_switch};

// tensor/src/cpu/conv2d/winograd/choice.rs
pub fn winograd_switch() -> Result<bool, String>;
pub fn winograd_enabled() -> bool;

// tensor/src/cpu/dispatch.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimdLevel {
    #[cfg(test)]
    EmulatedAmx,
    Generic,
    Avx2,
    Avx512,
    Avx512Bf16,
    Amx,
}
impl SimdLevel {
    pub fn name(self) -> &'static str;
    pub fn detect() -> SimdLevel;
    pub fn available() -> impl Iterator<Item = SimdLevel>;
}
impl fmt::Display for SimdLevel;
pub fn forced_level() -> Result<Option<SimdLevel>, String>;
pub fn level() -> SimdLevel;
pub trait Vectorize {
    type Output;
    fn run(self) -> Self::Output;
}
pub fn vectorized<V: Vectorize>(computation: V) -> V::Output;

// tensor/src/cpu/max_pool2d.rs
impl<T: Stored, P: Place> Channels for Window<'_, T, P>;

// tensor/src/cpu/mod.rs
pub use alloc::{Stats, release_idle, stats};
pub use conv2d::{
    ConvAlgorithm, ConvPass, conv2d_algorithm, conv2d_speedup, winograd_enabled,
    winograd_switch,
};
pub use dispatch::{SimdLevel, Vectorize, forced_level, level, vectorized};
pub use pool::{parallel, parallel_ranges, threads};
pub use roofline::Roofline;

// tensor/src/cpu/pool.rs
pub fn threads() -> usize;
pub fn parallel(tasks: usize, task: impl Fn(usize) + Sync);
pub fn parallel_ranges(len: usize, grain: usize, task: impl Fn(usize, usize) + Sync);

// tensor/src/cpu/roofline.rs
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roofline {
    pub threads: usize,
    pub level: SimdLevel,
    pub f32_flops: f64,
    pub bf16_flops: f64,
    pub read_bandwidth: f64,
    pub triad_bandwidth: f64,
}
impl Roofline {
    pub fn measure() -> Roofline;
}

// tensor/src/device.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Device {
    Cpu,
    Cuda(usize),
}
impl Device {
    pub fn best() -> Device;
    pub fn backend(self) -> Result<&'static dyn Backend>;
    pub fn synchronize(self) -> Result<()>;
}
pub fn tf32_switch() -> std::result::Result<bool, String>;
impl fmt::Display for Device;
impl FromStr for Device;

// tensor/src/dtype.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    F32,
    F64,
    Bf16,
    I64,
    U8,
}
impl DType {
    pub const fn size(self) -> usize;
    pub const fn is_float(self) -> bool;
    pub const fn computed(self) -> DType;
    pub const fn name(self) -> &'static str;
}
impl fmt::Display for DType;
pub trait Element: sealed::Sealed + Copy + Default + PartialOrd + fmt::Debug + Send + Sync + 'static {
    const DTYPE: DType;
    fn to_f64(self) -> f64;
    fn from_f64(value: f64) -> Self;
}
pub trait Float: Element + std::ops::Add<
        Output = Self,
    > + std::ops::Sub<
        Output = Self,
    > + std::ops::Mul<
        Output = Self,
    > + std::ops::Div<
        Output = Self,
    > + std::ops::Neg<Output = Self> + std::ops::AddAssign + std::iter::Sum {
    const ZERO: Self;
    const ONE: Self;
    const NEG_INFINITY: Self;
    fn sqrt(self) -> Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn tanh(self) -> Self;
    fn powf(self, n: Self) -> Self;
    fn abs(self) -> Self;
    fn maximum(self, other: Self) -> Self {
        ..
    }
    fn minimum(self, other: Self) -> Self {
        ..
    }
    fn is_nan(self) -> bool {
        ..
    }
}

// tensor/src/error.rs
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    Shapes { op: &'static str, lhs: Shape, rhs: Shape, reason: &'static str },
    Shape { op: &'static str, shape: Shape, reason: String },
    DType { op: &'static str, expected: String, found: DType },
    Argument { op: &'static str, reason: String },
    Device { device: Device, reason: String },
    Devices { op: &'static str, lhs: Device, rhs: Device },
}
impl Error {
    pub fn argument(op: &'static str, reason: impl Into<String>) -> Self;
    pub fn shape(op: &'static str, shape: &[usize], reason: impl Into<String>) -> Self;
    pub fn shapes(
        op: &'static str,
        lhs: &[usize],
        rhs: &[usize],
        reason: &'static str,
    ) -> Self;
}
pub type Result<T> = std::result::Result<T, Error>;

// tensor/src/layout.rs
pub const BLOCK: usize = 32;
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    Contiguous,
    ChannelsLast,
    Blocked,
}

// tensor/src/lib.rs
pub mod cpu;
pub mod ops;
pub mod random;
pub use backend::Backend;
pub use device::{Device, tf32_switch};
pub use dtype::{DType, Element, Float};
pub use error::{Error, Result};
pub use half::bf16;
pub use layout::{BLOCK, Layout};
pub use mapped_file::MappedFile;
pub use shape::Shape;
pub use tensor::Tensor;

// tensor/src/mapped_file.rs
#[derive(Debug)]
pub struct MappedFile {
    private: (),
}
impl MappedFile {
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self>;
}
impl Deref for MappedFile;

// tensor/src/ops/avg_pool2d.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvgPool2dOptions {
    pub kernel_size: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub ceil_mode: bool,
    pub count_include_pad: bool,
}
impl AvgPool2dOptions {
    pub fn new(kernel_size: usize) -> Self;
}
impl Tensor {
    pub fn avg_pool2d(&self, options: &AvgPool2dOptions) -> Result<Tensor>;
    pub fn avg_pool2d_backward(
        &self,
        input: &Shape,
        options: &AvgPool2dOptions,
    ) -> Result<Tensor>;
    pub fn adaptive_avg_pool2d(
        &self,
        output_size: [Option<usize>; 2],
    ) -> Result<Tensor>;
    pub fn adaptive_avg_pool2d_backward(
        &self,
        input: &Shape,
        output_size: [Option<usize>; 2],
    ) -> Result<Tensor>;
}

// tensor/src/ops/batch_norm.rs
#[derive(Debug, Clone)]
pub struct BatchStats {
    pub mean: Tensor,
    pub var: Tensor,
    pub count: usize,
}
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a> {
    pub mean: &'a Tensor,
    pub var: &'a Tensor,
    pub weight: Option<&'a Tensor>,
    pub bias: Option<&'a Tensor>,
    pub eps: f64,
}
#[derive(Debug, Clone, Copy)]
pub struct NormBackward<'a> {
    pub norm: Norm<'a>,
    pub x: &'a Tensor,
    pub relu: Option<&'a ReluMask>,
    pub batch_stats: bool,
    pub residual: bool,
}
#[derive(Debug, Clone)]
pub struct ReluMask {
    private: (),
}
#[derive(Debug)]
pub struct NormGrads {
    pub x: Tensor,
    pub weight: Tensor,
    pub bias: Tensor,
    pub residual: Option<Tensor>,
}
impl Norm<'_> {
    pub fn affine(&self) -> Result<(Tensor, Tensor)>;
}
impl Tensor {
    pub fn batch_stats(&self) -> Result<BatchStats>;
    pub fn batch_norm(
        &self,
        norm: &Norm<'_>,
        residual: Option<&Tensor>,
        relu: bool,
    ) -> Result<Tensor>;
    pub fn batch_norm_relu(
        &self,
        norm: &Norm<'_>,
        residual: Option<&Tensor>,
    ) -> Result<(Tensor, ReluMask)>;
    pub fn batch_norm_backward(&self, forward: &NormBackward<'_>) -> Result<NormGrads>;
}

// tensor/src/ops/binary.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Maximum,
    Minimum,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}
impl Tensor {
    pub fn binary(&self, op: Binary, rhs: &Tensor) -> Result<Tensor>;
    pub fn add(&self, rhs: &Tensor) -> Result<Tensor>;
    pub fn sub(&self, rhs: &Tensor) -> Result<Tensor>;
    pub fn mul(&self, rhs: &Tensor) -> Result<Tensor>;
    pub fn div(&self, rhs: &Tensor) -> Result<Tensor>;
    pub fn maximum(&self, rhs: &Tensor) -> Result<Tensor>;
    pub fn minimum(&self, rhs: &Tensor) -> Result<Tensor>;
    pub fn add_(&mut self, rhs: &Tensor) -> Result<()>;
    pub fn blend_(&mut self, rhs: &Tensor, keep: f64, take: f64) -> Result<()>;
    pub fn compare(&self, op: Compare, rhs: &Tensor) -> Result<Tensor>;
    pub fn eq(&self, rhs: &Tensor) -> Result<Tensor>;
    pub fn ne(&self, rhs: &Tensor) -> Result<Tensor>;
    pub fn lt(&self, rhs: &Tensor) -> Result<Tensor>;
    pub fn le(&self, rhs: &Tensor) -> Result<Tensor>;
    pub fn gt(&self, rhs: &Tensor) -> Result<Tensor>;
    pub fn ge(&self, rhs: &Tensor) -> Result<Tensor>;
    pub fn where_cond(&self, on_true: &Tensor, on_false: &Tensor) -> Result<Tensor>;
}

// tensor/src/ops/cast.rs
impl Tensor {
    pub fn to_dtype(&self, dtype: DType) -> Result<Tensor>;
}

// tensor/src/ops/cat.rs
impl Tensor {
    pub fn cat(tensors: &[&Tensor], dim: isize) -> Result<Tensor>;
    pub fn stack(tensors: &[&Tensor], dim: isize) -> Result<Tensor>;
    pub fn chunk(&self, chunks: usize, dim: isize) -> Result<Vec<Tensor>>;
}

// tensor/src/ops/channel_shuffle.rs
impl Tensor {
    pub fn channel_shuffle(&self, groups: usize) -> Result<Tensor>;
}

// tensor/src/ops/conv2d.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv2dOptions {
    pub stride: (usize, usize),
    pub padding: (usize, usize),
    pub dilation: (usize, usize),
    pub groups: usize,
    pub method: ConvMethod,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConvMethod {
    Fastest,
    Bf16,
    Direct,
    Winograd,
}
impl Default for Conv2dOptions;
#[derive(Debug, Clone, Default)]
pub struct Epilogue<'a> {
    pub scale: Option<&'a Tensor>,
    pub shift: Option<&'a Tensor>,
    pub residual: Option<Tensor>,
    pub activation: Option<Unary>,
    pub dtype: Option<DType>,
}
#[derive(Debug, Clone)]
pub struct FusedConv2d<'a> {
    pub weight: &'a Tensor,
    pub options: Conv2dOptions,
    pub epilogue: Epilogue<'a>,
}
#[derive(Debug)]
pub struct ConvStep<'a> {
    pub weight: Tensor,
    pub shape: ConvShape,
    pub epilogue: Epilogue<'a>,
}
#[derive(Debug, Clone)]
pub enum CatPart<'a> {
    Conv(&'a Tensor, FusedConv2d<'a>),
    Tensor(&'a Tensor),
}
#[derive(Debug)]
pub enum CatStep<'a> {
    Conv(Tensor, Box<ConvStep<'a>>),
    Tensor(Tensor),
}
impl CatStep<'_> {
    pub fn dims(&self) -> [usize; 4];
    pub fn dtype(&self) -> DType;
    pub fn operand(&self) -> &Tensor;
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvShape {
    pub n: usize,
    pub c: usize,
    pub input: (usize, usize),
    pub k: usize,
    pub kernel: (usize, usize),
    pub output: (usize, usize),
    pub options: Conv2dOptions,
}
impl ConvShape {
    pub fn new(
        x: &[usize],
        weight: &[usize],
        options: &Conv2dOptions,
    ) -> Result<ConvShape>;
    pub fn input_dims(&self) -> [usize; 4];
    pub fn output_dims(&self) -> [usize; 4];
    pub fn weight_dims(&self) -> [usize; 4];
    pub fn multiply_adds(&self) -> usize;
    pub fn inside_multiply_adds(&self) -> usize;
}
impl Tensor {
    pub fn conv2d(
        &self,
        weight: &Tensor,
        bias: Option<&Tensor>,
        options: &Conv2dOptions,
    ) -> Result<Tensor>;
    pub fn conv2d_fused(
        &self,
        weight: &Tensor,
        options: &Conv2dOptions,
        epilogue: Epilogue<'_>,
    ) -> Result<Tensor>;
    pub fn conv2d_pair(
        &self,
        first: FusedConv2d<'_>,
        second: FusedConv2d<'_>,
    ) -> Result<Tensor>;
    pub fn conv2d_pair_with_means(
        &self,
        first: FusedConv2d<'_>,
        second: FusedConv2d<'_>,
    ) -> Result<(Tensor, Tensor)>;
    pub fn conv2d_scaled(
        &self,
        factors: &Tensor,
        conv: FusedConv2d<'_>,
    ) -> Result<Tensor>;
    pub fn conv2d_cat(parts: Vec<CatPart<'_>>) -> Result<Tensor>;
    pub fn conv2d_grad_input(
        &self,
        weight: &Tensor,
        input_dims: &[usize],
        options: &Conv2dOptions,
    ) -> Result<Tensor>;
    pub fn conv2d_grad_input_onto(
        &self,
        weight: &Tensor,
        options: &Conv2dOptions,
        sum: Tensor,
    ) -> Result<Tensor>;
    pub fn conv2d_grad_weight(
        &self,
        x: &Tensor,
        weight_dims: &[usize],
        options: &Conv2dOptions,
    ) -> Result<Tensor>;
}

// tensor/src/ops/cross_entropy.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    Mean,
    Sum,
    None,
}
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CrossEntropyOptions {
    pub label_smoothing: f64,
    pub reduction: Reduction,
}
impl Tensor {
    pub fn cross_entropy(
        &self,
        targets: &Tensor,
        options: &CrossEntropyOptions,
    ) -> Result<(Tensor, Tensor)>;
    pub fn cross_entropy_backward(
        &self,
        grad: &Tensor,
        targets: &Tensor,
        options: &CrossEntropyOptions,
    ) -> Result<Tensor>;
}

// tensor/src/ops/dropout.rs
impl Tensor {
    pub fn dropout(
        &self,
        p: f64,
        generator: &mut Generator,
    ) -> Result<(Tensor, Tensor)>;
    pub fn dropout_backward(&self, mask: &Tensor, p: f64) -> Result<Tensor>;
}

// tensor/src/ops/index_select.rs
impl Tensor {
    pub fn index_select(&self, dim: isize, indices: &Tensor) -> Result<Tensor>;
}

// tensor/src/ops/layer_norm.rs
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm<'a> {
    pub normalized_shape: &'a Shape,
    pub weight: Option<&'a Tensor>,
    pub bias: Option<&'a Tensor>,
    pub eps: f64,
}
#[derive(Debug)]
pub struct LayerNormGrads {
    pub x: Tensor,
    pub weight: Tensor,
    pub bias: Tensor,
}
impl Tensor {
    pub fn layer_norm(&self, norm: &LayerNorm<'_>) -> Result<Tensor>;
    pub fn layer_norm_backward(
        &self,
        x: &Tensor,
        norm: &LayerNorm<'_>,
    ) -> Result<LayerNormGrads>;
}

// tensor/src/ops/linear.rs
impl Tensor {
    pub fn linear(
        &self,
        weight: &Tensor,
        bias: Option<&Tensor>,
        method: ConvMethod,
    ) -> Result<Tensor>;
    pub fn linear_grad_input(
        &self,
        weight: &Tensor,
        method: ConvMethod,
    ) -> Result<Tensor>;
    pub fn linear_grad_weight(&self, x: &Tensor, method: ConvMethod) -> Result<Tensor>;
}

// tensor/src/ops/matmul.rs
impl Tensor {
    pub fn matmul(&self, rhs: &Tensor) -> Result<Tensor>;
    pub fn matmul_transposed(
        &self,
        rhs: &Tensor,
        transpose_self: bool,
        transpose_rhs: bool,
    ) -> Result<Tensor>;
}

// tensor/src/ops/max_pool2d.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool2dOptions {
    pub kernel_size: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub dilation: [usize; 2],
    pub ceil_mode: bool,
}
impl MaxPool2dOptions {
    pub fn new(kernel_size: usize) -> Self;
}
impl Tensor {
    pub fn max_pool2d(&self, options: &MaxPool2dOptions) -> Result<(Tensor, Tensor)>;
    pub fn max_pool2d_values(&self, options: &MaxPool2dOptions) -> Result<Tensor>;
    pub fn max_pool2d_backward(
        &self,
        places: &Tensor,
        input: &Shape,
        options: &MaxPool2dOptions,
    ) -> Result<Tensor>;
}

// tensor/src/ops/mod.rs
pub mod optim;
pub use avg_pool2d::AvgPool2dOptions;
pub use batch_norm::{BatchStats, Norm, NormBackward, NormGrads, ReluMask};
pub use binary::{Binary, Compare};
pub use conv2d::{
    CatPart, CatStep, Conv2dOptions, ConvMethod, ConvShape, ConvStep, Epilogue,
    FusedConv2d,
};
pub use cross_entropy::{CrossEntropyOptions, Reduction};
pub use layer_norm::{LayerNorm, LayerNormGrads};
pub use max_pool2d::MaxPool2dOptions;
pub use reduce::{Extreme, Reduce};
pub use softmax::Softmax;
pub use unary::{Saved, Unary};
pub use view::View;
pub use window::{Window, Windows};

// tensor/src/ops/optim.rs
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdStep {
    pub lr: f64,
    pub momentum: f64,
    pub dampening: f64,
    pub weight_decay: f64,
    pub nesterov: bool,
    pub first: bool,
}
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
    pub decoupled: bool,
    pub step: u64,
}
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmspropStep {
    pub lr: f64,
    pub alpha: f64,
    pub eps: f64,
    pub weight_decay: f64,
    pub momentum: f64,
}
pub fn sgd_step(
    param: &mut Tensor,
    grad: &Tensor,
    momentum_buffer: Option<&mut Tensor>,
    step: &SgdStep,
) -> Result<()>;
pub fn adam_step(
    param: &mut Tensor,
    grad: &Tensor,
    exp_avg: &mut Tensor,
    exp_avg_sq: &mut Tensor,
    step: &AdamStep,
) -> Result<()>;
pub fn rmsprop_step(
    param: &mut Tensor,
    grad: &Tensor,
    square_avg: &mut Tensor,
    momentum_buffer: Option<&mut Tensor>,
    step: &RmspropStep,
) -> Result<()>;

// tensor/src/ops/reduce.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduce {
    Sum,
    Mean,
    Max,
    Min,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extreme {
    Max,
    Min,
}
impl Tensor {
    pub fn reduce(&self, op: Reduce, dims: &[isize], keepdim: bool) -> Result<Tensor>;
    pub fn sum(&self, dims: &[isize], keepdim: bool) -> Result<Tensor>;
    pub fn mean(&self, dims: &[isize], keepdim: bool) -> Result<Tensor>;
    pub fn amax(&self, dims: &[isize], keepdim: bool) -> Result<Tensor>;
    pub fn amin(&self, dims: &[isize], keepdim: bool) -> Result<Tensor>;
    pub fn sum_all(&self) -> Result<Tensor>;
    pub fn mean_all(&self) -> Result<Tensor>;
    pub fn var(&self, dims: &[isize], unbiased: bool, keepdim: bool) -> Result<Tensor>;
    pub fn sum_to(&self, shape: &Shape) -> Result<Tensor>;
    pub fn argmax(&self, dim: isize, keepdim: bool) -> Result<Tensor>;
    pub fn argmin(&self, dim: isize, keepdim: bool) -> Result<Tensor>;
}

// tensor/src/ops/softmax.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Softmax {
    Plain,
    Log,
}
impl Tensor {
    pub fn softmax(&self, dim: isize) -> Result<Tensor>;
    pub fn log_softmax(&self, dim: isize) -> Result<Tensor>;
    pub fn softmax_backward(&self, output: &Tensor, dim: isize) -> Result<Tensor>;
    pub fn log_softmax_backward(&self, output: &Tensor, dim: isize) -> Result<Tensor>;
}

// tensor/src/ops/top_k.rs
impl Tensor {
    pub fn top_k(&self, k: usize) -> Result<(Tensor, Tensor)>;
}

// tensor/src/ops/unary.rs
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unary {
    Neg,
    Abs,
    Exp,
    Ln,
    Sqrt,
    Tanh,
    Sigmoid,
    Relu,
    Gelu,
    Hardswish,
    Hardsigmoid,
    Silu,
    Clamp { min: f64, max: f64 },
    Affine { mul: f64, add: f64 },
    Pow(f64),
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    Input,
    Output,
}
impl Unary {
    pub fn saved(self) -> Saved;
    pub fn name(self) -> &'static str;
}
impl Tensor {
    pub fn unary(&self, op: Unary) -> Result<Tensor>;
    pub fn unary_backward(&self, op: Unary, saved: &Tensor) -> Result<Tensor>;
    pub fn neg(&self) -> Result<Tensor>;
    pub fn abs(&self) -> Result<Tensor>;
    pub fn exp(&self) -> Result<Tensor>;
    pub fn ln(&self) -> Result<Tensor>;
    pub fn sqrt(&self) -> Result<Tensor>;
    pub fn tanh(&self) -> Result<Tensor>;
    pub fn sigmoid(&self) -> Result<Tensor>;
    pub fn relu(&self) -> Result<Tensor>;
    pub fn relu6(&self) -> Result<Tensor>;
    pub fn gelu(&self) -> Result<Tensor>;
    pub fn hardswish(&self) -> Result<Tensor>;
    pub fn hardsigmoid(&self) -> Result<Tensor>;
    pub fn silu(&self) -> Result<Tensor>;
    pub fn clamp(&self, min: f64, max: f64) -> Result<Tensor>;
    pub fn affine(&self, mul: f64, add: f64) -> Result<Tensor>;
    pub fn add_scalar(&self, value: f64) -> Result<Tensor>;
    pub fn mul_scalar(&self, value: f64) -> Result<Tensor>;
    pub fn pow(&self, exponent: f64) -> Result<Tensor>;
}

// tensor/src/ops/view.rs
#[derive(Debug)]
pub struct View {
    pub shape: Shape,
    pub layout: Layout,
    pub offset: usize,
    pub strides: Vec<usize>,
}
impl Tensor {
    pub fn narrow(&self, dim: isize, start: usize, len: usize) -> Result<Tensor>;
    pub fn slice(
        &self,
        dim: isize,
        start: usize,
        end: usize,
        step: usize,
    ) -> Result<Tensor>;
    pub fn permute(&self, dims: &[isize]) -> Result<Tensor>;
    pub fn transpose(&self, dim0: isize, dim1: isize) -> Result<Tensor>;
    pub fn unsqueeze(&self, dim: isize) -> Result<Tensor>;
    pub fn squeeze(&self, dim: isize) -> Result<Tensor>;
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Tensor>;
}

// tensor/src/ops/window.rs
#[derive(Debug, Clone)]
pub struct Window {
    pub places: Range<usize>,
    pub count: usize,
}
#[derive(Debug, Clone)]
pub struct Windows {
    pub rows: Vec<Window>,
    pub columns: Vec<Window>,
}

// tensor/src/random.rs
#[derive(Debug, Clone)]
pub struct Generator {
    private: (),
}
impl Generator {
    pub const fn new(seed: u64) -> Self;
    pub const fn state(&self) -> u64;
    pub fn next_u64(&mut self) -> u64;
    pub fn uniform(&mut self) -> f64;
    pub fn below(&mut self, n: usize) -> usize;
    pub fn normal(&mut self) -> f64;
}
pub fn manual_seed(seed: u64);
pub fn with_global<R>(f: impl FnOnce(&mut Generator) -> R) -> R;

// tensor/src/shape.rs
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<usize>);
impl Shape {
    pub fn dims(&self) -> &[usize];
    pub fn rank(&self) -> usize;
    pub fn elements(&self) -> usize;
    pub fn nchw(&self, op: &'static str) -> Result<(usize, usize, usize, usize)>;
    pub fn dim_index(&self, op: &'static str, dim: isize) -> Result<usize>;
    pub fn strides(&self) -> Vec<usize>;
}
impl Deref for Shape;
impl From<&[usize]> for Shape;
impl From<Vec<usize>> for Shape;
impl<const N: usize> From<[usize; N]> for Shape;
impl fmt::Display for Shape;
impl fmt::Debug for Shape;

// tensor/src/tensor.rs
#[derive(Clone)]
pub struct Tensor {
    private: (),
}
impl Tensor {
    pub fn zeros(shape: impl Into<Shape>, dtype: DType) -> Result<Tensor>;
    pub fn zeros_in(
        shape: impl Into<Shape>,
        dtype: DType,
        layout: Layout,
    ) -> Result<Tensor>;
    pub fn zeros_like(&self) -> Result<Tensor>;
    pub fn ones(shape: impl Into<Shape>, dtype: DType) -> Result<Tensor>;
    pub fn full(shape: impl Into<Shape>, value: f64, dtype: DType) -> Result<Tensor>;
    pub fn from_vec<T: Element>(
        data: Vec<T>,
        shape: impl Into<Shape>,
    ) -> Result<Tensor>;
    pub fn from_slice<T: Element>(
        data: &[T],
        shape: impl Into<Shape>,
    ) -> Result<Tensor>;
    pub fn scalar<T: Element>(value: T) -> Tensor;
    pub fn arange(n: usize, dtype: DType) -> Result<Tensor>;
    pub fn uniform(
        shape: impl Into<Shape>,
        low: f64,
        high: f64,
        generator: &mut Generator,
    ) -> Result<Tensor>;
    pub fn normal(
        shape: impl Into<Shape>,
        mean: f64,
        std: f64,
        generator: &mut Generator,
    ) -> Result<Tensor>;
    pub fn from_array<T: Element, S: Data<Elem = T>, D: Dimension>(
        array: &ArrayBase<S, D>,
    ) -> Result<Tensor>;
    pub fn shape(&self) -> &Shape;
    pub fn dims(&self) -> &[usize];
    pub fn elements(&self) -> usize;
    pub fn dtype(&self) -> DType;
    pub fn layout(&self) -> Layout;
    pub fn shares_memory_with(&self, other: &Tensor) -> bool;
    pub fn data<T: Element>(&self) -> Result<&[T]>;
    pub fn data_mut<T: Element>(&mut self) -> Result<&mut [T]>;
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>>;
    pub fn to_f64_vec(&self) -> Result<Vec<f64>>;
    pub fn to_array<T: Element>(&self) -> Result<Array<T, IxDyn>>;
    pub fn item(&self) -> Result<f64>;
    pub fn to_layout(&self, layout: Layout) -> Result<Tensor>;
    pub fn contiguous(&self) -> Result<Tensor>;
    pub fn channels_last(&self) -> Result<Tensor>;
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Tensor>;
    pub fn flatten(&self, start: isize, end: isize) -> Result<Tensor>;
}
impl fmt::Debug for Tensor;

// tensor/src/tensor/placement.rs
impl Tensor {
    pub fn device(&self) -> Device;
    pub fn to_device(&self, device: Device) -> Result<Tensor>;
    pub fn to_host(&self) -> Result<Tensor>;
}
