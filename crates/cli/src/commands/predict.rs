//! `convoy predict`: what pictures show.

mod cams;

use std::io::Write;
use std::process::ExitCode;

use ::train::{Prediction, predict};
use anyhow::anyhow;
use datasets::Image;
use indicatif::ProgressBar;
use layers::ModuleExt;
use serde::Serialize;
use tensor::{Device, Tensor};

use cams::Cams;

use crate::args::PredictArgs;
use crate::classifier::{Class, Classifier};
use crate::input::{prepare, stacked};
use crate::{picture, prefetch, progress, stderr};

/// One line of `--json`.
#[derive(Serialize)]
struct Answer<'a> {
    path: &'a str,
    top: Vec<Class>,
}

/// A picture that cannot be read is reported, and the others follow; the exit code tells.
pub fn run(args: &PredictArgs, device: Device, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let classifier = Classifier::load(args.weights.as_ref(), &args.trained)?;
    classifier.model.to_device(device)?;
    let transform = classifier.preset.transform()?;
    let mut failed = false;
    let mut places = Vec::new();
    for place in &args.images {
        match picture::expand(place) {
            Ok(pictures) => places.extend(pictures),
            Err(error) => {
                stderr::error(&error);
                failed = true;
            }
        }
    }
    let several = places != args.images || places.len() > 1;
    let cams = Cams::new(args, &classifier, several)?;
    // Heat maps are made one by one anyway, and the pictures below them take memory.
    let batch_size = if cams.is_some() { 1 } else { args.batch_size };
    let work = |place: &String| -> anyhow::Result<Input> {
        let image = picture::open(place)?;
        let view = cams.as_ref().map(|_| classifier.preset.view(image.clone())).transpose()?;
        Ok(Input { tensor: prepare(&transform, image)?, view })
    };
    let bar = progress::bar(places.len());
    let mut answers =
        Answers { args, classifier: &classifier, several, cams: cams.clone(), out, bar, batch_size, batch: Vec::new(), failed };
    let threads = rayon::current_num_threads();
    // While a batch is computed, the next one is prepared.
    prefetch::in_order(&places, threads, batch_size.div_ceil(threads), work, |place, input| answers.add(place, input))?;
    answers.finish()
}

/// A picture for the network.
struct Input {
    /// As the network takes it, `[1, 3, H, W]`.
    tensor: Tensor,
    /// The part of the picture that the network sees, where a heat map is to be drawn over it.
    view: Option<Image>,
}

/// Pictures come together to batches, and their answers are written in order.
struct Answers<'a> {
    args: &'a PredictArgs,
    classifier: &'a Classifier,
    /// Whether answers must say which picture they are about.
    several: bool,
    cams: Option<Cams>,
    out: &'a mut dyn Write,
    bar: ProgressBar,
    batch_size: usize,
    /// The pictures that wait, all of the same size.
    batch: Vec<(String, Input)>,
    failed: bool,
}

impl Answers<'_> {
    fn add(&mut self, place: &str, input: anyhow::Result<Input>) -> anyhow::Result<()> {
        match input {
            Ok(input) => {
                if self.batch.first().is_some_and(|(_, first)| first.tensor.shape() != input.tensor.shape()) {
                    self.flush()?;
                }
                self.batch.push((place.to_owned(), input));
                if self.batch.len() == self.batch_size { self.flush() } else { Ok(()) }
            }
            Err(error) => {
                self.fail(&error);
                Ok(())
            }
        }
    }

    /// Answers what waits.
    fn flush(&mut self) -> anyhow::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let images = stacked(batch.iter().map(|(_, input)| &input.tensor))?;
        match self.args.precision.run(|| predict(&*self.classifier.model, &images, self.args.top_k)) {
            Ok(predictions) => batch.iter().zip(predictions).try_for_each(|((place, input), top)| self.answer(place, input, top)),
            Err(error) => {
                batch.iter().for_each(|(place, _)| self.fail(&anyhow!("{place}: {error}")));
                Ok(())
            }
        }
    }

    /// Says what is seen in a picture, and draws where.
    fn answer(&mut self, place: &str, input: &Input, top: Vec<Prediction>) -> anyhow::Result<()> {
        let Answers { args, classifier, several, out, bar, .. } = self;
        let best = top.first().map_or(0, |best| best.index);
        bar.suspend(|| write(args, place, *several, classifier.named(top), *out))?;
        let drawn = match (&mut self.cams, &input.view) {
            (Some(cams), Some(view)) => cams.draw(classifier, args, place, (&input.tensor, view), best)?,
            _ => Ok(()),
        };
        match drawn {
            Ok(()) => self.bar.inc(1),
            Err(error) => self.fail(&anyhow!("{place}: {error}")),
        }
        Ok(())
    }

    /// Says that something about a picture could not be done.
    fn fail(&mut self, error: &anyhow::Error) {
        self.bar.suspend(|| stderr::error(error));
        self.bar.inc(1);
        self.failed = true;
    }

    fn finish(mut self) -> anyhow::Result<ExitCode> {
        self.flush()?;
        self.bar.finish_and_clear();
        Ok(if self.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn write(args: &PredictArgs, path: &str, several: bool, top: Vec<Class>, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.json {
        return Ok(writeln!(out, "{}", serde_json::to_string(&Answer { path, top })?)?);
    }
    if several {
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
