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

#[test]
fn layers_against_the_peak_with_every_algorithm() {
    let args = ["bench", "layers", "--model", "resnet18", "--size", "32", "--batch", "2", "--seconds", "1", "--scaling"];
    let text = stdout(Path::new("."), args);
    assert!(text.starts_with("Peak on ") && text.contains("GB/s read"), "{text}");
    let find = |start: &str| {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        text.lines().map(words).find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in {text}"))
    };
    // The first layer's input needs no gradient; the two second convolutions of the first stage are equal.
    assert!(find("1 Conv2d 3->64 7x7/2 32x32 norm relu inference * direct").ends_with('%'));
    assert!(!text.lines().any(|line| line.contains("3->64") && line.contains("input gradient")));
    find("2 Conv2d 64->64 3x3/1 8x8 norm add relu inference");
    find("4 Conv2d 64->64 3x3/1 8x8 weight gradient");
    find("1 Linear 512->1000 rows 2 input gradient");
    find("1 MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False) [2, 64, 16, 16] inference");
    find("2 BatchNorm2d [2, 64, 8, 8] add relu backward");
    assert!(!text.lines().any(|line| line.contains("BatchNorm2d") && line.contains("inference")), "folded: {text}");
    assert!(text.contains("64 threads"), "{text}");
    for total in ["inference * taken", "forward * taken", "input gradient * taken", "weight gradient * taken", "backward"] {
        find(&format!("total {total}"));
    }
}
