//! `summary` against what torchvision publishes.

use std::collections::BTreeMap;
use std::path::Path;

use super::support::{failure, golden, stdout};

/// Parameters and GFLOPs of each model as published.
fn published() -> BTreeMap<String, (u64, f64)> {
    let table = std::fs::read_to_string(golden("torchvision_weights.tsv")).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        (fields[0].to_owned(), (fields[4].parse().unwrap(), fields[5].parse().unwrap()))
    };
    table.lines().skip(1).map(row).collect()
}

/// What stands behind `label` in one line of a summary.
fn total<'a>(summary: &'a str, label: &str) -> &'a str {
    summary.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_else(|| panic!("no {label:?} in {summary}"))
}

fn number(text: &str) -> u64 {
    text.replace(',', "").parse().unwrap()
}

/// The parameters of GoogLeNet's auxiliary classifiers, which its published number leaves out.
fn unpublished_parameters(model: &str, summary: &str) -> u64 {
    let is_auxiliary = |line: &&str| model == "googlenet" && line.contains("(InceptionAux)");
    // Layer, class, shape, parameters, multiply-adds.
    summary.lines().filter(is_auxiliary).map(|line| number(line.split_whitespace().rev().nth(1).unwrap())).sum()
}

#[test]
fn totals_are_the_published_ones() {
    let here = Path::new(".");
    let published = published();
    for model in zoo::names() {
        let (parameters, gflops) = published[model];
        let summary = stdout(here, ["summary", model]);
        let counted = number(total(&summary, "Parameters: ")) - unpublished_parameters(model, &summary);
        assert_eq!(counted, parameters, "{model}");
        let counted: f64 = total(&summary, "GFLOPs (multiply-adds of convolutions and linear layers): ").parse().unwrap();
        assert!((counted - gflops).abs() < 1e-9, "{model}: {counted} and {gflops}");
    }
}

#[test]
fn a_network_is_a_tree_with_the_shapes_of_the_batch() {
    // PyTorch's FlopCounterMode counts twice the first line's 17,182,080 multiply-adds.
    let text = stdout(Path::new("."), ["summary", "squeezenet1_1", "--input-size", "3x64x32", "--batch", "2"]);
    let words: Vec<String> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "SqueezeNet [2, 1000] 1,235,496 17,182,080",
        "│ ├─ 3 (Fire) [2, 128, 15, 7] 11,408 2,365,440",
        "│ │ ├─ expand1x1 (Conv2d) [2, 64, 15, 7] 1,088 215,040",
        "└─ classifier (Sequential) [2, 1000, 1, 1] 513,000 3,072,000",
    ];
    for line in expected {
        assert!(words.iter().any(|found| found == line), "no {line:?} in\n{text}");
    }
}

#[test]
fn a_size_that_does_not_fit_is_one_error() {
    let here = Path::new(".");
    let (error, code) = failure(here, ["summary", "alexnet", "--input-size", "8"]);
    assert!(error.contains("does not fit") && code == 1, "{error}");
    let (error, code) = failure(here, ["summary", "alexnet", "--input-size", "1x8x8"]);
    assert!(error.contains("3xHxW") && code == 2, "{error}");
}
