//! Two-dimensional max pooling.

use autograd::Var;
use tensor::ops::MaxPool2dOptions;

use crate::{Mode, Module, Result, Size2d, repr, trace};

/// The largest element of each window of `[N, C, H, W]`, giving `[N, C, H', W']`: PyTorch's `MaxPool2d`.
///
/// `H' = (H + 2 padding - dilation (kernel - 1) - 1) / stride + 1`, rounded down, or up in `ceil_mode` where a window more begins
/// inside the picture.
///
/// ```
/// use layers::{MaxPool2d, ModuleExt};
/// let pool = MaxPool2d::new(3).stride(2).padding(1);
/// assert_eq!(pool.repr(), "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct MaxPool2d {
    kernel_size: Size2d,
    stride: Size2d,
    padding: Size2d,
    dilation: Size2d,
    ceil_mode: bool,
}

impl MaxPool2d {
    /// A window that moves by its own size, without padding.
    pub fn new(kernel_size: impl Into<Size2d>) -> Self {
        let kernel_size = kernel_size.into();
        MaxPool2d { kernel_size, stride: kernel_size, padding: 0.into(), dilation: 1.into(), ceil_mode: false }
    }

    /// The step from window to window.
    pub fn stride(mut self, stride: impl Into<Size2d>) -> Self {
        self.stride = stride.into();
        self
    }

    /// The places added on each side, which are never the largest.
    pub fn padding(mut self, padding: impl Into<Size2d>) -> Self {
        self.padding = padding.into();
        self
    }

    /// The distance between neighbouring places of a window.
    pub fn dilation(mut self, dilation: impl Into<Size2d>) -> Self {
        self.dilation = dilation.into();
        self
    }

    /// Whether a last window may reach over the end.
    pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
        self.ceil_mode = ceil_mode;
        self
    }
}

impl Module for MaxPool2d {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        let y = x.max_pool2d(&MaxPool2dOptions {
            kernel_size: self.kernel_size.pair().into(),
            stride: self.stride.pair().into(),
            padding: self.padding.pair().into(),
            dilation: self.dilation.pair().into(),
            ceil_mode: self.ceil_mode,
        })?;
        trace::note(self, x, &y);
        Ok(y)
    }

    fn class_name(&self) -> &'static str {
        "MaxPool2d"
    }

    fn extra_repr(&self) -> String {
        let MaxPool2d { kernel_size, stride, padding, dilation, ceil_mode } = self;
        let ceil_mode = repr::boolean(*ceil_mode);
        format!("kernel_size={kernel_size}, stride={stride}, padding={padding}, dilation={dilation}, ceil_mode={ceil_mode}")
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::*;
    use crate::ModuleExt;

    #[test]
    fn takes_the_largest_and_prints_sizes_as_they_were_given() {
        let x = Var::from(Tensor::arange(16, DType::F32).unwrap().reshape([1, 1, 4, 4]).unwrap());
        let pool = MaxPool2d::new((2, 3)).stride((2, 1)).ceil_mode(true);
        let y = pool.forward(&x, Mode::Eval).unwrap();
        assert_eq!((y.dims(), y.value().to_vec::<f32>().unwrap()), (&[1, 1, 2, 2][..], vec![6.0, 7.0, 14.0, 15.0]));
        let text = "MaxPool2d(kernel_size=(2, 3), stride=(2, 1), padding=0, dilation=1, ceil_mode=True)";
        assert_eq!(pool.repr(), text);
    }

    #[test]
    fn senseless_settings_are_errors() {
        let x = Var::from(Tensor::ones([1, 1, 4, 4], DType::F32).unwrap());
        for pool in
            [MaxPool2d::new(0), MaxPool2d::new(2).stride(0), MaxPool2d::new(2).padding(2), MaxPool2d::new(2).dilation(0), MaxPool2d::new(9)]
        {
            assert!(pool.forward(&x, Mode::Eval).is_err(), "{}", pool.repr());
        }
    }
}
