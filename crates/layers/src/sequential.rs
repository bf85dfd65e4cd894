//! Modules one after another.

use std::{any::Any, fmt};

use autograd::Var;

use crate::{
    BatchNorm2d, Conv2d, Error, Mode, Module, ModuleExt, Result, call_owned, conv_norm_act,
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

impl Module for Sequential {
    fn forward(&self, x: &Var, mode: Mode) -> Result<Var> {
        self.forward_owned(x.clone(), mode)
    }

    fn forward_owned(&self, mut x: Var, mode: Mode) -> Result<Var> {
        let input = x.value().shape().clone();
        let mut index = 0;
        while let Some((_, module)) = self.modules.get(index) {
            let conv = self.at::<Conv2d>(index);
            let norm = self.at::<BatchNorm2d>(index + usize::from(conv.is_some()));
            let fused = usize::from(conv.is_some()) + usize::from(norm.is_some());
            let after = self.modules.get(index + fused).filter(|_| fused > 0);
            let activation = after.and_then(|(_, module)| Some((module, module.activation()?)));
            let op = activation.map(|(_, op)| op);
            x = match (conv, norm) {
                (Some(conv), norm) => conv_norm_act(conv, norm, &x, None, op, mode)?,
                (None, Some(norm)) => norm.forward_activated(&x, None, op, mode)?,
                (None, None) => call_owned(module.as_ref(), x, mode)?,
            };
            if let Some((module, _)) = activation {
                trace::note(module.as_ref(), &x, &x);
            }
            index += fused.max(1) + usize::from(activation.is_some());
        }
        trace::note_sizes(self, input.dims(), x.dims(), Fusion::default());
        Ok(x)
    }

    fn class_name(&self) -> &'static str {
        "Sequential"
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
    use crate::{Identity, Linear, ReLU, ReLU6, SiLU, Sigmoid};

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
