//! `convoy train`: fine-tunes a model and saves it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::train::{Data, Settings, fit};
use anyhow::bail;
use datasets::{Dataset, Split};
use layers::ModuleExt;
use tensor::random::manual_seed;
use zoo::checkpoint::{Format, Metadata};
use zoo::{Model, Weights};

use crate::args::{TrainArgs, WeightsArg};
use crate::classifier::DATASET_KEY;
use crate::progress::Report;
use crate::source::Source;
use crate::stderr;

const DEFAULT_MODEL: &str = "resnet18";

pub fn run(args: &TrainArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let settings = settings(args);
    settings.check()?;
    let source = Source::choose(&args.dataset);
    let data =
        Data { train: source.open(Split::Train)?, test: source.open(Split::Test)?, transform: Arc::new(source.preset().transform()?) };
    manual_seed(args.seed);
    let model = starting_model(args, num_classes(args, &source, &*data.train)?)?;
    for pattern in &args.freeze {
        model.freeze(pattern)?;
    }
    let path = args.out.clone().unwrap_or_else(|| default_path(&*model, &source));
    check_writable(&path)?;

    let pictures = settings.limit_batches.map_or(data.train.len(), |limit| data.train.len().min(limit.saturating_mul(settings.batch_size)));
    args.precision.run(|| fit(&*model, &data, &settings, &mut Report::new(out, pictures + data.test.len())))?;
    zoo::save(&path, &*model, &metadata(&source, &*data.train)?)?;
    Ok(writeln!(out, "Model saved: {}", path.display())?)
}

fn settings(args: &TrainArgs) -> Settings {
    Settings {
        epochs: args.epochs,
        batch_size: args.batch_size,
        optimizer: args.optimizer.into(),
        learning_rate: args.lr,
        momentum: args.momentum,
        weight_decay: args.weight_decay,
        seed: args.seed,
        print_freq: args.print_freq,
        limit_batches: args.limit_batches,
    }
}

/// The outputs of the model: as many as asked for, but no fewer than the data set has classes.
fn num_classes(args: &TrainArgs, source: &Source, dataset: &dyn Dataset) -> anyhow::Result<usize> {
    let classes = dataset.classes().len();
    match args.num_classes {
        Some(wanted) if wanted < classes => {
            bail!("--num-classes {wanted}: {} has {classes} classes, and the model needs an output for each", source.name())
        }
        wanted => Ok(wanted.unwrap_or(classes)),
    }
}

/// The model with the weights that it starts from, and a fresh head where they have another number of classes.
fn starting_model(args: &TrainArgs, num_classes: usize) -> anyhow::Result<Box<dyn Model>> {
    let name = args.model.as_deref();
    let default = if args.weights == WeightsArg::Bundled { zoo::BUNDLED } else { DEFAULT_MODEL };
    let weights = match &args.weights {
        WeightsArg::None => Weights::None,
        WeightsArg::Auto => imagenet_weights(name.unwrap_or(default))?,
        WeightsArg::Bundled => Weights::Bundled,
        WeightsArg::File(path) => Weights::File(path.clone()),
    };
    match (name, &weights) {
        (None, Weights::File(path)) => {
            let (mut model, _) = zoo::load(path)?;
            if model.num_classes() != num_classes {
                model.reset_classifier(num_classes);
            }
            Ok(model)
        }
        (name, weights) => Ok(zoo::create(name.unwrap_or(default), weights, num_classes)?),
    }
}

/// ImageNet's weights where PyTorch's cache has them, which is checked, else random ones, which is said.
fn imagenet_weights(name: &str) -> anyhow::Result<Weights> {
    zoo::registry::find(name)?;
    let Some((published, path)) = hub::find_published(name, None).zip(zoo::cached(name)) else {
        let get = format!("`cargo xtask fetch-data --weights {name}` gets them");
        stderr::note(&format!("no ImageNet weights of {name} in PyTorch's cache ({get}): starting from random ones"));
        return Ok(Weights::None);
    };
    published.checks().verify(&path)?;
    stderr::note(&format!("starting from ImageNet's weights in {}", path.display()));
    Ok(Weights::File(path))
}

fn default_path(model: &dyn Model, source: &Source) -> PathBuf {
    format!("{}_{}_classifier.pth", model.arch(), source.name()).into()
}

/// Finds out before the training whether its result can be saved.
fn check_writable(path: &Path) -> anyhow::Result<()> {
    Format::from_path(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let metadata = fs::metadata(folder).map_err(|error| anyhow::anyhow!("{}: cannot be saved there: {error}", path.display()))?;
    if !metadata.is_dir() || path.is_dir() {
        bail!("{}: cannot be saved there: not a file in a folder", path.display());
    }
    Ok(())
}

/// What rides along in the saved file.
fn metadata(source: &Source, dataset: &dyn Dataset) -> anyhow::Result<Metadata> {
    let mut metadata = Metadata {
        classes: Some(dataset.classes().to_vec()),
        preprocessing: Some(serde_json::to_value(source.preset())?),
        ..Metadata::default()
    };
    metadata.other.insert(DATASET_KEY.to_owned(), source.name().into());
    Ok(metadata)
}
