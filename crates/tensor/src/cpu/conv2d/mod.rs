//! Convolution on the CPU: implicit matrix products over channels-last input and blocked weights, with no im2col matrix.

mod algorithm;
mod cat;
mod depthwise;
mod expand_depthwise;
mod finish;
mod gather;
mod gather_plan;
mod grad_weight;
#[cfg_attr(not(any(test, target_arch = "x86_64")), allow(dead_code))] // only x86-64 has such a unit
mod matrices;
#[cfg_attr(not(any(test, target_arch = "x86_64")), allow(dead_code))] // only x86-64 has such a unit
mod matrix_grad_weight;
mod pairs;
mod plan;
mod plans;
mod row_sums;
mod scaled;
mod schedule;
mod tile;
mod weight;
mod winograd;

#[cfg(test)]
mod bf16_tests;
#[cfg(test)]
mod tests;

pub use algorithm::{ConvAlgorithm, ConvPass, conv2d_algorithm};
use algorithm::{Kernels, kernels};
pub(super) use cat::forward_cat;
use depthwise::{DepthwiseGather, DepthwiseGradWeight, DepthwiseWeight};
use expand_depthwise::ExpandDepthwise;
use finish::Output;
use gather::Gather;
use gather_plan::Geometry;
use grad_weight::GradWeight;
use matrix_grad_weight::MatrixGradWeight;
use pairs::{Operand, pair_images, pair_rows};
use plan::{Axis, AxisSizes, Run};
use row_sums::RowSums;
pub(super) use scaled::{forward_scaled, scales_weight};
pub use schedule::conv2d_speedup;
use weight::{Grouping, fill_channels, join_groups, pad_rows, split_groups, transpose};
use winograd::{Filters, Winograd, WinogradGradWeight};
pub use winograd::{winograd_enabled, winograd_switch};

use super::{
    dispatch::{SimdLevel, level},
    generic,
    matrix_unit::with_matrix_unit,
    stored::Stored,
    unary::unary,
};
use crate::{
    BLOCK, DType, Layout, Result, Tensor, bf16,
    ops::{ConvMethod, ConvShape, ConvStep, Epilogue},
    storage::Buffer,
    with_float,
};

fn vertical(s: &ConvShape) -> AxisSizes {
    let o = &s.options;
    AxisSizes { input: s.input.0, output: s.output.0, kernel: s.kernel.0, stride: o.stride.0, padding: o.padding.0, dilation: o.dilation.0 }
}

fn horizontal(s: &ConvShape) -> AxisSizes {
    let o = &s.options;
    AxisSizes { input: s.input.1, output: s.output.1, kernel: s.kernel.1, stride: o.stride.1, padding: o.padding.1, dilation: o.dilation.1 }
}

/// `activation(conv(x, w) * scale + shift + residual)`.
pub(super) fn forward(x: &Tensor, w: &Tensor, s: &ConvShape, e: Epilogue<'_>) -> Result<Tensor> {
    let kernels = kernels(x.dtype(), s, ConvPass::Forward);
    match (kernels, e.dtype.unwrap_or(x.dtype())) {
        (kernels, DType::Bf16) if !kernels.take_bf16(s) => {
            let residual = e.residual.map(|residual| residual.widened()).transpose()?;
            forward(&x.widened()?, w, s, Epilogue { residual, dtype: Some(DType::F32), ..e })?.to_dtype(DType::Bf16)
        }
        (Kernels::Depthwise, DType::Bf16) => depthwise_forward_at::<bf16>(level(), x, w, s, &e),
        (Kernels::Depthwise, _) => depthwise_forward_at::<f32>(level(), x, w, s, &e),
        (Kernels::Winograd, _) => winograd_forward_at(level(), x, w, s, e),
        (Kernels::Tiles(piece), DType::Bf16) => forward_at::<bf16>(level(), x, w, s, e, piece),
        (Kernels::Tiles(piece), _) => forward_at::<f32>(level(), x, w, s, e, piece),
        (Kernels::Plain, dtype) => with_float!("conv2d", dtype, T => {
            let x = x.to_dtype(dtype)?;
            let mut y = Tensor::uninit::<T>(s.output_dims(), Layout::ChannelsLast)?;
            let out = y.data_mut::<T>()?;
            generic::conv2d::forward::<T>(s, x.data()?, w.data()?, out);
            generic::conv2d::epilogue::<T>(s.k, out, data(e.scale)?, data(e.shift)?, data(e.residual.as_ref())?);
            e.activation.map_or(Ok(y.clone()), |op| unary(level(), op, &y))
        }),
    }
}

fn data<T: crate::Element>(t: Option<&Tensor>) -> Result<Option<&[T]>> {
    t.map(Tensor::data::<T>).transpose()
}

/// What a forward pass gathers.
fn forward_geometry(s: &ConvShape, piece: Grouping) -> Geometry {
    Geometry {
        images: s.n,
        input: s.input,
        input_channels: s.c,
        numbers: None,
        output: s.output,
        output_channels: s.k,
        rows: Axis::forward(vertical(s)),
        columns: Axis::forward(horizontal(s)),
        kernel: s.kernel,
        channels: piece.inputs,
        outputs_per_group: piece.outputs,
        matrices: false,
    }
}

fn forward_at<E: Stored>(level: SimdLevel, x: &Tensor, w: &Tensor, s: &ConvShape, mut e: Epilogue<'_>, piece: Grouping) -> Result<Tensor> {
    let (mut y, in_place) = finish::output::<E>(s.output_dims(), &mut e)?;
    write_at(level, x, w, s, Output::new(&e, in_place, s.k)?, piece, y.data_mut::<E>()?)?;
    Ok(y)
}

/// The same to memory that is there.
fn write_at<E: Stored>(
    level: SimdLevel,
    x: &Tensor,
    w: &Tensor,
    s: &ConvShape,
    out: Output<'_, E>,
    piece: Grouping,
    y: &mut [E],
) -> Result<()> {
    let joined = (piece.joined > 1).then(|| w.data().map(|w| join_groups(s, w))).transpose()?;
    let weight = joined.as_ref().map_or(w.data(), |j| Ok(j.as_slice()))?;
    let bf16 = s.options.method == ConvMethod::Bf16;
    let x = Operand::new(x, s.c, bf16)?;
    let plan = plans::gather(level, s, ConvPass::Forward, piece, x.in_pairs);
    let x = x.values()?;
    if !bf16 {
        Gather { plan: &plan, x, weight, out }.run(level, y);
        return Ok(());
    }
    let pairs = |rows: &[f32]| pair_rows(level, rows, piece.inputs, &[true]);
    let joined = joined.map(|joined| pairs(joined.as_slice()));
    let weight = joined.as_ref().map_or_else(|| w.paired_rows(pairs), |joined| Ok(joined.as_slice()))?;
    Gather { plan: &plan, x, weight, out }.run_pairs(level, y);
    Ok(())
}

/// Winograd's forward pass, without operands.
fn winograd_forward(s: &ConvShape) -> Winograd<'static> {
    Winograd {
        x: &[],
        images: s.n,
        input: s.input,
        output: s.output,
        padding: (s.options.padding.0 as isize, s.options.padding.1 as isize),
        filters: Filters { weight: &[], dims: (s.k, s.c), transposed: false },
        out: Output::plain(s.k),
    }
}

/// Winograd's input gradient, without operands.
fn winograd_grad_input(s: &ConvShape) -> Winograd<'static> {
    Winograd {
        x: &[],
        images: s.n,
        input: s.output,
        output: s.input,
        padding: (2 - s.options.padding.0 as isize, 2 - s.options.padding.1 as isize),
        filters: Filters { weight: &[], dims: (s.k, s.c), transposed: true },
        out: Output::plain(s.c),
    }
}

fn winograd_forward_at(level: SimdLevel, x: &Tensor, w: &Tensor, s: &ConvShape, mut e: Epilogue<'_>) -> Result<Tensor> {
    let (mut y, in_place) = finish::output::<f32>(s.output_dims(), &mut e)?;
    winograd_write_at(level, x, w, s, Output::new(&e, in_place, s.k)?, y.data_mut()?)?;
    Ok(y)
}

/// The same to memory that is there.
fn winograd_write_at(level: SimdLevel, x: &Tensor, w: &Tensor, s: &ConvShape, out: Output<'_>, y: &mut [f32]) -> Result<()> {
    let plan = winograd_forward(s);
    let x = x.widened()?;
    let winograd = Winograd { x: x.data()?, filters: Filters { weight: w.data()?, ..plan.filters }, out, ..plan };
    winograd.run(level, &plans::winograd(s, ConvPass::Forward), y);
    Ok(())
}

/// The input's gradient from the output's, of whose type it is, added to `sum` where there is one.
pub(super) fn grad_input(dy: &Tensor, w: &Tensor, s: &ConvShape, sum: Option<Tensor>) -> Result<Tensor> {
    let kernels = kernels(dy.dtype(), s, ConvPass::GradInput);
    let e = |sum| Epilogue { residual: sum, ..Default::default() };
    match (kernels, dy.dtype()) {
        (kernels, DType::Bf16) if !kernels.take_bf16(s) => {
            let sum = sum.map(|sum| sum.widened()).transpose()?;
            grad_input(&dy.widened()?, w, s, sum)?.to_dtype(DType::Bf16)
        }
        (Kernels::Depthwise, DType::Bf16) => depthwise_grad_input_at::<bf16>(level(), dy, w, s, &e(sum)),
        (Kernels::Depthwise, _) => depthwise_grad_input_at::<f32>(level(), dy, w, s, &e(sum)),
        (Kernels::Winograd, _) => winograd_grad_input_at(level(), dy, w, s, e(sum)),
        (Kernels::Tiles(piece), DType::Bf16) => grad_input_at::<bf16>(level(), dy, w, s, e(sum), piece),
        (Kernels::Tiles(piece), _) => grad_input_at::<f32>(level(), dy, w, s, e(sum), piece),
        (Kernels::Plain, _) => with_float!("conv2d_grad_input", dy.dtype(), T => {
            let mut dx = Tensor::uninit::<T>(s.input_dims(), Layout::ChannelsLast)?;
            generic::conv2d::grad_input::<T>(s, dy.data()?, w.data()?, dx.data_mut()?);
            dx.added_to(sum)
        }),
    }
}

/// What an input gradient gathers.
fn grad_input_geometry(s: &ConvShape, piece: Grouping) -> Geometry {
    Geometry {
        images: s.n,
        input: s.output,
        input_channels: s.k,
        numbers: None,
        output: s.input,
        output_channels: s.c,
        rows: Axis::backward(vertical(s)),
        columns: Axis::backward(horizontal(s)),
        kernel: s.kernel,
        channels: piece.outputs,
        outputs_per_group: piece.inputs,
        matrices: false,
    }
}

fn grad_input_at<E: Stored>(
    level: SimdLevel,
    dy: &Tensor,
    w: &Tensor,
    s: &ConvShape,
    mut e: Epilogue<'_>,
    piece: Grouping,
) -> Result<Tensor> {
    let bf16 = s.options.method == ConvMethod::Bf16;
    let dy = Operand::new(dy, s.k, bf16)?;
    let (mut dx, in_place) = finish::output::<E>(s.input_dims(), &mut e)?;
    let out = Output::new(&e, in_place, s.c)?;
    let joined = (piece.joined > 1).then(|| w.data().map(|w| join_groups(s, w))).transpose()?;
    let weight = joined.as_ref().map_or(w.data(), |j| Ok(j.as_slice()))?;
    let plan = plans::gather(level, s, ConvPass::GradInput, piece, dy.in_pairs);
    let live = live_taps(&plan.geometry.rows, &plan.geometry.columns, s.kernel);
    let transposed = transpose(level, weight, s.kernel.0 * s.kernel.1, s.c, piece, &live);
    let dx_values = dx.data_mut::<E>()?;
    if bf16 {
        let pairs = pair_rows(level, transposed.as_slice(), piece.outputs, &live);
        Gather { plan: &plan, x: dy.values()?, weight: pairs.as_slice(), out }.run_pairs(level, dx_values);
    } else {
        Gather { plan: &plan, x: dy.values()?, weight: transposed.as_slice(), out }.run(level, dx_values);
    }
    Ok(dx)
}

/// Which taps ever meet a pixel inside the input, row by row.
fn live_taps(rows: &Axis, columns: &Axis, kernel: (usize, usize)) -> Vec<bool> {
    let (rows, columns) = (rows.live_taps(kernel.0), columns.live_taps(kernel.1));
    rows.iter().flat_map(|&r| columns.iter().map(move |&c| r && c)).collect()
}

fn winograd_grad_input_at(level: SimdLevel, dy: &Tensor, w: &Tensor, s: &ConvShape, mut e: Epilogue<'_>) -> Result<Tensor> {
    let (mut dx, in_place) = finish::output::<f32>(s.input_dims(), &mut e)?;
    let (plan, out) = (winograd_grad_input(s), Output::new(&e, in_place, s.c)?);
    let winograd = Winograd { x: dy.data()?, filters: Filters { weight: w.data()?, ..plan.filters }, out, ..plan };
    winograd.run(level, &plans::winograd(s, ConvPass::GradInput), dx.data_mut()?);
    Ok(dx)
}

/// The weight's gradient, blocked. Where one operand is bf16 both are taken as such.
pub(super) fn grad_weight(x: &Tensor, dy: &Tensor, s: &ConvShape) -> Result<Tensor> {
    let kernels = kernels(x.dtype(), s, ConvPass::GradWeight);
    let bf16_operand = x.dtype() == DType::Bf16 || dy.dtype() == DType::Bf16;
    if bf16_operand && x.dtype() != dy.dtype() {
        return grad_weight(&x.to_dtype(DType::Bf16)?, &dy.to_dtype(DType::Bf16)?, s);
    }
    match kernels {
        kernels if bf16_operand && !kernels.take_bf16(s) => grad_weight(&x.widened()?, &dy.widened()?, s),
        Kernels::Depthwise if bf16_operand => depthwise_grad_weight_at::<bf16>(level(), x, dy, s),
        Kernels::Depthwise => depthwise_grad_weight_at::<f32>(level(), x, dy, s),
        Kernels::Winograd => winograd_grad_weight_at(level(), x, dy, s),
        Kernels::Tiles(piece) if bf16_operand => grad_weight_at::<bf16>(level(), x, dy, s, piece),
        Kernels::Tiles(piece) => grad_weight_at::<f32>(level(), x, dy, s, piece),
        Kernels::Plain => with_float!("conv2d_grad_weight", x.dtype(), T => {
            let mut dw = Tensor::uninit::<T>(s.weight_dims(), Layout::Blocked)?;
            generic::conv2d::grad_weight::<T>(s, x.data()?, dy.data()?, dw.data_mut()?);
            Ok(dw)
        }),
    }
}

/// The sums of a weight gradient, without operands.
fn grad_weight_sums(s: &ConvShape, piece: Grouping) -> GradWeight<'static> {
    let output_channels = s.k.next_multiple_of(BLOCK);
    GradWeight {
        x: &[],
        dy: &[],
        images: s.n,
        input: s.input,
        input_channels: s.c,
        output: s.output,
        output_channels,
        kernel: s.kernel,
        rows: Axis::forward(vertical(s)),
        columns: Axis::forward(horizontal(s)),
        stride: s.options.stride,
        channels: piece.inputs,
        outputs_per_group: if s.options.groups == 1 { output_channels } else { piece.outputs },
    }
}

/// Whether a weight gradient takes the taps of a row together: with few input channels they are one stretch of input between margins
/// of zeros, which fills the tile better.
fn merges_taps(s: &ConvShape, columns: &Axis) -> bool {
    let all_live = columns.live_taps(s.kernel.1).iter().all(|&live| live);
    s.options.groups == 1 && s.c < 8 && s.kernel.1 > 1 && s.options.dilation.1 == 1 && all_live
}

fn grad_weight_at<E: Stored<Compute = f32>>(level: SimdLevel, x: &Tensor, dy: &Tensor, s: &ConvShape, piece: Grouping) -> Result<Tensor> {
    let mut dw = Tensor::uninit::<f32>(s.weight_dims(), Layout::Blocked)?;
    let (rows, columns) = (Axis::forward(vertical(s)), Axis::forward(horizontal(s)));
    let merged = merges_taps(s, &columns);
    let write = |dw: &mut [f32]| {
        if s.options.method == ConvMethod::Bf16 {
            with_matrix_unit!(level, unit => {
                MatrixGradWeight::<E>::new(x.data()?, dy.data()?, s, piece, merged).run(level, dw, unit);
                return Ok(());
            }, ());
        }
        grad_weight_in_tiles::<E>(level, x, dy, s, piece, merged, dw)
    };
    if piece.joined > 1 {
        let mut joined = Buffer::uninit::<f32>(s.k * s.kernel.0 * s.kernel.1 * BLOCK);
        write(joined.as_mut_slice())?;
        split_groups(s, joined.as_slice(), dw.data_mut()?);
    } else {
        write(dw.data_mut()?)?;
    }
    dw.set_zero_taps(live_taps(&rows, &columns, s.kernel).iter().map(|live| !live).collect());
    Ok(dw)
}

/// Writes the gradient to `dw`, that of pieces that join groups where these do.
fn grad_weight_in_tiles<E: Stored<Compute = f32>>(
    level: SimdLevel,
    x: &Tensor,
    dy: &Tensor,
    s: &ConvShape,
    piece: Grouping,
    merged: bool,
    dw: &mut [f32],
) -> Result<()> {
    let bf16 = s.options.method == ConvMethod::Bf16;
    let pairs = |t: &Tensor| bf16.then(|| t.data::<E>().map(|values| pair_images(level, values, s.n))).transpose();
    let (x_pairs, dy_pairs) = (pairs(x)?, pairs(dy)?);
    let (x, dy) = (x_pairs.as_ref().map_or(x.data(), |b| Ok(b.as_slice()))?, dy_pairs.as_ref().map_or(dy.data(), |b| Ok(b.as_slice()))?);
    let filled = fill_channels(dy, s.k);
    let dy = filled.as_ref().map_or(dy, |(filled, _)| filled.as_slice());
    let images = if bf16 { s.n.div_ceil(2) } else { s.n };
    let mut grad = GradWeight { x, dy, images, ..grad_weight_sums(s, piece) };
    let padded = merged.then(|| pad_rows(grad.x, s.input.1 * s.c, grad.columns.margins(), s.c));
    if let Some((padded, width)) = &padded {
        grad.x = padded.as_slice();
        grad.input.1 = *width;
        grad.columns = Axis::forward(AxisSizes { input: *width, kernel: 1, padding: 0, ..horizontal(s) });
        grad.kernel.1 = 1;
        grad.channels = s.kernel.1 * s.c;
    }
    if bf16 {
        grad.run_pairs(level, dw)
    } else {
        grad.run(level, dw)
    }
    Ok(())
}

/// Winograd's weight gradient, without operands.
fn winograd_grad_weight(s: &ConvShape) -> WinogradGradWeight<'static> {
    WinogradGradWeight { forward: winograd_forward(s), dy: &[] }
}

fn winograd_grad_weight_at(level: SimdLevel, x: &Tensor, dy: &Tensor, s: &ConvShape) -> Result<Tensor> {
    let mut dw = Tensor::uninit::<f32>(s.weight_dims(), Layout::Blocked)?;
    let forward = Winograd { x: x.data()?, ..winograd_forward(s) };
    WinogradGradWeight { forward, dy: dy.data()? }.run(level, dw.data_mut()?);
    Ok(dw)
}

fn depthwise_forward_at<E: Stored>(level: SimdLevel, x: &Tensor, w: &Tensor, s: &ConvShape, e: &Epilogue<'_>) -> Result<Tensor> {
    let x = x.to_dtype(E::DTYPE)?;
    let mut y = Tensor::uninit::<E>(s.output_dims(), Layout::ChannelsLast)?;
    let weight = DepthwiseWeight::new(w.data()?, s.c, s.kernel.0 * s.kernel.1);
    let runs = plans::depthwise(s, ConvPass::Forward);
    let gather = DepthwiseGather::<E> { x: x.data()?, ..depthwise_forward(s, &runs, &weight, depthwise_output(s, e)?) };
    gather.run(level, y.data_mut()?);
    Ok(y)
}

/// Overlapping vectors of channels are written twice, so the residual stays beside.
fn depthwise_output<'a, E: Stored>(s: &ConvShape, e: &'a Epilogue<'_>) -> Result<Output<'a, E>> {
    Output::new(e, false, s.k)
}

/// A depthwise forward pass without its input.
fn depthwise_forward<'a, E>(s: &ConvShape, runs: &'a [Run], weight: &'a DepthwiseWeight<'a>, out: Output<'a, E>) -> DepthwiseGather<'a, E> {
    DepthwiseGather { x: &[], pixel: s.c, images: s.n, channels: s.c, input: s.input, output: s.output, runs, weight, out }
}

/// The second convolution of the first one's output.
pub(super) fn forward_pair(x: &Tensor, first: ConvStep<'_>, second: ConvStep<'_>) -> Result<Tensor> {
    if are_computed_together(x, &first, &second) {
        return expand_depthwise_at(level(), x, &first, &second, None);
    }
    let x = forward(x, &first.weight, &first.shape, first.epilogue)?;
    forward(&x, &second.weight, &second.shape, second.epilogue)
}

/// Whether the second's input need not go through memory: all of it is `f32`.
fn are_computed_together(x: &Tensor, first: &ConvStep<'_>, second: &ConvStep<'_>) -> bool {
    first.epilogue.residual.is_none()
        && [first, second].iter().all(|step| step.epilogue.dtype.is_none_or(|dtype| dtype == DType::F32))
        && expand_depthwise::applies(x.dtype(), &first.shape, &second.shape)
}

/// The same with the means of its channels, where both are computed together.
pub(super) fn forward_pair_with_means(x: &Tensor, first: ConvStep<'_>, second: ConvStep<'_>) -> Result<(Tensor, Option<Tensor>)> {
    if !are_computed_together(x, &first, &second) {
        return Ok((forward_pair(x, first, second)?, None));
    }
    let mut sums = RowSums::new(&second.shape);
    let y = expand_depthwise_at(level(), x, &first, &second, Some(&mut sums))?;
    Ok((y, Some(sums.means(level())?)))
}

fn expand_depthwise_at(
    level: SimdLevel,
    x: &Tensor,
    expand: &ConvStep<'_>,
    depthwise: &ConvStep<'_>,
    sums: Option<&mut RowSums>,
) -> Result<Tensor> {
    let s = &depthwise.shape;
    let mut y = Tensor::uninit::<f32>(s.output_dims(), Layout::ChannelsLast)?;
    let weight = DepthwiseWeight::new(depthwise.weight.data()?, s.c, s.kernel.0 * s.kernel.1);
    let both = ExpandDepthwise {
        x: x.data()?,
        input_channels: expand.shape.c,
        weight: expand.weight.data()?,
        expanded: Output::new(&expand.epilogue, false, expand.shape.k)?,
        depthwise: depthwise_forward(s, &[], &weight, depthwise_output(s, &depthwise.epilogue)?),
        plan: &plans::ring(s, expand.shape.c),
        sums: sums.map(RowSums::shared),
    };
    both.run(level, y.data_mut()?);
    Ok(y)
}

fn depthwise_grad_input_at<E: Stored>(level: SimdLevel, dy: &Tensor, w: &Tensor, s: &ConvShape, e: &Epilogue<'_>) -> Result<Tensor> {
    let mut dx = Tensor::uninit::<E>(s.input_dims(), Layout::ChannelsLast)?;
    let weight = DepthwiseWeight::new(w.data()?, s.c, s.kernel.0 * s.kernel.1);
    let gather = DepthwiseGather::<E> {
        x: dy.data()?,
        pixel: s.c,
        images: s.n,
        channels: s.c,
        input: s.output,
        output: s.input,
        runs: &plans::depthwise(s, ConvPass::GradInput),
        weight: &weight,
        out: depthwise_output(s, e)?,
    };
    gather.run(level, dx.data_mut()?);
    Ok(dx)
}

fn depthwise_grad_weight_at<E: Stored<Compute = f32>>(level: SimdLevel, x: &Tensor, dy: &Tensor, s: &ConvShape) -> Result<Tensor> {
    let mut dw = Tensor::uninit::<f32>(s.weight_dims(), Layout::Blocked)?;
    let grad = DepthwiseGradWeight::<E> {
        x: x.data()?,
        dy: dy.data()?,
        images: s.n,
        channels: s.c,
        input: s.input,
        output: s.output,
        kernel: s.kernel,
        stride: s.options.stride,
        rows: Axis::forward(vertical(s)),
        columns: Axis::forward(horizontal(s)),
    };
    grad.run(level, dw.data_mut()?);
    Ok(dw)
}
