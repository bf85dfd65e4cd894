//! `lr-find`: learning rates are tried, drawn, and two suggested.

use std::fs;
use std::path::Path;

use super::support::{failure, stdout};

const START: [&str; 5] = ["lr-find", "--weights", "bundled", "--dataset", "digits"];

fn points(folder: &Path, file: &str) -> Vec<[f64; 3]> {
    let csv = fs::read_to_string(folder.join(file)).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("learning_rate,loss,smoothed_loss"));
    let row = |line: &str| line.split(',').map(|value| value.parse().unwrap()).collect::<Vec<f64>>().try_into().unwrap();
    lines.map(row).collect()
}

#[test]
fn the_suggested_rate_is_one_that_trains() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = stdout(folder, START);
    let rate = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("Learning Rate ({name}): ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    };
    let points = points(folder, "lr_find.csv");
    assert!(points.len() > 50 && (points[0][0] - 1e-7).abs() < 1e-15, "{} points", points.len());
    // The rates grow by the hundredth root of 1e8.
    assert!(points.windows(2).all(|pair| (pair[1][0] / pair[0][0] - 1e8f64.powf(0.01)).abs() < 1e-9));
    let best = points.iter().map(|point| point[2]).fold(f64::INFINITY, f64::min);
    let blown_up = points.last().unwrap()[2] > 4.0 * best;
    assert!(blown_up || points.len() == 100);
    for name in ["valley", "steepest"] {
        assert!((1e-6..1.0).contains(&rate(name)), "{text}");
    }
    datasets::Image::open(folder.join("lr_find.png")).unwrap();

    // Training at the suggested rate learns more than at the least one.
    let loss = |rate: &str| -> f64 {
        let text =
            stdout(folder, ["train"].iter().chain(&START[1..]).chain(&["--limit-batches", "20", "--print-freq", "20", "--lr", rate]));
        text.lines().next().unwrap().rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    assert!(loss(&rate("valley").to_string()) < loss("1e-7"));
}

#[test]
fn a_range_and_files_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let more = ["--start-lr", "1e-4", "--end-lr", "1e-2", "--steps", "4", "--csv", "a.csv", "--plot", "b.png", "--batch-size", "8"];
    let text = stdout(folder, START.iter().chain(&more));
    assert_eq!(text, "", "four points are too few to suggest one");
    let rates: Vec<f64> = points(folder, "a.csv").iter().map(|point| point[0]).collect();
    let expected = [1e-4, 10f64.powf(-3.5), 1e-3, 10f64.powf(-2.5)];
    assert!(rates.len() == 4 && rates.iter().zip(expected).all(|(a, b)| (a / b - 1.0).abs() < 1e-9), "{rates:?}");
    assert!(folder.join("b.png").is_file() && !folder.join("lr_find.csv").exists());
    let (error, code) = failure(folder, START.iter().chain(&["--start-lr", "1", "--end-lr", "0.1"]));
    assert!(error.contains("last learning rate is 0.1") && code == 1, "{error}");
}
