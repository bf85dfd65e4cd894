//! `export`: what it writes, what it says, and what it refuses.

use std::fs;
use std::path::Path;

use super::support::{convoy, failure, stdout};

fn contains(file: &Path, text: &str) -> bool {
    fs::read(file).unwrap().windows(text.len()).any(|bytes| bytes == text.as_bytes())
}

#[test]
fn the_bundled_weights_become_a_file_of_each_format() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for format in ["pth", "safetensors", "onnx"] {
        let file = format!("squeezenet1_1.{format}");
        assert_eq!(stdout(folder, ["export", "squeezenet1_1", "--format", format]), format!("{file}\n"));
        for text in ["features.0.weight", "Egyptian cat"] {
            assert!(contains(&folder.join(&file), text), "{text} in {file}");
        }
    }
    let keys = stdout(folder, ["inspect", "squeezenet1_1"]);
    assert_eq!(stdout(folder, ["inspect", "squeezenet1_1.pth"]), keys);
}

#[test]
fn a_file_is_converted_with_what_it_says_and_for_the_pictures_it_was_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let train = ["train", "--model", "squeezenet1_1", "--weights", "none", "--dataset", "digits", "--limit-batches", "1", "--out", "a.pth"];
    stdout(folder, train);
    let output = convoy(folder).args(["export", "a.pth", "--output", "a.onnx"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("input [N, 3, 32, 32], output logits [N, 10]"), "{said}");
    assert!(said.contains("squeezenet1_1 with the weights of a.pth written as onnx"), "{said}");

    stdout(folder, ["export", "a.pth", "--output", "b.bin", "--format", "safetensors"]);
    let predict =
        |weights| stdout(folder, ["predict", concat!(env!("CARGO_MANIFEST_DIR"), "/../zoo/data/photos/coffee.png"), "--weights", weights]);
    assert_eq!(predict("a.pth"), predict("b.bin"));
}

#[test]
fn random_weights_are_those_of_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, seed| {
        let args = [
            "export",
            "shufflenet_v2_x1_0",
            "--weights",
            "none",
            "--seed",
            seed,
            "--output",
            name,
            "--format",
            "onnx",
            "--input-size",
            "3x64x32",
        ];
        stdout(folder.path(), args);
        fs::read(folder.path().join(name)).unwrap()
    };
    let first = write("a", "1");
    assert!(first == write("b", "1") && first != write("c", "2"));
}

#[test]
fn what_cannot_be_exported_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stdout(folder, ["export", "squeezenet1_1", "--format", "pth"]);
    let cases: [(&[&str], &str, i32); 9] = [
        (&["squeezenet1_1"], "--format", 2),
        (&["squeezenet1_1", "--format", "tflite"], "tflite", 2),
        (&["squeezenet1_1", "--output", "a.bin"], "a.bin: end the name in .pth, .safetensors or .onnx", 1),
        (&["resnet81", "--format", "onnx"], "did you mean resnet18", 1),
        (&["none.pth", "--format", "onnx"], "none.pth", 1),
        (&["squeezenet1_1.pth", "--weights", "none", "--format", "onnx"], "--weights", 1),
        (&["squeezenet1_1", "--model", "resnet18", "--format", "onnx"], "--model", 1),
        (&["squeezenet1_1", "--format", "pth", "--input-size", "64", "--output", "a.pth"], "--input-size", 1),
        (&["squeezenet1_1.pth", "--format", "pth"], "written over itself", 1),
    ];
    for (args, reason, expected) in cases {
        let (error, code) = failure(folder, ["export"].iter().chain(args));
        assert!(error.contains(reason), "{error}");
        assert_eq!(code, expected, "{error}");
    }
    let small = ["export", "squeezenet1_1", "--format", "onnx", "--input-size", "8"];
    let (error, code) = failure(folder, small);
    assert!(error.contains("max_pool2d") && code == 1, "{error}");
    let (error, code) = failure(folder, ["export", "resnet18", "--weights", "squeezenet1_1.pth", "--format", "onnx"]);
    assert!(error.contains("squeezenet1_1.pth") && code == 1, "{error}");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "nothing was written");
}
