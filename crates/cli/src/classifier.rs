//! A trained model with what is needed to use it: its class names and its preprocessing.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use datasets::transforms::{Interpolation, Preset, Size};
use datasets::{Cifar10, Dataset, Digits, Split};
use hub::{Meter, Published};
use layers::suggest::did_you_mean;
use serde::Serialize;
use train::Prediction;
use zoo::checkpoint::{CheckpointReader, Metadata};
use zoo::{IMAGENET_CLASSES, Model, Weights};

use crate::args::{TrainedArgs, TrainedOn, TrainedWeights};
use crate::stderr;

/// Under which name a saved file's metadata has the data set it was trained on.
pub const DATASET_KEY: &str = "dataset";

/// A class that a picture may show.
#[derive(Debug, Serialize)]
pub struct Class {
    /// Its place among the model's outputs.
    pub index: usize,
    /// Its name, or its number where it has none.
    pub label: String,
    /// From 0 to 1.
    pub probability: f32,
}

/// A trained model.
pub struct Classifier {
    /// The network.
    pub model: Box<dyn Model>,
    /// The names of its classes; there may be fewer than outputs, even none.
    pub classes: Vec<String>,
    /// How a picture becomes its input.
    pub preset: Preset,
    /// The name of the data set it was trained on, where the file says so.
    pub dataset: Option<String>,
}

impl Classifier {
    /// Loads trained weights; where none are named, the published ones of the model asked for, or the bundled ones.
    pub fn load(weights: Option<&TrainedWeights>, args: &TrainedArgs) -> anyhow::Result<Self> {
        let classifier = match (weights, args.model.as_deref()) {
            (Some(TrainedWeights::File(path)), _) => Self::from_file(path, args)?,
            (None, Some(name)) if name != zoo::BUNDLED => Self::published(name, args)?,
            (Some(TrainedWeights::Bundled) | None, _) => Self::bundled(args)?,
        };
        Ok(match args.img_size {
            Some(side) => Classifier { preset: at_size(classifier.preset, side), ..classifier },
            None => classifier,
        })
    }

    fn bundled(args: &TrainedArgs) -> anyhow::Result<Self> {
        let model = zoo::create(args.model.as_deref().unwrap_or(zoo::BUNDLED), &Weights::Bundled, None)?;
        let Knowledge { classes, preset } = Knowledge::of(args.trained_on.unwrap_or(TrainedOn::Imagenet), &*model, None)?;
        Ok(Classifier { model, classes, preset, dataset: None })
    }

    fn published(name: &str, args: &TrainedArgs) -> anyhow::Result<Self> {
        zoo::registry::find(name)?;
        let mut meter = Meter::new(stderr::progress(), stderr::is_live());
        Self::from_file(&zoo::fetch_weights(name, None, &mut meter)?, args)
    }

    /// What the file does not say is taken from the arguments, or guessed, which is then said.
    fn from_file(path: &Path, args: &TrainedArgs) -> anyhow::Result<Self> {
        let checkpoint = CheckpointReader::open(path)?;
        let model = match &args.model {
            Some(name) => zoo::create(name, &Weights::File(path.to_owned()), None)?,
            None => zoo::from_checkpoint(&checkpoint)?,
        };
        let Knowledge { classes, preset } = Knowledge::gather(path, args, checkpoint.metadata(), &*model)?;
        let dataset = checkpoint.metadata().other.get(DATASET_KEY).and_then(|name| name.as_str()).map(str::to_owned);
        Ok(Classifier { model, classes, preset, dataset })
    }

    /// The class of this name or number.
    pub fn class(&self, name: &str) -> anyhow::Result<usize> {
        let outputs = self.model.num_classes();
        if let Some(class) = self.classes.iter().position(|known| known.eq_ignore_ascii_case(name)) {
            return Ok(class);
        }
        match name.parse::<usize>() {
            Ok(class) if class < outputs => Ok(class),
            Ok(_) => bail!("no class {name}: the model has {outputs}, from 0"),
            Err(_) => {
                let hint = did_you_mean(name, self.classes.iter().map(String::as_str));
                bail!("no class {name:?}: {}", hint.unwrap_or_else(|| format!("no name is near; a number below {outputs} will do, too")))
            }
        }
    }

    /// Predictions with the names of their classes.
    pub fn named(&self, top: Vec<Prediction>) -> Vec<Class> {
        let class = |Prediction { index, probability }| Class { index, label: self.label(index), probability };
        top.into_iter().map(class).collect()
    }

    /// The name of a class, or its number where it has none.
    pub fn label(&self, class: usize) -> String {
        self.classes.get(class).cloned().unwrap_or_else(|| class.to_string())
    }
}

/// What a trained model's numbers mean.
struct Knowledge {
    classes: Vec<String>,
    preset: Preset,
}

impl Knowledge {
    /// From `--trained-on`, else the file's metadata, else the file's name, else the model's outputs.
    fn gather(file: &Path, args: &TrainedArgs, metadata: &Metadata, model: &dyn Model) -> anyhow::Result<Self> {
        if let Some(trained_on) = args.trained_on {
            return Self::of(trained_on, model, Some(file));
        }
        if let (Some(classes), Some(preprocessing)) = (&metadata.classes, &metadata.preprocessing) {
            let preset = serde_json::from_value(preprocessing.clone())
                .with_context(|| format!("{}: its preprocessing is unknown to this version; use --trained-on", file.display()));
            // One line, so the cause goes into it.
            return Ok(Knowledge { classes: classes.clone(), preset: preset.map_err(|error| anyhow!("{error:#}"))? });
        }
        if published(file).is_some() {
            return Self::of(TrainedOn::Imagenet, model, Some(file));
        }
        let guess = guess(file, model.num_classes());
        let assumed = guess.map_or("class numbers and ImageNet's preprocessing".to_owned(), |guess| {
            format!("{}'s classes and preprocessing", guess.name())
        });
        stderr::warn(&format!("{} does not say what it was trained on: taking {assumed} (--trained-on)", file.display()));
        match guess {
            Some(guess) => Self::of(guess, model, Some(file)),
            None => Ok(Knowledge { classes: Vec::new(), preset: imagenet_preset(model, Some(file)) }),
        }
    }

    fn of(trained_on: TrainedOn, model: &dyn Model, file: Option<&Path>) -> anyhow::Result<Self> {
        Ok(match trained_on {
            TrainedOn::Imagenet => {
                Knowledge { classes: zoo::imagenet_categories().map(str::to_owned).collect(), preset: imagenet_preset(model, file) }
            }
            TrainedOn::Cifar10 => Knowledge { classes: Cifar10::CLASSES.map(str::to_owned).to_vec(), preset: Cifar10::preset() },
            TrainedOn::Digits => Knowledge { classes: Digits::new(Split::Test)?.classes().to_vec(), preset: Digits::preset() },
        })
    }
}

impl TrainedOn {
    fn name(self) -> &'static str {
        match self {
            TrainedOn::Imagenet => "ImageNet",
            TrainedOn::Cifar10 => "CIFAR-10",
            TrainedOn::Digits => "the digits",
        }
    }
}

/// What a model was probably trained on: as `train` names its files, else by its outputs.
fn guess(file: &Path, outputs: usize) -> Option<TrainedOn> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    match outputs {
        _ if name.ends_with("_cifar10_classifier") => Some(TrainedOn::Cifar10),
        _ if name.ends_with("_digits_classifier") => Some(TrainedOn::Digits),
        10 => Some(TrainedOn::Cifar10),
        IMAGENET_CLASSES => Some(TrainedOn::Imagenet),
        _ => None,
    }
}

/// The published weights that a file holds, told by its name.
fn published(file: &Path) -> Option<&'static Published> {
    let name = file.file_name()?;
    hub::published().iter().find(|entry| name == entry.file)
}

/// The preprocessing of the published weights in this file, else of the model's default ones.
fn imagenet_preset(model: &dyn Model, file: Option<&Path>) -> Preset {
    let Some(published) = file.and_then(published).or_else(|| hub::find_published(model.arch(), None)) else {
        return Preset::image_classification(224, 256);
    };
    let preset = published.preset;
    Preset {
        interpolation: match preset.interpolation {
            hub::Interpolation::Bilinear => Interpolation::Bilinear,
            hub::Interpolation::Bicubic => Interpolation::Bicubic,
        },
        mean: preset.mean.map(|value| value as f32),
        std: preset.std.map(|value| value as f32),
        ..Preset::image_classification(preset.crop as usize, preset.resize as usize)
    }
}

/// Height and width of the pictures after preprocessing, where it makes all of them the same size.
pub fn picture_size(preset: &Preset) -> Option<(usize, usize)> {
    match (preset.crop, preset.resize) {
        (Some(side), _) => Some((side, side)),
        (None, Some(Size::Exact { height, width })) => Some((height, width)),
        _ => None,
    }
}

/// The same preprocessing for pictures of another size, in the same proportion where a square is cut out.
pub fn at_size(preset: Preset, side: usize) -> Preset {
    match (preset.resize, preset.crop) {
        (Some(Size::Shorter(resize)), Some(crop)) => {
            let resize = (resize * side).div_ceil(crop.max(1));
            Preset { resize: Some(Size::Shorter(resize)), crop: Some(side), ..preset }
        }
        _ => Preset { resize: Some(Size::Exact { height: side, width: side }), crop: None, ..preset },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_counts_more_than_its_outputs() {
        let guess = |name: &str, outputs| guess(Path::new(name), outputs);
        assert_eq!(guess("a/resnet18_cifar10_classifier.pth", 1000), Some(TrainedOn::Cifar10));
        assert_eq!(guess("resnet18_digits_classifier.safetensors", 10), Some(TrainedOn::Digits));
        assert_eq!(guess("resnet18-f37072fd.pth", 1000), Some(TrainedOn::Imagenet));
        assert_eq!(guess("mine.pth", 10), Some(TrainedOn::Cifar10));
        assert_eq!(guess("mine.pth", 7), None);
    }

    #[test]
    fn a_published_files_preprocessing_is_its_own() {
        let model = zoo::build("resnet50", 1000).unwrap();
        let resize = |name: &str| imagenet_preset(&*model, Some(Path::new(name))).resize;
        assert_eq!(resize("resnet50-0676ba61.pth"), Some(Size::Shorter(256)));
        assert_eq!(resize("resnet50-11ad3fa6.pth"), Some(Size::Shorter(232)));
        assert_eq!(resize("mine.pth"), Some(Size::Shorter(232)));
    }

    #[test]
    fn another_size_keeps_the_proportion() {
        let preset = at_size(Preset::image_classification(224, 256), 112);
        assert_eq!((preset.resize, preset.crop), (Some(Size::Shorter(128)), Some(112)));
        let preset = at_size(Preset::square(32), 64);
        assert_eq!((preset.resize, preset.crop), (Some(Size::Exact { height: 64, width: 64 }), None));
    }
}
