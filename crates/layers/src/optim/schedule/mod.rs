//! Learning-rate schedules: the rate as a function of the steps taken.

mod cosine;
mod decay;
mod one_cycle;
mod plateau;
mod sequential;

use super::Optimizer;

pub use cosine::CosineAnnealingLR;
pub use decay::{ExponentialLR, LinearLR, MultiStepLR, PolynomialLR, StepLR};
pub use one_cycle::OneCycleLR;
pub use plateau::{PlateauState, ReduceLROnPlateau};
pub use sequential::SequentialLR;

/// A learning rate that changes with the number of steps taken.
pub trait Schedule {
    /// The learning rate after `step` steps, where `base` is the optimiser's own.
    fn lr(&self, base: f64, step: u64) -> f64;

    /// The momentum after `step` steps, where the schedule sets it.
    fn momentum(&self, _step: u64) -> Option<f64> {
        None
    }

    /// Sets the learning rates of all groups, and the momenta where the schedule has them, for after `step` steps.
    fn apply(&self, optimizer: &mut dyn Optimizer, step: u64) {
        for group in optimizer.param_groups_mut() {
            group.lr = self.lr(group.initial_lr, step);
            if let Some(momentum) = self.momentum(step) {
                group.momentum = momentum;
            }
        }
    }
}

impl Schedule for Box<dyn Schedule> {
    fn lr(&self, base: f64, step: u64) -> f64 {
        (**self).lr(base, step)
    }
    fn momentum(&self, step: u64) -> Option<f64> {
        (**self).momentum(step)
    }
}

/// A schedule that counts the steps.
///
/// ```
/// use layers::{Linear, ModuleExt, optim::{LrScheduler, Optimizer, Sgd, StepLR}};
/// let mut optimizer = Sgd::new(Linear::new(1, 1).parameters(), 0.1);
/// let mut scheduler = LrScheduler::new(StepLR::new(2), &mut optimizer);
/// scheduler.step(&mut optimizer);
/// scheduler.step(&mut optimizer);
/// assert!((optimizer.param_groups()[0].lr - 0.01).abs() < 1e-12);
/// ```
#[derive(Debug, Clone)]
pub struct LrScheduler<S> {
    schedule: S,
    last_step: u64,
}

impl<S: Schedule> LrScheduler<S> {
    /// Starts a schedule, which sets the first learning rate.
    pub fn new(schedule: S, optimizer: &mut dyn Optimizer) -> Self {
        Self::resume(schedule, optimizer, 0)
    }

    /// Goes on after `last_step` steps.
    pub fn resume(schedule: S, optimizer: &mut dyn Optimizer, last_step: u64) -> Self {
        schedule.apply(optimizer, last_step);
        LrScheduler { schedule, last_step }
    }

    /// Counts a step and sets the learning rate for the next.
    pub fn step(&mut self, optimizer: &mut dyn Optimizer) {
        self.last_step += 1;
        self.schedule.apply(optimizer, self.last_step);
    }

    /// The steps taken so far.
    pub fn last_step(&self) -> u64 {
        self.last_step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, ModuleExt, optim::Sgd};

    #[test]
    fn one_cycle_moves_the_momentum_against_the_rate() {
        let mut optimizer = Sgd::new(Linear::new(1, 1).parameters(), 0.1).momentum(0.9);
        let mut scheduler = LrScheduler::new(OneCycleLR::new(0.5, 10), &mut optimizer);
        let mut seen = vec![(optimizer.param_groups()[0].lr, optimizer.param_groups()[0].momentum)];
        for _ in 0..20 {
            scheduler.step(&mut optimizer);
            seen.push((optimizer.param_groups()[0].lr, optimizer.param_groups()[0].momentum));
        }
        let near = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() < 1e-12 && (a.1 - b.1).abs() < 1e-12;
        assert!(near(seen[0], (0.02, 0.95)) && near(seen[2], (0.5, 0.85)) && near(seen[9], (2e-6, 0.95)), "{seen:?}");
        assert_eq!(seen[9], seen[20], "the end stays");
    }

    #[test]
    fn each_group_keeps_its_own_base() {
        let (a, b) = (Linear::new(1, 1), Linear::new(1, 1));
        let mut optimizer = Sgd::new(a.parameters(), 0.1).group(b.parameters(), 1.0);
        StepLR::new(1).gamma(0.5).apply(&mut optimizer, 3);
        assert_eq!(optimizer.param_groups().iter().map(|g| g.lr).collect::<Vec<_>>(), [0.0125, 0.125]);
    }

    #[test]
    fn zero_lengths_do_not_divide_by_zero() {
        let schedules: [Box<dyn Schedule>; 5] = [
            Box::new(StepLR::new(0)),
            Box::new(CosineAnnealingLR::new(0)),
            Box::new(LinearLR::new(0.1, 0)),
            Box::new(PolynomialLR::new(0)),
            Box::new(OneCycleLR::new(0.1, 0)),
        ];
        for schedule in schedules {
            assert!((0..5).all(|step| schedule.lr(0.1, step).is_finite()));
        }
    }
}
