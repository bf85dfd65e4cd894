//! How the learning rate changes, in epochs; the schedules themselves count updates.

use layers::optim::{CosineAnnealingLR, ExponentialLR, LinearLR, MultiStepLR, OneCycleLR, PolynomialLR, Schedule, SequentialLR, StepLR};
use serde::{Deserialize, Serialize};

use super::{above_0, at_least_0, at_least_1, check};
use crate::Result;

/// The rate of the first update of a warm-up as a share of the full one: the default of torchvision's references.
const WARMUP_START: f64 = 0.01;

/// A learning-rate schedule by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SchedulerKind {
    /// The rate stays.
    None,
    /// Multiplied by gamma every so many epochs.
    Step,
    /// Multiplied by gamma at given epochs.
    MultiStep,
    /// Multiplied by gamma every epoch.
    Exponential,
    /// Down to the least rate along half a cosine.
    Cosine,
    /// Up for 30 % of the updates and down to almost nothing; the momentum goes the other way.
    OneCycle,
    /// Down to 0 along a power of what is left.
    Polynomial,
}

/// How the learning rate changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleSettings {
    /// The schedule after the warm-up.
    pub scheduler: SchedulerKind,
    /// Epochs in which the rate first rises along a line from a hundredth.
    pub warmup_epochs: usize,
    /// For `step`: epochs between two decays.
    pub step_size: usize,
    /// For `multistep`: the epochs after which the rate decays.
    pub milestones: Vec<usize>,
    /// For `step`, `multistep` and `exponential`: what the rate is multiplied by.
    pub gamma: f64,
    /// For `cosine`: the least rate.
    pub min_lr: f64,
    /// For `polynomial`: the power.
    pub power: f64,
}

impl Default for ScheduleSettings {
    /// A constant rate; for the schedules, torchvision's and PyTorch's defaults.
    fn default() -> Self {
        ScheduleSettings {
            scheduler: SchedulerKind::None,
            warmup_epochs: 0,
            step_size: 30,
            milestones: Vec::new(),
            gamma: 0.1,
            min_lr: 0.0,
            power: 1.0,
        }
    }
}

impl ScheduleSettings {
    pub(super) fn check(&self, epochs: usize) -> Result<()> {
        at_least_1("step size of the schedule", self.step_size)?;
        above_0("gamma of the schedule", self.gamma)?;
        at_least_0("least learning rate", self.min_lr)?;
        above_0("power of the schedule", self.power)?;
        let rises = self.warmup_epochs == 0 || self.warmup_epochs < epochs;
        check("epochs of warm-up", self.warmup_epochs, rises, "there must be fewer than epochs")?;
        let known = self.scheduler != SchedulerKind::MultiStep || !self.milestones.is_empty();
        check("list of milestones", "empty", known, "the schedule multistep needs some")
    }

    /// The schedule of a training of `epochs` epochs with `updates` updates each; none where the rate stays.
    pub(crate) fn build(&self, epochs: usize, updates: usize) -> Option<Box<dyn Schedule>> {
        let in_updates = |epochs: usize| (epochs as u64).saturating_mul(updates as u64);
        let warmup = in_updates(self.warmup_epochs);
        let main = self.main(in_updates(epochs).saturating_sub(warmup), in_updates);
        if warmup == 0 {
            return main;
        }
        let rise = LinearLR::new(WARMUP_START, warmup);
        Some(match main {
            Some(main) => Box::new(SequentialLR::new(rise).then(warmup, main)),
            None => Box::new(rise),
        })
    }

    /// The schedule of the `total` updates after the warm-up.
    fn main(&self, total: u64, in_updates: impl Fn(usize) -> u64) -> Option<Box<dyn Schedule>> {
        let epoch = in_updates(1).max(1);
        Some(match self.scheduler {
            SchedulerKind::None => return None,
            SchedulerKind::Step => Box::new(StepLR::new(in_updates(self.step_size)).gamma(self.gamma)),
            SchedulerKind::MultiStep => {
                let milestones: Vec<u64> = self.milestones.iter().map(|&milestone| in_updates(milestone)).collect();
                Box::new(MultiStepLR::new(milestones).gamma(self.gamma))
            }
            SchedulerKind::Exponential => Box::new(ExponentialLR::new(self.gamma.powf(1.0 / epoch as f64))),
            SchedulerKind::Cosine => Box::new(CosineAnnealingLR::new(total).eta_min(self.min_lr)),
            SchedulerKind::OneCycle => Box::new(OneCycleLR::to_own_lr(total)),
            SchedulerKind::Polynomial => Box::new(PolynomialLR::new(total).power(self.power)),
        })
    }
}
