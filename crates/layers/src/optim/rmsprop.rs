//! RMSprop.

use autograd::Parameter;
use tensor::{
    Tensor,
    ops::optim::{RmspropStep, rmsprop_step},
};

use super::{ParamGroup, RuleOptimizer, State, UpdateRule, optimizer::zeros_at_first};

/// PyTorch's `RMSprop` (Hinton, "Neural networks for machine learning", lecture 6, 2012), not centred.
pub type RMSprop = RuleOptimizer<RMSpropRule>;

/// The rule of [`RMSprop`].
#[derive(Debug, Clone, Copy)]
pub struct RMSpropRule {
    alpha: f64,
    eps: f64,
}

impl RMSprop {
    /// With PyTorch's defaults: alpha 0.99, eps 1e-8, no momentum.
    pub fn new(parameters: Vec<Parameter>, lr: f64) -> Self {
        Self::with_rule(RMSpropRule { alpha: 0.99, eps: 1e-8 }, parameters, lr)
    }

    /// The share of the running mean of the squared gradient that is kept.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.rule.alpha = alpha;
        self
    }

    /// What is added to the denominator.
    pub fn eps(mut self, eps: f64) -> Self {
        self.rule.eps = eps;
        self
    }

    /// The share of the last direction that is kept.
    pub fn momentum(self, momentum: f64) -> Self {
        self.for_all_groups(|group| group.momentum = momentum)
    }

    /// The L2 penalty.
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        self.for_all_groups(|group| group.weight_decay = weight_decay)
    }
}

impl UpdateRule for RMSpropRule {
    const NAME: &'static str = "RMSprop";
    const STATE: &'static [&'static str] = &["square_avg", "momentum_buffer"];

    fn check(&self, _: &ParamGroup) -> Result<(), String> {
        if self.alpha >= 0.0 && self.eps >= 0.0 { Ok(()) } else { Err("alpha and eps must be at least 0".to_string()) }
    }

    fn update(&self, group: &ParamGroup, parameter: &mut Tensor, grad: &Tensor, state: &mut State) -> tensor::Result<()> {
        let (lr, momentum, weight_decay) = (group.lr, group.momentum, group.weight_decay);
        let step = RmspropStep { lr, alpha: self.alpha, eps: self.eps, weight_decay, momentum };
        let [square, buffer] = &mut state.tensors;
        let square = zeros_at_first(square, parameter)?;
        let buffer = if momentum == 0.0 { None } else { Some(zeros_at_first(buffer, parameter)?) };
        rmsprop_step(parameter, grad, square, buffer, &step)
    }
}
