//! The operations as data: what each is called, and the options it ran with.

use tensor::{
    Tensor,
    ops::{AvgPool2dOptions, Conv2dOptions, MaxPool2dOptions, Unary},
};

/// An operation with its options; one variant for each that [`Var`](crate::Var) has. Whoever translates operations matches all of
/// them, so a new one cannot be forgotten there.
#[derive(Debug, Clone)]
pub enum Op {
    /// `[N, C, H, W]` to the height and width of its output.
    AdaptiveAvgPool2d,
    /// The sum of two.
    Add,
    /// The mean of each window.
    AvgPool2d(AvgPool2dOptions),
    /// A batch norm with what was fused to it.
    BatchNorm(BatchNorm),
    /// Repeated to the shape of its output.
    BroadcastTo,
    /// Joined along a dimension.
    Cat {
        /// The dimension.
        dim: usize,
    },
    /// Channels seen as a matrix `[groups, C / groups]`, transposed.
    ChannelShuffle {
        /// The rows of the matrix.
        groups: usize,
    },
    /// Of `x`, `weight` and, where there is one, `bias`.
    Conv2d(Conv2dOptions),
    /// Of logits; the targets are not recorded.
    CrossEntropy,
    /// An operation that was defined outside of this crate, by its name.
    Custom(&'static str),
    /// The quotient of two.
    Div,
    /// With a random mask.
    Dropout,
    /// Dimensions merged to the shape of its output.
    Flatten,
    /// Of `x` and those of `weight` and `bias` that there are.
    LayerNorm {
        /// How many of the last dimensions are normalised together.
        dims: usize,
        /// Added to the variance.
        eps: f64,
        /// Whether there is a weight.
        weight: bool,
        /// Whether there is a bias.
        bias: bool,
    },
    /// Of `x`, `weight` `[out, in]` and, where there is one, `bias`.
    Linear,
    /// Along a dimension, from the end where negative.
    LogSoftmax {
        /// The dimension.
        dim: isize,
    },
    /// The product of two matrices or batches of matrices.
    Matmul,
    /// The larger of two.
    Maximum,
    /// The largest element of each window.
    MaxPool2d(MaxPool2dOptions),
    /// The mean over dimensions.
    Mean(Reduction),
    /// The smaller of two.
    Minimum,
    /// The product of two, element by element.
    Mul,
    /// As many entries along a dimension as its output has.
    Narrow {
        /// The dimension.
        dim: usize,
        /// The first entry.
        start: usize,
    },
    /// Dimension `i` of the output is dimension `order[i]` of the input.
    Permute {
        /// The input's dimensions.
        order: Vec<usize>,
    },
    /// Row-major to the shape of its output.
    Reshape,
    /// Along a dimension, from the end where negative.
    Softmax {
        /// The dimension.
        dim: isize,
    },
    /// A dimension of size 1 removed; the input as it is where the size is another.
    Squeeze,
    /// The difference of two.
    Sub,
    /// The sum over dimensions.
    Sum(Reduction),
    /// Two dimensions exchanged, from the end where negative.
    Transpose {
        /// The one.
        dim0: isize,
        /// The other.
        dim1: isize,
    },
    /// A function of each element.
    Unary(Unary),
    /// A dimension of size 1 inserted.
    Unsqueeze,
}

/// A batch norm with what was fused to it: `relu(norm(x) + residual)`. Of `x` and those of `weight`, `bias` and `residual`, in this
/// order, that there are.
#[derive(Debug, Clone)]
pub struct BatchNorm {
    /// `[C]`.
    pub mean: Tensor,
    /// `[C]`.
    pub var: Tensor,
    /// Added to the variance.
    pub eps: f64,
    /// Whether there is a weight.
    pub weight: bool,
    /// Whether there is a bias.
    pub bias: bool,
    /// Whether there is a summand.
    pub residual: bool,
    /// Whether negative results become zero.
    pub relu: bool,
    /// Whether mean and variance are those of this batch, as in training.
    pub batch_stats: bool,
}

/// What is merged by a sum or a mean.
#[derive(Debug, Clone)]
pub struct Reduction {
    /// The dimensions, from the end where negative; all where empty.
    pub dims: Vec<isize>,
    /// Whether they stay with size 1.
    pub keepdim: bool,
}

impl Op {
    /// The operation's name, as of the method of [`Var`](crate::Var).
    pub fn name(&self) -> &'static str {
        match self {
            Op::AdaptiveAvgPool2d => "adaptive_avg_pool2d",
            Op::Add => "add",
            Op::AvgPool2d(_) => "avg_pool2d",
            Op::BatchNorm(_) => "batch_norm",
            Op::BroadcastTo => "broadcast_to",
            Op::Cat { .. } => "cat",
            Op::ChannelShuffle { .. } => "channel_shuffle",
            Op::Conv2d(_) => "conv2d",
            Op::CrossEntropy => "cross_entropy",
            Op::Custom(name) => name,
            Op::Div => "div",
            Op::Dropout => "dropout",
            Op::Flatten => "flatten",
            Op::LayerNorm { .. } => "layer_norm",
            Op::Linear => "linear",
            Op::LogSoftmax { .. } => "log_softmax",
            Op::Matmul => "matmul",
            Op::Maximum => "maximum",
            Op::MaxPool2d(_) => "max_pool2d",
            Op::Mean(_) => "mean",
            Op::Minimum => "minimum",
            Op::Mul => "mul",
            Op::Narrow { .. } => "narrow",
            Op::Permute { .. } => "permute",
            Op::Reshape => "reshape",
            Op::Softmax { .. } => "softmax",
            Op::Squeeze => "squeeze",
            Op::Sub => "sub",
            Op::Sum(_) => "sum",
            Op::Transpose { .. } => "transpose",
            Op::Unary(op) => op.name(),
            Op::Unsqueeze => "unsqueeze",
        }
    }
}
