//! Exponential moving averages of a model's weights.

use layers::{ModuleExt, StateDict};
use tensor::Tensor;
use zoo::Model;

use crate::Result;

/// The averages of all floating-point parameters and buffers of a model; other buffers are those of the last update. They can change
/// places with the model's own values.
pub(crate) struct Average {
    decay: f64,
    values: Vec<Tensor>,
    in_model: bool,
}

impl Average {
    /// Starts from the model's values.
    pub fn new(model: &dyn Model, decay: f64) -> Self {
        Average { decay, values: values(model), in_model: false }
    }

    /// Moves the averages towards the model's values, by what the decay leaves.
    pub fn update(&mut self, model: &dyn Model) -> Result<()> {
        for (average, value) in self.values.iter_mut().zip(values(model)) {
            if value.dtype().is_float() {
                average.add_(&value.sub(average)?.mul_scalar(1.0 - self.decay)?)?;
            } else {
                *average = value;
            }
        }
        Ok(())
    }

    /// Puts the averages into the model, or back.
    pub fn swap(&mut self, model: &dyn Model) -> Result<()> {
        for (value, (_, slot)) in self.values.iter_mut().zip(model.named_tensors()) {
            let own = slot.value();
            slot.load(value)?;
            *value = own;
        }
        self.in_model = !self.in_model;
        Ok(())
    }

    /// Whether the model has the averages now.
    pub fn is_in_model(&self) -> bool {
        self.in_model
    }

    /// What is trained and its averages, wherever each is now.
    pub fn state_dicts(&self, model: &dyn Model) -> Result<(StateDict, StateDict)> {
        let in_model = model.state_dict()?;
        let kept = in_model.keys().zip(&self.values).map(|(name, value)| Ok((name, value.contiguous()?)));
        let kept = kept.collect::<tensor::Result<StateDict>>()?;
        Ok(if self.in_model { (kept, in_model) } else { (in_model, kept) })
    }

    /// Takes over averages of the model that [`state_dicts`](Average::state_dicts) gave.
    pub fn load(&mut self, model: &dyn Model, averages: &StateDict) -> layers::Result<()> {
        let trained = model.state_dict()?;
        model.load_state_dict(averages)?;
        self.values = values(model);
        model.load_state_dict(&trained)
    }
}

fn values(model: &dyn Model) -> Vec<Tensor> {
    model.named_tensors().iter().map(|(_, slot)| slot.value()).collect()
}
