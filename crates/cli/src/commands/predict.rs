//! `convoy predict`: what pictures show.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use ::train::{grad_cam, overlay, predict};
use anyhow::bail;
use datasets::transforms::Compose;
use indicatif::ProgressBar;
use serde::Serialize;
use tensor::Tensor;
use zoo::checkpoint::write_file;

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
pub fn run(args: &PredictArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let classifier = Classifier::load(args.weights.as_ref(), &args.trained)?;
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
    if let Some(path) = &args.cam {
        let [place] = &places[..] else { bail!("--cam: it draws one picture, and there are {}", places.len()) };
        draw_cam(&classifier, &transform, args, place, path)?;
    }
    let bar = progress::bar(places.len());
    let mut answers =
        Answers { args, classifier: &classifier, several: places != args.images || places.len() > 1, out, bar, batch: Vec::new(), failed };
    let threads = rayon::current_num_threads();
    let work = |place: &String| picture::open(place).and_then(|image| Ok(prepare(&transform, image)?));
    // While a batch is computed, the next one is prepared.
    prefetch::in_order(&places, threads, args.batch_size.div_ceil(threads), work, |place, input| answers.add(place, input))?;
    answers.finish()
}

/// Pictures come together to batches, and their answers are written in order.
struct Answers<'a> {
    args: &'a PredictArgs,
    classifier: &'a Classifier,
    /// Whether answers must say which picture they are about.
    several: bool,
    out: &'a mut dyn Write,
    bar: ProgressBar,
    /// The pictures that wait, all of the same size.
    batch: Vec<(String, Tensor)>,
    failed: bool,
}

impl Answers<'_> {
    fn add(&mut self, place: &str, input: anyhow::Result<Tensor>) -> anyhow::Result<()> {
        match input {
            Ok(input) => {
                if self.batch.first().is_some_and(|(_, first)| first.shape() != input.shape()) {
                    self.flush()?;
                }
                self.batch.push((place.to_owned(), input));
                if self.batch.len() == self.args.batch_size { self.flush() } else { Ok(()) }
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
        let images = stacked(batch.iter().map(|(_, input)| input))?;
        match self.args.precision.run(|| predict(&*self.classifier.model, &images, self.args.top_k)) {
            Ok(predictions) => {
                let Answers { args, classifier, several, out, bar, .. } = self;
                bar.suspend(|| {
                    let mut answers = batch.iter().zip(predictions);
                    answers.try_for_each(|((place, _), top)| write(args, place, *several, classifier.named(top), *out))
                })?;
                self.bar.inc(batch.len() as u64);
            }
            Err(error) => batch.iter().for_each(|(place, _)| self.fail(&anyhow::anyhow!("{place}: {error}"))),
        }
        Ok(())
    }

    /// Says that there is no answer for a picture.
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

/// Draws where a picture shows a class over the part of it that the network sees.
fn draw_cam(classifier: &Classifier, transform: &Compose, args: &PredictArgs, place: &str, path: &Path) -> anyhow::Result<()> {
    let image = picture::open(place)?;
    let view = classifier.preset.view(image.clone())?;
    let input = prepare(transform, image)?;
    let heat = args.precision.run(|| {
        let class = match &args.cam_class {
            Some(name) => classifier.class(name)?,
            None => predict(&*classifier.model, &input, 1)?.into_iter().flatten().next().map_or(0, |best| best.index),
        };
        stderr::note(&format!("{}: where {} is seen", path.display(), classifier.label(class)));
        anyhow::Ok(grad_cam(&*classifier.model, &input, class)?)
    })?;
    let png = overlay(&view, &heat)?.to_png()?;
    Ok(write_file(path, |file| file.write_all(&png))?)
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
