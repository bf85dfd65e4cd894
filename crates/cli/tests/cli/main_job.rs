//! The tutorial's job: train, save, measure, predict.

use std::path::Path;

use super::support::{failure, golden, picture_folder, stdout};
use serde_json::Value;

const QUICK: [&str; 5] = ["train", "--limit-batches", "4", "--print-freq", "2"];

/// Trains a little on the digits, in `folder`; what that printed.
fn train_on_digits(folder: &Path, more: &[&str]) -> String {
    stdout(folder, QUICK.iter().chain(&["--dataset", "digits"]).chain(more))
}

fn predict_json(folder: &Path, more: &[&str]) -> Vec<Value> {
    let lines = stdout(folder, ["predict", "--json"].iter().chain(more));
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_model_is_trained_saved_measured_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let picture = golden("images/rgb.png");
    let picture = picture.to_str().unwrap();

    let text = train_on_digits(folder, &[]);
    let lines: Vec<&str> = text.lines().collect();
    let [first, second, accuracy, saved] = lines[..] else { panic!("{text}") };
    assert!(first.starts_with("Epoch [1/1], Batch [2/4], Loss: ") && second.starts_with("Epoch [1/1], Batch [4/4], Loss: "), "{text}");
    let loss = first.rsplit_once(' ').unwrap().1;
    assert!(loss.split_once('.').unwrap().1.len() == 4 && (1.5..4.0).contains(&loss.parse::<f64>().unwrap()), "{text}");
    let percent = accuracy.strip_prefix("Epoch [1/1], Test Accuracy: ").unwrap();
    assert!(percent.strip_suffix('%').unwrap().split_once('.').unwrap().1.len() == 2, "{text}");
    assert_eq!(saved, "Model saved: resnet18_digits_classifier.pth");

    // The file says what it is of, so nothing else has to be said.
    let weights = ["--weights", "resnet18_digits_classifier.pth"];
    let measured = stdout(folder, ["eval"].iter().chain(&weights));
    assert!(measured.starts_with(&format!("Test Accuracy: {percent} (")), "{measured} after {text}");
    assert!(measured.contains("/360)\nTop-5 Accuracy: "), "{measured}");

    let text = stdout(folder, ["predict", picture].iter().chain(&weights));
    let lines: Vec<&str> = text.lines().collect();
    let class = lines[0].strip_prefix("Predicted Class: ").unwrap();
    assert_eq!(lines[1], format!("Predicted Label: {class}"));
    assert_eq!(lines.len(), 2 + 5, "{text}");

    let [answer] = &predict_json(folder, &[picture, "--top-k", "20", weights[0], weights[1]])[..] else { panic!() };
    assert_eq!(answer["path"], picture);
    let top = answer["top"].as_array().unwrap();
    let probabilities: Vec<f64> = top.iter().map(|class| class["probability"].as_f64().unwrap()).collect();
    assert_eq!(top[0]["index"].to_string(), class);
    assert_eq!(top[0]["label"], class);
    assert!(top.len() == 10 && probabilities.is_sorted_by(|a, b| a >= b));
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5);

    // Both formats hold the same model, and a model without its metadata is known by its tensors.
    let text = train_on_digits(folder, &["--weights", weights[1], "--lr", "1e-30", "--momentum", "0", "--out", "again.safetensors"]);
    assert!(text.ends_with("Model saved: again.safetensors\n"), "{text}");
    assert_eq!(stdout(folder, ["inspect", "again.safetensors"]).lines().count(), 122);
}

#[test]
fn losses_are_the_same_for_a_seed_at_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let train = |seed, threads| train_on_digits(folder.path(), &["--seed", seed, "--threads", threads]);
    let once = train("1", "1");
    assert_eq!(once, train("1", "2"));
    assert_eq!(once, train("1", "3"));
    assert_ne!(once, train("2", "2"));
}

#[test]
fn outputs_beyond_the_classes_are_kept_as_in_the_tutorial() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    train_on_digits(folder, &["--num-classes", "1000", "--out", "wide.pth"]);
    let keys = stdout(folder, ["inspect", "wide.pth"]);
    assert!(keys.ends_with("fc.weight\tfloat32\t1000x512\nfc.bias\tfloat32\t1000\n"), "{keys}");
    stdout(folder, ["eval", "--weights", "wide.pth"]);

    // From a file with another number of outputs only the body is taken.
    train_on_digits(folder, &["--weights", "wide.pth", "--freeze", "layer*", "--out", "narrow.pth"]);
    assert!(stdout(folder, ["inspect", "narrow.pth"]).ends_with("fc.weight\tfloat32\t10x512\nfc.bias\tfloat32\t10\n"));
}

#[test]
fn weights_of_other_classes_are_not_measured() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    picture_folder(&folder.join("pets"));
    train_on_digits(folder, &[]);
    let (error, _) = failure(folder, ["eval", "--weights", "resnet18_digits_classifier.pth", "--dataset", "folder:pets"]);
    assert!(error.contains("other classes than pets"), "{error}");
}

#[test]
fn a_file_without_metadata_is_taken_for_what_its_name_and_outputs_say() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let picture = golden("images/rgb.png");
    let picture = picture.to_str().unwrap();
    let save = |name: &str, outputs| {
        let model = zoo::build("resnet18", outputs).unwrap();
        zoo::save_module(folder.join(name), &model, &zoo::Metadata::default()).unwrap();
    };
    let label = |name: &str, more: &[&str]| {
        let answer = &predict_json(folder, &[&[picture, "--weights", name, "--top-k", "1"], more].concat())[0];
        (answer["top"][0]["index"].as_u64().unwrap() as usize, answer["top"][0]["label"].as_str().unwrap().to_owned())
    };
    save("ten.pth", 10);
    save("many.pth", 1000);
    save("resnet18_digits_classifier.pth", 10);
    save("seven.pth", 7);

    let (index, name) = label("ten.pth", &[]);
    assert_eq!(name, datasets::Cifar10::CLASSES[index]);
    let (index, name) = label("ten.pth", &["--trained-on", "digits", "--model", "resnet18"]);
    assert_eq!(name, index.to_string());
    let (index, name) = label("many.pth", &["--img-size", "64"]);
    assert_eq!(Some(&*name), zoo::imagenet_categories().nth(index));
    for file in ["resnet18_digits_classifier.pth", "seven.pth"] {
        let (index, name) = label(file, &["--img-size", "32"]);
        assert_eq!(name, index.to_string());
    }
}

#[test]
fn a_folder_of_pictures_is_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    picture_folder(&folder.join("pets"));
    let args = ["train", "--dataset", "folder:pets", "--batch-size", "2", "--limit-batches", "1"];
    let text = stdout(folder, args);
    assert!(text.ends_with("Model saved: resnet18_pets_classifier.pth\n"), "{text}");

    let weights = ["--weights", "resnet18_pets_classifier.pth"];
    let measured = stdout(folder, ["eval", "--dataset", "folder:pets"].iter().chain(&weights));
    assert!(measured.contains("/1)"), "a fifth of six pictures: {measured}");
    let (error, _) = failure(folder, ["eval"].iter().chain(&weights));
    assert!(error.contains("trained on pets"), "{error}");
    let answer = &predict_json(folder, &["pets/cats/rgb.png", weights[0], weights[1]])[0];
    assert!(["cats", "dogs"].contains(&answer["top"][0]["label"].as_str().unwrap()), "{answer}");
}
