//! A rate that falls where nothing improves.

/// PyTorch's `ReduceLROnPlateau` in the mode `min` with a relative threshold: the rate is multiplied by a factor where a number, such as the
/// validation loss, has not become smaller for some epochs. It is no [`Schedule`](super::Schedule): the rate depends on what came out.
///
/// ```
/// use layers::optim::ReduceLROnPlateau;
/// let mut plateau = ReduceLROnPlateau::new().factor(0.5).patience(0);
/// plateau.step(2.0);
/// assert_eq!(plateau.lr(0.1), 0.1);
/// plateau.step(3.0);
/// assert_eq!(plateau.lr(0.1), 0.05);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReduceLROnPlateau {
    factor: f64,
    patience: u64,
    threshold: f64,
    cooldown: u64,
    min_lr: f64,
    eps: f64,
    state: PlateauState,
}

/// What a [`ReduceLROnPlateau`] remembers, under PyTorch's names.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PlateauState {
    /// The smallest number so far that was an improvement; none before the first.
    pub best: Option<f64>,
    /// The steps since then.
    pub num_bad_epochs: u64,
    /// The steps in which nothing is counted.
    pub cooldown_counter: u64,
    /// How often the rate was multiplied. PyTorch keeps the rates themselves.
    pub reductions: u64,
}

impl Default for ReduceLROnPlateau {
    fn default() -> Self {
        Self::new()
    }
}

impl ReduceLROnPlateau {
    /// With PyTorch's defaults: a tenth after more than 10 steps without an improvement of a ten-thousandth.
    pub fn new() -> Self {
        ReduceLROnPlateau {
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
            state: PlateauState::default(),
        }
    }

    /// What the rate is multiplied by, below 1.
    pub fn factor(self, factor: f64) -> Self {
        ReduceLROnPlateau { factor, ..self }
    }

    /// The steps without an improvement that are put up with.
    pub fn patience(self, patience: u64) -> Self {
        ReduceLROnPlateau { patience, ..self }
    }

    /// The share by which a number must be smaller to be an improvement.
    pub fn threshold(self, threshold: f64) -> Self {
        ReduceLROnPlateau { threshold, ..self }
    }

    /// The steps after a reduction in which none is counted as without improvement.
    pub fn cooldown(self, cooldown: u64) -> Self {
        ReduceLROnPlateau { cooldown, ..self }
    }

    /// The least rate.
    pub fn min_lr(self, min_lr: f64) -> Self {
        ReduceLROnPlateau { min_lr, ..self }
    }

    /// The least change of a rate; smaller ones are left out.
    pub fn eps(self, eps: f64) -> Self {
        ReduceLROnPlateau { eps, ..self }
    }

    /// Goes on from what another one remembered.
    pub fn resume(self, state: PlateauState) -> Self {
        ReduceLROnPlateau { state, ..self }
    }

    /// What it remembers.
    pub fn state(&self) -> PlateauState {
        self.state
    }

    /// Takes an epoch's number, of which smaller is better.
    pub fn step(&mut self, metric: f64) {
        let state = &mut self.state;
        if metric < state.best.map_or(f64::INFINITY, |best| best * (1.0 - self.threshold)) {
            (state.best, state.num_bad_epochs) = (Some(metric), 0);
        } else {
            state.num_bad_epochs += 1;
        }
        if state.cooldown_counter > 0 {
            state.cooldown_counter -= 1;
            state.num_bad_epochs = 0;
        }
        if state.num_bad_epochs > self.patience {
            state.reductions += 1;
            state.cooldown_counter = self.cooldown;
            state.num_bad_epochs = 0;
        }
    }

    /// The rate for the next epoch, where it was `base` at first.
    pub fn lr(&self, base: f64) -> f64 {
        let reduced = |lr: f64| (lr * self.factor).max(self.min_lr);
        let mut lr = base;
        for _ in 0..self.state.reductions {
            if lr - reduced(lr) <= self.eps {
                break;
            }
            lr = reduced(lr);
        }
        lr
    }
}
