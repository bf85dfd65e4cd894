//! The tables of a run: a line an epoch, and a line a class.

use std::{fmt::Write, fs, io, path::Path};

use crate::{ClassScores, EpochSummary, Error, Evaluation, Result};

/// The columns of `results.csv`: the epoch, from 1; the seconds since the training began; losses; shares of correct pictures from 0 to
/// 1; the last learning rate; pictures a second of the training.
pub const COLUMNS: [&str; 9] =
    ["epoch", "time", "train/loss", "train/accuracy", "val/loss", "val/accuracy_top1", "val/accuracy_top5", "lr", "images_per_second"];

/// A number for each of the [`COLUMNS`].
pub(super) type Row = [f64; COLUMNS.len()];

/// The rows so far.
#[derive(Debug, Default)]
pub(super) struct Results {
    rows: Vec<Row>,
}

impl Results {
    /// Reads the first rows of a table again; none where there is no file yet.
    pub fn load(path: &Path, rows: usize) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(Error::Io { path: path.to_owned(), source }),
        };
        let damaged = || Error::Checkpoint { path: path.to_owned(), reason: "it is not the table of results that it was".to_owned() };
        let lines = text.lines().skip(1).take(rows);
        let rows = lines.map(|line| parse(line).ok_or_else(damaged)).collect::<Result<_>>()?;
        Ok(Results { rows })
    }

    /// Adds an epoch.
    pub fn add(&mut self, epoch: usize, summary: &EpochSummary) {
        let EpochSummary { train_loss, train_accuracy, samples, train_time, elapsed, learning_rate, evaluation, .. } = summary;
        self.rows.push([
            epoch as f64,
            rounded(elapsed.as_secs_f64(), 1e3),
            rounded(*train_loss, 1e6),
            rounded(*train_accuracy, 1e6),
            rounded(evaluation.loss(), 1e6),
            rounded(evaluation.accuracy(), 1e6),
            rounded(evaluation.top5_accuracy(), 1e6),
            *learning_rate,
            rounded(*samples as f64 / train_time.as_secs_f64(), 1e1),
        ]);
    }

    /// The rows so far.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The columns of the last epoch by their names, without the epoch itself.
    pub fn last(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.rows.last().into_iter().flat_map(|row| COLUMNS.into_iter().zip(*row).skip(1))
    }

    /// The table.
    pub fn to_csv(&self) -> String {
        let mut csv = COLUMNS.join(",") + "\n";
        for row in &self.rows {
            csv += &row.map(|value| value.to_string()).join(",");
            csv.push('\n');
        }
        csv
    }
}

fn parse(line: &str) -> Option<Row> {
    let values: Vec<f64> = line.split(',').map(|value| value.parse().ok()).collect::<Option<_>>()?;
    values.try_into().ok()
}

fn rounded(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale
}

/// The counts of each class: its name, pictures, those taken for it, recall, precision, F1, and the share among the top five.
pub(super) fn per_class(evaluation: &Evaluation, names: &[String]) -> String {
    let mut csv = "class,samples,predicted,correct,recall,precision,f1,accuracy_top5\n".to_owned();
    for (label, scores) in evaluation.class_scores(names.len()).into_iter().enumerate() {
        let ClassScores { support, predicted, correct } = scores;
        let name = names.get(label).map_or_else(|| label.to_string(), |name| csv_field(name));
        let top5 = evaluation.classes.get(&label).map_or(0, |counts| counts.correct_top5);
        let recall = share(scores.recall(), support);
        let precision = share(scores.precision(), predicted);
        let f1 = share(scores.f1(), support + predicted);
        let top5 = share(top5 as f64 / support as f64, support);
        let _ = writeln!(csv, "{name},{support},{predicted},{correct},{recall},{precision},{f1},{top5}");
    }
    csv
}

/// A share with four decimals; nothing where it is of nothing.
fn share(share: f64, whole: usize) -> String {
    if whole == 0 { String::new() } else { format!("{share:.4}") }
}

/// A field of a CSV file, in quotes where it needs them.
pub fn csv_field(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ClassCounts;

    #[test]
    fn a_class_is_described_by_recall_precision_and_f1() {
        let counts = |samples, correct, correct_top5| ClassCounts { samples, correct, correct_top5 };
        let evaluation = Evaluation {
            classes: BTreeMap::from([(0, counts(4, 3, 4)), (1, counts(2, 2, 2))]),
            confusion: BTreeMap::from([((0, 0), 3), ((0, 1), 1), ((1, 1), 2)]),
            ..Evaluation::default()
        };
        let names = ["cat, tabby".to_owned(), "dog".to_owned(), "none".to_owned()];
        let csv = per_class(&evaluation, &names);
        let lines: Vec<&str> = csv.lines().skip(1).collect();
        let expected = ["\"cat, tabby\",4,3,3,0.7500,1.0000,0.8571,1.0000", "dog,2,3,2,1.0000,0.6667,0.8000,1.0000", "none,0,0,0,,,,"];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.csv");
        let row = |epoch: f64| [epoch, 1.25, 0.123457, 0.5, f64::INFINITY, 0.25, 1.0, 1.0 / 3.0, 512.3];
        let text = Results { rows: vec![row(1.0), row(2.0), row(3.0)] }.to_csv();
        assert!(
            text.starts_with("epoch,time,train/loss,train/accuracy,val/loss,val/accuracy_top1,val/accuracy_top5,lr,images_per_second\n1,")
        );
        fs::write(&path, &text).unwrap();
        assert_eq!(Results::load(&path, 9).unwrap().to_csv(), text);
        assert_eq!(Results::load(&path, 2).unwrap().rows.len(), 2);
        fs::write(&path, text.replace("1.25", "soon")).unwrap();
        assert!(Results::load(&path, 2).unwrap_err().to_string().contains("results.csv"));
        assert!(Results::load(&folder.path().join("none.csv"), 2).unwrap().rows.is_empty());
    }
}
