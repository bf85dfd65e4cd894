//! Whatever is wrong is said in one line, with exit code 1, or 2 where the command line itself makes no sense.

use std::fs;
use std::path::Path;

use super::support::{convoy, explained, failure, golden};

#[test]
fn an_unknown_model_is_named_with_what_it_could_have_been() {
    let here = Path::new(".");
    for command in [&["show"][..], &["inspect"], &["train", "--dataset", "digits", "--model"], &["bench", "infer", "--model"]] {
        let (error, code) = failure(here, command.iter().chain(&["resnet81"]));
        assert!(error.contains("resnet81") && error.contains("resnet18"), "{error}");
        assert_eq!(code, 1);
    }
}

#[test]
fn a_bad_checkpoint_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut files: Vec<_> = fs::read_dir(golden("pth")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("bad_"));
    assert!(!files.is_empty());
    let picture = golden("images/rgb.png");
    for file in &files {
        let file = file.to_str().unwrap();
        let picture = picture.to_str().unwrap();
        let commands = [
            vec!["inspect", file],
            vec!["eval", "--weights", file],
            vec!["predict", picture, "--weights", file],
            vec!["predict", picture, "--weights", file, "--model", "resnet18"],
            vec!["train", "--dataset", "digits", "--weights", file],
        ];
        for command in commands {
            let (error, code) = failure(folder.path(), &command);
            assert!(error.contains(file), "{error}");
            assert_eq!(code, 1);
        }
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "nothing was saved, and no code ran: {left:?}");
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = golden("pth/state_dict_zip.pth");
    let file = file.to_str().unwrap();
    let (error, _) = failure(folder.path(), ["eval", "--weights", file]);
    assert!(error.contains(file) && error.contains("model"), "{error}");
    let (error, _) = failure(folder.path(), ["eval", "--weights", file, "--model", "resnet18"]);
    assert!(error.contains(file) && error.contains("missing: conv1.weight"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let here = Path::new(".");
    for command in [&["inspect", "none.pth"][..], &["eval", "--weights", "none.pth"], &["train", "--weights", "none.pth"]] {
        let (error, code) = failure(here, command);
        assert!(error.contains("none.pth"), "{error}");
        assert_eq!(code, 1);
    }
}

#[test]
fn weights_in_pytorchs_cache_that_are_not_the_published_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("torch/hub/checkpoints");
    fs::create_dir_all(&cache).unwrap();
    fs::write(cache.join("resnet18-f37072fd.pth"), "half a download").unwrap();
    let (error, code) = failure(folder.path(), ["train", "--dataset", "digits"]);
    assert!(error.contains("resnet18-f37072fd.pth") && error.contains("SHA-256"), "{error}");
    assert_eq!(code, 1);
}

#[test]
fn too_few_classes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (error, code) = failure(folder.path(), ["train", "--dataset", "digits", "--num-classes", "9"]);
    assert!(error.contains("--num-classes 9") && error.contains("10 classes"), "{error}");
    assert_eq!(code, 1);
}

#[test]
fn numbers_and_names_that_make_no_sense_are_usage_errors() {
    let here = Path::new(".");
    let commands: [&[&str]; 12] = [
        &["train", "--num-classes", "0"],
        &["train", "--num-classes", "ten"],
        &["train", "--batch-size", "0"],
        &["train", "--epochs", "-1"],
        &["train", "--lr", "fast"],
        &["train", "--optimizer", "magic"],
        &["train", "--dataset", "mnist"],
        &["train", "--threads", "0"],
        &["show", "resnet18", "--device", "tpu"],
        &["predict", "--weights", "a.pth"],
        &["eval"],
        &["frobnicate"],
    ];
    for command in commands {
        let (error, code) = failure(here, command);
        assert_eq!(code, 2, "{command:?}: {error}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused_before_anything_is_read() {
    let here = Path::new(".");
    for (flag, value) in [("--lr", "nan"), ("--lr", "0"), ("--momentum", "1"), ("--weight-decay", "-1")] {
        let (error, _) = failure(here, ["train", "--dataset", "folder:/nowhere", &format!("{flag}={value}")]);
        assert!(error.contains(&flag[2..].replace('-', " ")) || error.contains("learning rate"), "{error}");
    }
}

#[test]
fn a_device_that_is_not_there_is_one_error_everywhere() {
    let here = Path::new(".");
    for command in [&["models"][..], &["train"], &["bench", "train"]] {
        for device in ["cuda:63", "cuda:64"] {
            let (error, code) = failure(here, command.iter().chain(&["--device", device]));
            assert!(error.contains("--device cpu"), "{error}");
            assert_eq!(code, 1);
        }
    }
}

#[test]
fn an_environment_that_makes_no_sense_is_a_usage_error() {
    for (name, value) in [("CONVOY_SIMD", "mmx"), ("CONVOY_WINOGRAD", "maybe"), ("CONVOY_TF32", "1")] {
        let output = convoy(Path::new(".")).arg("models").env(name, value).output().unwrap();
        let (error, code) = explained(&output);
        assert!(error.contains(&format!("{name}={value}")), "{error}");
        assert_eq!(code, 2);
    }
}

#[test]
fn a_pattern_that_freezes_nothing_is_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let (error, _) = failure(folder.path(), ["train", "--dataset", "digits", "--freeze", "layr1.*"]);
    assert!(error.contains("layr1.*") && error.contains("layer1"), "{error}");
    let (error, _) = failure(folder.path(), ["train", "--dataset", "digits", "--freeze", "*"]);
    assert!(error.contains("frozen"), "{error}");
}

#[test]
fn a_place_that_cannot_be_saved_to_is_found_out_before_training() {
    let folder = tempfile::tempdir().unwrap();
    for (out, reason) in [("model.onnx", ".pth"), ("nowhere/model.pth", "cannot be saved")] {
        let (error, _) = failure(folder.path(), ["train", "--dataset", "digits", "--epochs", "1000", "--out", out]);
        assert!(error.contains(out) && error.contains(reason), "{error}");
    }
}

#[test]
fn a_data_set_that_is_incomplete_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (error, _) = failure(folder.path(), ["train", "--dataset", "cifar10"]);
    assert!(error.contains("data") && error.contains("cifar-10-batches-bin"), "{error}");

    let batches = folder.path().join("data/cifar-10-batches-bin");
    fs::create_dir_all(&batches).unwrap();
    fs::write(batches.join("data_batch_1.bin"), vec![0; 3073 * 9999 + 5]).unwrap();
    let (error, code) = failure(folder.path(), ["train"]);
    assert!(error.contains("data_batch_1.bin") && error.contains("30730000"), "{error}");
    assert_eq!(code, 1);

    fs::create_dir_all(folder.path().join("pictures/cats")).unwrap();
    for root in ["pictures", "nowhere"] {
        let (error, _) = failure(folder.path(), ["train", "--dataset", &format!("folder:{root}")]);
        assert!(error.contains(root), "{error}");
    }
}
