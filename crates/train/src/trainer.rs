//! A training that can be stopped after any epoch and resumed, bit for bit.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use datasets::{Batch, Loader};
use layers::{ModuleExt, optim::Schedule};
use tensor::Tensor;
use zoo::Model;

use crate::{
    Data, Error, Evaluation, Event, Observer, Position, Result, Settings,
    average::Average,
    batch,
    checkpoint::{self, Progress, State},
    class_weights::class_weights,
    evaluate,
    layer_groups::set_frozen,
    mix::Mix,
    step::{Outcome, Part, Stepper, Targets},
};

/// What an epoch came to.
#[derive(Debug, Clone)]
pub struct EpochSummary {
    /// The mean loss of the batches, each before its update.
    pub train_loss: f64,
    /// The share of pictures whose most probable class was their label, before the updates. Mixed pictures count by their own label.
    pub train_accuracy: f64,
    /// The pictures that were trained on.
    pub samples: usize,
    /// How long the training of this epoch took, without the test.
    pub train_time: Duration,
    /// How long all epochs so far took, tests included.
    pub elapsed: Duration,
    /// The learning rate of the epoch's last update.
    pub learning_rate: f64,
    /// What the test gave.
    pub evaluation: Evaluation,
    /// Whether no epoch before had as many correct pictures.
    pub is_best: bool,
}

/// A model in training.
pub struct Trainer<'a> {
    model: &'a dyn Model,
    data: &'a Data,
    settings: &'a Settings,
    train: Loader,
    test: Loader,
    stepper: Stepper<'a>,
    mix: Option<Mix>,
    average: Option<Average>,
    progress: Progress,
}

impl<'a> Trainer<'a> {
    /// A training that has not begun.
    ///
    /// # Errors
    /// Where a setting makes no sense, nothing is left to train, or the data makes no batches.
    pub fn new(model: &'a dyn Model, data: &'a Data, settings: &'a Settings) -> Result<Self> {
        settings.check()?;
        set_frozen(model, settings, 1)?;
        let train = data.train_loader(settings)?;
        let updates = settings.batches(train.len()).div_ceil(settings.accumulate);
        let stepper = Stepper::new(model, settings)?
            .schedule(settings.schedule.build(settings.epochs, settings.unfreeze_after.unwrap_or(0), updates))
            .plateau(settings.schedule.plateau())
            .class_weights(class_weights(settings, &*data.train, model.num_classes())?);
        Ok(Trainer {
            model,
            data,
            settings,
            train,
            test: data.test_loader(settings.batch_size)?,
            stepper,
            mix: Mix::new(settings),
            average: settings.ema_decay.map(|decay| Average::new(model, decay)),
            progress: Progress::default(),
        })
    }

    /// Goes on where the training was that [`save`](Trainer::save) wrote down, which must have been of the same model. Where
    /// settings and data are the same too, what follows is what would have followed then, to the bit.
    ///
    /// # Errors
    /// Where the file cannot be read or does not fit.
    pub fn resume(&mut self, checkpoint: impl AsRef<Path>) -> Result<()> {
        let path = checkpoint.as_ref();
        let state = checkpoint::load(path)?;
        let unfit = |error: layers::Error| Error::Checkpoint { path: path.to_owned(), reason: error.to_string() };
        self.model.load_state_dict(&state.model).map_err(unfit)?;
        if let Some(average) = &mut self.average {
            average.load(self.model, state.average.as_ref().unwrap_or(&state.model)).map_err(unfit)?;
        }
        self.stepper.resume(state.progress.updates, state.progress.plateau, &state.optimizer).map_err(unfit)?;
        tensor::random::manual_seed(state.progress.rng_state);
        self.progress = state.progress;
        Ok(())
    }

    /// Writes down all that is needed to [`resume`](Trainer::resume), as a `.pth` file of any name.
    ///
    /// # Errors
    /// Where the file cannot be written; an older file of that name is then left as it was.
    pub fn save(&self, checkpoint: impl AsRef<Path>) -> Result<()> {
        let (model, average) = match &self.average {
            Some(average) => average.state_dicts(self.model).map(|(model, average)| (model, Some(average)))?,
            None => (self.model.state_dict()?, None),
        };
        let rng_state = tensor::random::with_global(|generator| generator.state());
        let progress = Progress { rng_state, updates: self.stepper.updates(), plateau: self.stepper.plateau_state(), ..self.progress };
        checkpoint::save(checkpoint.as_ref(), &State { model, average, optimizer: self.stepper.optimizer().state_dict()?, progress })
    }

    /// The model; while an epoch's end is reported and after the training, with the averaged weights where weights are averaged.
    pub fn model(&self) -> &'a dyn Model {
        self.model
    }

    /// What the model is trained and tested on.
    pub fn data(&self) -> &'a Data {
        self.data
    }

    /// The epochs that are done.
    pub fn epochs_done(&self) -> usize {
        self.progress.epochs
    }

    /// Trains the epochs that are left, and tests after each; returns the results of the tests.
    ///
    /// # Errors
    /// Those of [`fit`](crate::fit).
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<Vec<Evaluation>> {
        let settings = self.settings;
        settings.precision.run(|| {
            let mut evaluations = Vec::new();
            while self.progress.epochs < settings.epochs && !self.is_out_of_patience() {
                evaluations.push(self.epoch(observer)?);
            }
            // Where a finished training was resumed, no epoch has done so.
            self.put_averages(true)?;
            Ok(evaluations)
        })
    }

    fn is_out_of_patience(&self) -> bool {
        self.settings.patience.is_some_and(|patience| self.progress.epochs >= self.progress.best_epoch + patience)
    }

    /// One epoch and the test at its end.
    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<Evaluation> {
        let started = Instant::now();
        let epoch = self.progress.epochs + 1;
        set_frozen(self.model, self.settings, epoch)?;
        self.put_averages(false)?;
        let batches = self.settings.batches(self.train.len());
        let end = Position { epoch, epochs: self.settings.epochs, batch: batches, batches };
        let tally = self.train_epoch(end, observer)?;
        let train_time = started.elapsed();

        self.put_averages(true)?;
        let evaluation = evaluate(self.model, &self.test, observer)?;
        self.stepper.end_epoch(evaluation.loss());
        self.progress.epochs = epoch;
        self.progress.seconds += started.elapsed().as_secs_f64();
        let is_best = self.progress.best_epoch == 0 || evaluation.correct > self.progress.best_correct;
        if is_best {
            (self.progress.best_epoch, self.progress.best_correct) = (epoch, evaluation.correct);
        }
        let summary = EpochSummary {
            train_loss: tally.loss_sum / tally.samples as f64,
            train_accuracy: tally.correct as f64 / tally.samples as f64,
            samples: tally.samples,
            train_time,
            elapsed: Duration::try_from_secs_f64(self.progress.seconds).unwrap_or_default(),
            learning_rate: tally.learning_rate,
            evaluation,
            is_best,
        };
        observer.report(&Event::EpochFinished { at: end, summary: &summary, trainer: self })?;
        Ok(summary.evaluation)
    }

    /// Puts the averaged weights into the model, or what is trained back, where that is not there yet.
    fn put_averages(&mut self, in_model: bool) -> Result<()> {
        match &mut self.average {
            Some(average) if average.is_in_model() != in_model => average.swap(self.model),
            _ => Ok(()),
        }
    }

    /// Trains on the batches of the epoch that ends at `end`.
    fn train_epoch(&mut self, end: Position, observer: &mut dyn Observer) -> Result<Tally> {
        let mut tally = Tally::default();
        let mut running = RunningMean::default();
        for (number, batch) in self.train.epoch(end.epoch as u64 - 1)?.take(end.batches).enumerate() {
            let at = Position { batch: number + 1, ..end };
            let batch = batch?;
            tally.learning_rate = self.stepper.learning_rate();
            let Outcome { loss, logits } = self.learn(&batch, at)?;
            if !loss.is_finite() {
                return Err(Error::Diverged { loss, epoch: at.epoch, batch: at.batch, learning_rate: tally.learning_rate });
            }
            let samples = batch.labels.len();
            tally.add(loss, &logits, &batch.labels)?;
            observer.report(&Event::TrainBatch { at, samples, loss, learning_rate: tally.learning_rate })?;
            running.add(loss);
            if at.batch.is_multiple_of(self.settings.print_freq) {
                observer.report(&Event::RunningLoss { at, loss: running.take(), learning_rate: tally.learning_rate })?;
            }
        }
        Ok(tally)
    }

    /// Learns from at most `steps` batches, epoch after epoch, at the rates of a schedule; calls `tell` with the rate and the loss of each
    /// until it says no.
    pub(crate) fn sweep(mut self, schedule: Box<dyn Schedule>, steps: usize, mut tell: impl FnMut(f64, f64) -> Result<bool>) -> Result<()> {
        self.stepper = self.stepper.schedule(Some(schedule));
        let batches = self.train.len();
        for epoch in 0..steps.div_ceil(batches) {
            let end = Position { epoch: epoch + 1, epochs: 1, batch: batches, batches };
            for (number, batch) in self.train.epoch(epoch as u64)?.take(steps - epoch * batches).enumerate() {
                let learning_rate = self.stepper.learning_rate();
                let Outcome { loss, .. } = self.learn(&batch?, Position { batch: number + 1, ..end })?;
                if !tell(learning_rate, loss)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Learns from one batch.
    fn learn(&mut self, batch: &Batch, at: Position) -> Result<Outcome> {
        let (images, labels) = batch::tensors(batch)?;
        let (images, targets) = match &self.mix {
            Some(mix) => mix.apply(&images, &labels, self.model.num_classes(), (at.epoch, at.batch))?,
            None => (images, Targets::Classes(labels)),
        };
        let part = part(at, self.settings.accumulate);
        let outcome = self.stepper.learn(&images, &targets, part)?;
        if let Some(average) = &mut self.average
            && part.last
        {
            average.update(self.model)?;
        }
        Ok(outcome)
    }
}

/// The part that a batch has in its update; the last update of an epoch may be of fewer batches.
fn part(at: Position, accumulate: usize) -> Part {
    let first = (at.batch - 1) / accumulate * accumulate;
    let of = accumulate.min(at.batches - first);
    Part { of, last: at.batch == first + of }
}

/// What an epoch's training comes to.
#[derive(Default)]
struct Tally {
    samples: usize,
    correct: usize,
    loss_sum: f64,
    learning_rate: f64,
}

impl Tally {
    fn add(&mut self, loss: f64, logits: &Tensor, labels: &[i64]) -> Result<()> {
        let guesses = logits.argmax(-1, false)?.to_vec::<i64>()?;
        self.correct += guesses.iter().zip(labels).filter(|(guess, label)| guess == label).count();
        self.samples += labels.len();
        self.loss_sum += loss * labels.len() as f64;
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_together_to_updates_and_fewer_at_the_end() {
        let at = |batch| Position { epoch: 1, epochs: 1, batch, batches: 7 };
        let parts = |accumulate| (1..=7).map(|batch| part(at(batch), accumulate)).map(|p| (p.of, p.last)).collect::<Vec<_>>();
        let (all, no) = (true, false);
        assert_eq!(parts(3), [(3, no), (3, no), (3, all), (3, no), (3, no), (3, all), (1, all)]);
        assert_eq!(parts(1), [(1, true); 7]);
        assert_eq!(parts(9)[5..], [(7, no), (7, all)]);
    }
}
