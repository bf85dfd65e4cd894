//! Two-dimensional average pooling.

use autograd::Var;
use tensor::ops::AvgPool2dOptions;

use crate::{Mode, Module, Result, Size2d, trace};

/// The mean of each window of `[N, C, H, W]`, giving `[N, C, H', W']`: PyTorch's `AvgPool2d`.
///
/// `H' = (H + 2 padding - kernel) / stride + 1`, rounded down, or up in `ceil_mode` where a window more begins inside the picture.
///
/// ```
/// use layers::{AvgPool2d, ModuleExt};
/// assert_eq!(AvgPool2d::new(2).repr(), "AvgPool2d(kernel_size=2, stride=2, padding=0)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct AvgPool2d {
    kernel_size: Size2d,
    stride: Size2d,
    padding: Size2d,
    ceil_mode: bool,
    count_include_pad: bool,
}

impl AvgPool2d {
    /// A window that moves by its own size, without padding.
    pub fn new(kernel_size: impl Into<Size2d>) -> Self {
        let kernel_size = kernel_size.into();
        AvgPool2d { kernel_size, stride: kernel_size, padding: 0.into(), ceil_mode: false, count_include_pad: true }
    }

    /// The step from window to window.
    pub fn stride(mut self, stride: impl Into<Size2d>) -> Self {
        self.stride = stride.into();
        self
    }

    /// The zeros added on each side.
    pub fn padding(mut self, padding: impl Into<Size2d>) -> Self {
        self.padding = padding.into();
        self
    }

    /// Whether a last window may reach over the end.
    pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
        self.ceil_mode = ceil_mode;
        self
    }

    /// Whether the zeros of the padding count in the mean.
    pub fn count_include_pad(mut self, count_include_pad: bool) -> Self {
        self.count_include_pad = count_include_pad;
        self
    }
}

impl Module for AvgPool2d {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        let y = x.avg_pool2d(&AvgPool2dOptions {
            kernel_size: self.kernel_size.pair().into(),
            stride: self.stride.pair().into(),
            padding: self.padding.pair().into(),
            ceil_mode: self.ceil_mode,
            count_include_pad: self.count_include_pad,
        })?;
        trace::note(self, x, &y);
        Ok(y)
    }

    fn class_name(&self) -> &'static str {
        "AvgPool2d"
    }

    fn extra_repr(&self) -> String {
        format!("kernel_size={}, stride={}, padding={}", self.kernel_size, self.stride, self.padding)
    }
}

#[cfg(test)]
mod tests {
    use tensor::Tensor;

    use super::*;
    use crate::ModuleExt;

    #[test]
    fn padding_counts_in_the_mean_unless_told_otherwise() {
        let x = Var::from(Tensor::from_vec(vec![1f32, 2.0, 3.0, 6.0], [1, 1, 2, 2]).unwrap());
        let pool = AvgPool2d::new(2).padding(1);
        let mean = |pool: &AvgPool2d| pool.forward(&x, Mode::Eval).unwrap().value().to_vec::<f32>().unwrap();
        assert_eq!(mean(&pool), [0.25, 0.5, 0.75, 1.5]);
        assert_eq!(mean(&pool.count_include_pad(false)), [1.0, 2.0, 3.0, 6.0]);
        assert_eq!(mean(&AvgPool2d::new((2, 1))), [2.0, 4.0]);
        assert_eq!(pool.stride((2, 1)).repr(), "AvgPool2d(kernel_size=2, stride=(2, 1), padding=1)");
    }

    #[test]
    fn senseless_settings_are_errors() {
        let x = Var::from(Tensor::from_vec(vec![1f32; 4], [1, 1, 2, 2]).unwrap());
        for pool in [AvgPool2d::new(0), AvgPool2d::new(2).stride(0), AvgPool2d::new(2).padding(2), AvgPool2d::new(3)] {
            assert!(pool.forward(&x, Mode::Eval).is_err(), "{}", pool.repr());
        }
    }
}
