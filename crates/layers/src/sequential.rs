//! Modules one after another.

use std::{any::Any, fmt};

use autograd::Var;

use crate::{
    BatchNorm2d, ChannelGate, Conv2d, Conv2dNormActivation, ConvNormAct, Error, Mode, Module, ModuleExt, Result, Unary, call_owned,
    conv_norm_act, conv_norm_act_pair, conv_norm_act_pair_with_means, conv_norm_act_scaled,
    trace::{self, Fusion},
};

/// Modules, each applied to the output of the one before: PyTorch's `Sequential`. [`sequential!`](crate::sequential) makes one of
/// a list. A convolution, a batch norm and an activation in a row run fused.
///
/// ```
/// use layers::{Linear, ModuleExt, ReLU, sequential};
/// let mut classifier = sequential![Linear::new(8, 4), ReLU::new(), Linear::new(4, 1000)];
/// classifier.set(2, Linear::new(4, 10))?; // a new head
/// assert_eq!(classifier.num_parameters(), 8 * 4 + 4 + 4 * 10 + 10);
/// # Ok::<(), layers::Error>(())
/// ```
#[derive(Default)]
pub struct Sequential {
    modules: Vec<(String, Box<dyn Module>)>,
}

/// A [`Sequential`](crate::Sequential) of modules, named `0`, `1`, … in order.
#[macro_export]
macro_rules! sequential {
    ($($module:expr),* $(,)?) => {
        $crate::Sequential::new()$(.push($module))*
    };
}

impl Sequential {
    /// No modules: the output is the input.
    pub fn new() -> Self {
        Self::default()
    }

    /// With `module` at the end, named by its position.
    pub fn push(self, module: impl Module) -> Self {
        let name = self.modules.len().to_string();
        self.push_named(name, module)
    }

    /// With `module` at the end under a name of its own, as from a Python `OrderedDict`.
    pub fn push_named(mut self, name: impl Into<String>, module: impl Module) -> Self {
        self.modules.push((name.into(), Box::new(module)));
        self
    }

    /// The module of this name, which may be given as a number.
    pub fn get(&self, name: impl fmt::Display) -> Option<&dyn Module> {
        let name = name.to_string();
        self.modules.iter().find(|(n, _)| *n == name).map(|(_, module)| module.as_ref())
    }

    /// Replaces the module of this name, which may be given as a number.
    ///
    /// # Errors
    /// Where there is none.
    pub fn set(&mut self, name: impl fmt::Display, module: impl Module) -> Result<()> {
        let name = name.to_string();
        match self.modules.iter_mut().find(|(n, _)| *n == name) {
            Some((_, place)) => {
                *place = Box::new(module);
                Ok(())
            }
            None => {
                let names: Vec<&str> = self.modules.iter().map(|(name, _)| name.as_str()).collect();
                let children = if names.is_empty() { "none".to_string() } else { names.join(", ") };
                Err(Error::Child { module: "Sequential", name, children })
            }
        }
    }

    /// The number of modules.
    pub fn len(&self) -> usize {
        self.modules.len()
    }

    /// Whether there are no modules.
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty()
    }

    /// The module at a position, where it is an `M`.
    fn at<M: Module>(&self, index: usize) -> Option<&M> {
        let module: &dyn Any = self.modules.get(index)?.1.as_ref();
        module.downcast_ref()
    }
}

/// Modules of a [`Sequential`] in a row that run as one: a convolution, a norm or both, and an activation behind them.
struct Fused<'a> {
    layers: Layers<'a>,
    activation: Option<&'a dyn Module>,
}

enum Layers<'a> {
    Conv(&'a Conv2d, Option<&'a BatchNorm2d>),
    Norm(&'a BatchNorm2d),
}

impl Layers<'_> {
    /// The number of modules.
    fn len(&self) -> usize {
        if let Layers::Conv(_, Some(_)) = self { 2 } else { 1 }
    }
}

impl Fused<'_> {
    fn op(&self) -> Option<Unary> {
        self.activation.and_then(Module::activation)
    }

    /// The number of modules.
    fn len(&self) -> usize {
        self.layers.len() + usize::from(self.activation.is_some())
    }

    fn run(&self, x: &Var, added: Option<Var>, mode: Mode) -> Result<Var> {
        let y = match self.layers {
            Layers::Conv(conv, norm) => conv_norm_act(conv, norm, x, added, self.op(), mode)?,
            Layers::Norm(norm) => norm.forward_activated(x, added.as_ref(), self.op(), mode)?,
        };
        if let Some(module) = self.activation {
            trace::note(module, &y, &y);
        }
        Ok(y)
    }
}

/// A convolution in a [`Sequential`], and what behind it runs fused with it.
struct Step<'a> {
    layers: ConvNormAct<'a>,
    /// The number of modules.
    len: usize,
}

/// Modules of a [`Sequential`] in a row that are computed together.
enum Group<'a> {
    /// Two convolutions, of which the second is depthwise.
    Pair(Step<'a>, Step<'a>),
    /// A module that scales channels, and the convolution behind it.
    Gate(&'a dyn ChannelGate, Step<'a>),
    Fused(Fused<'a>),
    /// The last module, whose own modules take the sum along.
    Block(&'a Conv2dNormActivation),
    One(&'a dyn Module),
}

impl Group<'_> {
    /// The number of modules.
    fn len(&self) -> usize {
        match self {
            Group::Pair(first, second) => first.len + second.len,
            Group::Gate(_, step) => 1 + step.len,
            Group::Fused(fused) => fused.len(),
            Group::Block(_) | Group::One(_) => 1,
        }
    }

    /// Whether it can add a tensor to its output by the way.
    fn takes_sum(&self) -> bool {
        match self {
            Group::Gate(_, step) => step.layers.activation.is_none(),
            Group::Fused(fused) => fused.activation.is_none(),
            Group::Block(_) => true,
            Group::Pair(..) | Group::One(_) => false,
        }
    }
}

impl Sequential {
    /// What is computed together from a position on.
    fn group(&self, index: usize) -> Option<Group<'_>> {
        let module = self.modules.get(index)?.1.as_ref();
        // Who looks at what each module computes wants to see both of two.
        let alone = trace::is_taken();
        let pair = || self.pair(index).filter(|_| !alone).map(|(first, second)| Group::Pair(first, second));
        let gate = || self.gate(index).filter(|_| !alone).map(|(gate, step)| Group::Gate(gate, step));
        let fused = || self.fused(index).map(Group::Fused);
        let block = || self.at(index).filter(|_| index + 1 == self.len()).map(Group::Block);
        Some(pair().or_else(gate).or_else(fused).or_else(block).unwrap_or(Group::One(module)))
    }

    /// The convolution or norm at a position, with what runs fused with it.
    fn fused(&self, index: usize) -> Option<Fused<'_>> {
        let layers = match self.at(index) {
            Some(conv) => Layers::Conv(conv, self.at(index + 1)),
            None => Layers::Norm(self.at(index)?),
        };
        let behind = self.modules.get(index + layers.len()).map(|(_, module)| module.as_ref());
        Some(Fused { layers, activation: behind.filter(|module| module.activation().is_some()) })
    }

    /// The convolution at a position, by itself or as a module of such layers, with what runs fused with it.
    fn step(&self, index: usize) -> Option<Step<'_>> {
        let Some(fused) = self.fused(index) else {
            return Some(Step { layers: self.modules.get(index)?.1.as_conv_norm_act()?, len: 1 });
        };
        let Layers::Conv(conv, norm) = fused.layers else { return None };
        Some(Step { layers: ConvNormAct { conv, norm, activation: fused.op() }, len: fused.len() })
    }

    /// Two convolutions in a row, of which the second is depthwise.
    fn pair(&self, index: usize) -> Option<(Step<'_>, Step<'_>)> {
        let first = self.step(index)?;
        let second = self.step(index + first.len)?;
        let Conv2d { in_channels, options, .. } = second.layers.conv;
        (options.groups == *in_channels && options.groups > 1).then_some((first, second))
    }

    /// A module that scales channels, and the convolution behind it.
    fn gate(&self, index: usize) -> Option<(&dyn ChannelGate, Step<'_>)> {
        let gate = self.modules.get(index)?.1.channel_gate()?;
        Some((gate, self.step(index + 1)?))
    }

    /// `forward(x) + x`. A convolution or norm at the end takes the sum along; without gradients it writes the result where `x` was, unless
    /// others hold that too.
    ///
    /// # Errors
    /// Where the input does not fit, or the sum's shapes.
    pub fn forward_residual(&self, x: Var, mode: Mode) -> Result<Var> {
        self.run(x.clone(), Some(x), mode)
    }

    /// The modules one after the other, and the sum.
    pub(crate) fn run(&self, mut x: Var, mut residual: Option<Var>, mode: Mode) -> Result<Var> {
        let input = x.value().shape().clone();
        let (mut index, mut means) = (0, None);
        while let Some(group) = self.group(index) {
            index += group.len();
            let added = if index == self.len() && group.takes_sum() { residual.take() } else { None };
            x = match group {
                Group::Pair(first, second) if self.gate(index).is_some() => {
                    let (y, of_channels) = conv_norm_act_pair_with_means(first.layers, second.layers, &x, mode)?;
                    means = Some(of_channels);
                    y
                }
                Group::Pair(first, second) => conv_norm_act_pair(first.layers, second.layers, &x, mode)?,
                Group::Gate(gate, step) => {
                    let means = means.take().map_or_else(|| x.adaptive_avg_pool2d([Some(1), Some(1)]), Ok)?;
                    conv_norm_act_scaled(step.layers, &x, &gate.factors(&means, mode)?, added, mode)?
                }
                Group::Fused(fused) => fused.run(&x, added, mode)?,
                Group::Block(block) => block.run(x, added, mode)?,
                Group::One(module) => call_owned(module, x, mode)?,
            };
        }
        if let Some(residual) = residual {
            x = x.add(&residual)?;
        }
        trace::note_sizes(self, input.dims(), x.dims(), Fusion::default());
        Ok(x)
    }
}

impl Module for Sequential {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        self.forward_owned(x.clone(), mode)
    }

    fn forward_owned(&self, x: Var, mode: Mode) -> Result<Var> {
        self.run(x, None, mode)
    }

    fn class_name(&self) -> &'static str {
        "Sequential"
    }

    fn as_conv_norm_act(&self) -> Option<ConvNormAct<'_>> {
        self.step(0).filter(|step| step.len == self.len()).map(|step| step.layers)
    }

    fn children(&self) -> Vec<(String, &dyn Module)> {
        self.modules.iter().map(|(name, module)| (name.clone(), module.as_ref() as &dyn Module)).collect()
    }
}

impl fmt::Debug for Sequential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

#[cfg(test)]
mod tests {
    use autograd::no_grad;
    use tensor::{DType, Tensor, random::Generator};

    use super::*;
    use crate::{Identity, Linear, ReLU, ReLU6, SiLU, Sigmoid, SqueezeExcitation};

    #[test]
    fn prints_and_names_as_pytorch_does() {
        let nested = sequential![Linear::new(2, 2).bias(false), sequential![], Sequential::new().push_named("act", ReLU::new())];
        let text = "Sequential(\n  (0): Linear(in_features=2, out_features=2, bias=False)\n  (1): Sequential()\n  \
                    (2): Sequential(\n    (act): ReLU()\n  )\n)";
        assert_eq!(nested.repr(), text);
        let boxed: Box<dyn Module> = Box::new(nested);
        assert_eq!((boxed.repr(), boxed.to_string()), (text.to_string(), text.to_string()));
        let names: Vec<String> = boxed.named_modules().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["0", "1", "2", "2.act"]);
    }

    #[test]
    fn replacing_a_module_that_is_not_there_names_those_that_are() {
        let mut modules = sequential![ReLU::new(), Sigmoid];
        modules.set(1, Identity).unwrap();
        assert_eq!(modules.get("1").unwrap().class_name(), "Identity");
        let error = modules.set("2", Identity).unwrap_err().to_string();
        assert_eq!(error, "Sequential has no child \"2\": it has 0, 1");
    }

    /// The modules one by one, as `forward` would without fusion.
    fn unfused(modules: &Sequential, x: &Var, mode: Mode) -> Var {
        modules.children().iter().fold(x.clone(), |x, (_, module)| module.forward(&x, mode).unwrap())
    }

    #[test]
    fn a_depthwise_convolution_and_the_one_before_it_are_computed_as_one_by_one() {
        let block = |conv: Conv2d| {
            let norm = BatchNorm2d::new(conv.out_channels);
            Conv2dNormActivation::new(conv, norm).activation(SiLU::new())
        };
        // Once as blocks, once flat.
        let depthwise = |stride: usize| Conv2d::new(48, 48, 3).stride(stride).padding(1).groups(48).bias(false);
        let modules = sequential![
            block(Conv2d::new(4, 48, 1).bias(false)),
            block(depthwise(1)),
            Conv2d::new(48, 48, 1),
            ReLU6::new(),
            depthwise(1),
            BatchNorm2d::new(48),
            Conv2d::new(48, 4, 1),
            BatchNorm2d::new(4),
        ];
        let mut generator = Generator::new(3);
        let x = Var::from(Tensor::normal([1, 4, 80, 80], 0.5, 1.0, &mut generator).unwrap());
        no_grad(|| modules.forward(&x, Mode::Train)).unwrap(); // running statistics other than 0 and 1
        let deviation = |a: &Var, b: &Var| a.value().sub(b.value()).unwrap().abs().unwrap().amax(&[], false).unwrap().item().unwrap();
        let plain = unfused(&modules, &x, Mode::Eval);
        let fused = no_grad(|| modules.forward(&x, Mode::Eval)).unwrap();
        assert!(deviation(&fused, &plain) < 1e-5);
        let (fused, plain) = ((fused + &x).unwrap(), (plain + &x).unwrap());
        let sum = no_grad(|| modules.forward_residual(x.clone(), Mode::Eval)).unwrap();
        assert!(deviation(&sum, &fused) == 0.0, "the last norm takes the sum along");
        let sum = modules.forward_residual(x.clone(), Mode::Eval).unwrap();
        assert!(sum.requires_grad() && deviation(&sum, &plain) < 1e-5);
        let place = |x: &Var| x.value().data::<f32>().unwrap().as_ptr();
        let x = Var::from(x.value().to_layout(tensor::Layout::ChannelsLast).unwrap());
        let before = place(&x);
        let sum = no_grad(|| modules.forward_residual(x, Mode::Eval)).unwrap();
        assert!(deviation(&sum, &fused) == 0.0 && place(&sum) == before, "nobody else holds x, so the sum is where it was");
    }

    #[test]
    fn a_scaling_of_channels_is_taken_along_by_the_convolution_behind_it() {
        let norm = |channels| Conv2dNormActivation::new(Conv2d::new(40, channels, 1).bias(false), BatchNorm2d::new(channels));
        let squeeze = || SqueezeExcitation::new(40, 6).activation(SiLU::new());
        let modules = sequential![squeeze(), norm(40).activation(SiLU::new()), squeeze(), norm(40)];
        let mut generator = Generator::new(4);
        for (batch, size) in [(1, 9), (1, 3), (2, 9)] {
            let x = Var::from(Tensor::normal([batch, 40, size, size], 0.5, 1.0, &mut generator).unwrap());
            no_grad(|| modules.forward(&x, Mode::Train)).unwrap(); // running statistics other than 0 and 1
            let plain = (unfused(&modules, &x, Mode::Eval) + &x).unwrap();
            let fused = no_grad(|| modules.forward_residual(x.clone(), Mode::Eval)).unwrap();
            let with_graph = modules.forward_residual(x, Mode::Eval).unwrap();
            assert!(with_graph.requires_grad());
            for y in [fused, with_graph] {
                assert!(y.value().sub(plain.value()).unwrap().abs().unwrap().amax(&[], false).unwrap().item().unwrap() < 1e-5);
            }
        }
        assert!(modules.gate(0).is_some() && modules.gate(1).is_none());
    }

    #[test]
    fn a_whole_block_with_a_squeeze_is_computed_as_one_by_one() {
        let block = |conv: Conv2d| {
            let norm = BatchNorm2d::new(conv.out_channels);
            Conv2dNormActivation::new(conv.bias(false), norm)
        };
        let mut generator = Generator::new(6);
        // Channels that the kernel of both convolutions takes, and such as it does not; a picture whose factors the weight takes, and one too
        // small for that.
        for (channels, size) in [(48, 20), (48, 4), (40, 20)] {
            let modules = sequential![
                block(Conv2d::new(8, channels, 1)).activation(SiLU::new()),
                block(Conv2d::new(channels, channels, 5).padding(2).groups(channels)).activation(SiLU::new()),
                SqueezeExcitation::new(channels, 6).activation(SiLU::new()),
                block(Conv2d::new(channels, 8, 1)),
            ];
            assert!(modules.pair(0).is_some() && modules.gate(2).is_some());
            let x = Var::from(Tensor::normal([1, 8, size, size], 0.5, 1.0, &mut generator).unwrap());
            for dtype in [DType::F32, DType::F64] {
                modules.to_dtype(dtype).unwrap();
                let x = Var::from(x.value().to_dtype(dtype).unwrap());
                no_grad(|| modules.forward(&x, Mode::Train)).unwrap(); // running statistics other than 0 and 1
                let fused = no_grad(|| modules.forward(&x, Mode::Eval)).unwrap();
                let plain = unfused(&modules, &x, Mode::Eval);
                let deviation = fused.value().sub(plain.value()).unwrap().abs().unwrap().amax(&[], false).unwrap().item().unwrap();
                assert!(deviation < if dtype == DType::F32 { 1e-5 } else { 1e-12 }, "{channels} at {size}, {dtype}: {deviation}");
            }
        }
    }

    #[test]
    fn fusing_changes_nothing() {
        let modules = sequential![
            Conv2d::new(3, 8, 3).padding(1).bias(false),
            BatchNorm2d::new(8),
            ReLU::new(),
            Conv2d::new(8, 8, 1),
            ReLU::new(),
            BatchNorm2d::new(8),
            ReLU::new(),
            Conv2d::new(8, 4, 1),
            BatchNorm2d::new(4),
            ReLU6::new(),
            Conv2d::new(4, 4, 1),
            SiLU::new(),
            BatchNorm2d::new(4),
            Sigmoid,
        ];
        modules.to_dtype(DType::F64).unwrap();
        let mut generator = Generator::new(1);
        let x = Var::from(Tensor::normal([2, 3, 5, 5], 0.5, 1.0, &mut generator).unwrap().to_dtype(DType::F64).unwrap());
        unfused(&modules, &x, Mode::Train); // running statistics other than 0 and 1
        let outputs = [
            (modules.forward(&x, Mode::Eval).unwrap(), unfused(&modules, &x, Mode::Eval)),
            (no_grad(|| modules.forward(&x, Mode::Eval)).unwrap(), unfused(&modules, &x, Mode::Eval)),
            (modules.forward(&x, Mode::Train).unwrap(), unfused(&modules, &x, Mode::Train)),
        ];
        for (fused, plain) in outputs {
            let deviation = fused.value().sub(plain.value()).unwrap().abs().unwrap().amax(&[], false).unwrap().item().unwrap();
            assert!(deviation < 1e-12, "{deviation}");
        }
    }
}
