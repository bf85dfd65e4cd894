//! How the learning rate changes, in epochs; the schedules themselves count updates.

use layers::optim::{
    CosineAnnealingLR, ExponentialLR, LinearLR, MultiStepLR, OneCycleLR, PolynomialLR, ReduceLROnPlateau, Schedule, SequentialLR, StepLR,
};
use serde::{Deserialize, Serialize};

use super::{above_0, at_least_0, at_least_1, check, share};
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
    /// Up for 30 % of the updates and down to almost nothing; the momentum goes the other way. Where layers are unfrozen, once before and
    /// once after, as fastai's `fine_tune`.
    OneCycle,
    /// Down to 0 along a power of what is left.
    Polynomial,
    /// Multiplied by gamma where the validation loss does not fall any more.
    #[serde(rename = "reduce-on-plateau")]
    ReduceOnPlateau,
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
    /// For `step`, `multistep`, `exponential` and `reduce-on-plateau`: what the rate is multiplied by.
    pub gamma: f64,
    /// For `cosine` and `reduce-on-plateau`: the least rate.
    pub min_lr: f64,
    /// For `polynomial`: the power.
    pub power: f64,
    /// For `reduce-on-plateau`: epochs without a smaller loss that are put up with.
    pub patience: usize,
    /// For `reduce-on-plateau`: the share by which a loss must be smaller to count as such.
    pub threshold: f64,
    /// For `reduce-on-plateau`: epochs after a reduction that do not count.
    pub cooldown: usize,
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
            patience: 10,
            threshold: 1e-4,
            cooldown: 0,
        }
    }
}

impl ScheduleSettings {
    pub(super) fn check(&self, epochs: usize) -> Result<()> {
        at_least_1("step size of the schedule", self.step_size)?;
        above_0("gamma of the schedule", self.gamma)?;
        at_least_0("least learning rate", self.min_lr)?;
        above_0("power of the schedule", self.power)?;
        share("threshold of the schedule", self.threshold)?;
        let falls = self.scheduler != SchedulerKind::ReduceOnPlateau || self.gamma < 1.0;
        check("gamma of the schedule", self.gamma, falls, "the schedule reduce-on-plateau needs one below 1")?;
        let rises = self.warmup_epochs == 0 || self.warmup_epochs < epochs;
        check("epochs of warm-up", self.warmup_epochs, rises, "there must be fewer than epochs")?;
        let known = self.scheduler != SchedulerKind::MultiStep || !self.milestones.is_empty();
        check("list of milestones", "empty", known, "the schedule multistep needs some")
    }

    /// The schedule of a training of `epochs` epochs with `updates` updates each, before which layers are frozen for `frozen` epochs; none
    /// where the rate stays, but for what [`plateau`](Self::plateau) does.
    pub(crate) fn build(&self, epochs: usize, frozen: usize, updates: usize) -> Option<Box<dyn Schedule>> {
        let in_updates = |epochs: usize| (epochs as u64).saturating_mul(updates as u64);
        let warmup = in_updates(self.warmup_epochs);
        let [total, frozen] = [epochs, frozen].map(|epochs| in_updates(epochs).saturating_sub(warmup));
        let main = self.main(total, frozen, in_updates);
        if warmup == 0 {
            return main;
        }
        let rise = LinearLR::new(WARMUP_START, warmup);
        Some(match main {
            Some(main) => Box::new(SequentialLR::new(rise).then(warmup, main)),
            None => Box::new(rise),
        })
    }

    /// What lowers the rate by the losses of the epochs, where that is asked for.
    pub(crate) fn plateau(&self) -> Option<ReduceLROnPlateau> {
        let plateau = ReduceLROnPlateau::new().factor(self.gamma).min_lr(self.min_lr).threshold(self.threshold);
        let plateau = plateau.patience(self.patience as u64).cooldown(self.cooldown as u64);
        (self.scheduler == SchedulerKind::ReduceOnPlateau).then_some(plateau)
    }

    /// The schedule of the `total` updates after the warm-up, in the first `frozen` of which layers are frozen.
    fn main(&self, total: u64, frozen: u64, in_updates: impl Fn(usize) -> u64) -> Option<Box<dyn Schedule>> {
        let epoch = in_updates(1).max(1);
        Some(match self.scheduler {
            SchedulerKind::None | SchedulerKind::ReduceOnPlateau => return None,
            SchedulerKind::Step => Box::new(StepLR::new(in_updates(self.step_size)).gamma(self.gamma)),
            SchedulerKind::MultiStep => {
                let milestones: Vec<u64> = self.milestones.iter().map(|&milestone| in_updates(milestone)).collect();
                Box::new(MultiStepLR::new(milestones).gamma(self.gamma))
            }
            SchedulerKind::Exponential => Box::new(ExponentialLR::new(self.gamma.powf(1.0 / epoch as f64))),
            SchedulerKind::Cosine => Box::new(CosineAnnealingLR::new(total).eta_min(self.min_lr)),
            SchedulerKind::OneCycle if 0 < frozen && frozen < total => Box::new(fine_tune(frozen, total - frozen)),
            SchedulerKind::OneCycle => Box::new(OneCycleLR::to_own_lr(total)),
            SchedulerKind::Polynomial => Box::new(PolynomialLR::new(total).power(self.power)),
        })
    }
}

/// The cycles of fastai's `fine_tune`: one while layers are frozen, which rises almost to its end, and one of half the rate afterwards, which
/// begins at a fifth. Each ends at a 100,000th of its largest rate.
fn fine_tune(frozen: u64, unfrozen: u64) -> SequentialLR {
    let cycle = |updates: u64, div: f64| OneCycleLR::to_own_lr(updates).div_factor(div).final_div_factor(1e5 / div);
    SequentialLR::new(cycle(frozen, 25.0).pct_start(0.99)).then(frozen, Halved(cycle(unfrozen, 5.0)))
}

/// A schedule at half the rate.
struct Halved(OneCycleLR);

impl Schedule for Halved {
    fn lr(&self, base: f64, step: u64) -> f64 {
        self.0.lr(base / 2.0, step)
    }
    fn momentum(&self, step: u64) -> Option<f64> {
        self.0.momentum(step)
    }
}
