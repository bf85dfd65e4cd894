//! How a model is trained.

mod kind;
mod schedule;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

pub use kind::{Balance, ClassWeights, OptimizerKind, Precision};
pub use schedule::{ScheduleSettings, SchedulerKind};

/// The settings of [`fit`](crate::fit). By default they are the tutorial's: one epoch of SGD with batches of 32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How often every sample is used.
    pub epochs: usize,
    /// Samples a batch.
    pub batch_size: usize,
    /// Batches an update: their mean gradient is what the optimiser gets.
    pub accumulate: usize,
    /// What turns gradients into updates.
    pub optimizer: OptimizerKind,
    /// The size of the updates.
    pub learning_rate: f64,
    /// The momentum of SGD and RMSprop; the others have none.
    pub momentum: f64,
    /// The weight decay (L2, or for AdamW decoupled).
    pub weight_decay: f64,
    /// The largest norm of all gradients together; longer ones are scaled down to it.
    pub clip_grad_norm: Option<f64>,
    /// The share of the target's probability that is spread evenly over all classes, from 0 to 1.
    pub label_smoothing: f64,
    /// How much each class counts in the loss; all alike by default.
    pub class_weights: Option<ClassWeights>,
    /// Pictures are blended in pairs, in a proportion drawn from a beta distribution with this parameter; 0 for never.
    pub mixup_alpha: f64,
    /// A rectangle of another picture replaces that part of each, of a size drawn likewise; 0 for never. Where both are set, each
    /// batch has one of them.
    pub cutmix_alpha: f64,
    /// The share of the averaged weights that is kept at each update. The averages are what is tested and saved.
    pub ema_decay: Option<f64>,
    /// Parameters that stay as they are, as patterns over their names.
    pub freeze: Vec<String>,
    /// After so many epochs nothing is frozen any more. Where `freeze` is empty, all but the last layer is frozen until then.
    pub unfreeze_after: Option<usize>,
    /// The learning rate of the first layer as a share of the last one's, with equal ratios from layer to layer; by default 1, or
    /// 0.01 where layers are unfrozen.
    pub early_lr: Option<f64>,
    /// The training ends where so many epochs in a row do not raise the accuracy.
    pub patience: Option<usize>,
    /// How exactly convolutions and linear layers are computed.
    pub precision: Precision,
    /// Decides the order of the samples and their augmentations. Initial weights and dropout come from
    /// [`tensor::random`], seeded by [`manual_seed`](tensor::random::manual_seed).
    pub seed: u64,
    /// A running loss is reported every so many batches.
    pub print_freq: usize,
    /// The most batches to train on in an epoch; the test is always whole.
    pub limit_batches: Option<usize>,
    /// How the learning rate changes.
    pub schedule: ScheduleSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            epochs: 1,
            batch_size: 32,
            accumulate: 1,
            optimizer: OptimizerKind::Sgd,
            learning_rate: 0.001,
            momentum: 0.9,
            weight_decay: 0.0,
            clip_grad_norm: None,
            label_smoothing: 0.0,
            class_weights: None,
            mixup_alpha: 0.0,
            cutmix_alpha: 0.0,
            ema_decay: None,
            freeze: Vec::new(),
            unfreeze_after: None,
            early_lr: None,
            patience: None,
            precision: Precision::F32,
            seed: 0,
            print_freq: 100,
            limit_batches: None,
            schedule: ScheduleSettings::default(),
        }
    }
}

impl Settings {
    /// The share of the last layer's learning rate that the first one has where layers are unfrozen: fastai's `lr_mult` of 100.
    const UNFROZEN_EARLY_LR: f64 = 0.01;

    /// Whether every setting makes sense.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first that does not.
    pub fn check(&self) -> Result<()> {
        at_least_1("epochs", self.epochs)?;
        at_least_1("batch size", self.batch_size)?;
        at_least_1("batches an update", self.accumulate)?;
        at_least_1("print frequency", self.print_freq)?;
        at_least_1("limit of batches", self.limit_batches.unwrap_or(1))?;
        at_least_1("patience", self.patience.unwrap_or(1))?;
        at_least_1("epochs before unfreezing", self.unfreeze_after.unwrap_or(1))?;
        above_0("learning rate", self.learning_rate)?;
        above_0("largest gradient norm", self.clip_grad_norm.unwrap_or(1.0))?;
        above_0("early learning rate", self.early_lr.unwrap_or(1.0))?;
        share("momentum", self.momentum)?;
        share("label smoothing", self.label_smoothing)?;
        share("EMA decay", self.ema_decay.unwrap_or(0.0))?;
        at_least_0("weight decay", self.weight_decay)?;
        at_least_0("mixup alpha", self.mixup_alpha)?;
        at_least_0("cutmix alpha", self.cutmix_alpha)?;
        if let Some(ClassWeights::Given(weights)) = &self.class_weights {
            weights.iter().try_for_each(|&weight| above_0("class weight", weight))?;
        }
        self.schedule.check(self.epochs)
    }

    /// Batches of an epoch, where the data makes `batches`.
    pub(crate) fn batches(&self, batches: usize) -> usize {
        batches.min(self.limit_batches.unwrap_or(usize::MAX))
    }

    /// [`early_lr`](Settings::early_lr), or what is taken for it.
    pub(crate) fn early_lr(&self) -> f64 {
        self.early_lr.unwrap_or(if self.unfreeze_after.is_some() { Self::UNFROZEN_EARLY_LR } else { 1.0 })
    }
}

fn at_least_1(name: &'static str, value: usize) -> Result<()> {
    check(name, value, value > 0, "it must be at least 1")
}

fn above_0(name: &'static str, value: f64) -> Result<()> {
    check(name, value, value.is_finite() && value > 0.0, "it must be a number above 0")
}

fn at_least_0(name: &'static str, value: f64) -> Result<()> {
    check(name, value, value.is_finite() && value >= 0.0, "it must be a number of at least 0")
}

fn share(name: &'static str, value: f64) -> Result<()> {
    check(name, value, (0.0..1.0).contains(&value), "it must be at least 0 and below 1")
}

fn check(name: &'static str, value: impl ToString, holds: bool, reason: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Setting { name, value: value.to_string(), reason }) }
}
