//! What a training leaves in its run folder, and how it is gone on with or done again.

use std::fs;
use std::path::Path;

use super::support::{failure, stdout};

const QUICK: [&str; 7] = ["train", "--dataset", "digits", "--limit-batches", "3", "--batch-size", "16"];

fn train(folder: &Path, more: &[&str]) -> String {
    stdout(folder, QUICK.iter().chain(more))
}

fn read(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn every_training_has_a_folder_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    train(folder, &["--epochs", "2", "--print-freq", "2"]);
    train(folder, &[]);
    train(folder, &["--name", "mine", "--output-dir", "here/there"]);

    let csv = read(folder, "runs/train/results.csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "epoch,time,train/loss,train/accuracy,val/loss,val/accuracy_top1,val/accuracy_top5,lr,images_per_second");
    assert!(lines.len() == 3 && lines[1].starts_with("1,") && lines[2].starts_with("2,"), "{csv}");
    assert!(lines[1..].iter().all(|line| line.split(',').count() == 9 && line.contains(",0.001,")), "{csv}");
    let log = read(folder, "runs/train/log.jsonl");
    let events: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["running_loss", "epoch", "running_loss", "epoch"]);
    assert_eq!(read(folder, "runs/train/per_class.csv").lines().count(), 11);

    for picture in ["results.png", "confusion_matrix.png", "confusion_matrix_normalized.png", "top_losses.png"] {
        datasets::Image::open(folder.join("runs/train").join(picture)).unwrap();
    }
    let files = fs::read_dir(folder.join("runs/train")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.filter(|file| file.starts_with("events.out.tfevents.")).count(), 1);

    // What is in weights/ says what it is of.
    for file in ["runs/train/weights/best.pth", "here/there/mine/weights/last.pth"] {
        let measured = stdout(folder, ["eval", "--weights", file]);
        assert!(measured.contains("/360)"), "{measured}");
    }
    assert!(folder.join("runs/train2/checkpoint").is_file() && !folder.join("runs/train3").exists());
}

#[test]
fn a_run_that_is_resumed_comes_to_what_it_would_have() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let straight = train(folder, &["--epochs", "4", "--out", "straight.pth", "--name", "straight", "--clip-grad-norm", "1"]);
    train(folder, &["--epochs", "2", "--clip-grad-norm", "1"]);
    let resumed = stdout(folder, ["train", "--resume", "--epochs", "4", "--out", "resumed.pth"]);
    let last_epochs = |text: &str| text.lines().filter(|line| line.contains("Accuracy")).skip(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(resumed.lines().filter(|line| line.contains("Accuracy")).collect::<Vec<_>>(), last_epochs(&straight));
    assert!(fs::read(folder.join("straight.pth")).unwrap() == fs::read(folder.join("resumed.pth")).unwrap());

    let losses = |run: &str| -> Vec<String> {
        let csv = read(folder, &format!("runs/{run}/results.csv"));
        csv.lines().map(|line| line.split(',').skip(2).take(5).collect::<Vec<_>>().join(",")).collect()
    };
    assert_eq!(losses("train"), losses("straight"));
    assert_eq!(read(folder, "runs/train/log.jsonl").lines().count(), 4);
    assert!(!folder.join("runs/train2").exists());
}

#[test]
fn a_file_of_settings_trains_again_and_options_override_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = train(folder, &["--seed", "3", "--scheduler", "cosine", "--epochs", "2", "--label-smoothing", "0.1"]);
    let again = stdout(folder, ["train", "--config", "runs/train/config.toml"]);
    assert_eq!(first, again);
    let config = read(folder, "runs/train2/config.toml");
    assert!(config.contains("scheduler = \"cosine\"") && config.contains("limit_batches = 3"), "{config}");
    let shorter = stdout(folder, ["train", "--config", "runs/train/config.toml", "--epochs", "1", "--optimizer", "adamw"]);
    assert_eq!(shorter.lines().filter(|line| line.contains("Accuracy")).count(), 1);
    let config = read(folder, "runs/train3/config.toml");
    assert!(config.contains("optimizer = \"adamw\"") && config.contains("seed = 3"), "{config}");
}

#[test]
fn pictures_held_back_are_validated_on_and_the_test_comes_last() {
    let folder = tempfile::tempdir().unwrap();
    let text = train(folder.path(), &["--val-split", "0.2", "--img-size", "16", "--epochs", "2"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("Epoch [1/2], Validation Accuracy: "), "{text}");
    assert!(lines[2].starts_with("Test Accuracy: ") && lines[3].starts_with("Model saved"), "{text}");
    let class = read(folder.path(), "runs/train/per_class.csv");
    let samples: usize = class.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse::<usize>().unwrap()).sum();
    assert_eq!(samples, 287, "a fifth of 1,437");
}

#[test]
fn every_setting_reaches_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let options = [
        ("--augment", "random-resized-crop,trivialaugment", "augment = [\"random-resized-crop\", \"trivialaugment\"]"),
        ("--accumulate", "2", "accumulate = 2"),
        ("--clip-grad-norm", "2.5", "clip_grad_norm = 2.5"),
        ("--ema-decay", "0.9", "ema_decay = 0.9"),
        ("--label-smoothing", "0.1", "label_smoothing = 0.1"),
        ("--class-weights", "balanced", "class_weights = \"balanced\""),
        ("--mixup-alpha", "0.2", "mixup_alpha = 0.2"),
        ("--cutmix-alpha", "1", "cutmix_alpha = 1.0"),
        ("--unfreeze-after", "1", "unfreeze_after = 1"),
        ("--early-lr", "0.1", "early_lr = 0.1"),
        ("--scheduler", "reduce-on-plateau", "scheduler = \"reduce-on-plateau\""),
        ("--lr-patience", "7", "patience = 7"),
        ("--lr-threshold", "0.01", "threshold = 0.01"),
        ("--lr-cooldown", "2", "cooldown = 2"),
        ("--lr-milestones", "1,2", "milestones = [1, 2]"),
        ("--warmup-epochs", "1", "warmup_epochs = 1"),
        ("--dtype", "bf16", "precision = \"bf16\""),
        ("--optimizer", "rmsprop", "optimizer = \"rmsprop\""),
        ("--epochs", "3", "epochs = 3"),
    ];
    let args: Vec<&str> = options.iter().flat_map(|&(name, value, _)| [name, value]).collect();
    let text = train(folder.path(), &args);
    assert_eq!(text.lines().filter(|line| line.starts_with("Epoch")).count(), 3, "{text}");
    let config = read(folder.path(), "runs/train/config.toml");
    for (name, _, line) in options {
        assert!(config.lines().any(|written| written == line), "{name}: {config}");
    }
}

#[test]
fn without_progress_the_training_ends_early() {
    let folder = tempfile::tempdir().unwrap();
    // At this rate nothing changes.
    let args = ["--epochs", "9", "--patience", "2", "--lr", "1e-30", "--momentum", "0", "--model", "squeezenet1_1"];
    let text = train(folder.path(), &args);
    assert_eq!(text.lines().filter(|line| line.starts_with("Epoch")).count(), 3, "{text}");
}

#[test]
fn runs_and_settings_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("typo.toml"), "[training]\nepoch = 3\n").unwrap();
    fs::write(folder.join("data.toml"), "[data]\ndataset = \"mnist\"\n").unwrap();
    let digits = |more: &[&'static str]| [&["--dataset", "digits"][..], more].concat();
    for (args, named) in [
        (vec!["--config", "typo.toml"], "typo.toml, line 2"),
        (vec!["--config", "nowhere.toml"], "nowhere.toml"),
        (vec!["--config", "data.toml"], "mnist"),
        (vec!["--resume"], "runs"),
        (vec!["--resume", "runs/other"], "runs/other"),
        (digits(&["--name", "a/b"]), "name of the run is \"a/b\""),
        (digits(&["--val-split", "1"]), "validation split"),
        (digits(&["--class-weights", "1,2"]), "class weights"),
        (digits(&["--warmup-epochs", "3"]), "warm-up"),
    ] {
        let (error, code) = failure(folder, [&["train"][..], &args].concat());
        assert!(error.contains(named) && code == 1, "{error}");
    }
    for args in [["--scheduler", "magic"], ["--augment", "blur"], ["--class-weights", "heavy"], ["--ema-decay", "much"]] {
        let (error, code) = failure(folder, ["train"].iter().chain(&args));
        assert!(error.contains(args[1]) && code == 2, "{error}");
    }
    assert!(!folder.join("runs").exists(), "no folder of a run that never was");
}
