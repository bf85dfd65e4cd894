//! A convolution, a norm and an activation under one name.

use autograd::Var;

use crate::{
    Conv2d, ConvNormAct, Mode, Module, Result, Sequential,
    trace::{self, Fusion},
};

/// A convolution, a norm and, where there is one, an activation: torchvision's `Conv2dNormActivation`, a
/// [`Sequential`](crate::Sequential) that prints by a name of its own.
///
/// ```
/// use layers::{BatchNorm2d, Conv2d, Conv2dNormActivation, ModuleExt, SiLU};
/// let block = Conv2dNormActivation::new(Conv2d::new(3, 8, 1).bias(false), BatchNorm2d::new(8)).activation(SiLU::new());
/// let text = "Conv2dNormActivation(
///   (0): Conv2d(3, 8, kernel_size=(1, 1), stride=(1, 1), bias=False)
///   (1): BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
///   (2): SiLU()
/// )";
/// assert_eq!(block.repr(), text);
/// ```
#[derive(Debug)]
pub struct Conv2dNormActivation {
    modules: Sequential,
}

impl Conv2dNormActivation {
    /// The convolution and the norm, without an activation.
    pub fn new(conv: Conv2d, norm: impl Module) -> Self {
        Conv2dNormActivation { modules: Sequential::new().push(conv).push(norm) }
    }

    /// With an activation behind the norm.
    pub fn activation(self, activation: impl Module) -> Self {
        Conv2dNormActivation { modules: self.modules.push(activation) }
    }

    /// The modules one after the other, and the sum with what is added.
    pub(crate) fn run(&self, x: Var, added: Option<Var>, mode: Mode) -> Result<Var> {
        let input = x.value().shape().clone();
        let y = self.modules.run(x, added, mode)?;
        trace::note_sizes(self, input.dims(), y.dims(), Fusion::default());
        Ok(y)
    }
}

impl Module for Conv2dNormActivation {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        self.modules.forward(x, mode)
    }

    fn class_name(&self) -> &'static str {
        "Conv2dNormActivation"
    }

    fn as_conv_norm_act(&self) -> Option<ConvNormAct<'_>> {
        self.modules.as_conv_norm_act()
    }

    fn children(&self) -> Vec<(String, &dyn Module)> {
        self.modules.children()
    }
}
