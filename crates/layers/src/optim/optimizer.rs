//! What all optimisers have in common: groups, steps, and state that is saved and loaded.

use std::collections::HashMap;

use autograd::Parameter;
use tensor::{DType, Tensor};

use super::ParamGroup;
use crate::{Error, Result, StateDict};

/// Updates parameters from their gradients.
pub trait Optimizer {
    /// The groups of parameters and their settings.
    fn param_groups(&self) -> &[ParamGroup];

    /// The groups, to change their settings.
    fn param_groups_mut(&mut self) -> &mut [ParamGroup];

    /// Updates every parameter that has a gradient. Gradients stay until [`zero_grad`](Optimizer::zero_grad).
    ///
    /// # Errors
    /// Where a setting makes no sense, or a parameter is listed twice.
    fn step(&mut self) -> tensor::Result<()>;

    /// Takes one parameter's gradient and updates the parameter at once: what
    /// [`backward_with`](autograd::Var::backward_with) can call while memory is still in cache. Parameters of others are left alone.
    ///
    /// # Errors
    /// As [`step`](Optimizer::step).
    fn step_parameter(&mut self, parameter: &Parameter) -> tensor::Result<()>;

    /// Clears the gradients.
    fn zero_grad(&self) {
        self.param_groups().iter().flat_map(ParamGroup::parameters).for_each(Parameter::zero_grad);
    }

    /// Settings and state by name, to go on from later: `param_groups.0.lr`, `state.0.momentum_buffer`. Parameters are numbered in
    /// the order they were given.
    ///
    /// # Errors
    /// Where a tensor cannot be brought into row-major order.
    fn state_dict(&self) -> Result<StateDict>;

    /// Takes over what [`state_dict`](Optimizer::state_dict) gave. Loads all of it or nothing.
    ///
    /// # Errors
    /// Where groups, names or shapes are not this optimiser's.
    fn load_state_dict(&mut self, state: &StateDict) -> Result<()>;
}

/// How an optimiser changes one parameter.
pub trait UpdateRule {
    /// The optimiser's name in messages.
    const NAME: &'static str;
    /// The names of the tensors in [`State::tensors`], in order.
    const STATE: &'static [&'static str];

    /// Why the settings make no sense, if so.
    ///
    /// # Errors
    /// Says what is wrong.
    fn check(&self, group: &ParamGroup) -> std::result::Result<(), String>;

    /// Updates one parameter. `state.step` counts from 1.
    ///
    /// # Errors
    /// Where the gradient does not have the parameter's shape and type.
    fn update(&self, group: &ParamGroup, parameter: &mut Tensor, grad: &Tensor, state: &mut State) -> tensor::Result<()>;
}

/// What an optimiser remembers of one parameter.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The number of the last step: 0 before the first.
    pub step: u64,
    /// Tensors of the parameter's shape, absent until they are needed.
    pub tensors: [Option<Tensor>; 2],
}

/// An optimiser that applies one rule to each parameter on its own.
#[derive(Debug)]
pub struct RuleOptimizer<R> {
    pub(super) rule: R,
    groups: Vec<ParamGroup>,
    /// Group and number of each parameter, by its id.
    places: HashMap<usize, (usize, usize)>,
    states: Vec<State>,
    listed_twice: bool,
}

impl<R: UpdateRule> RuleOptimizer<R> {
    pub(super) fn with_rule(rule: R, parameters: Vec<Parameter>, lr: f64) -> Self {
        let empty = RuleOptimizer { rule, groups: Vec::new(), places: HashMap::new(), states: Vec::new(), listed_twice: false };
        empty.with_group(ParamGroup::new(parameters, lr))
    }

    /// Another group of parameters with a learning rate of its own. Its other settings are those of the first group.
    pub fn group(self, parameters: Vec<Parameter>, lr: f64) -> Self {
        let group = self.groups.first().map_or_else(|| ParamGroup::new(Vec::new(), lr), |first| first.like(parameters, lr));
        self.with_group(group)
    }

    fn with_group(mut self, group: ParamGroup) -> Self {
        for parameter in group.parameters() {
            let place = (self.groups.len(), self.states.len());
            self.listed_twice |= self.places.insert(parameter.id(), place).is_some();
            self.states.push(State::default());
        }
        self.groups.push(group);
        self
    }

    pub(super) fn for_all_groups(mut self, set: impl Fn(&mut ParamGroup)) -> Self {
        self.groups.iter_mut().for_each(set);
        self
    }

    fn check(&self, group: &ParamGroup) -> tensor::Result<()> {
        let twice = || Err("a parameter is listed twice".to_string());
        let checked = if self.listed_twice { twice() } else { group.check().and_then(|()| self.rule.check(group)) };
        checked.map_err(|reason| tensor::Error::argument(R::NAME, reason))
    }

    /// Updates the parameter with this number.
    fn update(&mut self, (group, number): (usize, usize), parameter: &Parameter, grad: &Tensor) -> tensor::Result<()> {
        let (group, state) = (&self.groups[group], &mut self.states[number]);
        state.step += 1;
        parameter.update(|value| self.rule.update(group, value, grad, state))
    }

    fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.groups.iter().flat_map(ParamGroup::parameters)
    }
}

impl<R: UpdateRule> Optimizer for RuleOptimizer<R> {
    fn param_groups(&self) -> &[ParamGroup] {
        &self.groups
    }

    fn param_groups_mut(&mut self) -> &mut [ParamGroup] {
        &mut self.groups
    }

    fn step(&mut self) -> tensor::Result<()> {
        self.groups.iter().try_for_each(|group| self.check(group))?;
        let parameters: Vec<Parameter> = self.parameters().cloned().collect();
        for parameter in parameters {
            if let (Some(&place), Some(grad)) = (self.places.get(&parameter.id()), parameter.grad()) {
                self.update(place, &parameter, &grad)?;
            }
        }
        Ok(())
    }

    fn step_parameter(&mut self, parameter: &Parameter) -> tensor::Result<()> {
        let Some(&place) = self.places.get(&parameter.id()) else { return Ok(()) };
        self.check(&self.groups[place.0])?;
        match parameter.take_grad() {
            Some(grad) => self.update(place, parameter, &grad),
            None => Ok(()),
        }
    }

    fn state_dict(&self) -> Result<StateDict> {
        let mut saved = StateDict::new();
        for (i, group) in self.groups.iter().enumerate() {
            for (name, value) in group.clone().settings() {
                saved.insert(format!("param_groups.{i}.{name}"), Tensor::scalar(*value));
            }
        }
        for (i, state) in self.states.iter().enumerate().filter(|(_, state)| state.step > 0) {
            saved.insert(format!("state.{i}.step"), Tensor::scalar(i64::try_from(state.step).unwrap_or(i64::MAX)));
            for (name, tensor) in R::STATE.iter().zip(&state.tensors) {
                if let Some(tensor) = tensor {
                    saved.insert(format!("state.{i}.{name}"), tensor.contiguous()?);
                }
            }
        }
        Ok(saved)
    }

    fn load_state_dict(&mut self, saved: &StateDict) -> Result<()> {
        let unfit = |reason: String| Error::OptimizerState(reason);
        let mut used = 0;
        let mut groups = self.groups.clone();
        for (i, group) in groups.iter_mut().enumerate() {
            for (name, value) in group.settings() {
                let key = format!("param_groups.{i}.{name}");
                *value = saved.get(&key).ok_or_else(|| unfit(format!("{key} is missing")))?.item()?;
                used += 1;
            }
        }
        let mut states = vec![State::default(); self.states.len()];
        for ((i, state), parameter) in states.iter_mut().enumerate().zip(self.parameters()) {
            let Some(step) = saved.get(&format!("state.{i}.step")) else { continue };
            state.step = step.to_dtype(DType::I64)?.item()? as u64;
            used += 1;
            let value = parameter.value();
            for (name, place) in R::STATE.iter().zip(&mut state.tensors) {
                let key = format!("state.{i}.{name}");
                let Some(tensor) = saved.get(&key) else { continue };
                if tensor.shape() != value.shape() {
                    return Err(unfit(format!("{key} has shape {} where {} is needed", tensor.shape(), value.shape())));
                }
                *place = Some(tensor.to_dtype(value.dtype())?.to_layout(value.layout())?.to_device(value.device())?);
                used += 1;
            }
        }
        if used < saved.len() {
            let reason =
                format!("{} of its {} entries belong to no group, parameter or state of this {}", saved.len() - used, saved.len(), R::NAME);
            return Err(unfit(reason));
        }
        (self.groups, self.states) = (groups, states);
        Ok(())
    }
}

/// The tensor in a place of the state, zeros of the parameter's kind where it is needed for the first time.
pub(super) fn zeros_at_first<'a>(place: &'a mut Option<Tensor>, parameter: &Tensor) -> tensor::Result<&'a mut Tensor> {
    match place {
        Some(tensor) => Ok(tensor),
        None => Ok(place.insert(parameter.zeros_like()?)),
    }
}
