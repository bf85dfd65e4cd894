//! `convoy export`: a model with its weights in another format.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;
use datasets::transforms::Preset;
use tensor::random::manual_seed;
use zoo::checkpoint::{CheckpointReader, Format, Metadata};
use zoo::{Model, Weights};

use crate::args::{ExportArgs, ExportFormat, InputSize, TrainedArgs, TrainedWeights, WeightsArg};
use crate::classifier::{Classifier, picture_size};
use crate::stderr;
use crate::subject::Subject;

pub fn run(args: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let format = format(args)?;
    manual_seed(args.seed);
    let Export { model, metadata, weights } = load(args)?;
    let path = args.output.clone().unwrap_or_else(|| format!("{}.{}", model.arch(), extension(format)).into());
    check_output(&path, args)?;
    match format {
        ExportFormat::Pth => zoo::save_as(&path, Format::Pth, &*model, &metadata)?,
        ExportFormat::Safetensors => zoo::save_as(&path, Format::Safetensors, &*model, &metadata)?,
        ExportFormat::Onnx => {
            let InputSize { height, width } = args.input_size.unwrap_or_else(|| trained_size(&*model, &metadata));
            zoo::onnx::save(&path, &*model, [height, width], &metadata)?;
            stderr::note(&format!("input [N, 3, {height}, {width}], output logits [N, {}]", model.num_classes()));
        }
    }
    stderr::note(&format!("{} with {weights} written as {}", model.arch(), extension(format)));
    Ok(writeln!(out, "{}", path.display())?)
}

/// What is to be written.
struct Export {
    model: Box<dyn Model>,
    metadata: Metadata,
    /// Where its weights are from, as people say it.
    weights: String,
}

fn format(args: &ExportArgs) -> anyhow::Result<ExportFormat> {
    let format = match (args.format, &args.output) {
        (Some(format), _) => format,
        (None, output) => format_of(output.as_deref().unwrap_or(Path::new("")))?,
    };
    if args.input_size.is_some() && format != ExportFormat::Onnx {
        bail!("--input-size: only onnx is written for one size of pictures");
    }
    Ok(format)
}

fn format_of(path: &Path) -> anyhow::Result<ExportFormat> {
    match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("onnx") => Ok(ExportFormat::Onnx),
        _ => match Format::from_path(path) {
            Ok(Format::Pth) => Ok(ExportFormat::Pth),
            Ok(Format::Safetensors) => Ok(ExportFormat::Safetensors),
            Err(_) => bail!("{}: end the name in .pth, .safetensors or .onnx, or give --format", path.display()),
        },
    }
}

fn extension(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Pth => "pth",
        ExportFormat::Safetensors => "safetensors",
        ExportFormat::Onnx => "onnx",
    }
}

fn load(args: &ExportArgs) -> anyhow::Result<Export> {
    match (Subject::of(&args.subject), &args.weights, &args.model) {
        (Subject::File(path), None, model) => of_file(path, model.as_deref()),
        (Subject::File(path), Some(_), _) => bail!("--weights: {} is a file, which has weights of its own", path.display()),
        (Subject::Model(name), weights, None) => of_model(name, weights.as_ref().unwrap_or(&WeightsArg::Auto)),
        (Subject::Model(name), _, Some(_)) => bail!("--model: {name} is a model already; it goes with a file"),
    }
}

/// Weights of a file, with what the file says of them.
fn of_file(path: &Path, model: Option<&str>) -> anyhow::Result<Export> {
    let checkpoint = CheckpointReader::open(path)?;
    let metadata = checkpoint.metadata().clone();
    let model = match model {
        Some(name) => zoo::create(name, &Weights::File(path.to_owned()), None)?,
        None => zoo::from_checkpoint(&checkpoint)?,
    };
    Ok(Export { model, metadata, weights: format!("the weights of {}", path.display()) })
}

fn of_model(name: &str, weights: &WeightsArg) -> anyhow::Result<Export> {
    match weights {
        WeightsArg::File(path) => of_file(path, Some(name)),
        WeightsArg::None => {
            let model = zoo::create(name, &Weights::None, None)?;
            Ok(Export { model, metadata: Metadata::default(), weights: "random weights".to_owned() })
        }
        WeightsArg::Bundled => of_imagenet(name, Some(&TrainedWeights::Bundled)),
        WeightsArg::Auto => of_imagenet(name, None),
    }
}

/// ImageNet's weights as `predict` takes them, with its classes and preprocessing.
fn of_imagenet(name: &str, weights: Option<&TrainedWeights>) -> anyhow::Result<Export> {
    let args = TrainedArgs { model: Some(name.to_owned()), trained_on: None, img_size: None };
    let Classifier { model, classes, preset, .. } = Classifier::load(weights, &args)?;
    let metadata = Metadata { classes: Some(classes), preprocessing: Some(serde_json::to_value(preset)?), ..Metadata::default() };
    Ok(Export { model, metadata, weights: "ImageNet's weights".to_owned() })
}

/// The size of the pictures that the weights were trained on, as far as that is known.
fn trained_size(model: &dyn Model, metadata: &Metadata) -> InputSize {
    let preset = metadata.preprocessing.clone().and_then(|preset| serde_json::from_value::<Preset>(preset).ok());
    let side = model.input_size();
    let (height, width) = preset.as_ref().and_then(picture_size).unwrap_or((side, side));
    InputSize { height, width }
}

/// An error where a file would be written over itself.
fn check_output(path: &Path, args: &ExportArgs) -> anyhow::Result<()> {
    let source = match (Subject::of(&args.subject), &args.weights) {
        (Subject::File(path), _) => Some(path),
        (_, Some(WeightsArg::File(path))) => Some(path.as_path()),
        _ => None,
    };
    let place = |path: &Path| -> Option<PathBuf> { path.canonicalize().ok() };
    if source.and_then(place).is_some_and(|source| place(path) == Some(source)) {
        bail!("{}: would be written over itself; give another --output", path.display());
    }
    Ok(())
}
