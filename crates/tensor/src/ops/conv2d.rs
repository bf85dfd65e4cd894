//! Two-dimensional convolution (cross-correlation, as every framework has it) and its gradients.

use super::check::check_compute;
use crate::{DType, Device, Error, Layout, Result, Shape, Tensor, ops::Unary};

/// How a kernel is laid over its input: each pair is (vertical, horizontal).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv2dOptions {
    /// The step between neighbouring outputs, in pixels.
    pub stride: (usize, usize),
    /// Zeros added on each side.
    pub padding: (usize, usize),
    /// The step between neighbouring taps, in pixels.
    pub dilation: (usize, usize),
    /// The number of independent groups that the channels are cut into.
    pub groups: usize,
    /// How the result is computed.
    pub method: ConvMethod,
}

/// How a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConvMethod {
    /// The fastest way, Winograd's where it pays: its rounding errors are about three times the direct method's.
    #[default]
    Fastest,
    /// Products of operands rounded to bf16, summed in f32: twice as fast where the processor has them, with two to three decimal
    /// digits. Depthwise convolutions are computed in f32.
    Bf16,
    /// Product by product: for forward passes that gradients flow through. Larger errors would let more ReLUs fall on the wrong side of
    /// zero.
    Direct,
    /// Winograd's way wherever it computes the convolution at all, also where it does not pay: for benchmarks and tests.
    Winograd,
}

impl Default for Conv2dOptions {
    fn default() -> Self {
        Conv2dOptions { stride: (1, 1), padding: (0, 0), dilation: (1, 1), groups: 1, method: ConvMethod::Fastest }
    }
}

/// What follows a convolution while its result is still in registers: `activation(conv * scale + shift + residual)`.
#[derive(Debug, Clone, Default)]
pub struct Epilogue<'a> {
    /// A factor for each output channel, `[K]`.
    pub scale: Option<&'a Tensor>,
    /// A summand for each output channel, `[K]`: the bias.
    pub shift: Option<&'a Tensor>,
    /// A summand of the output's shape. The output may take its memory, where no other tensor shares it.
    pub residual: Option<Tensor>,
    /// A function that the sum goes through: ReLU, ReLU6 (a clamp), SiLU and others.
    pub activation: Option<Unary>,
    /// What the output is stored as: the input's type where left out. An `f32` input may give a bf16 output, and a bf16 one `f32`.
    pub dtype: Option<DType>,
}

/// A convolution and what follows it, of an input that is not there yet.
#[derive(Debug, Clone)]
pub struct FusedConv2d<'a> {
    /// `[K, C / groups, R, S]`.
    pub weight: &'a Tensor,
    /// How it is laid over its input.
    pub options: Conv2dOptions,
    /// What follows it.
    pub epilogue: Epilogue<'a>,
}

/// A [`FusedConv2d`] with its sizes, checked, as a [`Backend`](crate::Backend) takes it: the weight blocked, the residual channels-last.
#[derive(Debug)]
pub struct ConvStep<'a> {
    /// The weight.
    pub weight: Tensor,
    /// The sizes.
    pub shape: ConvShape,
    /// What follows it.
    pub epilogue: Epilogue<'a>,
}

/// A part of what [`Tensor::conv2d_cat`] joins.
#[derive(Debug, Clone)]
pub enum CatPart<'a> {
    /// The convolution of this input.
    Conv(&'a Tensor, FusedConv2d<'a>),
    /// This tensor.
    Tensor(&'a Tensor),
}

/// A [`CatPart`], checked, as a [`Backend`](crate::Backend) takes it: inputs and tensors are channels-last.
#[derive(Debug)]
pub enum CatStep<'a> {
    /// The convolution of this input.
    Conv(Tensor, Box<ConvStep<'a>>),
    /// This tensor.
    Tensor(Tensor),
}

impl CatStep<'_> {
    /// `[N, K, H, W]`.
    pub fn dims(&self) -> [usize; 4] {
        match self {
            CatStep::Conv(_, step) => step.shape.output_dims(),
            CatStep::Tensor(x) => std::array::from_fn(|dim| x.dims()[dim]),
        }
    }

    /// What it is stored as.
    pub fn dtype(&self) -> DType {
        match self {
            CatStep::Conv(x, step) => step.epilogue.dtype.unwrap_or(x.dtype()),
            CatStep::Tensor(x) => x.dtype(),
        }
    }

    /// The input, or the tensor itself.
    pub fn operand(&self) -> &Tensor {
        let (CatStep::Conv(x, _) | CatStep::Tensor(x)) = self;
        x
    }
}

/// The sizes of one convolution, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Pictures.
    pub n: usize,
    /// Input channels.
    pub c: usize,
    /// Input height and width.
    pub input: (usize, usize),
    /// Output channels.
    pub k: usize,
    /// Kernel height and width.
    pub kernel: (usize, usize),
    /// Output height and width.
    pub output: (usize, usize),
    /// Stride, padding, dilation and groups.
    pub options: Conv2dOptions,
}

impl ConvShape {
    /// Checks an input of shape `[N, C, H, W]` and a weight of shape `[K, C / groups, R, S]`.
    pub fn new(x: &[usize], weight: &[usize], options: &Conv2dOptions) -> Result<ConvShape> {
        let (&[n, c, h, w], &[k, cg, r, s]) = (x, weight) else {
            return Err(Error::shapes("conv2d", x, weight, "an input [N, C, H, W] and a weight [K, C / groups, R, S] are needed"));
        };
        let Conv2dOptions { stride, padding, dilation, groups, .. } = *options;
        if stride.0 == 0 || stride.1 == 0 || dilation.0 == 0 || dilation.1 == 0 || groups == 0 || r == 0 || s == 0 {
            return Err(Error::argument(
                "conv2d",
                format!("stride {stride:?}, dilation {dilation:?}, kernel ({r}, {s}) and groups {groups} must be at least 1"),
            ));
        }
        if c == 0 || k == 0 || h == 0 || w == 0 {
            return Err(Error::shapes("conv2d", x, weight, "every size but the number of pictures must be at least 1"));
        }
        if c != cg.saturating_mul(groups) || k % groups != 0 {
            return Err(Error::shapes(
                "conv2d",
                x,
                weight,
                "the input's channels must be the weight's second size times groups, and groups must divide the output channels",
            ));
        }
        let out = |size: usize, kernel: usize, stride: usize, padding: usize, dilation: usize| {
            let span = dilation.checked_mul(kernel - 1)?.checked_add(1)?;
            let padded = padding.checked_mul(2)?.checked_add(size)?;
            Some(padded.checked_sub(span)? / stride + 1)
        };
        let output = out(h, r, stride.0, padding.0, dilation.0).zip(out(w, s, stride.1, padding.1, dilation.1));
        let Some(output) = output else {
            return Err(Error::shapes("conv2d", x, weight, "the kernel is larger than the padded input"));
        };
        Ok(ConvShape { n, c, input: (h, w), k, kernel: (r, s), output, options: *options })
    }

    /// `[N, C, H, W]` of the input.
    pub fn input_dims(&self) -> [usize; 4] {
        [self.n, self.c, self.input.0, self.input.1]
    }

    /// `[N, K, H, W]` of the output.
    pub fn output_dims(&self) -> [usize; 4] {
        [self.n, self.k, self.output.0, self.output.1]
    }

    /// `[K, C / groups, R, S]` of the weight.
    pub fn weight_dims(&self) -> [usize; 4] {
        [self.k, self.c / self.options.groups, self.kernel.0, self.kernel.1]
    }

    /// The multiply-adds of one pass over it, taps in the padding counted in.
    pub fn multiply_adds(&self) -> usize {
        self.n * self.k * self.output.0 * self.output.1 * (self.c / self.options.groups) * self.kernel.0 * self.kernel.1
    }

    /// The multiply-adds of one pass over it, taps in the padding left out: what no direct method can do without.
    pub fn inside_multiply_adds(&self) -> usize {
        let o = &self.options;
        let vertical = inside_pairs(self.input.0, self.output.0, self.kernel.0, (o.stride.0, o.padding.0, o.dilation.0));
        let horizontal = inside_pairs(self.input.1, self.output.1, self.kernel.1, (o.stride.1, o.padding.1, o.dilation.1));
        self.n * self.k * (self.c / o.groups) * vertical * horizontal
    }
}

/// The pairs of an output and a tap, along one axis, that meet an input and not the padding.
fn inside_pairs(input: usize, output: usize, kernel: usize, (stride, padding, dilation): (usize, usize, usize)) -> usize {
    let met = |tap: usize| {
        let shift = tap * dilation;
        let behind = (input + padding).saturating_sub(shift).div_ceil(stride);
        output.min(behind).saturating_sub(padding.saturating_sub(shift).div_ceil(stride))
    };
    (0..kernel).map(met).sum()
}

impl Tensor {
    /// Convolution of `[N, C, H, W]` with `weight` `[K, C / groups, R, S]`, plus `bias` `[K]`: `[N, K, H', W']`, channels-last.
    /// Weights in [`Layout::Blocked`] are used as they lie.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn conv2d(&self, weight: &Tensor, bias: Option<&Tensor>, options: &Conv2dOptions) -> Result<Tensor> {
        self.conv2d_fused(weight, options, Epilogue { shift: bias, ..Default::default() })
    }

    /// Convolution and what follows it in one pass: `activation(conv2d(x) * scale + shift + residual)`. Parameters are of the type that the
    /// input is [computed](DType::computed) with.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn conv2d_fused(&self, weight: &Tensor, options: &Conv2dOptions, epilogue: Epilogue<'_>) -> Result<Tensor> {
        let step = self.conv_step(self.dims(), self.dtype(), FusedConv2d { weight, options: *options, epilogue })?;
        self.device().backend()?.conv2d(&self.channels_last()?, &step.weight, &step.shape, step.epilogue)
    }

    /// [`conv2d_fused`](Tensor::conv2d_fused) twice: the second convolution of the first one's output. What lies between the two need
    /// not go through memory: on the CPU, a large picture that a 1x1 convolution widens for a depthwise one behind it does not.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn conv2d_pair(&self, first: FusedConv2d<'_>, second: FusedConv2d<'_>) -> Result<Tensor> {
        let [first, second] = self.conv_steps(first, second)?;
        self.device().backend()?.conv2d_pair(&self.channels_last()?, first, second)
    }

    /// [`conv2d_pair`](Tensor::conv2d_pair) and the means of its channels, `[N, K, 1, 1]`. Where the CPU computes both convolutions together, it
    /// sums the channels while they are in its cache.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn conv2d_pair_with_means(&self, first: FusedConv2d<'_>, second: FusedConv2d<'_>) -> Result<(Tensor, Tensor)> {
        let [first, second] = self.conv_steps(first, second)?;
        let (y, means) = self.device().backend()?.conv2d_pair_with_means(&self.channels_last()?, first, second)?;
        let means = means.map_or_else(|| y.adaptive_avg_pool2d([Some(1), Some(1)]), Ok)?;
        Ok((y, means))
    }

    /// [`conv2d_fused`](Tensor::conv2d_fused) of `self * factors`, for factors `[N, C, 1, 1]` of the channels of each picture. The product need
    /// not be computed: on the CPU, the factors of a single large picture are taken into the weights.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn conv2d_scaled(&self, factors: &Tensor, conv: FusedConv2d<'_>) -> Result<Tensor> {
        let step = self.conv_step(self.dims(), self.dtype(), conv)?;
        if factors.dims() != [step.shape.n, step.shape.c, 1, 1] {
            return Err(Error::shapes("conv2d_scaled", self.dims(), factors.dims(), "factors [N, C, 1, 1] are needed"));
        }
        check_compute("conv2d_scaled", self, &[Some(factors)])?;
        self.device().backend()?.conv2d_scaled(&self.channels_last()?, &factors.to_dtype(self.dtype())?.channels_last()?, step)
    }

    /// Outputs of convolutions and tensors, all `[N, _, H, W]`, joined along the channels; as bf16 where one of them is. Outputs need not be
    /// copied: on the CPU a convolution writes to its place.
    ///
    /// # Errors
    /// Where there is nothing to join, or shapes or element types do not fit.
    pub fn conv2d_cat(parts: Vec<CatPart<'_>>) -> Result<Tensor> {
        let step = |part| match part {
            CatPart::Conv(x, conv) => Ok(CatStep::Conv(x.channels_last()?, Box::new(x.conv_step(x.dims(), x.dtype(), conv)?))),
            CatPart::Tensor(x) if x.shape().rank() == 4 => Ok(CatStep::Tensor(x.channels_last()?)),
            CatPart::Tensor(x) => Err(Error::shapes("conv2d_cat", x.dims(), &[], "tensors [N, C, H, W] are needed")),
        };
        let steps = parts.into_iter().map(step).collect::<Result<Vec<_>>>()?;
        let [first, rest @ ..] = &steps[..] else { return Err(Error::argument("conv2d_cat", "no parts were given")) };
        let x = first.operand();
        check_compute("conv2d_cat", x, &rest.iter().map(|step| Some(step.operand())).collect::<Vec<_>>())?;
        let [n, _, h, w] = first.dims();
        if let Some(other) = rest.iter().map(CatStep::dims).find(|&[n2, _, h2, w2]| (n2, h2, w2) != (n, h, w)) {
            return Err(Error::shapes("conv2d_cat", &first.dims(), &other, "all sizes but the channels must be equal"));
        }
        let channels = steps.iter().fold(0usize, |sum, step| sum.saturating_add(step.dims()[1]));
        let shape = Shape::from([n, channels, h, w]);
        shape.checked_elements("conv2d_cat")?;
        let backend = x.device().backend()?;
        backend.conv2d_cat(steps, &shape)
    }

    /// A convolution of this tensor, and one of its output, checked.
    fn conv_steps<'a>(&self, first: FusedConv2d<'a>, second: FusedConv2d<'a>) -> Result<[ConvStep<'a>; 2]> {
        let first = self.conv_step(self.dims(), self.dtype(), first)?;
        let second = self.conv_step(&first.shape.output_dims(), first.epilogue.dtype.unwrap_or(self.dtype()), second)?;
        Ok([first, second])
    }

    /// A convolution of an input of these sizes and this type, on this tensor's device, checked.
    fn conv_step<'a>(&self, input: &[usize], dtype: DType, conv: FusedConv2d<'a>) -> Result<ConvStep<'a>> {
        let FusedConv2d { weight, options, epilogue } = conv;
        let shape = ConvShape::new(input, weight.dims(), &options)?;
        for (channels, what) in [(epilogue.scale, "the scale must be [K]"), (epilogue.shift, "the bias must be [K]")] {
            if let Some(t) = channels.filter(|t| t.dims() != [shape.k]) {
                return Err(Error::shapes("conv2d", weight.dims(), t.dims(), what));
            }
        }
        if let Some(r) = epilogue.residual.as_ref().filter(|r| r.dims() != shape.output_dims()) {
            return Err(Error::shapes("conv2d", &shape.output_dims(), r.dims(), "the residual must have the output's shape"));
        }
        check_compute("conv2d", self, &[Some(weight), epilogue.scale, epilogue.shift, epilogue.residual.as_ref()])?;
        let dtype = epilogue.dtype.unwrap_or(dtype);
        if dtype.computed() != self.dtype().computed() || (dtype != self.dtype() && self.device() != Device::Cpu) {
            return Err(Error::DType { op: "conv2d", expected: self.dtype().to_string(), found: dtype });
        }
        let residual = epilogue.residual.map(|r| r.to_dtype(dtype)?.channels_last()).transpose()?;
        Ok(ConvStep { weight: weight.widened()?.to_layout(Layout::Blocked)?, shape, epilogue: Epilogue { residual, ..epilogue } })
    }

    /// The gradient of [`conv2d`](Tensor::conv2d) with respect to its input of shape `input_dims`, from that of its output, `self`, whose
    /// element type it has.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn conv2d_grad_input(&self, weight: &Tensor, input_dims: &[usize], options: &Conv2dOptions) -> Result<Tensor> {
        let shape = self.grad_shape(input_dims, weight.dims(), options)?;
        self.grad_input(weight, &shape, None)
    }

    /// [`conv2d_grad_input`](Tensor::conv2d_grad_input) added to `sum`, which has the input's shape and gives the result its type: the gradient
    /// of an input that several operations have. It takes the memory of `sum`, where no other tensor shares it.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn conv2d_grad_input_onto(&self, weight: &Tensor, options: &Conv2dOptions, sum: Tensor) -> Result<Tensor> {
        let shape = self.grad_shape(sum.dims(), weight.dims(), options)?;
        if sum.dtype() == self.dtype() {
            check_compute("conv2d_grad_input", self, &[Some(&sum)])?;
            return self.grad_input(weight, &shape, Some(sum));
        }
        self.grad_input(weight, &shape, None)?.added_to(Some(sum))
    }

    fn grad_input(&self, weight: &Tensor, shape: &ConvShape, sum: Option<Tensor>) -> Result<Tensor> {
        check_compute("conv2d_grad_input", self, &[Some(weight)])?;
        let weight = weight.widened()?.to_layout(Layout::Blocked)?;
        let sum = sum.map(|sum| sum.channels_last()).transpose()?;
        self.device().backend()?.conv2d_grad_input(&self.channels_last()?, &weight, shape, sum)
    }

    /// The gradient of [`conv2d`](Tensor::conv2d) with respect to its weight of shape `weight_dims`, from its input `x` and the
    /// gradient of its output, `self`. In [`Layout::Blocked`].
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn conv2d_grad_weight(&self, x: &Tensor, weight_dims: &[usize], options: &Conv2dOptions) -> Result<Tensor> {
        let shape = self.grad_shape(x.dims(), weight_dims, options)?;
        check_compute("conv2d_grad_weight", self, &[Some(x)])?;
        self.device().backend()?.conv2d_grad_weight(&x.channels_last()?, &self.channels_last()?, &shape)
    }

    fn grad_shape(&self, input: &[usize], weight: &[usize], options: &Conv2dOptions) -> Result<ConvShape> {
        let shape = ConvShape::new(input, weight, options)?;
        if self.dims() != shape.output_dims() {
            return Err(Error::shapes("conv2d", self.dims(), &shape.output_dims(), "the gradient must have the output's shape"));
        }
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_those_that_a_walk_finds() {
        for (input, output, kernel, options) in [
            (1, 1, 3, (1, 1, 1)),
            (2, 2, 3, (1, 1, 1)),
            (7, 7, 3, (1, 1, 1)),
            (5, 3, 3, (1, 0, 1)),
            (4, 8, 3, (1, 3, 1)),
            (1, 5, 3, (1, 3, 1)),
            (32, 16, 7, (2, 3, 1)),
            (9, 5, 3, (2, 2, 2)),
        ] {
            let (stride, padding, dilation) = options;
            let inside = |o: usize, tap: usize| (o * stride + tap * dilation).checked_sub(padding).is_some_and(|i| i < input);
            let walked = (0..output).flat_map(|o| (0..kernel).map(move |tap| (o, tap))).filter(|&(o, tap)| inside(o, tap)).count();
            assert_eq!(inside_pairs(input, output, kernel, options), walked, "{input} {output} {kernel} {options:?}");
        }
    }
}
