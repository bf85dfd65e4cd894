//! Which model a checkpoint without a name is of, told from its keys and shapes.

use std::collections::HashMap;

use layers::{ModuleExt, Slot};
use tensor::Shape;

use crate::{
    Error, Model, Result,
    checkpoint::{CheckpointReader, TensorInfo},
    registry::{self, Entry},
    state::infos,
};

/// The keys and shapes of a model's state dict, and which sizes are the number of classes.
pub(crate) struct KeyLayout {
    keys: Vec<Key>,
}

struct Key {
    name: String,
    shape: Shape,
    /// The dimension that is the number of classes.
    class_dim: Option<usize>,
    /// Whether a state dict may lack it.
    optional: bool,
}

impl KeyLayout {
    /// The layout of the models that `build` makes for a number of classes. Their parameters are never drawn.
    pub(crate) fn of<M: Model>(build: impl Fn(usize) -> M) -> Self {
        let (one, two) = (build(1), build(2));
        let is_auxiliary = |key: &str| one.auxiliary().iter().any(|name| is_below(key, name));
        let key = |((name, slot), (_, other)): ((String, Slot<'_>), (String, Slot<'_>))| {
            let (shape, other) = (slot.shape(), other.shape());
            let class_dim = shape.iter().zip(other.iter()).position(|(a, b)| a != b);
            let optional = slot.is_optional() || is_auxiliary(&name);
            Key { name, shape, class_dim, optional }
        };
        KeyLayout { keys: one.named_tensors().into_iter().zip(two.named_tensors()).map(key).collect() }
    }

    /// The number of classes of a state dict of such a model.
    pub(crate) fn num_classes(&self, tensors: &[TensorInfo]) -> Option<usize> {
        let classes = |key: &Key| tensors.iter().find(|tensor| tensor.name == key.name)?.shape.get(key.class_dim?).copied();
        self.keys.iter().find_map(classes).filter(|&classes| classes > 0)
    }

    /// How many keys a state dict has in common with such a model, shapes included, and whether that is all of either.
    fn compare(&self, tensors: &[TensorInfo]) -> (usize, bool) {
        let classes = self.num_classes(tensors);
        let shapes: HashMap<&str, &[usize]> = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice())).collect();
        let fits = |key: &&Key| shapes.get(key.name.as_str()).is_some_and(|shape| key.shape_for(classes) == **shape);
        let common = self.keys.iter().filter(fits).count();
        let missing = self.keys.iter().filter(|key| !shapes.contains_key(key.name.as_str()) && !key.optional).count();
        (common, common == tensors.len() && missing == 0)
    }
}

/// Whether a key is of a tensor of the module of this name, or below it.
pub(crate) fn is_below(key: &str, module: &str) -> bool {
    key.strip_prefix(module).is_some_and(|rest| rest.starts_with('.'))
}

impl Key {
    fn shape_for(&self, classes: Option<usize>) -> Vec<usize> {
        let mut shape = self.shape.to_vec();
        if let (Some(dim), Some(classes)) = (self.class_dim, classes) {
            shape[dim] = classes;
        }
        shape
    }
}

/// The model whose state dict a checkpoint is, and its number of classes: as its metadata says, else as its keys and shapes do.
///
/// # Errors
/// Where the metadata names a model that is not in the registry, or the tensors are no model's.
pub(crate) fn identify(checkpoint: &CheckpointReader<'_>) -> Result<(&'static Entry, usize)> {
    let tensors = &infos(checkpoint);
    if let Some(arch) = &checkpoint.metadata().arch {
        let entry = registry::find(arch)?;
        return Ok((entry, entry.key_layout().num_classes(tensors).unwrap_or(registry::IMAGENET_CLASSES)));
    }
    by_keys(tensors).map_err(|nearest| Error::UnknownArch { origin: checkpoint.origin().to_string(), nearest })
}

/// The model that has these keys and shapes, and its number of classes; else which comes nearest.
fn by_keys(tensors: &[TensorInfo]) -> std::result::Result<(&'static Entry, usize), String> {
    let mut nearest = (0, 0, "");
    for entry in registry::models() {
        let layout = entry.key_layout();
        let (common, all) = layout.compare(tensors);
        if let (true, Some(classes)) = (all, layout.num_classes(tensors)) {
            return Ok((entry, classes));
        }
        nearest = nearest.max((common, layout.keys.len(), entry.name));
    }
    let (common, keys, name) = nearest;
    let is_near = 2 * common > keys;
    Err(if is_near { format!(" ({name} comes nearest: {common} of its {keys} keys fit)") } else { String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::TorchDtype;

    fn tensors(name: &str, num_classes: usize) -> Vec<TensorInfo> {
        let model = registry::build(name, num_classes).unwrap();
        let info = |(name, slot): (String, Slot<'_>)| TensorInfo { name, dtype: TorchDtype::F32, shape: slot.shape().to_vec() };
        model.named_tensors().into_iter().map(info).collect()
    }

    #[test]
    fn every_model_is_told_from_all_others_with_its_classes() {
        for name in registry::names() {
            let (entry, classes) = by_keys(&tensors(name, 17)).unwrap();
            assert_eq!((entry.name, classes), (name, 17));
        }
    }

    #[test]
    fn files_from_before_batch_counts_are_known_too() {
        let mut old = tensors("resnet18", 1000);
        old.retain(|tensor| !tensor.name.ends_with("num_batches_tracked"));
        assert_eq!(by_keys(&old).unwrap().0.name, "resnet18");
    }

    #[test]
    fn a_model_that_is_nearly_one_is_told_as_that() {
        let mut broken = tensors("resnet34", 10);
        broken.pop();
        let nearest = by_keys(&broken).err().unwrap();
        assert_eq!(nearest, " (resnet34 comes nearest: 217 of its 218 keys fit)");
        assert_eq!(by_keys(&broken[..0]).err().unwrap(), "");
    }
}
