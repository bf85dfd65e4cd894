//! Two-dimensional max pooling and its gradient.

use super::{check::check_float, window::Slide};
use crate::{DType, Error, Result, Shape, Tensor};

/// The options of [`Tensor::max_pool2d`]: `[height, width]` each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool2dOptions {
    /// The window's size.
    pub kernel_size: [usize; 2],
    /// The step from window to window.
    pub stride: [usize; 2],
    /// Places added on each side, never the largest.
    pub padding: [usize; 2],
    /// The distance between neighbouring places of a window.
    pub dilation: [usize; 2],
    /// Whether a last window may reach over the end.
    pub ceil_mode: bool,
}

impl MaxPool2dOptions {
    /// A square window that moves by its own size, without padding: PyTorch's defaults.
    pub fn new(kernel_size: usize) -> Self {
        let size = [kernel_size; 2];
        MaxPool2dOptions { kernel_size: size, stride: size, padding: [0; 2], dilation: [1; 2], ceil_mode: false }
    }

    /// The result's shape.
    fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let (n, c, h, w) = input.nchw(OP)?;
        let along = |d: usize, size: usize| {
            let slide = Slide { kernel: self.kernel_size[d], stride: self.stride[d], padding: self.padding[d], dilation: self.dilation[d] };
            slide.positions(OP, size, self.ceil_mode)
        };
        Ok([n, c, along(0, h)?, along(1, w)?].into())
    }

    /// The type that holds a place in the window.
    pub(crate) fn place_dtype(&self) -> DType {
        if self.kernel_size[0] * self.kernel_size[1] <= 256 { DType::U8 } else { DType::I64 }
    }
}

const OP: &str = "max_pool2d";

impl Tensor {
    /// The largest element of each window of `[N, C, H, W]` (NaN where there is one), channels-last; and its place in the window,
    /// `row * kernel width + column`, that [`max_pool2d_backward`](Tensor::max_pool2d_backward) needs (U8, or I64 for windows of
    /// more than 256 places).
    pub fn max_pool2d(&self, options: &MaxPool2dOptions) -> Result<(Tensor, Tensor)> {
        check_float(OP, self)?;
        let shape = options.output_shape(self.shape())?;
        self.device().backend()?.max_pool2d(&self.channels_last()?, &shape, options)
    }

    /// The first result of [`max_pool2d`](Tensor::max_pool2d) alone, for when no gradient is asked for.
    pub fn max_pool2d_values(&self, options: &MaxPool2dOptions) -> Result<Tensor> {
        check_float(OP, self)?;
        let shape = options.output_shape(self.shape())?;
        self.device().backend()?.max_pool2d_values(&self.channels_last()?, &shape, options)
    }

    /// The gradient of [`max_pool2d`](Tensor::max_pool2d) with respect to an input of shape `input`, channels-last. `self` is the
    /// gradient of the output, `places` the second result of the forward pass.
    pub fn max_pool2d_backward(&self, places: &Tensor, input: &Shape, options: &MaxPool2dOptions) -> Result<Tensor> {
        check_float(OP, self)?;
        self.check_same_device(OP, [places])?;
        let shape = options.output_shape(input)?;
        if *self.shape() != shape || *places.shape() != shape {
            return Err(Error::shapes(OP, self.dims(), places.dims(), "gradient and places have the shape of the output"));
        }
        if places.dtype() != options.place_dtype() {
            return Err(Error::DType { op: OP, expected: options.place_dtype().to_string(), found: places.dtype() });
        }
        self.device().backend()?.max_pool2d_backward(&self.channels_last()?, &places.channels_last()?, input, options)
    }
}
