//! Adam and AdamW.

use autograd::Parameter;
use tensor::{
    Tensor,
    ops::optim::{AdamStep, adam_step},
};

use super::{ParamGroup, RuleOptimizer, State, UpdateRule, optimizer::zeros_at_first};

/// PyTorch's `Adam` (Kingma and Ba, "Adam: a method for stochastic optimization", 2015); weight decay is an L2 penalty.
pub type Adam = RuleOptimizer<AdamRule<false>>;

/// PyTorch's `AdamW` (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019); weight decay shrinks the parameters,
/// by 0.01 of the learning rate by default.
pub type AdamW = RuleOptimizer<AdamRule<true>>;

/// The rule of [`Adam`] and, with decoupled decay, of [`AdamW`].
#[derive(Debug, Clone, Copy)]
pub struct AdamRule<const DECOUPLED: bool> {
    beta2: f64,
    eps: f64,
}

impl<const DECOUPLED: bool> RuleOptimizer<AdamRule<DECOUPLED>> {
    /// With PyTorch's defaults: betas 0.9 and 0.999, eps 1e-8.
    pub fn new(parameters: Vec<Parameter>, lr: f64) -> Self {
        let weight_decay = if DECOUPLED { 0.01 } else { 0.0 };
        Self::with_rule(AdamRule { beta2: 0.0, eps: 1e-8 }, parameters, lr).betas(0.9, 0.999).weight_decay(weight_decay)
    }

    /// The shares of the running means of the gradient and of its square that are kept.
    pub fn betas(mut self, beta1: f64, beta2: f64) -> Self {
        self.rule.beta2 = beta2;
        self.for_all_groups(|group| group.momentum = beta1)
    }

    /// What is added to the denominator.
    pub fn eps(mut self, eps: f64) -> Self {
        self.rule.eps = eps;
        self
    }

    /// The weight decay.
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        self.for_all_groups(|group| group.weight_decay = weight_decay)
    }
}

impl<const DECOUPLED: bool> UpdateRule for AdamRule<DECOUPLED> {
    const NAME: &'static str = if DECOUPLED { "AdamW" } else { "Adam" };
    const STATE: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    fn check(&self, group: &ParamGroup) -> Result<(), String> {
        let betas = [group.momentum, self.beta2];
        if betas.iter().all(|beta| (0.0..1.0).contains(beta)) {
            return Ok(());
        }
        Err(format!("betas {betas:?} must be at least 0 and below 1"))
    }

    fn update(&self, group: &ParamGroup, parameter: &mut Tensor, grad: &Tensor, state: &mut State) -> tensor::Result<()> {
        let step = AdamStep {
            lr: group.lr,
            beta1: group.momentum,
            beta2: self.beta2,
            eps: self.eps,
            weight_decay: group.weight_decay,
            decoupled: DECOUPLED,
            step: state.step,
        };
        let [mean, square] = &mut state.tensors;
        let (mean, square) = (zeros_at_first(mean, parameter)?, zeros_at_first(square, parameter)?);
        adam_step(parameter, grad, mean, square, &step)
    }
}
