//! The weights in the program: prediction and fine-tuning with nothing at hand.

use std::path::Path;

use serde_json::Value;

use super::support::{failure, stdout};

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../zoo/data/photos");

/// Index, name and probability.
type Class = (u64, &'static str, f64);

#[test]
fn photos_are_told_as_pytorch_tells_them() {
    // Recorded from PyTorch with these weights and torchvision's preset.
    let expected: [(&str, &[Class]); 2] = [
        (
            "chelsea.png",
            &[
                (282, "tiger cat", 0.393),
                (285, "Egyptian cat", 0.306),
                (281, "tabby", 0.286),
                (293, "cheetah", 0.006),
                (287, "lynx", 0.004),
            ],
        ),
        ("coffee.png", &[(967, "espresso", 0.966), (925, "consomme", 0.031)]),
    ];
    for (photo, classes) in expected {
        let top_k = classes.len().to_string();
        let text = stdout(Path::new("."), ["predict", "--json", "--top-k", &top_k, &format!("{PHOTOS}/{photo}")]);
        let answer: Value = serde_json::from_str(&text).unwrap();
        let top = answer["top"].as_array().unwrap();
        assert_eq!(top.len(), classes.len(), "{text}");
        for (class, &(index, label, probability)) in top.iter().zip(classes) {
            assert_eq!((class["index"].as_u64(), class["label"].as_str()), (Some(index), Some(label)), "{text}");
            assert!((class["probability"].as_f64().unwrap() - probability).abs() < 2e-3, "{text}");
        }
    }
}

#[test]
fn in_bf16_probabilities_move_but_a_little() {
    let photo = format!("{PHOTOS}/chelsea.png");
    let tiger_cat = |dtype| {
        let text = stdout(Path::new("."), ["predict", "--json", "--top-k", "1", "--dtype", dtype, &photo]);
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["top"][0]["label"], "tiger cat", "{text}");
        answer["top"][0]["probability"].as_f64().unwrap()
    };
    let difference = (tiger_cat("f32") - tiger_cat("bf16")).abs();
    assert!(difference > 0.0 && difference < 0.05, "{difference}");
}

#[test]
fn training_starts_from_them_with_a_new_head() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let train = ["train", "--weights", "bundled", "--freeze", "features.*", "--dataset", "digits", "--limit-batches", "2"];
    let text = stdout(folder, train);
    assert!(text.ends_with("Model saved: squeezenet1_1_digits_classifier.pth\n"), "{text}");
    let photo = format!("{PHOTOS}/chelsea.png");
    let text = stdout(folder, ["predict", "--top-k", "20", &photo, "--weights", "squeezenet1_1_digits_classifier.pth"]);
    assert_eq!(text.lines().count(), 2 + 10, "{text}");
}

#[test]
fn another_model_has_none() {
    let expected = "error: resnet18 has no bundled weights: only squeezenet1_1 has";
    for command in [&["train", "--dataset", "digits"][..], &["predict", "photo.png"]] {
        let command = command.iter().chain(&["--weights", "bundled"]);
        let (error, code) = failure(Path::new("."), command.chain(&["--model", "resnet18"]));
        assert_eq!((error.as_str(), code), (expected, 1));
    }
}
