//! Tables of how each class did.

use std::io::{self, Write};

use train::{ClassScores, Evaluation};

/// The averages that follow the classes.
const MACRO: &str = "macro avg";
const WEIGHTED: &str = "weighted avg";

/// Precision, recall, F1 and support of each class, as scikit-learn's `classification_report` prints them.
pub fn write_class_report(evaluation: &Evaluation, names: &[String], out: &mut dyn Write) -> io::Result<()> {
    let scores = evaluation.class_scores(names.len());
    let names = all_names(names, scores.len());
    let width = width(&names).max(WEIGHTED.len());
    let row = |name: &str, [precision, recall, f1]: [f64; 3], support: usize| {
        format!("{name:>width$}  {precision:>9.2} {recall:>9.2} {f1:>9.2} {support:>9}\n")
    };
    let (all, accuracy) = (evaluation.samples, evaluation.accuracy());
    let mut text = format!("\n{:>width$}  {:>9} {:>9} {:>9} {:>9}\n\n", "", "precision", "recall", "f1-score", "support");
    for (name, scores) in names.iter().zip(&scores) {
        text += &row(name, numbers(scores), scores.support);
    }
    text += &format!("\n{:>width$}  {:>9} {:>9} {accuracy:>9.2} {all:>9}\n", "accuracy", "", "");
    text += &row(MACRO, mean(&scores, |_| 1.0), all);
    text += &row(WEIGHTED, mean(&scores, |class| class.support as f64), all);
    out.write_all(text.as_bytes())
}

fn numbers(class: &ClassScores) -> [f64; 3] {
    [class.precision(), class.recall(), class.f1()]
}

/// The mean of the classes' numbers.
fn mean(scores: &[ClassScores], weight: impl Fn(&ClassScores) -> f64) -> [f64; 3] {
    let sum: f64 = scores.iter().map(&weight).sum();
    std::array::from_fn(|number| scores.iter().map(|class| numbers(class)[number] * weight(class)).sum::<f64>() / sum)
}

/// How often each label was taken for each class.
pub fn write_confusion_matrix(evaluation: &Evaluation, names: &[String], out: &mut dyn Write) -> io::Result<()> {
    let names = all_names(names, evaluation.class_scores(names.len()).len());
    let largest = evaluation.confusion.values().copied().max().unwrap_or(0).to_string();
    let name_width = width(&names);
    let cell = |text: &str| format!(" {text:>0$}", name_width.min(MAX_HEAD).max(largest.len()));
    let head: String = names.iter().map(|name| cell(name.chars().take(MAX_HEAD).collect::<String>().trim_end())).collect();
    let mut text = format!("\nConfusion matrix: labels down, predictions along\n{:>name_width$}{head}\n", "");
    for (label, name) in names.iter().enumerate() {
        let count = |guess| evaluation.confusion.get(&(label, guess)).copied().unwrap_or(0);
        let counts: String = (0..names.len()).map(|guess| cell(&count(guess).to_string())).collect();
        text += &format!("{name:>name_width$}{counts}\n");
    }
    out.write_all(text.as_bytes())
}

/// The most characters of a name above a column.
const MAX_HEAD: usize = 6;

/// The names, and numbers for classes that have none.
fn all_names(names: &[String], classes: usize) -> Vec<String> {
    (0..classes).map(|class| names.get(class).cloned().unwrap_or_else(|| class.to_string())).collect()
}

fn width(names: &[String]) -> usize {
    names.iter().map(|name| name.chars().count()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use train::ClassCounts;

    use super::*;

    /// scikit-learn's own example: labels 0, 1, 2, 2, 2 and predictions 0, 0, 2, 2, 1.
    fn example() -> (Evaluation, Vec<String>) {
        let counts = |samples, correct| ClassCounts { samples, correct, correct_top5: samples };
        let evaluation = Evaluation {
            samples: 5,
            correct: 3,
            classes: BTreeMap::from([(0, counts(1, 1)), (1, counts(1, 0)), (2, counts(3, 2))]),
            confusion: BTreeMap::from([((0, 0), 1), ((1, 0), 1), ((2, 2), 2), ((2, 1), 1)]),
            ..Evaluation::default()
        };
        (evaluation, ["class 0", "class 1", "class 2"].map(str::to_owned).to_vec())
    }

    #[test]
    fn the_report_is_scikit_learns() {
        let (evaluation, names) = example();
        let mut out = Vec::new();
        write_class_report(&evaluation, &names, &mut out).unwrap();
        let expected = "
              precision    recall  f1-score   support

     class 0       0.50      1.00      0.67         1
     class 1       0.00      0.00      0.00         1
     class 2       1.00      0.67      0.80         3

    accuracy                           0.60         5
   macro avg       0.50      0.56      0.49         5
weighted avg       0.70      0.60      0.61         5
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn the_matrix_has_labels_down() {
        let (evaluation, names) = example();
        let mut out = Vec::new();
        write_confusion_matrix(&evaluation, &names[..2], &mut out).unwrap();
        let expected = "
Confusion matrix: labels down, predictions along
         class  class      2
class 0      1      0      0
class 1      1      0      0
      2      0      1      2
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
