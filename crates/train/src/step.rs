//! One training step.

use autograd::Var;
use layers::{
    CrossEntropyLoss, ModuleExt, StateDict,
    optim::{Adam, AdamW, Optimizer, PlateauState, RMSprop, ReduceLROnPlateau, RuleOptimizer, Schedule, Sgd, UpdateRule, clip_grad_norm},
};
use tensor::{Device, Tensor};
use zoo::Model;

use crate::{
    Error, OptimizerKind, Result, Settings,
    layer_groups::{Group, groups},
};

/// A model and the optimiser that trains it, one batch at a time.
pub struct Stepper<'a> {
    model: &'a dyn Model,
    criterion: CrossEntropyLoss,
    optimizer: Box<dyn Optimizer>,
    rates: Rates,
    clip_grad_norm: Option<f64>,
    /// Where the model is.
    device: Device,
    /// The updates so far.
    updates: u64,
}

/// What becomes of the optimiser's own rate.
#[derive(Default)]
struct Rates {
    schedule: Option<Box<dyn Schedule>>,
    /// What lowers the rate that the schedule starts from.
    plateau: Option<ReduceLROnPlateau>,
}

impl Schedule for Rates {
    fn lr(&self, base: f64, step: u64) -> f64 {
        let base = self.plateau.map_or(base, |plateau| plateau.lr(base));
        self.schedule.as_ref().map_or(base, |schedule| schedule.lr(base, step))
    }
    fn momentum(&self, step: u64) -> Option<f64> {
        self.schedule.as_ref()?.momentum(step)
    }
}

/// What pictures show.
#[derive(Debug, Clone)]
pub(crate) enum Targets {
    /// Classes `[N]`.
    Classes(Tensor),
    /// Probabilities of classes, `[N, K]`.
    Probabilities(Tensor),
}

impl Targets {
    fn to_device(&self, device: Device) -> tensor::Result<Targets> {
        Ok(match self {
            Targets::Classes(classes) => Targets::Classes(classes.to_device(device)?),
            Targets::Probabilities(probabilities) => Targets::Probabilities(probabilities.to_device(device)?),
        })
    }
}

/// A batch's part in an update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    /// The batches that the update is made of.
    pub of: usize,
    /// Whether this is the last of them.
    pub last: bool,
}

impl Part {
    /// The only batch of its update.
    pub const WHOLE: Part = Part { of: 1, last: true };
}

/// What came out for a batch before the update.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The mean loss.
    pub loss: f64,
    /// The logits, `[N, K]`.
    pub logits: Tensor,
}

impl<'a> Stepper<'a> {
    /// Trains all parameters of `model` that require a gradient, by cross entropy, at a constant rate.
    ///
    /// # Errors
    /// Where a setting makes no sense, or no parameter requires a gradient.
    pub fn new(model: &'a dyn Model, settings: &Settings) -> Result<Self> {
        settings.check()?;
        if !model.named_parameters().iter().any(|(_, parameter)| parameter.requires_grad()) {
            return Err(Error::Frozen);
        }
        model.zero_grad();
        Ok(Stepper {
            model,
            criterion: CrossEntropyLoss::new().label_smoothing(settings.label_smoothing),
            optimizer: optimizer(model, settings),
            rates: Rates::default(),
            clip_grad_norm: settings.clip_grad_norm,
            device: model.device(),
            updates: 0,
        })
    }

    /// With this schedule, which counts updates.
    pub(crate) fn schedule(mut self, schedule: Option<Box<dyn Schedule>>) -> Self {
        self.rates.schedule = schedule;
        self.set_rates();
        self
    }

    /// With rates that fall by what [`end_epoch`](Self::end_epoch) is told.
    pub(crate) fn plateau(mut self, plateau: Option<ReduceLROnPlateau>) -> Self {
        self.rates.plateau = plateau;
        self
    }

    /// With classes that count differently.
    pub(crate) fn class_weights(mut self, weights: Option<Vec<f64>>) -> Self {
        if let Some(weights) = weights {
            self.criterion = self.criterion.weight(weights);
        }
        self
    }

    /// Learns from pictures `[N, 3, H, W]` and labels `[N]`: gradients cleared, forward, loss, backward, and each parameter updated
    /// as soon as its gradient is whole. Returns the loss; where that is not finite, nothing is updated.
    ///
    /// # Errors
    /// Where the pictures or labels do not suit the model.
    pub fn step(&mut self, images: &Tensor, labels: &Tensor) -> Result<f64> {
        Ok(self.learn(images, &Targets::Classes(labels.clone()), Part::WHOLE)?.loss)
    }

    /// Learns from one of the batches of an update, which is done at the last.
    pub(crate) fn learn(&mut self, images: &Tensor, targets: &Targets, part: Part) -> Result<Outcome> {
        let at_once = part == Part::WHOLE && self.clip_grad_norm.is_none();
        if at_once {
            self.optimizer.zero_grad();
        }
        let targets = targets.to_device(self.device)?;
        let outputs = self.model.training_outputs(&Var::from(images.to_device(self.device)?))?;
        let loss = outputs.loss(|logits| match &targets {
            Targets::Classes(classes) => self.criterion.forward(logits, classes),
            Targets::Probabilities(probabilities) => self.criterion.forward_probabilities(logits, probabilities),
        })?;
        let outcome = Outcome { loss: loss.item()?, logits: outputs.logits.value().clone() };
        drop(outputs);
        if !outcome.loss.is_finite() {
            return Ok(outcome);
        }
        if at_once {
            loss.backward_with(|parameter| self.optimizer.step_parameter(parameter))?;
            self.count_update();
        } else {
            loss.mul_scalar(1.0 / part.of as f64)?.backward()?;
            if part.last {
                self.update()?;
            }
        }
        Ok(outcome)
    }

    /// Updates all parameters from the gradients that have come together.
    fn update(&mut self) -> Result<()> {
        if let Some(max_norm) = self.clip_grad_norm {
            clip_grad_norm(&self.model.parameters(), max_norm)?;
        }
        self.optimizer.step()?;
        self.optimizer.zero_grad();
        self.count_update();
        Ok(())
    }

    fn count_update(&mut self) {
        self.updates += 1;
        self.set_rates();
    }

    /// Sets the rates of the next update.
    fn set_rates(&mut self) {
        self.rates.apply(&mut *self.optimizer, self.updates);
    }

    /// Takes the validation loss of an epoch.
    pub(crate) fn end_epoch(&mut self, loss: f64) {
        if let Some(plateau) = &mut self.rates.plateau {
            plateau.step(loss);
            self.set_rates();
        }
    }

    /// What the rates depend on beside the updates.
    pub(crate) fn plateau_state(&self) -> PlateauState {
        self.rates.plateau.map_or_else(PlateauState::default, |plateau| plateau.state())
    }

    /// The learning rate of the last layer at the next update.
    pub(crate) fn learning_rate(&self) -> f64 {
        self.optimizer.param_groups().last().map_or(0.0, |group| group.lr)
    }

    /// The updates so far.
    pub(crate) fn updates(&self) -> u64 {
        self.updates
    }

    /// The optimiser, to be saved.
    pub(crate) fn optimizer(&self) -> &dyn Optimizer {
        &*self.optimizer
    }

    /// Goes on after so many updates with what the schedule and the optimiser remembered then. The rates are those of the settings and the
    /// schedule.
    pub(crate) fn resume(&mut self, updates: u64, plateau: PlateauState, optimizer: &StateDict) -> layers::Result<()> {
        let set = self.optimizer.param_groups().iter().map(|group| (group.initial_lr, group.momentum, group.weight_decay));
        let set: Vec<_> = set.collect();
        self.optimizer.load_state_dict(optimizer)?;
        for (group, (lr, momentum, weight_decay)) in self.optimizer.param_groups_mut().iter_mut().zip(set) {
            (group.lr, group.initial_lr, group.momentum, group.weight_decay) = (lr, lr, momentum, weight_decay);
        }
        self.updates = updates;
        self.rates.plateau = self.rates.plateau.map(|own| own.resume(plateau));
        self.set_rates();
        Ok(())
    }
}

fn optimizer(model: &dyn Model, settings: &Settings) -> Box<dyn Optimizer> {
    let mut groups = groups(model, settings).into_iter();
    let Group { parameters, learning_rate: lr } = groups.next().unwrap_or(Group { parameters: Vec::new(), learning_rate: 0.0 });
    let (momentum, decay) = (settings.momentum, settings.weight_decay);
    match settings.optimizer {
        OptimizerKind::Sgd => with_groups(Sgd::new(parameters, lr).momentum(momentum).weight_decay(decay), groups),
        OptimizerKind::Adam => with_groups(Adam::new(parameters, lr).weight_decay(decay), groups),
        OptimizerKind::AdamW => with_groups(AdamW::new(parameters, lr).weight_decay(decay), groups),
        OptimizerKind::RmsProp => with_groups(RMSprop::new(parameters, lr).momentum(momentum).weight_decay(decay), groups),
    }
}

/// The optimiser with more groups of parameters.
fn with_groups<R: UpdateRule + 'static>(first: RuleOptimizer<R>, more: impl Iterator<Item = Group>) -> Box<dyn Optimizer> {
    Box::new(more.fold(first, |optimizer, Group { parameters, learning_rate }| optimizer.group(parameters, learning_rate)))
}
