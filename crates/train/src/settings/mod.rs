//! How a model is trained.

use crate::{Error, Result};

/// The settings of [`fit`](crate::fit). By default they are the tutorial's: one epoch of SGD with batches of 32.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How often every sample is used.
    pub epochs: usize,
    /// Samples a step.
    pub batch_size: usize,
    /// What turns gradients into updates.
    pub optimizer: OptimizerKind,
    /// The size of the updates.
    pub learning_rate: f64,
    /// The momentum of SGD and RMSprop; the others have none.
    pub momentum: f64,
    /// The weight decay (L2, or for AdamW decoupled).
    pub weight_decay: f64,
    /// Decides the order of the samples and their augmentations. Initial weights and dropout come from
    /// [`tensor::random`], seeded by [`manual_seed`](tensor::random::manual_seed).
    pub seed: u64,
    /// A running loss is reported every so many batches.
    pub print_freq: usize,
    /// The most batches to train on in an epoch; the test is always whole.
    pub limit_batches: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            epochs: 1,
            batch_size: 32,
            optimizer: OptimizerKind::Sgd,
            learning_rate: 0.001,
            momentum: 0.9,
            weight_decay: 0.0,
            seed: 0,
            print_freq: 100,
            limit_batches: None,
        }
    }
}

impl Settings {
    /// Whether every setting makes sense.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first that does not.
    pub fn check(&self) -> Result<()> {
        let whole = |name, value: usize| check(name, value, value > 0, "it must be at least 1");
        whole("epochs", self.epochs)?;
        whole("batch size", self.batch_size)?;
        whole("print frequency", self.print_freq)?;
        whole("limit of batches", self.limit_batches.unwrap_or(1))?;
        let positive = self.learning_rate.is_finite() && self.learning_rate > 0.0;
        check("learning rate", self.learning_rate, positive, "it must be a number above 0")?;
        check("momentum", self.momentum, (0.0..1.0).contains(&self.momentum), "it must be at least 0 and below 1")?;
        let decays = self.weight_decay.is_finite() && self.weight_decay >= 0.0;
        check("weight decay", self.weight_decay, decays, "it must be a number of at least 0")
    }
}

fn check(name: &'static str, value: impl ToString, holds: bool, reason: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Setting { name, value: value.to_string(), reason }) }
}

/// An optimiser by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptimizerKind {
    /// Stochastic gradient descent.
    Sgd,
    /// Adam.
    Adam,
    /// Adam with decoupled weight decay.
    AdamW,
    /// RMSprop.
    RmsProp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_senseless_setting_is_named() {
        let defaults = Settings::default;
        defaults().check().unwrap();
        let senseless = [
            ("epochs", Settings { epochs: 0, ..defaults() }),
            ("batch size", Settings { batch_size: 0, ..defaults() }),
            ("print frequency", Settings { print_freq: 0, ..defaults() }),
            ("limit of batches", Settings { limit_batches: Some(0), ..defaults() }),
            ("learning rate", Settings { learning_rate: f64::NAN, ..defaults() }),
            ("learning rate", Settings { learning_rate: 0.0, ..defaults() }),
            ("momentum", Settings { momentum: 1.0, ..defaults() }),
            ("weight decay", Settings { weight_decay: -1.0, ..defaults() }),
        ];
        for (name, settings) in senseless {
            let message = settings.check().unwrap_err().to_string();
            assert!(message.starts_with(name), "{message}");
        }
    }
}
