//! What a training starts from, and whether its result can be saved.

use std::fs;
use std::path::Path;

use anyhow::bail;
use train::run::Config;
use zoo::checkpoint::Format;
use zoo::{Model, Weights};

use super::Subjects;
use crate::args::WeightsArg;
use crate::stderr;

const DEFAULT_MODEL: &str = "resnet18";

/// The model with the weights that it starts from, and a fresh head where they have another number of classes. Writes down what was
/// chosen. A run that is resumed brings its weights along.
pub fn starting_model(config: &mut Config, subjects: &Subjects, resumed: bool) -> anyhow::Result<Box<dyn Model>> {
    let num_classes = num_classes(config, subjects)?;
    let name = config.model.name.as_deref();
    let Ok(arg) = config.model.weights.parse::<WeightsArg>();
    let default = if arg == WeightsArg::Bundled { zoo::BUNDLED } else { DEFAULT_MODEL };
    let weights = match arg {
        _ if resumed => Weights::None,
        WeightsArg::None => Weights::None,
        WeightsArg::Auto => imagenet_weights(name.unwrap_or(default))?,
        WeightsArg::Bundled => Weights::Bundled,
        WeightsArg::File(path) => Weights::File(path),
    };
    let model = match (name, &weights) {
        (None, Weights::File(path)) => {
            let (mut model, _) = zoo::load(path)?;
            if model.num_classes() != num_classes {
                model.reset_classifier(num_classes);
            }
            model
        }
        (name, weights) => zoo::create(name.unwrap_or(default), weights, num_classes)?,
    };
    if !resumed {
        config.model.weights = weights_arg(&weights).to_string();
    }
    config.model.name = Some(model.arch().to_owned());
    config.model.num_classes = Some(num_classes);
    Ok(model)
}

/// How the command line names weights that have been chosen.
fn weights_arg(weights: &Weights) -> WeightsArg {
    match weights {
        Weights::File(path) => WeightsArg::File(path.clone()),
        Weights::Bundled => WeightsArg::Bundled,
        _ => WeightsArg::None,
    }
}

/// The outputs of the model: as many as asked for, but no fewer than the data set has classes.
fn num_classes(config: &Config, subjects: &Subjects) -> anyhow::Result<usize> {
    let classes = subjects.data.train.classes().len();
    match config.model.num_classes {
        Some(wanted) if wanted < classes => {
            bail!("--num-classes {wanted}: {} has {classes} classes, and the model needs an output for each", subjects.name)
        }
        wanted => Ok(wanted.unwrap_or(classes)),
    }
}

/// ImageNet's weights where PyTorch's cache has them, which is checked, else random ones, which is said.
fn imagenet_weights(name: &str) -> anyhow::Result<Weights> {
    zoo::registry::find(name)?;
    let Some((published, path)) = hub::find_published(name, None).zip(zoo::cached(name)) else {
        let get = format!("`cargo xtask fetch-data --weights {name}` gets them");
        stderr::warn(&format!("no ImageNet weights of {name} in PyTorch's cache ({get}): starting from random ones"));
        return Ok(Weights::None);
    };
    published.checks().verify(&path)?;
    stderr::note(&format!("starting from ImageNet's weights in {}", path.display()));
    Ok(Weights::File(path))
}

/// Finds out before the training whether its result can be saved.
pub fn check_writable(path: &Path) -> anyhow::Result<()> {
    Format::from_path(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let metadata = fs::metadata(folder).map_err(|error| anyhow::anyhow!("{}: cannot be saved there: {error}", path.display()))?;
    if !metadata.is_dir() || path.is_dir() {
        bail!("{}: cannot be saved there: not a file in a folder", path.display());
    }
    Ok(())
}
