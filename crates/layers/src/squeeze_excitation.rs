//! Squeeze-and-excitation.

use autograd::Var;

use crate::{AdaptiveAvgPool2d, ChannelGate, Conv2d, Mode, Module, ReLU, Result, Sigmoid, children, conv_norm_act, init::Init, trace};

/// Scales each channel of `[N, C, H, W]` by a number that two 1x1 convolutions compute from the means of all channels: torchvision's
/// `SqueezeExcitation` (Hu et al., "Squeeze-and-excitation networks", 2017, arXiv:1709.01507).
pub struct SqueezeExcitation {
    avgpool: AdaptiveAvgPool2d,
    /// To `squeeze_channels`.
    pub fc1: Conv2d,
    /// Back to `input_channels`.
    pub fc2: Conv2d,
    activation: Box<dyn Module>,
    scale_activation: Box<dyn Module>,
}

impl SqueezeExcitation {
    /// A layer with torchvision's defaults: a ReLU between the convolutions, a sigmoid behind them.
    pub fn new(input_channels: usize, squeeze_channels: usize) -> Self {
        SqueezeExcitation {
            avgpool: AdaptiveAvgPool2d::new(1),
            fc1: Conv2d::new(input_channels, squeeze_channels, 1),
            fc2: Conv2d::new(squeeze_channels, input_channels, 1),
            activation: Box::new(ReLU::new()),
            scale_activation: Box::new(Sigmoid),
        }
    }

    /// What stands between the convolutions.
    pub fn activation(self, activation: impl Module) -> Self {
        SqueezeExcitation { activation: Box::new(activation), ..self }
    }

    /// What makes the scales of the second convolution's output.
    pub fn scale_activation(self, scale_activation: impl Module) -> Self {
        SqueezeExcitation { scale_activation: Box::new(scale_activation), ..self }
    }

    /// How the convolutions' weights begin.
    pub fn weight_init(self, init: Init) -> Self {
        SqueezeExcitation { fc1: self.fc1.weight_init(init), fc2: self.fc2.weight_init(init), ..self }
    }

    /// How the convolutions' biases begin.
    pub fn bias_init(self, init: Init) -> Self {
        SqueezeExcitation { fc1: self.fc1.bias_init(init), fc2: self.fc2.bias_init(init), ..self }
    }
}

impl ChannelGate for SqueezeExcitation {
    fn factors(&self, means: &Var, mode: Mode) -> Result<Var> {
        let squeezed = conv_activated(&self.fc1, self.activation.as_ref(), means, mode)?;
        conv_activated(&self.fc2, self.scale_activation.as_ref(), &squeezed, mode)
    }
}

/// A convolution and the activation behind it, in one pass where that can be.
fn conv_activated(conv: &Conv2d, activation: &dyn Module, x: &Var, mode: Mode) -> Result<Var> {
    let Some(op) = activation.activation() else { return activation.forward(&conv.forward(x, mode)?, mode) };
    let y = conv_norm_act(conv, None, x, None, op, mode)?;
    trace::note(activation, &y, &y);
    Ok(y)
}

impl Module for SqueezeExcitation {
    children!(SqueezeExcitation { avgpool, fc1, fc2, activation, scale_activation });

    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        Ok(x.mul(&self.factors(&self.avgpool.forward(x, mode)?, mode)?)?)
    }

    fn channel_gate(&self) -> Option<&dyn ChannelGate> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use tensor::{DType, Tensor};

    use super::*;
    use crate::{Hardsigmoid, ModuleExt, SiLU};

    #[test]
    fn prints_as_torchvision_does() {
        let layer = SqueezeExcitation::new(16, 8).activation(SiLU::new().inplace(true)).scale_activation(Hardsigmoid::new());
        let text = "SqueezeExcitation(\n  (avgpool): AdaptiveAvgPool2d(output_size=1)\n  \
                    (fc1): Conv2d(16, 8, kernel_size=(1, 1), stride=(1, 1))\n  (fc2): Conv2d(8, 16, kernel_size=(1, 1), stride=(1, 1))\n  \
                    (activation): SiLU(inplace=True)\n  (scale_activation): Hardsigmoid()\n)";
        assert_eq!(layer.repr(), text);
    }

    #[test]
    fn each_channel_is_scaled_by_what_the_means_give() {
        // With weights 1 and no bias, the squeezed value is 2.5 + 0.5, and each channel's scale is hardsigmoid(3 - 1.5) = 0.75.
        let layer = SqueezeExcitation::new(2, 1).scale_activation(Hardsigmoid::new()).weight_init(Init::Ones).bias_init(Init::Zeros);
        layer.fc2.bias.as_ref().unwrap().load(&Tensor::full([2], -1.5, DType::F32).unwrap()).unwrap();
        let x = Tensor::from_vec(vec![1f32, 4.0, -1.0, 2.0], [1, 2, 1, 2]).unwrap();
        let y = layer.forward(&x.into(), Mode::Eval).unwrap();
        assert_eq!(y.value().to_vec::<f32>().unwrap(), [0.75, 3.0, -0.75, 1.5]);
    }
}
