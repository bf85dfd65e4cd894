//! How well a model does on data that it has not seen.

use std::collections::BTreeMap;

use autograd::{Var, no_grad};
use datasets::Loader;
use layers::{Mode, Module, ModuleExt};
use tensor::{
    Tensor,
    ops::{CrossEntropyOptions, Reduction},
};

use crate::{Event, Observer, Result, batch};

/// The classes that may be guessed for the label to count as among them.
const TOP: usize = 5;
/// The pictures with the largest losses that are kept.
const HARDEST: usize = 16;

/// What a test gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// The pictures of the test.
    pub samples: usize,
    /// Those whose most probable class is their label.
    pub correct: usize,
    /// Those whose label is among the five most probable classes.
    pub correct_top5: usize,
    /// The sum of their cross entropies.
    pub loss_sum: f64,
    /// The same counts for each label that occurs.
    pub classes: BTreeMap<usize, ClassCounts>,
    /// How often a label was taken for a class, by label and class, where that is not never.
    pub confusion: BTreeMap<(usize, usize), usize>,
    /// The pictures with the largest losses, the largest first; at most 16.
    pub hardest: Vec<Guess>,
}

/// How the pictures of one class did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassCounts {
    /// The pictures of this class.
    pub samples: usize,
    /// Those whose most probable class is it.
    pub correct: usize,
    /// Those for which it is among the five most probable classes.
    pub correct_top5: usize,
}

/// What was seen in one picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess {
    /// The sample's index in its data set.
    pub index: usize,
    /// Its class.
    pub label: usize,
    /// The most probable class.
    pub guess: usize,
    /// The probability of the most probable class, from 0 to 1.
    pub probability: f64,
    /// The cross entropy.
    pub loss: f64,
}

impl Evaluation {
    /// The share of pictures whose most probable class is their label, from 0 to 1.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.samples as f64
    }

    /// The share of pictures whose label is among the five most probable classes, from 0 to 1.
    pub fn top5_accuracy(&self) -> f64 {
        self.correct_top5 as f64 / self.samples as f64
    }

    /// The mean cross entropy.
    pub fn loss(&self) -> f64 {
        self.loss_sum / self.samples as f64
    }

    /// Counts a batch of logits `[N, K]`, labels `[N]` and the samples' indices.
    fn add(&mut self, logits: &Tensor, labels: &Tensor, indices: &[usize]) -> Result<()> {
        let options = CrossEntropyOptions { reduction: Reduction::None, ..CrossEntropyOptions::default() };
        let (losses, probabilities) = logits.cross_entropy(labels, &options)?;
        let k = logits.dims().last().copied().unwrap_or(0).min(TOP);
        let (losses, largest) = (losses.to_f64_vec()?, probabilities.amax(&[-1], false)?.to_f64_vec()?);
        let top = logits.top_k(k)?.1.to_vec::<i64>()?;
        let labels = labels.to_vec::<i64>()?;
        for (row, (&label, &loss)) in labels.iter().zip(&losses).enumerate() {
            let classes = &top[row * k..][..k];
            // The loss has checked the labels.
            let (label, guess) = (label as usize, classes[0] as usize);
            let index = indices.get(row).copied().unwrap_or(row);
            let in_top = classes.contains(&(label as i64));
            self.count(Guess { index, label, guess, probability: largest[row], loss }, in_top);
        }
        Ok(())
    }

    fn count(&mut self, guess: Guess, in_top: bool) {
        let correct = usize::from(guess.guess == guess.label);
        let class = self.classes.entry(guess.label).or_default();
        class.samples += 1;
        class.correct += correct;
        class.correct_top5 += usize::from(in_top);
        self.samples += 1;
        self.correct += correct;
        self.correct_top5 += usize::from(in_top);
        self.loss_sum += guess.loss;
        *self.confusion.entry((guess.label, guess.guess)).or_default() += 1;
        let place = self.hardest.partition_point(|other| other.loss >= guess.loss);
        if place < HARDEST {
            self.hardest.insert(place, guess);
            self.hardest.truncate(HARDEST);
        }
    }
}

/// Tests a model on all batches of a loader.
///
/// # Errors
/// Where a sample cannot be had, the pictures do not suit the model, or a label is not among the model's classes.
pub fn evaluate(model: &dyn Module, loader: &Loader, observer: &mut dyn Observer) -> Result<Evaluation> {
    let mut evaluation = Evaluation::default();
    let device = model.device();
    for (number, batch) in loader.epoch(0)?.enumerate() {
        let batch = batch?;
        let (images, labels) = batch::tensors(&batch)?;
        let images = Var::from(images.to_device(device)?);
        let logits = no_grad(|| model.forward(&images, Mode::Eval))?.into_value().to_host()?;
        evaluation.add(&logits, &labels, &batch.indices)?;
        observer.report(&Event::TestBatch { batch: number + 1, batches: loader.len(), samples: labels.elements() })?;
    }
    Ok(evaluation)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An evaluation of the same logits for each of the labels.
    fn evaluated(logits: Vec<f32>, labels: &[i64]) -> Result<Evaluation> {
        let logits = Tensor::from_slice(&logits, [1, logits.len()]).unwrap();
        let mut evaluation = Evaluation::default();
        for (index, &label) in labels.iter().enumerate() {
            evaluation.add(&logits, &Tensor::from_vec(vec![label], [1]).unwrap(), &[index])?;
        }
        Ok(evaluation)
    }

    #[test]
    fn correct_and_nearly_correct_guesses_are_counted() {
        let evaluation = evaluated(vec![7.0, 6.0, 5.0, 4.0, 3.0, 2.0], &[0, 4, 5]).unwrap();
        assert_eq!((evaluation.samples, evaluation.correct, evaluation.correct_top5), (3, 1, 2));
        // ln Σ e^(x - 7) = 0.45619, and the labels lie 0, 4 and 5 below the largest.
        assert!((evaluation.loss() - (0.456_193_3 + 3.0)).abs() < 1e-5, "{}", evaluation.loss());
    }

    #[test]
    fn each_class_is_counted_on_its_own() {
        let evaluation = evaluated(vec![7.0, 6.0, 5.0, 4.0, 3.0, 2.0], &[0, 0, 4, 5]).unwrap();
        let counts = |samples, correct, correct_top5| ClassCounts { samples, correct, correct_top5 };
        assert_eq!(evaluation.classes, BTreeMap::from([(0, counts(2, 2, 2)), (4, counts(1, 0, 1)), (5, counts(1, 0, 0))]));
        assert_eq!(evaluation.confusion, BTreeMap::from([((0, 0), 2), ((4, 0), 1), ((5, 0), 1)]));
    }

    #[test]
    fn the_hardest_pictures_are_kept_the_hardest_first() {
        let labels: Vec<i64> = (0..40).map(|i| i % 4).collect();
        let hardest = evaluated(vec![1.0, 4.0, 3.0, 2.0], &labels).unwrap().hardest;
        assert_eq!(hardest.len(), HARDEST);
        assert!(hardest.is_sorted_by(|a, b| a.loss >= b.loss));
        assert_eq!((hardest[0].index, hardest[0].label, hardest[0].guess), (0, 0, 1));
        assert!(hardest.iter().filter(|guess| guess.label == 0).count() == 10 && hardest[10].label == 3);
        assert!((hardest[0].probability - 0.643_914).abs() < 1e-5, "{}", hardest[0].probability);
    }

    #[test]
    fn with_fewer_classes_than_five_every_label_is_among_them() {
        let evaluation = evaluated(vec![0.0, 1.0], &[0, 1]).unwrap();
        assert_eq!((evaluation.accuracy(), evaluation.top5_accuracy()), (0.5, 1.0));
    }

    #[test]
    fn a_label_beyond_the_classes_is_an_error() {
        assert!(evaluated(vec![0.0, 1.0], &[2]).is_err());
    }
}
