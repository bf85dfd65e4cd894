//! One schedule after another.

use super::Schedule;

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
