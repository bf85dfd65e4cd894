//! The training loop.

use std::{sync::Arc, time::Instant};

use datasets::{Dataset, Loader, LoaderOptions, transforms::Compose};
use zoo::Model;

use crate::{Error, Evaluation, Event, Observer, Position, Result, Settings, batch, evaluate, step::Stepper};

/// What a model is trained and tested on.
#[derive(Clone)]
pub struct Data {
    /// The samples to learn from.
    pub train: Arc<dyn Dataset>,
    /// The samples to test with after each epoch.
    pub test: Arc<dyn Dataset>,
    /// How both are prepared.
    pub transform: Arc<Compose>,
}

impl Data {
    /// The batches to learn from: shuffled anew each epoch.
    fn train_loader(&self, settings: &Settings) -> Result<Loader> {
        let options = LoaderOptions { shuffle: true, seed: settings.seed, ..batches_of(settings.batch_size) };
        Ok(Loader::new(Arc::clone(&self.train), Arc::clone(&self.transform), options)?)
    }

    /// The batches to test with, in the data set's order.
    ///
    /// # Errors
    /// Where there are no samples, or the batch size is 0.
    pub fn test_loader(&self, batch_size: usize) -> Result<Loader> {
        Ok(Loader::new(Arc::clone(&self.test), Arc::clone(&self.transform), batches_of(batch_size))?)
    }
}

fn batches_of(batch_size: usize) -> LoaderOptions {
    LoaderOptions { batch_size, ..LoaderOptions::default() }
}

/// Trains a model and tests it after each epoch; returns the results of the tests.
///
/// The losses depend on the model, the data, the settings and the state of [`tensor::random`] alone, bit for bit, not on the number
/// of threads.
///
/// # Errors
/// Where a setting makes no sense, a sample cannot be had, the data does not suit the model, the loss is no longer finite, or the
/// observer fails.
pub fn fit(model: &dyn Model, data: &Data, settings: &Settings, observer: &mut dyn Observer) -> Result<Vec<Evaluation>> {
    let mut stepper = Stepper::new(model, settings)?;
    let train = data.train_loader(settings)?;
    let test = data.test_loader(settings.batch_size)?;
    let mut evaluations = Vec::with_capacity(settings.epochs);
    for epoch in 1..=settings.epochs {
        let started = Instant::now();
        let batches = train.len().min(settings.limit_batches.unwrap_or(usize::MAX));
        let end = Position { epoch, epochs: settings.epochs, batch: batches, batches };
        let samples = train_epoch(&mut stepper, &train, settings, end, observer)?;
        let time = started.elapsed();
        let evaluation = evaluate(model, &test, observer)?;
        observer.report(&Event::EpochFinished { at: end, samples, time, evaluation: &evaluation })?;
        evaluations.push(evaluation);
    }
    Ok(evaluations)
}

/// Trains on the batches of the epoch that ends at `end`; returns how many samples they held.
fn train_epoch(
    stepper: &mut Stepper<'_>,
    loader: &Loader,
    settings: &Settings,
    end: Position,
    observer: &mut dyn Observer,
) -> Result<usize> {
    let mut samples = 0;
    let mut running = RunningMean::default();
    for (number, batch) in loader.epoch(end.epoch as u64 - 1)?.take(end.batches).enumerate() {
        let at = Position { batch: number + 1, ..end };
        let (images, labels) = batch::tensors(&batch?)?;
        let loss = stepper.step(&images, &labels)?;
        if !loss.is_finite() {
            return Err(Error::Diverged { loss, epoch: at.epoch, batch: at.batch, learning_rate: settings.learning_rate });
        }
        samples += labels.elements();
        observer.report(&Event::TrainBatch { at, samples: labels.elements(), loss })?;
        running.add(loss);
        if at.batch.is_multiple_of(settings.print_freq) {
            observer.report(&Event::RunningLoss { at, loss: running.take() })?;
        }
    }
    Ok(samples)
}

/// The mean of the numbers since it was last taken.
#[derive(Default)]
struct RunningMean {
    sum: f64,
    count: usize,
}

impl RunningMean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn take(&mut self) -> f64 {
        let RunningMean { sum, count } = std::mem::take(self);
        sum / count as f64
    }
}
