//! Two-dimensional convolution.

use autograd::Var;
use tensor::ops::Conv2dOptions;

use crate::{ConvNormAct, Error, LazyParameter, Mode, Module, Result, Size2d, Slot, init::Init, trace};

/// Convolution of `[N, in_channels, H, W]` to `[N, out_channels, H', W']`: PyTorch's `Conv2d`.
///
/// `H' = (H + 2 padding - dilation (kernel - 1) - 1) / stride + 1`, rounded down. Settings that make no sense, such as groups that
/// do not divide the channels, are reported by [`forward`](Module::forward).
///
/// ```
/// use layers::{Conv2d, ModuleExt};
/// let conv = Conv2d::new(3, 64, 7).stride(2).padding(3).bias(false);
/// assert_eq!(conv.repr(), "Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)");
/// ```
#[derive(Debug)]
pub struct Conv2d {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel_size: (usize, usize),
    /// Stride, padding, dilation and groups.
    pub options: Conv2dOptions,
    /// `[out_channels, in_channels / groups, kernel height, kernel width]`.
    pub weight: LazyParameter,
    /// `[out_channels]`.
    pub bias: Option<LazyParameter>,
}

impl Conv2d {
    /// A convolution with PyTorch's defaults: stride 1, no padding, dilation 1, one group, a bias.
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: impl Into<Size2d>) -> Self {
        let kernel_size = kernel_size.into().pair();
        let weight = LazyParameter::weight([out_channels, in_channels, kernel_size.0, kernel_size.1], Init::DEFAULT_WEIGHT);
        let bias = Some(LazyParameter::new([out_channels], Init::default_bias(&weight.shape())));
        Conv2d { in_channels, out_channels, kernel_size, options: Conv2dOptions::default(), weight, bias }
    }

    /// The step between neighbouring outputs, in pixels.
    pub fn stride(mut self, stride: impl Into<Size2d>) -> Self {
        self.options.stride = stride.into().pair();
        self
    }

    /// The zeros added on each side, in pixels.
    pub fn padding(mut self, padding: impl Into<Size2d>) -> Self {
        self.options.padding = padding.into().pair();
        self
    }

    /// The step between neighbouring taps of the kernel, in pixels.
    pub fn dilation(mut self, dilation: impl Into<Size2d>) -> Self {
        self.options.dilation = dilation.into().pair();
        self
    }

    /// The number of groups that input and output channels are cut into; each output sees its own group only.
    pub fn groups(mut self, groups: usize) -> Self {
        self.options.groups = groups;
        let per_group = self.in_channels.checked_div(groups).unwrap_or(0);
        self.weight = self.weight.with_shape([self.out_channels, per_group, self.kernel_size.0, self.kernel_size.1]);
        let init = Init::default_bias(&self.weight.shape());
        self.bias = self.bias.map(|bias| bias.with_init(init));
        self
    }

    /// Whether there is a bias.
    pub fn bias(mut self, bias: bool) -> Self {
        let init = Init::default_bias(&self.weight.shape());
        self.bias = bias.then(|| self.bias.take().unwrap_or_else(|| LazyParameter::new([self.out_channels], init)));
        self
    }

    /// How the weight begins.
    pub fn weight_init(mut self, init: Init) -> Self {
        self.weight = self.weight.with_init(init);
        self
    }

    /// How the bias begins, where there is one.
    pub fn bias_init(mut self, init: Init) -> Self {
        self.bias = self.bias.map(|bias| bias.with_init(init));
        self
    }

    /// Reports settings that make no sense.
    pub(crate) fn check(&self) -> Result<()> {
        let Conv2dOptions { stride, dilation, groups, .. } = self.options;
        let (kernel, channels) = (self.kernel_size, (self.in_channels, self.out_channels));
        for (what, size) in [("channels", channels), ("kernel_size", kernel), ("stride", stride), ("dilation", dilation)] {
            if size.0 == 0 || size.1 == 0 {
                return Err(Error::config(self, format!("{what} must be at least 1")));
            }
        }
        if groups == 0 || !self.in_channels.is_multiple_of(groups) || !self.out_channels.is_multiple_of(groups) {
            return Err(Error::config(self, "groups must divide in_channels and out_channels"));
        }
        Ok(self.weight.check()?)
    }
}

impl Module for Conv2d {
    fn forward(&self, x: &Var, _: Mode) -> Result<Var> {
        self.check()?;
        let bias = self.bias.as_ref().map(|b| b.var());
        let y = x.conv2d(&self.weight.var(), bias.as_ref(), &self.options)?;
        trace::note(self, x, &y);
        Ok(y)
    }

    fn class_name(&self) -> &'static str {
        "Conv2d"
    }

    fn as_conv_norm_act(&self) -> Option<ConvNormAct<'_>> {
        Some(ConvNormAct { conv: self, norm: None, activation: None })
    }

    fn extra_repr(&self) -> String {
        let Conv2dOptions { stride, padding, dilation, groups, .. } = self.options;
        let mut text = format!("{}, {}, kernel_size={:?}, stride={stride:?}", self.in_channels, self.out_channels, self.kernel_size);
        if padding != (0, 0) {
            text += &format!(", padding={padding:?}");
        }
        if dilation != (1, 1) {
            text += &format!(", dilation={dilation:?}");
        }
        if groups != 1 {
            text += &format!(", groups={groups}");
        }
        if self.bias.is_none() {
            text += ", bias=False";
        }
        text
    }

    fn tensors(&self) -> Vec<(&'static str, Slot<'_>)> {
        weight_and_bias(Some(&self.weight), self.bias.as_ref())
    }
}

/// The parameters of a layer that has a `weight` and a `bias`.
pub(crate) fn weight_and_bias<'a>(weight: Option<&'a LazyParameter>, bias: Option<&'a LazyParameter>) -> Vec<(&'static str, Slot<'a>)> {
    [("weight", weight), ("bias", bias)].into_iter().filter_map(|(name, p)| Some((name, Slot::Parameter(p?)))).collect()
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::*;
    use crate::ModuleExt;

    #[test]
    fn prints_what_differs_from_the_defaults_as_pytorch_does() {
        let plain = Conv2d::new(3, 8, (3, 5));
        assert_eq!(plain.repr(), "Conv2d(3, 8, kernel_size=(3, 5), stride=(1, 1))");
        let all = Conv2d::new(4, 8, 3).stride((2, 1)).padding(1).dilation(2).groups(4).bias(false);
        let text = "Conv2d(4, 8, kernel_size=(3, 3), stride=(2, 1), padding=(1, 1), dilation=(2, 2), groups=4, bias=False)";
        assert_eq!(all.repr(), text);
    }

    #[test]
    fn the_output_has_the_documented_shape() {
        let x = Var::from(Tensor::ones([2, 4, 9, 8], DType::F32).unwrap());
        let y = Conv2d::new(4, 6, (3, 2)).stride((2, 1)).padding((1, 0)).groups(2).forward(&x, Mode::Train).unwrap();
        assert_eq!(y.dims(), [2, 6, 5, 7]);
    }

    #[test]
    fn weights_of_grouped_convolutions_go_by_their_own_fan_in() {
        let conv = Conv2d::new(64, 64, 3).groups(64);
        let largest = |p: &LazyParameter| p.value().to_f64_vec().unwrap().iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        assert_eq!(conv.weight.value().dims(), [64, 1, 3, 3]);
        let bound = 1.0 / 3.0;
        assert!(largest(&conv.weight) > 0.95 * bound && largest(&conv.weight) <= bound);
        let bias = largest(conv.bias.as_ref().unwrap());
        assert!(bias > 0.8 * bound && bias <= bound);
    }

    #[test]
    fn senseless_settings_are_errors_of_forward() {
        let x = Var::from(Tensor::ones([1, 4, 8, 8], DType::F32).unwrap());
        let bad = [
            (Conv2d::new(4, 0, 3), "channels must be at least 1"),
            (Conv2d::new(4, 4, 0), "kernel_size must be at least 1"),
            (Conv2d::new(4, 4, 3).stride(0), "stride must be at least 1"),
            (Conv2d::new(4, 6, 3).groups(4), "groups must divide"),
            (Conv2d::new(4, 6, 3).groups(0), "groups must divide"),
            (Conv2d::new(usize::MAX, 6, 3), "more than"),
            (Conv2d::new(1 << 20, 1 << 20, 3), "more than"),
        ];
        for (conv, reason) in bad {
            let error = conv.forward(&x, Mode::Eval).unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains('\n'), "{error}");
            assert!(conv.state_dict().is_ok(), "listing the parameters must not fail");
        }
    }
}
