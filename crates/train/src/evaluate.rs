//! How well a model does on data that it has not seen.

use autograd::{Var, no_grad};
use datasets::Loader;
use layers::{Mode, Module};
use tensor::{Tensor, ops::CrossEntropyOptions};

use crate::{Event, Observer, Result, batch};

/// The classes that may be guessed for the label to count as among them.
const TOP: usize = 5;

/// What a test gave.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Evaluation {
    /// The pictures of the test.
    pub samples: usize,
    /// Those whose most probable class is their label.
    pub correct: usize,
    /// Those whose label is among the five most probable classes.
    pub correct_top5: usize,
    /// The sum of their cross entropies.
    pub loss_sum: f64,
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

    /// Counts a batch of logits `[N, K]` and labels `[N]`.
    fn add(&mut self, logits: &Tensor, labels: &Tensor) -> Result<()> {
        let (loss, _) = logits.cross_entropy(labels, &CrossEntropyOptions::default())?;
        let classes = logits.dims().last().copied().unwrap_or(0);
        let k = classes.min(TOP);
        let guesses = logits.top_k(k)?.1.to_vec::<i64>()?;
        let labels = labels.to_vec::<i64>()?;
        for (guesses, label) in guesses.chunks(k).zip(&labels) {
            self.correct += usize::from(guesses.first() == Some(label));
            self.correct_top5 += usize::from(guesses.contains(label));
        }
        self.samples += labels.len();
        self.loss_sum += loss.item()? * labels.len() as f64;
        Ok(())
    }
}

/// Tests a model on all batches of a loader.
///
/// # Errors
/// Where a sample cannot be had, the pictures do not suit the model, or a label is not among the model's classes.
pub fn evaluate(model: &dyn Module, loader: &Loader, observer: &mut dyn Observer) -> Result<Evaluation> {
    let mut evaluation = Evaluation::default();
    for (number, batch) in loader.epoch(0)?.enumerate() {
        let (images, labels) = batch::tensors(&batch?)?;
        let logits = no_grad(|| model.forward(&Var::from(images), Mode::Eval))?;
        evaluation.add(logits.value(), &labels)?;
        observer.report(&Event::TestBatch { batch: number + 1, batches: loader.len(), samples: labels.elements() })?;
    }
    Ok(evaluation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correct_and_nearly_correct_guesses_are_counted() {
        let mut evaluation = Evaluation::default();
        let logits = Tensor::from_vec(vec![7f32, 6.0, 5.0, 4.0, 3.0, 2.0], [1, 6]).unwrap();
        for label in [0i64, 4, 5] {
            evaluation.add(&logits, &Tensor::from_vec(vec![label], [1]).unwrap()).unwrap();
        }
        assert_eq!((evaluation.samples, evaluation.correct, evaluation.correct_top5), (3, 1, 2));
        // ln Σ e^(x - 7) = 0.45619, and the labels lie 0, 4 and 5 below the largest.
        assert!((evaluation.loss() - (0.456_193_3 + 3.0)).abs() < 1e-5, "{}", evaluation.loss());
    }

    #[test]
    fn with_fewer_classes_than_five_every_label_is_among_them() {
        let mut evaluation = Evaluation::default();
        let logits = Tensor::from_vec(vec![0f32, 1.0, 1.0, 0.0], [2, 2]).unwrap();
        evaluation.add(&logits, &Tensor::from_vec(vec![0i64, 0], [2]).unwrap()).unwrap();
        assert_eq!((evaluation.accuracy(), evaluation.top5_accuracy()), (0.5, 1.0));
    }

    #[test]
    fn a_label_beyond_the_classes_is_an_error() {
        let logits = Tensor::from_vec(vec![0f32, 1.0], [1, 2]).unwrap();
        let labels = Tensor::from_vec(vec![2i64], [1]).unwrap();
        assert!(Evaluation::default().add(&logits, &labels).is_err());
    }
}
