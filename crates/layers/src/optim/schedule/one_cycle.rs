//! The one-cycle policy.

use super::{Schedule, cosine::cosine};

/// PyTorch's `OneCycleLR`: the rate rises to `max_lr` and falls to almost nothing along cosines, the momentum falls and rises (Smith
/// and Topin, "Super-convergence", 2018). The optimiser's own rate does not count, unless made by
/// [`to_own_lr`](OneCycleLR::to_own_lr). After `total_steps` nothing changes any more.
#[derive(Debug, Clone, Copy)]
pub struct OneCycleLR {
    /// None for the optimiser's own.
    max_lr: Option<f64>,
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
        OneCycleLR { max_lr: Some(max_lr), ..Self::to_own_lr(total_steps) }
    }

    /// Each group of parameters rises to its own rate: `max_lr=[group["lr"] for group in optimizer.param_groups]`.
    pub fn to_own_lr(total_steps: u64) -> Self {
        let total_steps = total_steps.max(1);
        OneCycleLR { max_lr: None, total_steps, pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4, momenta: Some((0.85, 0.95)) }
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
    fn lr(&self, base: f64, step: u64) -> f64 {
        let max_lr = self.max_lr.unwrap_or(base);
        let first = max_lr / self.div_factor;
        self.anneal(first, max_lr, first / self.final_div_factor, step)
    }

    fn momentum(&self, step: u64) -> Option<f64> {
        let (least, largest) = self.momenta?;
        Some(self.anneal(largest, least, largest, step))
    }
}
