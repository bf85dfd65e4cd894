//! Convolution and its gradients: matrix products whose operands the kernels read where they lie, and plain sums where groups have few
//! channels. What one block would sum for long is split, and merged in a second pass in a fixed order.

use std::sync::OnceLock;

use super::{
    Context,
    context::{Argument, Launch, THREADS, arguments},
    kernels::{
        CONV_DIRECT, CONV_FORWARD, CONV_FORWARD_TENSOR_CORES, CONV_GRAD_INPUT, CONV_GRAD_INPUT_TENSOR_CORES, CONV_GRAD_WEIGHT,
        CONV_GRAD_WEIGHT_TENSOR_CORES, Program,
    },
    operand::{float_width, optional},
    unary::unary,
};
use crate::{
    BLOCK, DType, Error, Layout, Result, Tensor,
    device::tf32_switch,
    ops::{ConvMethod, ConvShape, Epilogue, Unary},
};

/// Terms that a kernel brings at once: `BK` of conv.cu.
const PIECE: usize = 16;
/// Terms that a split has at least.
const LEAST_TERMS: usize = 256;
/// Pixels that are summed in `f32` one after the other, at most, for a gradient of a weight: there may be millions, and errors grow.
const MOST_PIXELS: usize = 8192;
/// Blocks a multiprocessor that keep it busy with plain sums.
const BLOCKS_EACH: usize = 16;
/// Splits, at most.
const MOST_SPLITS: usize = 512;
/// Groups and splits of a grid: CUDA's limit of its third size.
const MOST_LAYERS: usize = 65_535;
/// Channels of a group, up to which a thread sums an element by itself.
const FEW_CHANNELS: usize = 8;

/// `Divisor` of common.cuh.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
struct Divisor {
    value: u32,
    factor: u32,
    shift: u32,
}

impl From<usize> for Divisor {
    fn from(value: usize) -> Divisor {
        let shift = value.next_power_of_two().trailing_zeros();
        let factor = ((1u64 << 32) * ((1u64 << shift) - value as u64) / value as u64 + 1) as u32;
        Divisor { value: value as u32, factor, shift }
    }
}

/// `Conv` of conv.cuh.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Conv {
    input: [i32; 4],
    output: [i32; 3],
    kernel: [i32; 2],
    stride: [i32; 2],
    padding: [i32; 2],
    dilation: [i32; 2],
    groups: [i32; 3],
    round: i32,
    /// By q, p, w, h, cg, kg, s and both strides.
    divisors: [Divisor; 9],
}

// SAFETY: the fields of the kernels' type in their order, all of 4 bytes.
unsafe impl Argument for Conv {}

/// `Epilogue` of conv.cuh.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Finish {
    scale: u64,
    shift: u64,
    residual: u64,
    low: f64,
    high: f64,
}

// SAFETY: the fields of the kernels' type in their order, without padding.
unsafe impl Argument for Finish {}

impl Finish {
    /// Sums as they are.
    const PLAIN: Finish = Finish { scale: 0, shift: 0, residual: 0, low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// What the kernels do of an epilogue, and the activation that is left to do.
    fn new(e: &Epilogue<'_>) -> Result<(Finish, Option<Unary>)> {
        let (low, high, rest) = match e.activation {
            Some(Unary::Relu) => (0.0, f64::INFINITY, None),
            Some(Unary::Clamp { min, max }) => (min, max, None),
            other => (f64::NEG_INFINITY, f64::INFINITY, other),
        };
        Ok((Finish { scale: optional(e.scale)?, shift: optional(e.shift)?, residual: optional(e.residual.as_ref())?, low, high }, rest))
    }
}

impl Conv {
    /// The sizes as kernels count them: pixels, terms and places of a picture in 31 bits.
    fn new(s: &ConvShape, x: &Tensor) -> Result<Conv> {
        let o = &s.options;
        let (cg, kg) = (s.c / o.groups, s.k / o.groups);
        let taps = s.kernel.0 * s.kernel.1;
        let pixels = s.n.saturating_mul((s.input.0 * s.input.1).max(s.output.0 * s.output.1));
        let reach = [o.stride.0, o.stride.1, o.padding.0, o.padding.1, o.dilation.0 * s.kernel.0, o.dilation.1 * s.kernel.1];
        let sizes = [pixels, taps.saturating_mul(cg.max(kg)), s.c, s.k];
        if sizes.into_iter().chain(reach).any(|size| size >= 1 << 30) || (o.groups > MOST_LAYERS && !is_direct(s)) {
            return Err(Error::argument("conv2d", format!("{s:?} is too large for a CUDA device: at most 2^30 pixels and terms")));
        }
        // Depthwise convolutions are computed in f32 always: rounding would make them no faster.
        let round = match o.method {
            _ if cg == 1 || x.dtype() != DType::F32 => 0,
            ConvMethod::Bf16 => 1,
            _ if tf32_enabled() && x.context()?.has_tensor_cores() => 2,
            _ => 0,
        };
        let int = |size: usize| size as i32;
        let divisors = [s.output.1, s.output.0, s.input.1, s.input.0, cg, kg, s.kernel.1, o.stride.0, o.stride.1];
        Ok(Conv {
            input: [s.n, s.input.0, s.input.1, s.c].map(int),
            output: [s.output.0, s.output.1, s.k].map(int),
            kernel: [s.kernel.0, s.kernel.1].map(int),
            stride: [o.stride.0, o.stride.1].map(int),
            padding: [o.padding.0, o.padding.1].map(int),
            dilation: [o.dilation.0, o.dilation.1].map(int),
            groups: [o.groups, cg, kg].map(int),
            round,
            divisors: divisors.map(Divisor::from),
        })
    }
}

/// `Parts` of conv.cuh.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Parts {
    count: [i32; 2],
    step: [i32; 2],
    size: [[i32; 2]; 2],
    first_tap: [[i32; 2]; 2],
    taps: [[i32; 2]; 2],
    padding: [[i32; 2]; 2],
    by_size: [[Divisor; 2]; 2],
    by_taps: [Divisor; 2],
}

// SAFETY: the fields of the kernels' type in their order, all of 4 bytes.
unsafe impl Argument for Parts {}

impl Parts {
    /// The parts of an input's gradient. Strides above 2, and those of 2 where taps lie apart, are left whole.
    fn new(s: &ConvShape) -> Parts {
        let o = &s.options;
        let apart = |stride: usize, dilation: usize| stride == 1 || (stride == 2 && dilation == 1);
        let in_parts = apart(o.stride.0, o.dilation.0) && apart(o.stride.1, o.dilation.1);
        let mut parts = Parts {
            count: [1; 2],
            step: [1; 2],
            size: [[0; 2]; 2],
            first_tap: [[0; 2]; 2],
            taps: [[0; 2]; 2],
            padding: [[0; 2]; 2],
            by_size: [[Divisor::from(1); 2]; 2],
            by_taps: [Divisor::from(1); 2],
        };
        let axes = [(s.input.0, s.kernel.0, o.stride.0, o.padding.0), (s.input.1, s.kernel.1, o.stride.1, o.padding.1)];
        for (d, (input, kernel, stride, padding)) in axes.into_iter().enumerate() {
            let step = if in_parts { stride } else { 1 };
            (parts.count[d], parts.step[d]) = (step as i32, step as i32);
            for part in 0..step {
                let first_tap = (part + padding) % step;
                let size = input.saturating_sub(part).div_ceil(step);
                parts.size[d][part] = size as i32;
                parts.first_tap[d][part] = first_tap as i32;
                parts.taps[d][part] = kernel.saturating_sub(first_tap).div_ceil(step) as i32;
                parts.padding[d][part] = ((part + padding - first_tap) / step) as i32;
                parts.by_size[d][part] = Divisor::from(size.max(1));
            }
        }
        parts.by_taps = parts.taps[1].map(|taps| Divisor::from(taps.max(1) as usize));
        parts
    }

    /// The most places and the most taps of a part, and how many parts there are.
    fn most(&self) -> (usize, usize, usize) {
        let product = |of: &[[i32; 2]; 2]| of.iter().map(|axis| axis[0].max(axis[1]) as usize).product();
        (product(&self.size), product(&self.taps), (self.count[0] * self.count[1]) as usize)
    }
}

/// Whether operands may be rounded to TF32 where nothing is said of them.
fn tf32_enabled() -> bool {
    static ENABLED: OnceLock<bool> = OnceLock::new();
    *ENABLED.get_or_init(|| tf32_switch().unwrap_or(false))
}

/// Whether a thread sums an element of this convolution by itself.
fn is_direct(s: &ConvShape) -> bool {
    let groups = s.options.groups;
    groups > 1 && s.c / groups <= FEW_CHANNELS && s.k / groups <= FEW_CHANNELS
}

/// Matrix products of groups of `rows` x `columns` sums of so many terms.
struct Product {
    rows: usize,
    columns: usize,
    groups: usize,
    terms: usize,
    /// How many such products lie side by side.
    parts: usize,
}

/// How a product is cut into blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tiles {
    kernel: &'static str,
    /// Blocks along the rows and the columns.
    blocks: (usize, usize),
    splits: usize,
    per_split: usize,
}

/// The tiles that there are kernels for: rows and columns, their share of the largest's speed, and the kernels without and with vectors.
const TILES: [((usize, usize), f64, [&str; 2]); 3] = [
    ((128, 128), 1.0, ["conv_128x128x1", "conv_128x128x4"]),
    ((128, 64), 0.85, ["conv_128x64x1", "conv_128x64x4"]),
    ((64, 64), 0.6, ["conv_64x64x1", "conv_64x64x4"]),
];
/// Multiply-adds of a multiprocessor in a cycle.
const MULTIPLY_ADDS: f64 = 128.0;
/// The share of that speed where it has one block alone.
const ALONE: f64 = 0.65;
/// Cycles that a block takes beside its products.
const BLOCK_CYCLES: f64 = 2000.0;
/// Cycles that another kernel takes, and bytes that memory moves in a cycle: what merging splits costs.
const KERNEL_CYCLES: f64 = 5000.0;
const BYTES_A_CYCLE: f64 = 1700.0;

impl Product {
    /// The cut that takes least, by a model of how blocks are dealt out. `vectors`: whether operands are read in vectors of four;
    /// `most_terms`: in one split.
    fn tiles(&self, context: &Context, width: u32, vectors: bool, most_terms: usize) -> Tiles {
        let processors = context.multiprocessors() as usize;
        // In f64 registers are enough for the smallest tiles alone.
        let sizes = if width == 64 { &TILES[2..] } else { &TILES[..] };
        let least = self.terms.div_ceil(most_terms).max(1);
        let most = (self.terms / LEAST_TERMS).clamp(least, MOST_SPLITS.min(MOST_LAYERS / self.groups).max(least));
        let mut best = (f64::INFINITY, None);
        for &((m, n), speed, kernels) in sizes {
            let blocks = (self.rows.div_ceil(m), self.columns.div_ceil(n));
            let count = blocks.0 * blocks.1 * self.groups * self.parts;
            let mut splits = least;
            while splits <= most {
                let each = (count * splits).div_ceil(processors) as f64;
                let products = (m * n * self.terms.div_ceil(splits)) as f64 / (MULTIPLY_ADDS * speed);
                let moved = (self.rows * self.columns * self.groups * self.parts * splits * 8) as f64;
                let merging = if splits > 1 { KERNEL_CYCLES + moved / BYTES_A_CYCLE } else { 0.0 };
                let cost = each * (products / if each > 1.0 { 1.0 } else { ALONE } + BLOCK_CYCLES) + merging;
                if cost < best.0 {
                    best = (cost, Some((kernels[usize::from(vectors)], blocks, splits)));
                }
                splits += (splits / 8).max(1);
            }
        }
        let (kernel, blocks, splits) = best.1.unwrap_or((TILES[2].2[0], (1, 1), 1));
        let per_split = self.terms.div_ceil(splits).next_multiple_of(PIECE);
        Tiles { kernel, blocks, splits: self.terms.div_ceil(per_split).max(1), per_split }
    }
}

/// Sums of `splits` passes, `stored` each, are written to a buffer first where there are several; `run` gets where to.
fn split(y: &mut Tensor, splits: usize, channels: usize, finish: Finish, run: impl FnOnce(u64) -> Result<()>) -> Result<()> {
    if splits == 1 {
        return run(y.address_mut()?);
    }
    let (context, n) = (y.context()?, y.stored());
    let partial = context.alloc(splits * y.stored_bytes())?;
    run(partial.address())?;
    let arguments = arguments![finish, partial.address(), y.address_mut()?, splits as i32, channels as i32, n as i64];
    // SAFETY: the kernel's parameters; the buffer holds `splits` times n sums.
    unsafe { context.over(&CONV_DIRECT, float_width("conv2d", y)?, "merge", n, arguments) }
}

/// One of the three products, with its operands in the order of its kernels.
struct Pass<'a> {
    /// The kernels in f32 or f64, and those for rounded operands.
    programs: [&'static Program; 2],
    sizes: Conv,
    /// The kernels' second parameter, where they have one.
    second: Option<&'a dyn Argument>,
    product: Product,
    operands: [&'a Tensor; 2],
    /// Whether operands can be read in vectors of four.
    vectors: bool,
    most_terms: usize,
}

impl Pass<'_> {
    /// Writes the product, of so many channels, to `y`; `finish` is done here where the kernel could not.
    fn run(&self, y: &mut Tensor, channels: usize, finish: Finish) -> Result<()> {
        let (context, width) = (y.context()?, float_width("conv2d", y)?);
        let [a, b] = [self.operands[0].address()?, self.operands[1].address()?];
        let vectors = self.vectors && a.is_multiple_of(16) && b.is_multiple_of(16);
        let Tiles { kernel, blocks, splits, per_split } = self.product.tiles(context, width, vectors, self.most_terms);
        let grid = [(blocks.0 * blocks.1) as u32, self.product.parts as u32, (self.product.groups * splits) as u32];
        let on_tensor_cores = self.sizes.round != 0 && width == 32 && context.has_tensor_cores();
        let program = self.programs[usize::from(on_tensor_cores)];
        let launch = Launch { program, width, kernel, grid, block: [THREADS, 1, 1] };
        let cut = [blocks.1 as i32, splits as i32, per_split as i32];
        split(y, splits, channels, finish, |to| {
            let first: &dyn Argument = &self.sizes;
            let rest: &[&dyn Argument] = arguments![a, b, to, cut[0], cut[1], cut[2]];
            let arguments: Vec<&dyn Argument> = [Some(first), self.second].into_iter().flatten().chain(rest.iter().copied()).collect();
            // SAFETY: the kernel's parameters; the operands have the sizes' elements, and `to` room for all splits.
            unsafe { context.launch(launch, &arguments) }
        })
    }
}

/// Whether this is a depthwise convolution whose operands can be read four channels at once.
fn depthwise_fours(s: &ConvShape, operands: &[&Tensor]) -> Result<bool> {
    let aligned = operands.iter().map(|t| Ok(t.address()?.is_multiple_of(16))).collect::<Result<Vec<_>>>()?;
    Ok(s.c == s.options.groups && s.k == s.c && s.c.is_multiple_of(4) && aligned.iter().all(|&aligned| aligned))
}

/// Whether the channels of both operands can be read four at once.
fn in_fours(s: &ConvShape) -> bool {
    (s.c / s.options.groups).is_multiple_of(4) && (s.k / s.options.groups).is_multiple_of(4)
}

/// `activation(conv(x, w) * scale + shift + residual)`.
pub(super) fn forward(x: &Tensor, w: &Tensor, s: &ConvShape, e: &Epilogue<'_>) -> Result<Tensor> {
    let (context, sizes) = (x.context()?, Conv::new(s, x)?);
    let mut y = context.uninit(s.output_dims(), x.dtype(), Layout::ChannelsLast)?;
    let (finish, rest) = Finish::new(e)?;
    let n = y.stored();
    if n == 0 {
        return Ok(y);
    }
    if is_direct(s) {
        let (fours, from) = (depthwise_fours(s, &[x, w])?, (x.address()?, w.address()?));
        let (kernel, n) = if fours { ("depthwise_forward", n / 4) } else { ("direct_forward", n) };
        let arguments = arguments![sizes, finish, from.0, from.1, y.address_mut()?, n as i64];
        // SAFETY: the kernel's parameters; the operands have the sizes' elements.
        unsafe { context.over(&CONV_DIRECT, float_width("conv2d", x)?, kernel, n, arguments) }?;
    } else {
        let groups = s.options.groups;
        let (rows, columns, terms) = (s.n * s.output.0 * s.output.1, s.k / groups, s.kernel.0 * s.kernel.1 * s.c / groups);
        let pass = Pass {
            programs: [&CONV_FORWARD, &CONV_FORWARD_TENSOR_CORES],
            sizes,
            second: Some(&finish),
            product: Product { rows, columns, groups, terms, parts: 1 },
            operands: [x, w],
            vectors: in_fours(s),
            most_terms: usize::MAX,
        };
        pass.run(&mut y, s.k, finish)?;
    }
    rest.map_or(Ok(y.clone()), |op| unary(op, &y))
}

/// `dx` from `dy`, both channels-last.
pub(super) fn grad_input(dy: &Tensor, w: &Tensor, s: &ConvShape) -> Result<Tensor> {
    let (context, sizes) = (dy.context()?, Conv::new(s, dy)?);
    let mut dx = context.uninit(s.input_dims(), dy.dtype(), Layout::ChannelsLast)?;
    let n = dx.stored();
    if n == 0 {
        return Ok(dx);
    }
    if is_direct(s) {
        let (fours, from) = (depthwise_fours(s, &[dy, w])?, (dy.address()?, w.address()?));
        let (kernel, n) = if fours { ("depthwise_grad_input", n / 4) } else { ("direct_grad_input", n) };
        let arguments = arguments![sizes, from.0, from.1, dx.address_mut()?, n as i64];
        // SAFETY: the kernel's parameters; the operands have the sizes' elements.
        unsafe { context.over(&CONV_DIRECT, float_width("conv2d", dy)?, kernel, n, arguments) }?;
        return Ok(dx);
    }
    let (groups, parts) = (s.options.groups, Parts::new(s));
    let (places, taps, count) = parts.most();
    let pass = Pass {
        programs: [&CONV_GRAD_INPUT, &CONV_GRAD_INPUT_TENSOR_CORES],
        sizes,
        second: Some(&parts),
        product: Product { rows: s.n * places, columns: s.c / groups, groups, terms: taps * s.k / groups, parts: count },
        operands: [dy, w],
        vectors: in_fours(s),
        most_terms: usize::MAX,
    };
    pass.run(&mut dx, s.c, Finish::PLAIN)?;
    Ok(dx)
}

/// `dw` (blocked) from `x` and `dy`, both channels-last.
pub(super) fn grad_weight(x: &Tensor, dy: &Tensor, s: &ConvShape) -> Result<Tensor> {
    let (context, sizes, width) = (x.context()?, Conv::new(s, x)?, float_width("conv2d", x)?);
    let mut dw = context.uninit(s.weight_dims(), x.dtype(), Layout::Blocked)?;
    let (groups, pixels) = (s.options.groups, s.n * s.output.0 * s.output.1);
    let rows = s.kernel.0 * s.kernel.1 * s.c / groups;
    if pixels == 0 {
        return Tensor::zeros_in(s.weight_dims(), x.dtype(), Layout::Blocked)?.to_device(x.device());
    }
    if is_direct(s) {
        let blocks = rows * s.k.div_ceil(BLOCK);
        let for_blocks = BLOCKS_EACH * context.multiprocessors() as usize / blocks;
        let splits = for_blocks.max(pixels.div_ceil(MOST_PIXELS)).min(pixels.div_ceil(64)).clamp(1, MOST_SPLITS);
        let per_split = pixels.div_ceil(splits);
        let splits = pixels.div_ceil(per_split);
        let grid = [blocks as u32, splits as u32, 1];
        let launch = Launch { program: &CONV_DIRECT, width, kernel: "direct_grad_weight", grid, block: [BLOCK as u32, 8, 1] };
        let (from, per_split) = ((x.address()?, dy.address()?), per_split as i32);
        split(&mut dw, splits, 1, Finish::PLAIN, |to| {
            // SAFETY: the kernel's parameters; `to` has room for all splits.
            unsafe { context.launch(launch, arguments![sizes, from.0, from.1, to, per_split]) }
        })?;
        return Ok(dw);
    }
    // Lanes without a channel are columns, too, so that they become zeros; groups leave them out.
    let columns = if groups == 1 { s.k.next_multiple_of(BLOCK) } else { s.k / groups };
    let pass = Pass {
        programs: [&CONV_GRAD_WEIGHT, &CONV_GRAD_WEIGHT_TENSOR_CORES],
        sizes,
        second: None,
        product: Product { rows, columns, groups, terms: pixels, parts: 1 },
        operands: [x, dy],
        vectors: in_fours(s),
        most_terms: MOST_PIXELS,
    };
    pass.run(&mut dw, 1, Finish::PLAIN)?;
    if groups > 1 && !s.k.is_multiple_of(BLOCK) {
        return dw.to_layout(Layout::Contiguous)?.to_layout(Layout::Blocked);
    }
    Ok(dw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisors_divide() {
        for d in [1usize, 2, 3, 5, 7, 9, 10, 31, 32, 112, 147, 1000, 4608, 65_535, 1 << 20, (1 << 30) - 1] {
            let Divisor { factor, shift, .. } = Divisor::from(d);
            let multiples = (1..100u64).map(|i| (i * d as u64 % (1 << 30)) as u32);
            for n in (0..1000).chain((1 << 30)..(1 << 30) + 100).chain(multiples) {
                let high = ((u64::from(n) * u64::from(factor)) >> 32) as u32;
                assert_eq!(((high + n) >> shift) as usize, n as usize / d, "{n} / {d}");
            }
        }
    }
}
