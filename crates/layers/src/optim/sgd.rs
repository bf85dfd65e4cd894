//! Stochastic gradient descent.

use autograd::Parameter;
use tensor::{
    Tensor,
    ops::optim::{SgdStep, sgd_step},
};

use super::{ParamGroup, RuleOptimizer, State, UpdateRule, optimizer::zeros_at_first};

/// Stochastic gradient descent with momentum: PyTorch's `SGD`.
///
/// ```
/// use layers::{Linear, ModuleExt, optim::Sgd};
/// let (body, head) = (Linear::new(4, 4), Linear::new(4, 2));
/// let optimizer = Sgd::new(body.parameters(), 0.001).group(head.parameters(), 0.01).momentum(0.9).weight_decay(1e-4);
/// ```
pub type Sgd = RuleOptimizer<SgdRule>;

/// The rule of [`Sgd`].
#[derive(Debug, Clone, Copy, Default)]
pub struct SgdRule {
    dampening: f64,
    nesterov: bool,
}

impl Sgd {
    /// Plain gradient descent: no momentum, no decay.
    pub fn new(parameters: Vec<Parameter>, lr: f64) -> Self {
        Self::with_rule(SgdRule::default(), parameters, lr)
    }

    /// The share of the last direction that is kept.
    pub fn momentum(self, momentum: f64) -> Self {
        self.for_all_groups(|group| group.momentum = momentum)
    }

    /// The L2 penalty.
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        self.for_all_groups(|group| group.weight_decay = weight_decay)
    }

    /// The share of the gradient that stays out of the momentum.
    pub fn dampening(mut self, dampening: f64) -> Self {
        self.rule.dampening = dampening;
        self
    }

    /// Whether steps look ahead along the momentum, which needs a momentum and no dampening.
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.rule.nesterov = nesterov;
        self
    }
}

impl UpdateRule for SgdRule {
    const NAME: &'static str = "SGD";
    const STATE: &'static [&'static str] = &["momentum_buffer"];

    fn check(&self, group: &ParamGroup) -> Result<(), String> {
        if self.nesterov && (group.momentum == 0.0 || self.dampening != 0.0) {
            return Err("nesterov needs a momentum and zero dampening".to_string());
        }
        Ok(())
    }

    fn update(&self, group: &ParamGroup, parameter: &mut Tensor, grad: &Tensor, state: &mut State) -> tensor::Result<()> {
        let [buffer, _] = &mut state.tensors;
        let step = SgdStep {
            lr: group.lr,
            momentum: group.momentum,
            dampening: self.dampening,
            weight_decay: group.weight_decay,
            nesterov: self.nesterov,
            first: buffer.is_none(),
        };
        let buffer = if group.momentum == 0.0 { None } else { Some(zeros_at_first(buffer, parameter)?) };
        sgd_step(parameter, grad, buffer, &step)
    }
}
