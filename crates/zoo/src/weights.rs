//! Which weights a model starts from, and where they are had.

use std::path::PathBuf;

use hub::Silent;

use crate::{
    Error, Model, Result,
    checkpoint::CheckpointReader,
    key_layout::KeyLayout,
    published,
    registry::{self, IMAGENET_CLASSES},
    state::{infos, load_whole},
};

/// Which weights a model starts from. Weights bring their own number of classes; without any it is ImageNet's 1000.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Weights {
    /// Random ones.
    #[default]
    None,
    /// The best that torchvision publishes, trained on ImageNet: looked for in PyTorch's cache folder, else fetched to there.
    Default,
    /// Published ones by torchvision's name, such as `IMAGENET1K_V1`.
    Named(String),
    /// Those that the program holds: ImageNet's of [`BUNDLED`], with the feature `bundled`.
    Bundled,
    /// A checkpoint file.
    File(PathBuf),
    /// A checkpoint in memory.
    Bytes(Vec<u8>),
}

/// The model whose weights [`Weights::Bundled`] are. They take torchvision's preset: resize to 256, crop of 224.
pub const BUNDLED: &str = "squeezenet1_1";

#[cfg(feature = "bundled")]
const BUNDLED_CHECKPOINT: Option<&[u8]> = Some(include_bytes!("../data/squeezenet1_1_imagenet.safetensors"));
#[cfg(not(feature = "bundled"))]
const BUNDLED_CHECKPOINT: Option<&[u8]> = None;

impl From<PathBuf> for Weights {
    fn from(path: PathBuf) -> Self {
        Weights::File(path)
    }
}

/// A model of the registry with weights, for `num_classes` classes or, where that is `None`, as many as the weights have. Where
/// the weights have another number, the classifier is a fresh one.
///
/// # Errors
/// Where there is no such model, or its weights cannot be had or read.
pub fn create(name: &str, weights: &Weights, num_classes: impl Into<Option<usize>>) -> Result<Box<dyn Model>> {
    let entry = registry::find(name)?;
    let num_classes = num_classes.into();
    if num_classes == Some(0) {
        return Err(Error::NoClasses { arch: entry.name });
    }
    let Some(checkpoint) = open(entry.name, weights)? else {
        return entry.build(num_classes.unwrap_or(IMAGENET_CLASSES));
    };
    let mut model = load_as(|classes| entry.build(classes), &entry.key_layout(), &checkpoint)?;
    if let Some(wanted) = num_classes.filter(|&wanted| wanted != model.num_classes()) {
        model.reset_classifier(wanted);
    }
    Ok(model)
}

/// The model that `new` makes for a number of classes, with weights.
pub(crate) fn with_weights<M: Model>(arch: &'static str, new: impl Fn(usize) -> M, weights: Weights) -> Result<M> {
    match open(arch, &weights)? {
        None => Ok(new(IMAGENET_CLASSES)),
        Some(checkpoint) => load_as(|classes| Ok(new(classes)), &KeyLayout::of(&new), &checkpoint),
    }
}

/// The model that `new` makes for as many classes as the checkpoint of these weights has, loaded from it.
fn load_as<M: Model>(new: impl Fn(usize) -> Result<M>, layout: &KeyLayout, checkpoint: &CheckpointReader<'_>) -> Result<M> {
    let mut model = new(layout.num_classes(&infos(checkpoint)).unwrap_or(IMAGENET_CLASSES))?;
    load_whole(&mut model, checkpoint)?;
    Ok(model)
}

/// The checkpoint that holds the weights asked for.
fn open<'a>(arch: &str, weights: &'a Weights) -> Result<Option<CheckpointReader<'a>>> {
    let checkpoint = match weights {
        Weights::None => return Ok(None),
        Weights::Default => CheckpointReader::open(published::fetch_weights(arch, None, &mut Silent)?),
        Weights::Named(name) => CheckpointReader::open(published::fetch_weights(arch, Some(name), &mut Silent)?),
        Weights::Bundled => CheckpointReader::from_bytes(bundled(arch)?, "the bundled weights"),
        Weights::File(path) => CheckpointReader::open(path),
        Weights::Bytes(bytes) => CheckpointReader::from_bytes(bytes, "weights in memory"),
    };
    Ok(Some(checkpoint?))
}

/// The bundled checkpoint of a model.
fn bundled(arch: &str) -> Result<&'static [u8]> {
    let checkpoint = BUNDLED_CHECKPOINT.filter(|_| arch == BUNDLED);
    checkpoint.ok_or_else(|| Error::NotBundled { arch: arch.to_string() })
}
