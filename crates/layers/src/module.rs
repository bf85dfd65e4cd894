//! What a layer, a block and a whole network have in common.

use std::any::Any;

use autograd::Var;
use tensor::{DType, Device, Layout, Shape, Tensor, ops::Unary};

use crate::{Buffer, ConvNormAct, LazyParameter, Result};

/// What a forward pass is for. Batch norm and dropout act differently in the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Training: batch statistics, and dropout drops.
    Train,
    /// Inference: running statistics, and dropout passes everything.
    Eval,
}

/// A layer or a composition of layers. [`ModuleExt`](crate::ModuleExt) adds what every module can do.
pub trait Module: Any + Send + Sync {
    /// The output for the input `x`.
    ///
    /// # Errors
    /// Where the input does not fit, or the layer's settings make no sense.
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var>;

    /// [`forward`](Module::forward) for an input that the caller has no further use for: without gradients, a residual block writes
    /// its output where the input was, unless others hold that too.
    ///
    /// # Errors
    /// Those of `forward`.
    fn forward_owned(&self, x: Var, mode: Mode) -> Result<Var> {
        self.forward(&x, mode)
    }

    /// The name of the class in PyTorch, as printed.
    fn class_name(&self) -> &'static str;

    /// The settings as printed between the parentheses.
    fn extra_repr(&self) -> String {
        String::new()
    }

    /// The elementwise function that this module is, where it is one and nothing else: what runs before it may then apply it.
    fn activation(&self) -> Option<Unary> {
        None
    }

    /// The convolution with its norm and activation that this module is, where it is one and nothing else: it may then be computed together
    /// with what is beside it or behind it.
    fn as_conv_norm_act(&self) -> Option<ConvNormAct<'_>> {
        None
    }

    /// What this module multiplies the channels of its input by, where that is all that it does with it: the convolutions before and behind
    /// it may then do parts of it.
    fn channel_gate(&self) -> Option<&dyn ChannelGate> {
        None
    }

    /// The modules that this one is made of, in PyTorch's order. [`children!`](crate::children) writes this method.
    fn children(&self) -> Vec<(String, &dyn Module)> {
        Vec::new()
    }

    /// The parameters and buffers of this module itself, in the order of PyTorch's state dict: parameters, then buffers.
    fn tensors(&self) -> Vec<(&'static str, Slot<'_>)> {
        Vec::new()
    }
}

/// A scaling of channels by what their means give.
pub trait ChannelGate {
    /// The factors `[N, C, 1, 1]` of channels with these means, `[N, C, 1, 1]`.
    ///
    /// # Errors
    /// Where the means do not fit.
    fn factors(&self, means: &Var, mode: Mode) -> Result<Var>;
}

/// A named tensor of a module.
#[derive(Debug, Clone, Copy)]
pub enum Slot<'a> {
    /// Learned.
    Parameter(&'a LazyParameter),
    /// Kept, not learned.
    Buffer(&'a Buffer),
}

impl Slot<'_> {
    /// The value (shares the memory).
    pub fn value(&self) -> Tensor {
        match self {
            Slot::Parameter(p) => p.value(),
            Slot::Buffer(b) => b.value(),
        }
    }

    /// The logical shape; a parameter that is still to be drawn is not drawn for it.
    pub fn shape(&self) -> Shape {
        match self {
            Slot::Parameter(p) => p.shape(),
            Slot::Buffer(b) => b.value().shape().clone(),
        }
    }

    /// The element type; a parameter that is still to be drawn is not drawn for it.
    pub fn dtype(&self) -> DType {
        match self {
            Slot::Parameter(p) => p.dtype(),
            Slot::Buffer(b) => b.value().dtype(),
        }
    }

    /// The memory order that it is kept in.
    pub fn layout(&self) -> Layout {
        match self {
            Slot::Parameter(p) => p.layout(),
            Slot::Buffer(b) => b.value().layout(),
        }
    }

    /// Where it lives; a parameter that is still to be drawn is not drawn for it.
    pub fn device(&self) -> Device {
        match self {
            Slot::Parameter(p) => p.device(),
            Slot::Buffer(b) => b.value().device(),
        }
    }

    /// Whether a state dict may lack it.
    pub fn is_optional(&self) -> bool {
        match self {
            Slot::Parameter(_) => false,
            Slot::Buffer(b) => b.is_optional(),
        }
    }

    /// Takes over the values of a tensor of the same shape, in its own element type, memory order and place; shares the memory of one
    /// that has all three.
    ///
    /// # Errors
    /// Where the shapes differ.
    pub fn load(&self, value: &Tensor) -> Result<()> {
        match self {
            Slot::Parameter(p) => p.load(value),
            Slot::Buffer(b) => b.load(value),
        }
    }
}

impl<M: Module + ?Sized> Module for Box<M> {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        (**self).forward(x, mode)
    }
    fn forward_owned(&self, x: Var, mode: Mode) -> Result<Var> {
        (**self).forward_owned(x, mode)
    }
    fn class_name(&self) -> &'static str {
        (**self).class_name()
    }
    fn extra_repr(&self) -> String {
        (**self).extra_repr()
    }
    fn activation(&self) -> Option<Unary> {
        (**self).activation()
    }
    fn as_conv_norm_act(&self) -> Option<ConvNormAct<'_>> {
        (**self).as_conv_norm_act()
    }
    fn channel_gate(&self) -> Option<&dyn ChannelGate> {
        (**self).channel_gate()
    }
    fn children(&self) -> Vec<(String, &dyn Module)> {
        (**self).children()
    }
    fn tensors(&self) -> Vec<(&'static str, Slot<'_>)> {
        (**self).tensors()
    }
}

/// What [`children!`](crate::children) lists: a module, or one that may be absent.
#[doc(hidden)]
pub trait Child {
    fn module(&self) -> Option<&dyn Module>;
}

impl<M: Module> Child for M {
    fn module(&self) -> Option<&dyn Module> {
        Some(self)
    }
}

impl<M: Module> Child for Option<M> {
    fn module(&self) -> Option<&dyn Module> {
        self.as_ref().map(|m| m as &dyn Module)
    }
}

/// Writes `class_name` and `children` of a [`Module`] from its name and the fields that are modules, in PyTorch's order.
/// A field may be an `Option` of a module.
///
/// ```
/// use layers::{Dropout, Linear, Mode, Module, ModuleExt, Result, Var, children};
/// struct Head {
///     drop: Option<Dropout>,
///     fc: Linear,
/// }
/// impl Module for Head {
///     children!(Head { drop, fc });
///     fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
///         let x = self.drop.as_ref().map_or(Ok(x.clone()), |drop| drop.forward(x, mode))?;
///         self.fc.forward(&x, mode)
///     }
/// }
/// let head = Head { drop: None, fc: Linear::new(2, 1) };
/// assert_eq!(head.repr(), "Head(\n  (fc): Linear(in_features=2, out_features=1, bias=True)\n)");
/// ```
#[macro_export]
macro_rules! children {
    ($class:ident { $($field:ident),* $(,)? }) => {
        fn class_name(&self) -> &'static str {
            stringify!($class)
        }
        fn children(&self) -> ::std::vec::Vec<(::std::string::String, &dyn $crate::Module)> {
            let children: &[(&str, ::std::option::Option<&dyn $crate::Module>)] =
                &[$((stringify!($field), $crate::Child::module(&self.$field))),*];
            children.iter().filter_map(|&(name, module)| ::std::option::Option::Some((name.to_string(), module?))).collect()
        }
    };
}
