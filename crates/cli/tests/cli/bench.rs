//! The lines of `bench` are those of the peers' benchmark.

use std::path::Path;

use super::support::stdout;

/// The number between two texts, with two digits behind the point.
fn number_between(text: &str, before: &str, after: &str) -> f64 {
    let number = text.strip_prefix(before).and_then(|rest| rest.split_once(after)).map(|(number, _)| number);
    let number = number.unwrap_or_else(|| panic!("{text:?} is not {before}…{after}"));
    assert_eq!(number.split_once('.').unwrap().1.len(), 2, "{text}");
    number.parse().unwrap()
}

#[test]
fn a_step_and_its_rate() {
    let args = ["bench", "train", "--model", "resnet18", "--size", "32", "--batch", "2", "--seconds", "1"];
    let line = stdout(Path::new("."), args);
    let ms = number_between(&line, "convoy train resnet18 32px batch 2 f32: ", " ms/step, ");
    let rate = line.split_once("ms/step, ").unwrap().1.strip_suffix(" img/s\n").unwrap();
    assert!((rate.parse::<f64>().unwrap() * ms / 2000.0 - 1.0).abs() < 0.01, "{line}");
}

#[test]
fn an_inference() {
    let line = stdout(Path::new("."), ["bench", "infer", "--model", "resnet18", "--batch", "1", "--seconds", "1"]);
    assert!(number_between(&line, "convoy infer resnet18 batch 1 f32: ", " ms\n") > 0.0);
}

#[test]
fn bf16_is_named() {
    let args = ["bench", "infer", "--model", "squeezenet1_1", "--size", "64", "--seconds", "1", "--dtype", "bf16"];
    let line = stdout(Path::new("."), args);
    assert!(number_between(&line, "convoy infer squeezenet1_1 64px batch 1 bf16: ", " ms\n") > 0.0);
}
