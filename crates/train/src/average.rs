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

#[cfg(test)]
mod tests {
    use super::*;

    /// The first weight of a model's last layer, and the updates that a batch norm has counted.
    fn weight_and_count(state: &StateDict) -> (f64, f64) {
        let first = |name: &str| state.get(name).unwrap().to_f64_vec().unwrap()[0];
        (first("fc.weight"), first("bn1.num_batches_tracked"))
    }

    #[test]
    fn averages_move_by_what_the_decay_leaves_and_change_places() {
        let model = zoo::build("resnet18", 10).unwrap();
        let set = |weight: f64, count: i64| {
            let tensors = model.named_tensors();
            let slot = |name: &str| tensors.iter().find(|(own, _)| own == name).unwrap().1;
            slot("fc.weight").load(&Tensor::full([10, 512], weight, tensor::DType::F32).unwrap()).unwrap();
            slot("bn1.num_batches_tracked").load(&Tensor::scalar(count)).unwrap();
        };
        set(1.0, 1);
        let mut average = Average::new(&*model, 0.75);
        set(3.0, 2);
        average.update(&*model).unwrap();
        set(5.0, 3);
        average.update(&*model).unwrap();
        // 1 + (3 - 1) / 4 = 1.5, and 1.5 + (5 - 1.5) / 4 = 2.375; counters are not averaged.
        let expected = ((5.0, 3.0), (2.375, 3.0));
        let both = |average: &Average| {
            let (trained, averaged) = average.state_dicts(&*model).unwrap();
            (weight_and_count(&trained), weight_and_count(&averaged))
        };
        assert_eq!(both(&average), expected);
        average.swap(&*model).unwrap();
        assert!(average.is_in_model() && weight_and_count(&model.state_dict().unwrap()).0 == 2.375);
        assert_eq!(both(&average), expected, "wherever they are");
        average.swap(&*model).unwrap();
        assert_eq!(weight_and_count(&model.state_dict().unwrap()).0, 5.0);
    }
}
