//! The layers of a model: which one is the head, and how early each is.

use autograd::Parameter;
use layers::ModuleExt;
use zoo::Model;

use crate::{Result, Settings};

/// Parameters with a learning rate of their own.
pub(crate) struct Group {
    pub parameters: Vec<Parameter>,
    pub learning_rate: f64,
}

/// The parameters in the groups that the optimiser gets: one, or one a layer with rates that rise by equal ratios to the full one at
/// the last layer, as fastai's `slice(lr * early, lr)`.
pub(crate) fn groups(model: &dyn Model, settings: &Settings) -> Vec<Group> {
    let early = settings.early_lr();
    if early == 1.0 {
        return vec![Group { parameters: model.parameters(), learning_rate: settings.learning_rate }];
    }
    let layers = layers(model);
    let last = layers.len().saturating_sub(1).max(1);
    let rate = |number: usize| settings.learning_rate * early.powf((last - number.min(last)) as f64 / last as f64);
    layers.into_iter().enumerate().map(|(number, parameters)| Group { parameters, learning_rate: rate(number) }).collect()
}

/// The parameters of each layer that has some, in order.
fn layers(model: &dyn Model) -> Vec<Vec<Parameter>> {
    let mut layers: Vec<(String, Vec<Parameter>)> = Vec::new();
    for (name, parameter) in model.named_parameters() {
        let layer = layer_of(&name);
        let parameter = Parameter::clone(parameter);
        match layers.last_mut().filter(|(last, _)| last == layer) {
            Some((_, parameters)) => parameters.push(parameter),
            None => layers.push((layer.to_owned(), vec![parameter])),
        }
    }
    layers.into_iter().map(|(_, parameters)| parameters).collect()
}

/// Sets what is trained in an epoch, counted from 1, where the settings freeze something.
///
/// # Errors
/// Where a pattern matches nothing.
pub(crate) fn set_frozen(model: &dyn Model, settings: &Settings, epoch: usize) -> Result<()> {
    match settings.unfreeze_after {
        Some(epochs) if epoch > epochs => {
            model.unfreeze("*")?;
        }
        Some(_) if settings.freeze.is_empty() => {
            model.freeze("*")?;
            model.unfreeze(&head(model))?;
        }
        _ => {
            for pattern in &settings.freeze {
                model.freeze(pattern)?;
            }
        }
    }
    Ok(())
}

/// The name of the last layer, which tells the classes apart.
fn head(model: &dyn Model) -> String {
    model.named_parameters().last().map(|(name, _)| layer_of(name).to_owned()).unwrap_or_default()
}

/// The layer that a parameter belongs to, by its name.
fn layer_of(parameter: &str) -> &str {
    parameter.rsplit_once('.').map_or(parameter, |(layer, _)| layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_layers_learn_slower_and_the_last_at_the_full_rate() {
        let model = zoo::build("alexnet", 10).unwrap();
        let settings = Settings { learning_rate: 0.1, early_lr: Some(0.0001), ..Settings::default() };
        let groups = groups(&*model, &settings);
        assert_eq!(groups.len(), 8, "AlexNet has eight layers");
        assert_eq!(groups.iter().map(|group| group.parameters.len()).sum::<usize>(), 16);
        let rates: Vec<f64> = groups.iter().map(|group| group.learning_rate).collect();
        let ratio = 0.0001f64.powf(1.0 / 7.0);
        assert!((rates[0] - 1e-5).abs() < 1e-12 && rates[7] == 0.1, "{rates:?}");
        assert!(rates.windows(2).all(|pair| (pair[0] / pair[1] - ratio).abs() < 1e-9), "{rates:?}");
    }

    #[test]
    fn the_head_is_trained_first_and_then_everything() {
        let settings = Settings { unfreeze_after: Some(2), ..Settings::default() };
        for (name, head) in [("resnet18", "fc"), ("squeezenet1_1", "classifier.1"), ("mobilenet_v2", "classifier.1")] {
            let model = zoo::build(name, 10).unwrap();
            let trained = |epoch| {
                set_frozen(&*model, &settings, epoch).unwrap();
                let parameters = model.named_parameters().into_iter();
                parameters.filter(|(_, parameter)| parameter.requires_grad()).map(|(name, _)| name).collect::<Vec<_>>()
            };
            assert_eq!(trained(2), [format!("{head}.weight"), format!("{head}.bias")]);
            assert_eq!(trained(3).len(), model.named_parameters().len());
        }
    }

    #[test]
    fn what_is_asked_to_be_frozen_is_until_it_is_unfrozen() {
        let settings = Settings { freeze: vec!["layer1.*".into(), "*.bias".into()], unfreeze_after: Some(1), ..Settings::default() };
        let model = zoo::build("resnet18", 10).unwrap();
        let weight = |name: &str| model.named_parameters().iter().find(|(own, _)| own == name).unwrap().1.requires_grad();
        set_frozen(&*model, &settings, 1).unwrap();
        assert!(!weight("layer1.0.conv1.weight") && !weight("fc.bias") && weight("layer2.0.conv1.weight"));
        set_frozen(&*model, &settings, 2).unwrap();
        assert!(weight("layer1.0.conv1.weight") && weight("fc.bias"));
    }
}
