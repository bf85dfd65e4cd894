//! What every module can do: list, save, load, freeze, count and print its parameters.

use std::{collections::HashSet, fmt};

use autograd::Parameter;
use tensor::{DType, Device};

use crate::{Error, LazyParameter, LoadReport, Matching, Module, Result, Slot, StateDict, pattern, repr, state_dict};

/// The methods that every [`Module`] has, also behind `Box<dyn Module>`.
pub trait ModuleExt: Module {
    /// All parameters and buffers below this module with their names, in the order of PyTorch's state dict.
    fn named_tensors(&self) -> Vec<(String, Slot<'_>)> {
        let mut out = Vec::new();
        collect_tensors(self, "", &mut out);
        out
    }

    /// All parameters with their names, as `layer1.0.conv1.weight`. A parameter used in several places is listed once.
    fn named_parameters(&self) -> Vec<(String, &LazyParameter)> {
        let mut seen = HashSet::new();
        let parameters = self.named_tensors().into_iter().filter_map(|(name, slot)| match slot {
            Slot::Parameter(p) => Some((name, p)),
            Slot::Buffer(_) => None,
        });
        parameters.filter(|(_, p)| seen.insert(p.identity())).collect()
    }

    /// All parameters, each once: what an optimiser takes.
    fn parameters(&self) -> Vec<Parameter> {
        self.named_parameters().into_iter().map(|(_, p)| Parameter::clone(p)).collect()
    }

    /// All modules below this one with their names, as `layer1.0.conv1`; each before its children.
    fn named_modules(&self) -> Vec<(String, &dyn Module)> {
        let mut out = Vec::new();
        collect_modules(self, "", &mut out);
        out
    }

    /// The number of learned values.
    fn num_parameters(&self) -> usize {
        self.named_parameters().iter().map(|(_, p)| p.shape().elements()).sum()
    }

    /// All parameters and buffers by name, row-major: what PyTorch's `state_dict()` gives.
    ///
    /// # Errors
    /// Where a tensor cannot be brought into row-major order.
    fn state_dict(&self) -> Result<StateDict> {
        let entries = self.named_tensors().into_iter().map(|(name, slot)| Ok((name, slot.value().contiguous()?)));
        entries.collect()
    }

    /// Loads a state dict that fits exactly, as PyTorch's `load_state_dict(strict=True)`. Loads all of it or nothing.
    ///
    /// # Errors
    /// Lists the missing, unexpected and misshapen keys.
    fn load_state_dict(&self, state: &StateDict) -> Result<()> {
        let matching = self.match_state(state.shapes());
        if !matching.report.fits() {
            return Err(Error::StateDict { module: self.class_name(), report: matching.report });
        }
        matching.load(state).map(drop)
    }

    /// Loads what fits of a state dict and tells what did not.
    ///
    /// # Errors
    /// Where nothing at all fits.
    fn load_state_dict_partial(&self, state: &StateDict) -> Result<LoadReport> {
        let matching = self.match_state(state.shapes());
        if matching.pairs.is_empty() {
            return Err(Error::StateDict { module: self.class_name(), report: matching.report });
        }
        matching.load(state)
    }

    /// Pairs the tensors below this module with the keys and shapes of a state dict, for loading one tensor at a time.
    fn match_state<'s>(&self, entries: impl IntoIterator<Item = (&'s str, &'s [usize])>) -> Matching<'_> {
        state_dict::match_keys(self.named_tensors(), entries)
    }

    /// Excludes from training the parameters whose name, or whose module's name, matches a pattern such as `layer1.*`, `conv1` or
    /// `*.bias`. Returns how many matched.
    ///
    /// # Errors
    /// Where the pattern matches nothing.
    fn freeze(&self, pattern: &str) -> Result<usize> {
        set_requires_grad(self, pattern, false)
    }

    /// Undoes [`freeze`](ModuleExt::freeze) for the parameters that match.
    ///
    /// # Errors
    /// Where the pattern matches nothing.
    fn unfreeze(&self, pattern: &str) -> Result<usize> {
        set_requires_grad(self, pattern, true)
    }

    /// Clears the gradients.
    fn zero_grad(&self) {
        for (_, parameter) in self.named_parameters() {
            parameter.zero_grad();
        }
    }

    /// Converts parameters and floating-point buffers to another floating-point type.
    ///
    /// # Errors
    /// Where the type is not a floating-point type.
    fn to_dtype(&self, dtype: DType) -> Result<()> {
        if !dtype.is_float() {
            return Err(tensor::Error::DType { op: "to_dtype", expected: "a floating-point type".into(), found: dtype }.into());
        }
        for (_, slot) in self.named_tensors() {
            match slot {
                Slot::Parameter(p) => p.set_value(p.value().to_layout(p.layout())?.to_dtype(dtype)?),
                Slot::Buffer(b) if b.value().dtype().is_float() => b.set_value(b.value().to_dtype(dtype)?),
                Slot::Buffer(_) => {}
            }
        }
        Ok(())
    }

    /// Moves parameters and floating-point buffers to a device. Counters stay in main memory, where they are counted.
    ///
    /// # Errors
    /// Where the device cannot be used.
    fn to_device(&self, device: Device) -> Result<()> {
        for (_, slot) in self.named_tensors() {
            match slot {
                Slot::Parameter(p) => p.set_value(p.value().to_device(device)?),
                Slot::Buffer(b) if b.value().dtype().is_float() => b.set_value(b.value().to_device(device)?),
                Slot::Buffer(_) => {}
            }
        }
        Ok(())
    }

    /// Where the first parameter lives, and with it the module; main memory where there is none.
    fn device(&self) -> Device {
        first_device(self).unwrap_or_default()
    }

    /// The text that PyTorch's `print(model)` shows, byte for byte.
    fn repr(&self) -> String {
        repr::module(self)
    }
}

impl<M: Module + ?Sized> ModuleExt for M {}

impl fmt::Display for dyn Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

fn first_device<M: Module + ?Sized>(module: &M) -> Option<Device> {
    let is_parameter = |(_, slot): &(&str, Slot<'_>)| matches!(slot, Slot::Parameter(_));
    let own = module.tensors().into_iter().find(is_parameter).map(|(_, slot)| slot.device());
    own.or_else(|| module.children().into_iter().find_map(|(_, child)| first_device(child)))
}

fn collect_tensors<'a, M: Module + ?Sized>(module: &'a M, prefix: &str, out: &mut Vec<(String, Slot<'a>)>) {
    out.extend(module.tensors().into_iter().map(|(name, slot)| (format!("{prefix}{name}"), slot)));
    for (name, child) in module.children() {
        collect_tensors(child, &format!("{prefix}{name}."), out);
    }
}

fn collect_modules<'a, M: Module + ?Sized>(module: &'a M, prefix: &str, out: &mut Vec<(String, &'a dyn Module)>) {
    for (name, child) in module.children() {
        let name = format!("{prefix}{name}");
        out.push((name.clone(), child));
        collect_modules(child, &format!("{name}."), out);
    }
}

fn set_requires_grad<M: Module + ?Sized>(module: &M, pattern: &str, requires_grad: bool) -> Result<usize> {
    let parameters = module.named_parameters();
    let matching: Vec<_> = parameters.iter().filter(|(name, _)| pattern::matches(pattern, name)).collect();
    if matching.is_empty() {
        let names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
        return Err(Error::Pattern { pattern: pattern.to_string(), hint: pattern::hint(pattern, &names) });
    }
    matching.iter().for_each(|(_, parameter)| parameter.set_requires_grad(requires_grad));
    Ok(matching.len())
}
