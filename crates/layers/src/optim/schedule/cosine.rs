//! Half a cosine.

use std::f64::consts::PI;

use super::Schedule;

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

/// Half a cosine from `start` at share 0 to `end` at share 1.
pub(super) fn cosine(start: f64, end: f64, share: f64) -> f64 {
    end + (start - end) * (1.0 + (PI * share).cos()) / 2.0
}
