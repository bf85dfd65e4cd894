//! Learning-rate schedules: the rate as a function of the steps taken.

use std::f64::consts::PI;

use super::Optimizer;

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

/// PyTorch's `StepLR`: the rate is multiplied by `gamma` every `step_size` steps.
#[derive(Debug, Clone, Copy)]
pub struct StepLR {
    step_size: u64,
    gamma: f64,
}

impl StepLR {
    /// With a gamma of 0.1.
    pub fn new(step_size: u64) -> Self {
        StepLR { step_size: step_size.max(1), gamma: 0.1 }
    }

    /// The factor.
    pub fn gamma(self, gamma: f64) -> Self {
        StepLR { gamma, ..self }
    }
}

impl Schedule for StepLR {
    fn lr(&self, base: f64, step: u64) -> f64 {
        base * self.gamma.powf((step / self.step_size) as f64)
    }
}

/// PyTorch's `CosineAnnealingLR`: from the optimiser's rate down to `eta_min` in `t_max` steps along half a cosine (Loshchilov and
/// Hutter, "SGDR", 2017).
#[derive(Debug, Clone, Copy)]
pub struct CosineAnnealingLR {
    t_max: u64,
    eta_min: f64,
}

impl CosineAnnealingLR {
    /// Down to 0.
    pub fn new(t_max: u64) -> Self {
        CosineAnnealingLR { t_max: t_max.max(1), eta_min: 0.0 }
    }

    /// The least rate.
    pub fn eta_min(self, eta_min: f64) -> Self {
        CosineAnnealingLR { eta_min, ..self }
    }
}

impl Schedule for CosineAnnealingLR {
    fn lr(&self, base: f64, step: u64) -> f64 {
        cosine(base, self.eta_min, step as f64 / self.t_max as f64)
    }
}

/// PyTorch's `LinearLR`: the rate is multiplied by a factor that goes linearly from `start_factor` to `end_factor` in `total_iters`
/// steps.
#[derive(Debug, Clone, Copy)]
pub struct LinearLR {
    start_factor: f64,
    end_factor: f64,
    total_iters: u64,
}

impl LinearLR {
    /// From this factor to 1.
    pub fn new(start_factor: f64, total_iters: u64) -> Self {
        LinearLR { start_factor, end_factor: 1.0, total_iters: total_iters.max(1) }
    }

    /// The last factor.
    pub fn end_factor(self, end_factor: f64) -> Self {
        LinearLR { end_factor, ..self }
    }
}

impl Schedule for LinearLR {
    fn lr(&self, base: f64, step: u64) -> f64 {
        let share = step.min(self.total_iters) as f64 / self.total_iters as f64;
        base * (self.start_factor + (self.end_factor - self.start_factor) * share)
    }
}

/// PyTorch's `OneCycleLR`: the rate rises to `max_lr` and falls to almost nothing along cosines, the momentum falls and rises (Smith
/// and Topin, "Super-convergence", 2018). The optimiser's own rate does not count. After `total_steps` nothing changes any more.
#[derive(Debug, Clone, Copy)]
pub struct OneCycleLR {
    max_lr: f64,
    total_steps: u64,
    pct_start: f64,
    div_factor: f64,
    final_div_factor: f64,
    momenta: Option<(f64, f64)>,
}

impl OneCycleLR {
    /// With PyTorch's defaults: 30 % of the steps rising, from a 25th of `max_lr`, down to a 10,000th of that; momentum from 0.95 to
    /// 0.85 and back.
    pub fn new(max_lr: f64, total_steps: u64) -> Self {
        let total_steps = total_steps.max(1);
        OneCycleLR { max_lr, total_steps, pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4, momenta: Some((0.85, 0.95)) }
    }

    /// The share of the steps spent rising.
    pub fn pct_start(self, pct_start: f64) -> Self {
        OneCycleLR { pct_start, ..self }
    }

    /// What `max_lr` is divided by for the first rate.
    pub fn div_factor(self, div_factor: f64) -> Self {
        OneCycleLR { div_factor, ..self }
    }

    /// What the first rate is divided by for the last.
    pub fn final_div_factor(self, final_div_factor: f64) -> Self {
        OneCycleLR { final_div_factor, ..self }
    }

    /// The least and the largest momentum; `None` to leave the optimiser's.
    pub fn momenta(self, momenta: Option<(f64, f64)>) -> Self {
        OneCycleLR { momenta, ..self }
    }

    /// A value that goes from `first` to `peak` while the rate rises, and to `last` while it falls.
    fn anneal(&self, first: f64, peak: f64, last: f64, step: u64) -> f64 {
        let end = self.total_steps as f64 - 1.0;
        let (top, step) = (self.pct_start * self.total_steps as f64 - 1.0, (step as f64).min(end));
        let share = |from: f64, to: f64| if to > from { (step - from) / (to - from) } else { 1.0 };
        if step <= top { cosine(first, peak, share(0.0, top)) } else { cosine(peak, last, share(top, end)) }
    }
}

impl Schedule for OneCycleLR {
    fn lr(&self, _base: f64, step: u64) -> f64 {
        let first = self.max_lr / self.div_factor;
        self.anneal(first, self.max_lr, first / self.final_div_factor, step)
    }

    fn momentum(&self, step: u64) -> Option<f64> {
        let (least, largest) = self.momenta?;
        Some(self.anneal(largest, least, largest, step))
    }
}

/// PyTorch's `SequentialLR`: one schedule after another, each counting from its own beginning.
///
/// ```
/// use layers::optim::{CosineAnnealingLR, LinearLR, Schedule, SequentialLR};
/// let warmup_cosine = SequentialLR::new(LinearLR::new(0.01, 3)).then(3, CosineAnnealingLR::new(7));
/// assert_eq!(warmup_cosine.lr(0.1, 0), 0.001);
/// assert_eq!(warmup_cosine.lr(0.1, 3), 0.1);
/// ```
pub struct SequentialLR {
    /// Each schedule with the step it begins at.
    schedules: Vec<(u64, Box<dyn Schedule>)>,
}

impl SequentialLR {
    /// Begins with `schedule`.
    pub fn new(schedule: impl Schedule + 'static) -> Self {
        SequentialLR { schedules: vec![(0, Box::new(schedule))] }
    }

    /// Goes on with `schedule` from the step `milestone` on.
    pub fn then(mut self, milestone: u64, schedule: impl Schedule + 'static) -> Self {
        self.schedules.push((milestone, Box::new(schedule)));
        self
    }

    /// The schedule of a step, and the steps since it began.
    fn current(&self, step: u64) -> Option<(&dyn Schedule, u64)> {
        let (start, schedule) = self.schedules.iter().rev().find(|(start, _)| *start <= step)?;
        Some((schedule.as_ref(), step - start))
    }
}

impl Schedule for SequentialLR {
    fn lr(&self, base: f64, step: u64) -> f64 {
        self.current(step).map_or(base, |(schedule, step)| schedule.lr(base, step))
    }

    fn momentum(&self, step: u64) -> Option<f64> {
        let (schedule, step) = self.current(step)?;
        schedule.momentum(step)
    }
}

/// Half a cosine from `start` at share 0 to `end` at share 1.
fn cosine(start: f64, end: f64, share: f64) -> f64 {
    end + (start - end) * (1.0 + (PI * share).cos()) / 2.0
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
        let schedules: [Box<dyn Schedule>; 4] = [
            Box::new(StepLR::new(0)),
            Box::new(CosineAnnealingLR::new(0)),
            Box::new(LinearLR::new(0.1, 0)),
            Box::new(OneCycleLR::new(0.1, 0)),
        ];
        for schedule in schedules {
            assert!((0..5).all(|step| schedule.lr(0.1, step).is_finite()));
        }
    }
}
