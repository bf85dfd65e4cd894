//! Parameters that share their settings.

use autograd::Parameter;

/// Parameters that are updated with the same settings, which may be changed between steps.
#[derive(Debug, Clone)]
pub struct ParamGroup {
    parameters: Vec<Parameter>,
    /// The learning rate.
    pub lr: f64,
    /// The learning rate that schedules start from.
    pub initial_lr: f64,
    /// The momentum; Adam's beta1.
    pub momentum: f64,
    /// The weight decay.
    pub weight_decay: f64,
}

impl ParamGroup {
    pub(super) fn new(parameters: Vec<Parameter>, lr: f64) -> Self {
        ParamGroup { parameters, lr, initial_lr: lr, momentum: 0.0, weight_decay: 0.0 }
    }

    /// Another group with the same settings but for the learning rate.
    pub(super) fn like(&self, parameters: Vec<Parameter>, lr: f64) -> Self {
        ParamGroup { parameters, lr, initial_lr: lr, ..*self }
    }

    /// The parameters.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The settings by name, as they are saved.
    pub(super) fn settings(&mut self) -> [(&'static str, &mut f64); 4] {
        [
            ("lr", &mut self.lr),
            ("initial_lr", &mut self.initial_lr),
            ("momentum", &mut self.momentum),
            ("weight_decay", &mut self.weight_decay),
        ]
    }

    /// Why the settings make no sense, if so.
    pub(super) fn check(&self) -> Result<(), String> {
        let ParamGroup { lr, momentum, weight_decay, .. } = *self;
        for (name, value) in [("learning rate", lr), ("momentum", momentum), ("weight decay", weight_decay)] {
            if value < 0.0 || !value.is_finite() {
                return Err(format!("{name} {value} is not a number of at least 0"));
            }
        }
        Ok(())
    }
}
