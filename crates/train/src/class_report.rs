//! How a model does on each class.

use datasets::Image;

use crate::{Evaluation, Result, draw};

/// How a class did: precision, recall and F1 are those of scikit-learn's `precision_recall_fscore_support`, 0 where there is nothing to
/// divide by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassScores {
    /// The pictures of the class: its support.
    pub support: usize,
    /// The pictures that were taken for it.
    pub predicted: usize,
    /// Those that were so rightly.
    pub correct: usize,
}

impl ClassScores {
    /// The share of the pictures taken for the class that are of it, from 0 to 1.
    pub fn precision(&self) -> f64 {
        share(self.correct, self.predicted)
    }

    /// The share of the pictures of the class that were taken for it, from 0 to 1.
    pub fn recall(&self) -> f64 {
        share(self.correct, self.support)
    }

    /// The harmonic mean of precision and recall.
    pub fn f1(&self) -> f64 {
        share(2 * self.correct, self.predicted + self.support)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Evaluation {
    /// The scores of the first `classes` classes, and of all that occur beyond them.
    pub fn class_scores(&self, classes: usize) -> Vec<ClassScores> {
        let labels = self.classes.keys().chain(self.confusion.keys().map(|(_, guess)| guess));
        let mut scores = vec![ClassScores::default(); labels.max().map_or(0, |last| last + 1).max(classes)];
        for (&label, counts) in &self.classes {
            (scores[label].support, scores[label].correct) = (counts.samples, counts.correct);
        }
        for (&(_, guess), count) in &self.confusion {
            scores[guess].predicted += count;
        }
        scores
    }

    /// A picture of the confusion matrix, labels down and guesses along, with the names of the classes where there is room. It shows counts
    /// or, `normalized`, shares of each label's pictures.
    ///
    /// # Errors
    /// Where the picture cannot be made.
    pub fn confusion_matrix(&self, names: &[String], normalized: bool) -> Result<Image> {
        draw::confusion_matrix(&self.confusion, names, normalized)
    }
}
