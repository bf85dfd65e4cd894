//! One training step.

use autograd::Var;
use layers::{
    CrossEntropyLoss, ModuleExt,
    optim::{Adam, AdamW, Optimizer, RMSprop, Sgd},
};
use tensor::Tensor;
use zoo::Model;

use crate::{Error, OptimizerKind, Result, Settings};

/// A model and the optimiser that trains it, one batch at a time.
pub struct Stepper<'a> {
    model: &'a dyn Model,
    criterion: CrossEntropyLoss,
    optimizer: Box<dyn Optimizer>,
}

impl<'a> Stepper<'a> {
    /// Trains all parameters of `model` that require a gradient, by cross entropy.
    ///
    /// # Errors
    /// Where a setting makes no sense, or no parameter requires a gradient.
    pub fn new(model: &'a dyn Model, settings: &Settings) -> Result<Self> {
        settings.check()?;
        if !model.named_parameters().iter().any(|(_, parameter)| parameter.requires_grad()) {
            return Err(Error::Frozen);
        }
        Ok(Stepper { model, criterion: CrossEntropyLoss::new(), optimizer: optimizer(model, settings) })
    }

    /// Learns from pictures `[N, 3, H, W]` and labels `[N]`: gradients cleared, forward, loss, backward, and each parameter updated
    /// as soon as its gradient is whole. Returns the loss; where that is not finite, nothing is updated.
    ///
    /// # Errors
    /// Where the pictures or labels do not suit the model.
    pub fn step(&mut self, images: &Tensor, labels: &Tensor) -> Result<f64> {
        self.optimizer.zero_grad();
        let loss = self.model.training_loss(&Var::from(images), labels, &self.criterion)?;
        let value = loss.item()?;
        if value.is_finite() {
            loss.backward_with(|parameter| self.optimizer.step_parameter(parameter))?;
        }
        Ok(value)
    }
}

fn optimizer(model: &dyn Model, settings: &Settings) -> Box<dyn Optimizer> {
    let (parameters, lr, decay) = (model.parameters(), settings.learning_rate, settings.weight_decay);
    match settings.optimizer {
        OptimizerKind::Sgd => Box::new(Sgd::new(parameters, lr).momentum(settings.momentum).weight_decay(decay)),
        OptimizerKind::Adam => Box::new(Adam::new(parameters, lr).weight_decay(decay)),
        OptimizerKind::AdamW => Box::new(AdamW::new(parameters, lr).weight_decay(decay)),
        OptimizerKind::RmsProp => Box::new(RMSprop::new(parameters, lr).momentum(settings.momentum).weight_decay(decay)),
    }
}
