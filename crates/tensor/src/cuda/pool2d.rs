//! Pooling of channels-last pictures, and its gradients.

use super::{
    context::{Argument, arguments},
    kernels::POOL,
    operand::float_width,
};
use crate::{
    DType, Error, Layout, Result, Shape, Tensor,
    cpu::avg_pool2d::Axis,
    ops::{MaxPool2dOptions, Windows},
};

/// `Pool` of pool.cu.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Pool {
    input: [i32; 2],
    output: [i32; 2],
    kernel: [i32; 2],
    stride: [i32; 2],
    padding: [i32; 2],
    dilation: [i32; 2],
    channels: i64,
}

// SAFETY: the fields of the kernels' type in their order, without padding.
unsafe impl Argument for Pool {}

impl Pool {
    fn new(input: &Shape, output: &Shape, o: &MaxPool2dOptions) -> Result<Pool> {
        let both = |values: [usize; 2]| -> Result<[i32; 2]> {
            match values.map(i32::try_from) {
                [Ok(a), Ok(b)] => Ok([a, b]),
                _ => Err(Error::argument("max_pool2d", format!("a size of {values:?} is too large"))),
            }
        };
        Ok(Pool {
            input: both([input[2], input[3]])?,
            output: both([output[2], output[3]])?,
            kernel: both(o.kernel_size)?,
            stride: both(o.stride)?,
            padding: both(o.padding)?,
            dilation: both(o.dilation)?,
            channels: input[1] as i64,
        })
    }
}

/// The largest elements and their places.
pub(super) fn max_pool2d(x: &Tensor, shape: &Shape, options: &MaxPool2dOptions) -> Result<(Tensor, Tensor)> {
    let (context, width) = (x.context()?, float_width("max_pool2d", x)?);
    let pool = Pool::new(x.shape(), shape, options)?;
    let mut y = context.uninit(shape.clone(), x.dtype(), Layout::ChannelsLast)?;
    let mut places = context.uninit(shape.clone(), options.place_dtype(), Layout::ChannelsLast)?;
    let (n, wide) = (y.stored(), i32::from(options.place_dtype() == DType::I64));
    let arguments = arguments![pool, wide, x.address()?, y.address_mut()?, places.address_mut()?, n as i64];
    // SAFETY: the kernel's parameters; windows are clipped to the input.
    unsafe { context.over(&POOL, width, "max_pool", n, arguments) }?;
    Ok((y, places))
}

/// The gradient of an input of this shape.
pub(super) fn max_pool2d_backward(grad: &Tensor, places: &Tensor, input: &Shape, options: &MaxPool2dOptions) -> Result<Tensor> {
    let (context, width) = (grad.context()?, float_width("max_pool2d", grad)?);
    let pool = Pool::new(input, grad.shape(), options)?;
    let mut dx = context.uninit(input.clone(), grad.dtype(), Layout::ChannelsLast)?;
    let (n, wide) = (dx.stored(), i32::from(options.place_dtype() == DType::I64));
    let arguments = arguments![pool, wide, grad.address()?, places.address()?, dx.address_mut()?, n as i64];
    // SAFETY: the kernel's parameters; windows are clipped to the output.
    unsafe { context.over(&POOL, width, "max_pool_backward", n, arguments) }?;
    Ok(dx)
}

/// The mean of each window.
pub(super) fn avg_pool2d(x: &Tensor, windows: &Windows) -> Result<Tensor> {
    let (_, _, h, w) = x.shape().nchw("avg_pool2d")?;
    weighted_sums(x, &Axis::forward(&windows.rows, h), &Axis::forward(&windows.columns, w))
}

/// The gradient of an input of this shape.
pub(super) fn avg_pool2d_backward(grad: &Tensor, input: &Shape, windows: &Windows) -> Result<Tensor> {
    let (_, _, h, w) = input.nchw("avg_pool2d")?;
    weighted_sums(grad, &Axis::backward(&windows.rows, h), &Axis::backward(&windows.columns, w))
}

fn weighted_sums(source: &Tensor, rows: &Axis, columns: &Axis) -> Result<Tensor> {
    let (context, width) = (source.context()?, float_width("avg_pool2d", source)?);
    let (n, channels, h, w) = source.shape().nchw("avg_pool2d")?;
    let (height, across) = (rows.places.len(), columns.places.len());
    let mut y = context.uninit([n, channels, height, across], source.dtype(), Layout::ChannelsLast)?;
    let ranges = rows.places.iter().chain(&columns.places).flat_map(|range| [range.start as i32, range.end as i32].map(i32::to_le_bytes));
    let weights = [&rows.source_weights, &columns.source_weights, &rows.sum_weights, &columns.sum_weights];
    let weights = weights.into_iter().flatten().map(|weight| weight.to_le_bytes());
    let ranges = context.upload(&ranges.flatten().collect::<Vec<u8>>())?;
    let weights = context.upload(&weights.flatten().collect::<Vec<u8>>())?;
    let (count, sizes) = (y.stored(), [h, w, height, across].map(|size| size as i32));
    let (from, to, channels) = (source.address()?, y.address_mut()?, channels as i64);
    let [h, w, height, across] = sizes;
    let arguments = arguments![from, to, ranges.address(), weights.address(), h, w, height, across, channels, count as i64];
    // SAFETY: the kernel's parameters; the ranges lie within the source, and there are as many weights as it reads.
    unsafe { context.over(&POOL, width, "weighted_sums", count, arguments) }?;
    Ok(y)
}
