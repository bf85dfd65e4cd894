//! The public API of `autograd`, written by `cargo xtask api` and checked by `cargo xtask tidy`.

// autograd/src/autocast.rs
pub fn autocast_bf16<R>(f: impl FnOnce() -> R) -> R;
pub fn conv_method(method: ConvMethod, records: bool) -> ConvMethod;
pub fn activation_dtype(x: &Tensor) -> Option<DType>;

// autograd/src/backward.rs
impl Var {
    pub fn backward(&self) -> Result<()>;
    pub fn backward_with(
        &self,
        complete: impl FnMut(&Parameter) -> Result<()>,
    ) -> Result<()>;
    pub fn backward_from(
        &self,
        grad: Tensor,
        mut complete: impl FnMut(&Parameter) -> Result<()>,
    ) -> Result<()>;
    pub fn grad_of(&self, input: &Var, grad: Tensor) -> Result<Tensor>;
}

// autograd/src/cell.rs
pub fn changes() -> u64;
pub struct TensorCell {
    private: (),
}
impl TensorCell {
    pub fn new(value: Tensor) -> Self;
    pub fn value(&self) -> Tensor;
    pub fn set_value(&self, value: Tensor);
    pub fn update<R>(&self, f: impl FnOnce(&mut Tensor) -> R) -> R;
    pub fn id(&self) -> u64;
}
impl fmt::Debug for TensorCell;

// autograd/src/dominators.rs
pub fn dominators<E>(
    input: Tensor,
    f: impl FnOnce(&Var) -> Result<Var, E>,
) -> Result<(Var, Vec<Var>), E>;

// autograd/src/gradcheck.rs
pub fn gradcheck(f: impl Fn(&[Var]) -> Result<Var>, inputs: &[Tensor]) -> Result<f64>;

// autograd/src/graph.rs
pub fn is_grad_enabled() -> bool;
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R;

// autograd/src/lib.rs
pub mod op;
pub mod ops;
pub use autocast::{activation_dtype, autocast_bf16, conv_method};
pub use cell::{TensorCell, changes};
pub use dominators::dominators;
pub use gradcheck::gradcheck;
pub use graph::{is_grad_enabled, no_grad};
pub use op::Op;
pub use parameter::Parameter;
pub use record::{Operand, Operation, Recording, record};
pub use tensor::{Error, Result};
pub use var::Var;

// autograd/src/op.rs
#[derive(Debug, Clone)]
pub enum Op {
    AdaptiveAvgPool2d,
    Add,
    AvgPool2d(AvgPool2dOptions),
    BatchNorm(BatchNorm),
    BroadcastTo,
    Cat { dim: usize },
    ChannelShuffle { groups: usize },
    Conv2d(Conv2dOptions),
    CrossEntropy,
    Custom(&'static str),
    Div,
    Dropout,
    Flatten,
    LayerNorm { dims: usize, eps: f64, weight: bool, bias: bool },
    Linear,
    LogSoftmax { dim: isize },
    Matmul,
    Maximum,
    MaxPool2d(MaxPool2dOptions),
    Mean(Reduction),
    Minimum,
    Mul,
    Narrow { dim: usize, start: usize },
    Permute { order: Vec<usize> },
    Reshape,
    Softmax { dim: isize },
    Squeeze,
    Sub,
    Sum(Reduction),
    Transpose { dim0: isize, dim1: isize },
    Unary(Unary),
    Unsqueeze,
}
#[derive(Debug, Clone)]
pub struct BatchNorm {
    pub mean: Tensor,
    pub var: Tensor,
    pub eps: f64,
    pub weight: bool,
    pub bias: bool,
    pub residual: bool,
    pub relu: bool,
    pub batch_stats: bool,
}
#[derive(Debug, Clone)]
pub struct Reduction {
    pub dims: Vec<isize>,
    pub keepdim: bool,
}
impl Op {
    pub fn name(&self) -> &'static str;
}

// autograd/src/ops/avg_pool2d.rs
impl Var {
    pub fn avg_pool2d(&self, options: &AvgPool2dOptions) -> Result<Var>;
    pub fn adaptive_avg_pool2d(&self, output_size: [Option<usize>; 2]) -> Result<Var>;
}

// autograd/src/ops/batch_norm.rs
#[derive(Debug, Clone, Copy, Default)]
pub struct Fused<'a> {
    pub residual: Option<&'a Var>,
    pub relu: bool,
}
impl Var {
    pub fn batch_norm_train(
        &self,
        weight: Option<&Var>,
        bias: Option<&Var>,
        eps: f64,
        fused: Fused<'_>,
    ) -> Result<(Var, BatchStats)>;
    pub fn batch_norm_eval(
        &self,
        mean: &Tensor,
        var: &Tensor,
        weight: Option<&Var>,
        bias: Option<&Var>,
        eps: f64,
        fused: Fused<'_>,
    ) -> Result<Var>;
}

// autograd/src/ops/binary.rs
impl Var {
    pub fn add(&self, rhs: &Var) -> Result<Var>;
    pub fn sub(&self, rhs: &Var) -> Result<Var>;
    pub fn mul(&self, rhs: &Var) -> Result<Var>;
    pub fn div(&self, rhs: &Var) -> Result<Var>;
    pub fn maximum(&self, rhs: &Var) -> Result<Var>;
    pub fn minimum(&self, rhs: &Var) -> Result<Var>;
}

// autograd/src/ops/cat.rs
impl Var {
    pub fn cat(parts: &[&Var], dim: isize) -> Result<Var>;
    pub fn chunk(&self, chunks: usize, dim: isize) -> Result<Vec<Var>>;
}

// autograd/src/ops/channel_shuffle.rs
impl Var {
    pub fn channel_shuffle(&self, groups: usize) -> Result<Var>;
}

// autograd/src/ops/conv2d.rs
impl Var {
    pub fn conv2d(
        &self,
        weight: &Var,
        bias: Option<&Var>,
        options: &Conv2dOptions,
    ) -> Result<Var>;
}

// autograd/src/ops/cross_entropy.rs
impl Var {
    pub fn cross_entropy(
        &self,
        targets: &Tensor,
        options: &CrossEntropyOptions,
    ) -> Result<Var>;
}

// autograd/src/ops/dropout.rs
impl Var {
    pub fn dropout(&self, p: f64) -> Result<Var>;
}

// autograd/src/ops/layer_norm.rs
impl Var {
    pub fn layer_norm(
        &self,
        normalized_shape: impl Into<Shape>,
        weight: Option<&Var>,
        bias: Option<&Var>,
        eps: f64,
    ) -> Result<Var>;
}

// autograd/src/ops/linear.rs
impl Var {
    pub fn linear(&self, weight: &Var, bias: Option<&Var>) -> Result<Var>;
}

// autograd/src/ops/matmul.rs
impl Var {
    pub fn matmul(&self, rhs: &Var) -> Result<Var>;
}

// autograd/src/ops/max_pool2d.rs
impl Var {
    pub fn max_pool2d(&self, options: &MaxPool2dOptions) -> Result<Var>;
}

// autograd/src/ops/mod.rs
pub use batch_norm::Fused;

// autograd/src/ops/reduce.rs
impl Var {
    pub fn sum(&self, dims: &[isize], keepdim: bool) -> Result<Var>;
    pub fn mean(&self, dims: &[isize], keepdim: bool) -> Result<Var>;
    pub fn sum_all(&self) -> Result<Var>;
    pub fn mean_all(&self) -> Result<Var>;
}

// autograd/src/ops/softmax.rs
impl Var {
    pub fn softmax(&self, dim: isize) -> Result<Var>;
    pub fn log_softmax(&self, dim: isize) -> Result<Var>;
}

// autograd/src/ops/unary.rs
impl Var {
    pub fn unary(&self, op: Unary) -> Result<Var>;
    pub fn neg(&self) -> Result<Var>;
    pub fn abs(&self) -> Result<Var>;
    pub fn exp(&self) -> Result<Var>;
    pub fn ln(&self) -> Result<Var>;
    pub fn sqrt(&self) -> Result<Var>;
    pub fn tanh(&self) -> Result<Var>;
    pub fn sigmoid(&self) -> Result<Var>;
    pub fn relu(&self) -> Result<Var>;
    pub fn relu6(&self) -> Result<Var>;
    pub fn gelu(&self) -> Result<Var>;
    pub fn hardswish(&self) -> Result<Var>;
    pub fn hardsigmoid(&self) -> Result<Var>;
    pub fn silu(&self) -> Result<Var>;
    pub fn clamp(&self, min: f64, max: f64) -> Result<Var>;
    pub fn affine(&self, mul: f64, add: f64) -> Result<Var>;
    pub fn add_scalar(&self, value: f64) -> Result<Var>;
    pub fn mul_scalar(&self, value: f64) -> Result<Var>;
    pub fn pow(&self, exponent: f64) -> Result<Var>;
}

// autograd/src/ops/view.rs
impl Var {
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Var>;
    pub fn flatten(&self, start: isize, end: isize) -> Result<Var>;
    pub fn unsqueeze(&self, dim: isize) -> Result<Var>;
    pub fn squeeze(&self, dim: isize) -> Result<Var>;
    pub fn permute(&self, dims: &[isize]) -> Result<Var>;
    pub fn transpose(&self, dim0: isize, dim1: isize) -> Result<Var>;
    pub fn narrow(&self, dim: isize, start: usize, len: usize) -> Result<Var>;
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Var>;
}

// autograd/src/parameter.rs
#[derive(Clone)]
pub struct Parameter(Arc<Inner>);
impl Parameter {
    pub fn new(value: Tensor) -> Self;
    pub fn value(&self) -> Tensor;
    pub fn set_value(&self, value: Tensor);
    pub fn update<R>(&self, f: impl FnOnce(&mut Tensor) -> R) -> R;
    pub fn var(&self) -> Var;
    pub fn requires_grad(&self) -> bool;
    pub fn set_requires_grad(&self, requires_grad: bool);
    pub fn grad(&self) -> Option<Tensor>;
    pub fn take_grad(&self) -> Option<Tensor>;
    pub fn zero_grad(&self);
    pub fn accumulate_grad(&self, grad: Tensor) -> Result<()>;
    pub fn same(&self, other: &Parameter) -> bool;
    pub fn id(&self) -> usize;
}
impl fmt::Debug for Parameter;

// autograd/src/record.rs
#[derive(Debug, Clone)]
pub struct Recording {
    pub input: u64,
    pub operations: Vec<Operation>,
    pub output: u64,
}
#[derive(Debug, Clone)]
pub struct Operation {
    pub op: Op,
    pub inputs: Vec<Operand>,
    pub output: u64,
    pub shape: Shape,
}
#[derive(Debug, Clone)]
pub enum Operand {
    Computed { id: u64, shape: Shape },
    Constant(Tensor),
}
impl Operand {
    pub fn dims(&self) -> &[usize];
}
pub fn record<E: From<Error>>(
    input: Tensor,
    f: impl FnOnce(&Var) -> Result<Var, E>,
) -> Result<Recording, E>;

// autograd/src/var.rs
#[derive(Clone)]
pub struct Var {
    private: (),
}
impl Var {
    pub fn from_op(
        op: Op,
        value: Tensor,
        inputs: &[&Var],
        rule: impl FnOnce(
            Tensor,
            &[bool],
        ) -> Result<Vec<Option<Tensor>>> + Send + 'static,
    ) -> Var;
    pub fn value(&self) -> &Tensor;
    pub fn into_value(self) -> Tensor;
    pub fn detach(&self) -> Var;
    pub fn requires_grad(&self) -> bool;
    pub fn shape(&self) -> &Shape;
    pub fn dims(&self) -> &[usize];
    pub fn item(&self) -> Result<f64>;
}
impl From<Tensor> for Var;
impl From<&Tensor> for Var;
impl fmt::Debug for Var;
