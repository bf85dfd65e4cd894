//! The models by name.

use layers::suggest::did_you_mean;

use crate::{Error, Model, Result, key_layout::KeyLayout};

/// What the published weights were trained to tell apart: ImageNet's classes.
pub const IMAGENET_CLASSES: usize = 1000;

/// One model of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// torchvision's name, such as `resnet18`.
    pub name: &'static str,
    /// The family it belongs to, such as `ResNet`.
    pub family: &'static str,
    /// Makes one with this number of classes and random weights.
    build: fn(usize) -> Box<dyn Model>,
}

/// The families in torchvision's order.
const FAMILIES: &[&[Entry]] = &[
    crate::alexnet::MODELS,
    crate::vgg::MODELS,
    crate::resnet::MODELS,
    crate::squeezenet::MODELS,
    crate::densenet::MODELS,
    crate::inception_v3::MODELS,
    crate::googlenet::MODELS,
    crate::shufflenet_v2::MODELS,
    crate::mobilenet_v2::MODELS,
    crate::mobilenet_v3::MODELS,
    crate::mnasnet::MODELS,
    crate::efficientnet::MODELS,
    crate::convnext::MODELS,
];

/// Every model, family by family.
pub fn models() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.iter().copied().flatten()
}

/// The name of every model, family by family.
pub fn names() -> impl Iterator<Item = &'static str> {
    models().map(|entry| entry.name)
}

/// The model of this name.
///
/// # Errors
/// Where there is none.
pub fn find(name: &str) -> Result<&'static Entry> {
    models().find(|entry| entry.name == name).ok_or_else(|| {
        let hint = did_you_mean(name, names()).unwrap_or_else(|| "no name is near".to_string());
        Error::UnknownModel { name: name.to_string(), hint }
    })
}

/// A model with random weights.
///
/// ```
/// let model = zoo::build("resnet18", 10)?;
/// assert_eq!((model.arch(), model.num_classes()), ("resnet18", 10));
/// assert!(zoo::build("resnet81", 10).is_err_and(|e| e.to_string().contains("did you mean resnet18?")));
/// # Ok::<(), zoo::Error>(())
/// ```
///
/// # Errors
/// Where there is no model of this name, or no class.
pub fn build(name: &str, num_classes: usize) -> Result<Box<dyn Model>> {
    find(name)?.build(num_classes)
}

impl Entry {
    pub(crate) const fn new(name: &'static str, family: &'static str, build: fn(usize) -> Box<dyn Model>) -> Self {
        Entry { name, family, build }
    }

    /// A model with random weights.
    ///
    /// # Errors
    /// Where there is no class.
    pub fn build(&self, num_classes: usize) -> Result<Box<dyn Model>> {
        if num_classes == 0 {
            return Err(Error::NoClasses { arch: self.name });
        }
        Ok((self.build)(num_classes))
    }

    /// The keys and shapes of its state dict.
    pub(crate) fn key_layout(&self) -> KeyLayout {
        KeyLayout::of(self.build)
    }
}

/// Writes, for each model of a family, a function that makes it with [`Weights`](crate::Weights), and the family's part of the
/// registry. The family's type has `new(arch, &config, num_classes)`, or `new(arch, num_classes)` where there is one size.
macro_rules! family {
    ($family:literal: $model:ident { $($(#[$doc:meta])+ $name:ident $(=> $config:expr)?,)+ }) => {
        $(
            $(#[$doc])+
            ///
            /// # Errors
            /// Where the weights cannot be had or read.
            pub fn $name(weights: impl Into<$crate::Weights>) -> $crate::Result<$model> {
                $crate::weights::with_weights(stringify!($name), |classes| $model::new(stringify!($name), $(&$config,)? classes), weights.into())
            }
        )+

        pub(crate) const MODELS: &[$crate::registry::Entry] =
            &[$($crate::registry::Entry::new(stringify!($name), $family, |classes| Box::new($model::new(stringify!($name), $(&$config,)? classes)))),+];
    };
}
pub(crate) use family;

#[cfg(test)]
mod tests {
    use layers::ModuleExt;
    use tensor::Shape;

    use super::*;

    /// The keys and shapes of a state dict, without drawing a parameter.
    fn shapes(model: &dyn Model) -> Vec<(String, Shape)> {
        model.named_tensors().into_iter().map(|(key, slot)| (key, slot.shape())).collect()
    }

    #[test]
    fn names_are_unique_and_each_builds_what_it_says() {
        let mut seen = std::collections::HashSet::new();
        for entry in models() {
            assert!(seen.insert(entry.name), "{} is listed twice", entry.name);
            let model = entry.build(7).unwrap();
            assert_eq!((model.arch(), model.num_classes()), (entry.name, 7));
        }
    }

    #[test]
    fn a_new_classifier_has_the_classes_asked_for_and_leaves_the_rest() {
        for entry in models() {
            let mut model = entry.build(7).unwrap();
            let before = shapes(&model);
            model.reset_classifier(3);
            assert_eq!(model.num_classes(), 3);
            let after = shapes(&model);
            let changed: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).map(|(before, _)| before).collect();
            assert_eq!(before.len(), after.len());
            assert!(!changed.is_empty() && changed.len() <= 6, "{}: {changed:?}", entry.name);
        }
    }

    #[test]
    fn an_unknown_name_gets_one_line_with_what_it_could_have_been() {
        let message = |name: &str| build(name, 10).err().unwrap().to_string();
        assert!(message("resnet81").starts_with("unknown model resnet81: did you mean resnet18?"));
        assert!(message("wideresnet50").contains("did you mean wide_resnet50_2?"), "{}", message("wideresnet50"));
        assert!(message("q").starts_with("unknown model q: no name is near"));
    }

    #[test]
    fn no_class_is_an_error() {
        assert_eq!(build("resnet18", 0).err().unwrap().to_string(), "resnet18: a model needs at least one class");
    }
}
