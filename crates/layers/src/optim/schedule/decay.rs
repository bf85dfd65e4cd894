//! Schedules that lower the rate, or raise it, along simple curves.

use super::Schedule;

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

/// PyTorch's `MultiStepLR`: the rate is multiplied by `gamma` at each milestone, a number of steps.
#[derive(Debug, Clone)]
pub struct MultiStepLR {
    milestones: Vec<u64>,
    gamma: f64,
}

impl MultiStepLR {
    /// With a gamma of 0.1.
    pub fn new(milestones: impl Into<Vec<u64>>) -> Self {
        MultiStepLR { milestones: milestones.into(), gamma: 0.1 }
    }

    /// The factor.
    pub fn gamma(self, gamma: f64) -> Self {
        MultiStepLR { gamma, ..self }
    }
}

impl Schedule for MultiStepLR {
    fn lr(&self, base: f64, step: u64) -> f64 {
        let passed = self.milestones.iter().filter(|&&milestone| milestone <= step).count();
        base * self.gamma.powf(passed as f64)
    }
}

/// PyTorch's `ExponentialLR`: the rate is multiplied by `gamma` every step.
#[derive(Debug, Clone, Copy)]
pub struct ExponentialLR {
    gamma: f64,
}

impl ExponentialLR {
    /// With this factor.
    pub fn new(gamma: f64) -> Self {
        ExponentialLR { gamma }
    }
}

impl Schedule for ExponentialLR {
    fn lr(&self, base: f64, step: u64) -> f64 {
        base * self.gamma.powf(step as f64)
    }
}

/// PyTorch's `PolynomialLR`: down to 0 in `total_iters` steps, along the share of the steps that are left to the power `power`.
#[derive(Debug, Clone, Copy)]
pub struct PolynomialLR {
    total_iters: u64,
    power: f64,
}

impl PolynomialLR {
    /// Along a straight line: a power of 1.
    pub fn new(total_iters: u64) -> Self {
        PolynomialLR { total_iters: total_iters.max(1), power: 1.0 }
    }

    /// The power.
    pub fn power(self, power: f64) -> Self {
        PolynomialLR { power, ..self }
    }
}

impl Schedule for PolynomialLR {
    fn lr(&self, base: f64, step: u64) -> f64 {
        let left = self.total_iters - step.min(self.total_iters);
        base * (left as f64 / self.total_iters as f64).powf(self.power)
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
