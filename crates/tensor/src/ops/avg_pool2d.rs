//! Two-dimensional average pooling, over sliding windows or to a given output size, and its gradient.

use super::{
    check::check_float,
    window::{LIMIT, Slide, Window, Windows},
};
use crate::{Error, Result, Shape, Tensor};

/// The options of [`Tensor::avg_pool2d`]: `[height, width]` each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvgPool2dOptions {
    /// The window's size.
    pub kernel_size: [usize; 2],
    /// The step from window to window.
    pub stride: [usize; 2],
    /// Zeros added on each side.
    pub padding: [usize; 2],
    /// Whether a last window may reach over the end.
    pub ceil_mode: bool,
    /// Whether the zeros of the padding count in the mean.
    pub count_include_pad: bool,
}

impl AvgPool2dOptions {
    /// A square window that moves by its own size, without padding: PyTorch's defaults.
    pub fn new(kernel_size: usize) -> Self {
        let size = [kernel_size; 2];
        AvgPool2dOptions { kernel_size: size, stride: size, padding: [0; 2], ceil_mode: false, count_include_pad: true }
    }

    fn windows(&self, input: &Shape) -> Result<Windows> {
        let (_, _, h, w) = input.nchw("avg_pool2d")?;
        let along = |d: usize, size: usize| -> Result<Vec<Window>> {
            let (kernel, stride, padding) = (self.kernel_size[d], self.stride[d], self.padding[d]);
            let positions = Slide { kernel, stride, padding, dilation: 1 }.positions("avg_pool2d", size, self.ceil_mode)?;
            let window = |i: usize| {
                // Counted from the first place of the padding.
                let (start, end) = (i * stride, (i * stride + kernel).min(size + 2 * padding));
                let inside = |place: usize| place.saturating_sub(padding).min(size);
                let places = inside(start)..inside(end);
                let count = if self.count_include_pad { end - start } else { places.len() };
                Window { places, count }
            };
            Ok((0..positions).map(window).collect())
        };
        Ok(Windows { rows: along(0, h)?, columns: along(1, w)? })
    }
}

/// Windows that spread evenly over the input, as PyTorch's adaptive pooling.
fn adaptive_windows(output: [Option<usize>; 2], input: &Shape) -> Result<Windows> {
    let (_, _, h, w) = input.nchw("adaptive_avg_pool2d")?;
    let along = |output: Option<usize>, size: usize| -> Result<Vec<Window>> {
        let output = output.unwrap_or(size);
        if size == 0 && output > 0 {
            return Err(Error::shape("adaptive_avg_pool2d", input, "an empty picture has no mean"));
        }
        if output > LIMIT.max(size) {
            return Err(Error::argument("adaptive_avg_pool2d", format!("the output size {output} is above {LIMIT}")));
        }
        let window = |i: usize| {
            let places = i * size / output..((i + 1) * size).div_ceil(output);
            Window { count: places.len(), places }
        };
        Ok((0..output).map(window).collect())
    };
    Ok(Windows { rows: along(output[0], h)?, columns: along(output[1], w)? })
}

impl Tensor {
    /// The mean of each window of `[N, C, H, W]`, channels-last.
    pub fn avg_pool2d(&self, options: &AvgPool2dOptions) -> Result<Tensor> {
        self.mean_of_windows("avg_pool2d", &options.windows(self.shape())?)
    }

    /// The gradient of [`avg_pool2d`](Tensor::avg_pool2d) with respect to an input of shape `input`, channels-last; `self` is the
    /// gradient of the output.
    pub fn avg_pool2d_backward(&self, input: &Shape, options: &AvgPool2dOptions) -> Result<Tensor> {
        self.spread_over_windows("avg_pool2d", input, &options.windows(input)?)
    }

    /// The means of `[N, C, H, W]` over windows that spread evenly over the picture, so that the output has this `[height, width]`
    /// (the input's where `None`); channels-last.
    pub fn adaptive_avg_pool2d(&self, output_size: [Option<usize>; 2]) -> Result<Tensor> {
        self.mean_of_windows("adaptive_avg_pool2d", &adaptive_windows(output_size, self.shape())?)
    }

    /// The gradient of [`adaptive_avg_pool2d`](Tensor::adaptive_avg_pool2d) with respect to an input of shape `input`,
    /// channels-last; `self` is the gradient of the output.
    pub fn adaptive_avg_pool2d_backward(&self, input: &Shape, output_size: [Option<usize>; 2]) -> Result<Tensor> {
        self.spread_over_windows("adaptive_avg_pool2d", input, &adaptive_windows(output_size, input)?)
    }

    fn mean_of_windows(&self, op: &'static str, windows: &Windows) -> Result<Tensor> {
        check_float(op, self)?;
        Shape::from([self.dims()[0], self.dims()[1], windows.rows.len(), windows.columns.len()]).checked_elements(op)?;
        self.device().backend()?.avg_pool2d(&self.channels_last()?, windows)
    }

    fn spread_over_windows(&self, op: &'static str, input: &Shape, windows: &Windows) -> Result<Tensor> {
        check_float(op, self)?;
        let expected = [input[0], input[1], windows.rows.len(), windows.columns.len()];
        if self.dims() != expected {
            return Err(Error::shapes(op, self.dims(), &expected, "the gradient has the shape of the output, the second"));
        }
        self.device().backend()?.avg_pool2d_backward(&self.channels_last()?, input, windows)
    }
}
