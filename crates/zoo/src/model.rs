//! What the networks of this crate have in common.

use layers::{CrossEntropyLoss, Mode, Module, ModuleExt, Result, Sequential, Var};
use tensor::Tensor;

/// A network that classifies pictures: `[N, 3, H, W]` to logits `[N, num_classes]`.
pub trait Model: Module {
    /// Its name in the registry, such as `resnet18`.
    fn arch(&self) -> &'static str;

    /// The number of logits.
    fn num_classes(&self) -> usize;

    /// Replaces the classifier by a fresh one for `num_classes` classes; the rest of the network keeps what it learned.
    fn reset_classifier(&mut self, num_classes: usize);

    /// Height and width of the pictures that the published weights were trained on, in pixels.
    fn input_size(&self) -> usize {
        224
    }

    /// The logits of a batch in training mode, with those of auxiliary classifiers where the network has some.
    ///
    /// # Errors
    /// Where the pictures do not fit.
    fn training_outputs(&self, x: &Var) -> Result<TrainingOutputs> {
        Ok(TrainingOutputs { logits: self.forward(x, Mode::Train)?, auxiliary: Vec::new(), auxiliary_share: 0.0 })
    }

    /// The loss of a batch in training mode, with the shares of auxiliary classifiers where the network has some.
    ///
    /// # Errors
    /// Where the pictures or the targets do not fit.
    fn training_loss(&self, x: &Var, targets: &Tensor, criterion: &CrossEntropyLoss) -> Result<Var> {
        self.training_outputs(x)?.loss(|logits| criterion.forward(logits, targets))
    }

    /// Sets the probability of the dropout before the classifier, where there is one.
    fn set_dropout(&mut self, _p: f64) {}

    /// Whether the network takes pictures normalised as for other networks and maps them to -1 to 1 itself: `transform_input` of
    /// torchvision's Inception networks, which their published weights expect.
    fn transform_input(&self) -> bool {
        false
    }

    /// Switches [`transform_input`](Model::transform_input), where the network has it.
    fn set_transform_input(&mut self, _on: bool) {}

    /// The names of the auxiliary classifiers that networks of this kind may have: they serve training alone, and a checkpoint may
    /// lack them.
    fn auxiliary(&self) -> &'static [&'static str] {
        &[]
    }

    /// Takes the auxiliary classifiers off: `aux_logits=False` of torchvision.
    fn remove_auxiliary(&mut self) {}

    /// Sets what torchvision sets where it loads published weights.
    fn adapt_to_published(&mut self) {}
}

/// What a network gives for a batch while it is trained.
#[derive(Debug, Clone)]
pub struct TrainingOutputs {
    /// The logits, `[N, num_classes]`.
    pub logits: Var,
    /// Those of each auxiliary classifier.
    pub auxiliary: Vec<Var>,
    /// How much the loss of an auxiliary classifier counts beside that of the logits.
    pub auxiliary_share: f64,
}

impl TrainingOutputs {
    /// The loss of the logits plus the share of each auxiliary classifier's, where `criterion` tells that of logits.
    ///
    /// # Errors
    /// Those of the criterion.
    pub fn loss(&self, criterion: impl Fn(&Var) -> Result<Var>) -> Result<Var> {
        self.auxiliary
            .iter()
            .try_fold(criterion(&self.logits)?, |loss, logits| Ok(loss.add(&criterion(logits)?.mul_scalar(self.auxiliary_share)?)?))
    }
}

impl<M: Model + ?Sized> Model for Box<M> {
    fn arch(&self) -> &'static str {
        (**self).arch()
    }
    fn num_classes(&self) -> usize {
        (**self).num_classes()
    }
    fn reset_classifier(&mut self, num_classes: usize) {
        (**self).reset_classifier(num_classes);
    }
    fn input_size(&self) -> usize {
        (**self).input_size()
    }
    fn training_outputs(&self, x: &Var) -> Result<TrainingOutputs> {
        (**self).training_outputs(x)
    }
    fn training_loss(&self, x: &Var, targets: &Tensor, criterion: &CrossEntropyLoss) -> Result<Var> {
        (**self).training_loss(x, targets, criterion)
    }
    fn set_dropout(&mut self, p: f64) {
        (**self).set_dropout(p);
    }
    fn transform_input(&self) -> bool {
        (**self).transform_input()
    }
    fn set_transform_input(&mut self, on: bool) {
        (**self).set_transform_input(on);
    }
    fn auxiliary(&self) -> &'static [&'static str] {
        (**self).auxiliary()
    }
    fn remove_auxiliary(&mut self) {
        (**self).remove_auxiliary();
    }
    fn adapt_to_published(&mut self) {
        (**self).adapt_to_published();
    }
}

/// The output channels of the module of this name, told by its weight: 0 where there is none.
pub(crate) fn out_features(modules: &Sequential, name: &str) -> usize {
    let tensors = modules.get(name).map(ModuleExt::named_tensors).unwrap_or_default();
    tensors.first().and_then(|(_, weight)| weight.shape().first().copied()).unwrap_or(0)
}

/// Replaces the module of this name, or adds it where there is none.
pub(crate) fn put(modules: &mut Sequential, name: &str, module: impl Module) {
    if modules.get(name).is_none() {
        *modules = std::mem::take(modules).push_named(name, module);
    } else if modules.set(name, module).is_err() {
        unreachable!("the name was found above");
    }
}
