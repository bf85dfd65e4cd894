//! On a CUDA device, which `CONVOY_TEST_DEVICE` names as in `tensor`'s tests, the commands come to what they come to on the processor.

use std::env;
use std::fs;
use std::path::Path;

use super::support::{golden, picture_folder, stdout};

/// The device under test.
fn device() -> String {
    env::var("CONVOY_TEST_DEVICE").expect("CONVOY_TEST_DEVICE=cuda chooses a device, CONVOY_CUDA_EMULATOR makes it an emulated one")
}

/// What a command prints in a folder of that name, which has pictures in `pets`, with its networks on this device.
fn printed(root: &Path, folder: &str, device: &str, args: &[&str]) -> String {
    let folder = root.join(folder);
    picture_folder(&folder.join("pets"));
    stdout(&folder, args.iter().chain(&["--device", device]))
}

/// The numbers in a text.
fn numbers(text: &str) -> Vec<f64> {
    text.split(|c: char| !(c.is_ascii_digit() || "+-.e".contains(c))).filter_map(|word| word.parse().ok()).collect()
}

fn assert_close(found: &str, expected: &str, tolerance: f64) {
    let (a, b) = (numbers(found), numbers(expected));
    let close = a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= tolerance);
    assert!(a.len() == b.len() && !a.is_empty() && close, "{found}where the processor says\n{expected}");
}

#[test]
fn trainings_go_as_on_the_processor() {
    let device = device();
    // Networks and rates whose losses do not hang on the last digits: batch norms over few values do.
    let trainings: [(&str, &[&str], f64); 3] = [
        ("mobilenet_v3_small", &["--optimizer", "adamw", "--clip-grad-norm", "1", "--ema-decay", "0.5", "--cutmix-alpha", "1"], 2e-2),
        ("squeezenet1_1", &["--optimizer", "rmsprop", "--momentum", "0.5", "--accumulate", "2", "--mixup-alpha", "1"], 5e-3),
        ("squeezenet1_1", &["--optimizer", "adam", "--dtype", "bf16", "--label-smoothing", "0.1", "--class-weights", "balanced"], 2e-2),
    ];
    for (model, more, tolerance) in trainings {
        let root = tempfile::tempdir().unwrap();
        let common = [
            "train",
            "--dataset",
            "folder:pets",
            "--weights",
            "none",
            "--img-size",
            "32",
            "--batch-size",
            "3",
            "--print-freq",
            "1",
            "--lr",
            "1e-4",
        ];
        let args = [&common[..], &["--model", model, "--epochs", "2", "--out", "m.pth"], more].concat();
        let train = |device: &str| printed(root.path(), device, device, &args);
        assert_close(&train(&device), &train("cpu"), tolerance);
        let config = fs::read_to_string(root.path().join(&device).join("runs/train/config.toml")).unwrap();
        assert!(config.contains("device = \"cuda:"), "{config}");

        // Files do not tell where they were written.
        let eval = |device| printed(root.path(), "cpu", device, &["eval", "--dataset", "folder:pets", "--weights", "m.pth"]);
        assert_eq!(eval(&device), eval("cpu"));
        let resume = |folder, device| printed(root.path(), folder, device, &["train", "--resume", "--epochs", "3"]);
        assert_close(&resume("cpu", &device), &resume(&device, "cpu"), tolerance);
    }
}

#[test]
fn predictions_are_those_of_the_processor() {
    let device = device();
    let root = tempfile::tempdir().unwrap();
    let picture = golden("images/rgb.png");
    let predict = |device: &str| {
        let args = ["predict", picture.to_str().unwrap(), "--json", "--top-k", "1000", "--cam", "cam.png"];
        let answer: serde_json::Value = serde_json::from_str(&printed(root.path(), device, device, &args)).unwrap();
        let mut classes: Vec<(u64, f64)> =
            answer["top"].as_array().unwrap().iter().map(|c| (c["index"].as_u64().unwrap(), c["probability"].as_f64().unwrap())).collect();
        classes.sort_by_key(|&(index, _)| index);
        (classes, datasets::Image::open(root.path().join(device).join("cam.png")).unwrap())
    };
    let ((found, found_cam), (expected, expected_cam)) = (predict(&device), predict("cpu"));
    assert!(found.len() == 1000 && found.iter().zip(&expected).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-5));
    let near = found_cam.data().iter().zip(expected_cam.data()).all(|(a, b)| a.abs_diff(*b) <= 1);
    assert!(near && found_cam.data().len() == expected_cam.data().len());
}

#[test]
fn learning_rates_are_tried_and_speed_is_measured() {
    let device = device();
    let root = tempfile::tempdir().unwrap();
    let printed = |args: &[&str]| printed(root.path(), "here", &device, args);
    let steps =
        ["lr-find", "--dataset", "folder:pets", "--model", "squeezenet1_1", "--img-size", "32", "--batch-size", "2", "--steps", "4"];
    printed(&steps);
    let curve = fs::read_to_string(root.path().join("here/lr_find.csv")).unwrap();
    assert!(curve.lines().count() == 5 && numbers(&curve).iter().all(|number| number.is_finite()), "{curve}");
    for command in ["infer", "train"] {
        for dtype in ["f32", "bf16"] {
            let model = ["--model", "shufflenet_v2_x1_0", "--size", "32", "--batch", "2", "--seconds", "1", "--dtype", dtype];
            let line = printed(&[&["bench", command], &model[..]].concat());
            assert!(line.starts_with(&format!("convoy {command} shufflenet_v2_x1_0 32px batch 2 {dtype}: ")), "{line}");
        }
    }
}
