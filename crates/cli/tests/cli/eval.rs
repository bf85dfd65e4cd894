//! `eval`: how well a model does on each class.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::support::{failure, stdout};

/// A model that has learned a little of the digits.
fn trained(folder: &Path) {
    let args = ["train", "--weights", "bundled", "--dataset", "digits", "--limit-batches", "20", "--lr", "0.01", "--out", "digits.pth"];
    stdout(folder, args);
}

fn eval(folder: &Path, more: &[&str]) -> String {
    stdout(folder, ["eval", "--weights", "digits.pth"].iter().chain(more))
}

/// The words of the lines between the one that begins with `from` and the next empty line but `skipped`.
fn table(text: &str, from: &str, skipped: usize) -> Vec<Vec<String>> {
    let lines = text.lines().skip_while(|line| !line.trim_start().starts_with(from)).skip(1 + skipped);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    lines.take_while(|line| !line.is_empty()).map(words).collect()
}

#[test]
fn classes_are_told_one_by_one_and_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    let text = eval(folder, &["--confusion-matrix", "confusion.png"]);
    let correct: usize = text.split_once('(').unwrap().1.split_once("/360)").unwrap().0.parse().unwrap();
    let number = |word: &String| word.parse::<f64>().unwrap_or_else(|_| panic!("{word} in {text}"));

    let matrix = &table(&text, "Confusion matrix", 1);
    assert_eq!(matrix.len(), 10, "{text}");
    let count = |label: usize, guess: usize| number(&matrix[label][1 + guess]);
    assert_eq!((0..10).map(|class| count(class, class)).sum::<f64>(), correct as f64, "{text}");

    let report = &table(&text, "precision", 1);
    assert_eq!(report.len(), 10, "{text}");
    for (class, row) in report.iter().enumerate() {
        assert_eq!(row[0], class.to_string());
        let support: f64 = (0..10).map(|guess| count(class, guess)).sum();
        let predicted: f64 = (0..10).map(|label| count(label, class)).sum();
        let precision = if predicted > 0.0 { count(class, class) / predicted } else { 0.0 };
        assert!((number(&row[1]) - precision).abs() < 0.0051, "{text}");
        assert!((number(&row[2]) - count(class, class) / support).abs() < 0.0051, "{text}");
        assert_eq!(number(&row[4]), support, "{text}");
    }
    assert!(text.contains("macro avg") && text.contains("weighted avg"), "{text}");
    datasets::Image::open(folder.join("confusion.png")).unwrap();
}

#[test]
fn results_are_written_as_timm_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    let text = eval(folder, &["--results-file", "results.csv"]);
    assert_eq!(eval(folder, &["--results-file", "results.json"]), text);
    let csv = fs::read_to_string(folder.join("results.csv")).unwrap();
    let (names, values) = csv.trim_end().split_once('\n').unwrap();
    assert!(names.starts_with("model,top1,top1_err,top5,top5_err,param_count,img_size,crop_pct,interpolation,"), "{csv}");
    let json: Value = serde_json::from_str(&fs::read_to_string(folder.join("results.json")).unwrap()).unwrap();
    assert_eq!(names.split(',').count(), json.as_object().unwrap().len());
    for (name, value) in names.split(',').zip(values.split(',')) {
        let expected = &json[name];
        assert_eq!(expected.as_str().map_or_else(|| expected.to_string(), str::to_owned), value, "{name}");
    }
    assert_eq!((&json["model"], &json["img_size"], &json["samples"]), (&"squeezenet1_1".into(), &32.into(), &360.into()));
    let top1 = json["top1"].as_f64().unwrap();
    assert!(text.starts_with(&format!("Test Accuracy: {top1:.2}%")), "{text} {json}");
    assert!((top1 + json["top1_err"].as_f64().unwrap() - 100.0).abs() < 1e-9);

    let (error, code) = failure(folder, ["eval", "--weights", "digits.pth", "--results-file", "results.xlsx"]);
    assert!(error.contains("results.xlsx") && error.contains(".csv") && code == 1, "{error}");
}
