//! `convoy predict`: what pictures show.

use std::io::Write;
use std::process::ExitCode;

use ::train::{Prediction, predict};
use datasets::transforms::Compose;
use datasets::{Image, Rng};
use ndarray::Axis;
use serde::Serialize;
use tensor::Tensor;

use crate::args::PredictArgs;
use crate::classifier::Classifier;
use crate::{picture, stderr};

/// One line of `--json`.
#[derive(Serialize)]
struct Answer<'a> {
    path: &'a str,
    top: Vec<Class>,
}

/// A class that a picture may show.
#[derive(Serialize)]
struct Class {
    index: usize,
    label: String,
    probability: f32,
}

/// A picture that cannot be read is reported, and the others follow; the exit code tells.
pub fn run(args: &PredictArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let classifier = Classifier::load(args.weights.as_ref(), &args.trained)?;
    let transform = classifier.preset.transform()?;
    let mut code = ExitCode::SUCCESS;
    for path in &args.images {
        match picture::open(path).and_then(|image| args.precision.run(|| classify(&classifier, &transform, image, args.top_k))) {
            Ok(top) => write(args, path, top, out)?,
            Err(error) => {
                stderr::error(&error);
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// The most probable classes, most probable first.
fn classify(classifier: &Classifier, transform: &Compose, image: Image, top_k: usize) -> anyhow::Result<Vec<Class>> {
    // No step is random.
    let input = transform.apply(image, &mut Rng::new(0))?.insert_axis(Axis(0));
    let predictions = predict(&*classifier.model, &Tensor::from_array(&input)?, top_k)?;
    let class = |Prediction { index, probability }| Class { index, label: classifier.label(index), probability };
    Ok(predictions.into_iter().flatten().map(class).collect())
}

fn write(args: &PredictArgs, path: &str, top: Vec<Class>, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.json {
        return Ok(writeln!(out, "{}", serde_json::to_string(&Answer { path, top })?)?);
    }
    if args.images.len() > 1 {
        writeln!(out, "{path}")?;
    }
    if let Some(best) = top.first() {
        writeln!(out, "Predicted Class: {}", best.index)?;
        writeln!(out, "Predicted Label: {}", best.label)?;
    }
    for class in &top {
        writeln!(out, "{:8.4}  {}", class.probability, class.label)?;
    }
    Ok(())
}
