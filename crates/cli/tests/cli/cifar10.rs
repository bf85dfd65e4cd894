//! CIFAR-10 in the forms it may lie there: as published, and prepared.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::support::{failure, golden, stdout};
use datasets::{Cifar10, Cifar10Version};

const QUICK: [&str; 5] = ["train", "--limit-batches", "4", "--print-freq", "2"];

/// CIFAR-10's binary files of `batch_len` pictures each, of noise.
fn noise_cifar(data_dir: &Path, batch_len: u16) {
    const RECORD: usize = 3073;
    let folder = data_dir.join(Cifar10Version::Binary.folder());
    fs::create_dir_all(&folder).unwrap();
    let noise: Vec<u8> = (0..RECORD + usize::from(batch_len)).map(|i| (i * i % 251) as u8).collect();
    for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
        let mut file = std::io::BufWriter::new(fs::File::create(folder.join(name).with_extension("bin")).unwrap());
        for i in 0..usize::from(batch_len) {
            file.write_all(&[(i % 10) as u8]).and_then(|()| file.write_all(&noise[i..][..RECORD - 1])).unwrap();
        }
        file.flush().unwrap();
    }
}

#[test]
fn the_published_and_the_prepared_data_set_train_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data_dir = folder.join("data");
    noise_cifar(&data_dir, Cifar10::BATCH_LEN);
    let published = stdout(folder, QUICK);
    let lines: Vec<&str> = published.lines().collect();
    assert!(lines.len() == 4 && lines[0].starts_with("Epoch [1/1], Batch [2/4], Loss: "), "{published}");
    assert!(published.ends_with("Model saved: resnet18_cifar10_classifier.pth\n"), "{published}");

    Cifar10::prepare(&data_dir, Cifar10Version::Binary, Cifar10::BATCH_LEN).unwrap();
    fs::remove_dir_all(data_dir.join(Cifar10Version::Binary.folder())).unwrap();
    assert_eq!(stdout(folder, QUICK), published);

    let args = ["predict", "--json", "--weights", "resnet18_cifar10_classifier.pth"];
    let answer = stdout(folder, args.iter().map(|arg| arg.into()).chain([golden("images/rgb.png")]));
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let class = &answer["top"][0];
    assert_eq!(class["label"], Cifar10::CLASSES[class["index"].as_u64().unwrap() as usize]);
}

#[test]
fn a_small_prepared_data_set_is_trained_on_and_measured_with() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data_dir = folder.join("elsewhere");
    noise_cifar(&data_dir, 10);
    Cifar10::prepare(&data_dir, Cifar10Version::Binary, 10).unwrap();

    let dataset = ["--dataset", "cifar10", "--data-dir", "elsewhere", "--batch-size", "5"];
    let text = stdout(folder, ["train"].iter().chain(&dataset));
    assert!(text.ends_with("Model saved: resnet18_cifar10_classifier.pth\n"), "{text}");
    let text = stdout(folder, ["eval", "--weights", "resnet18_cifar10_classifier.pth"].iter().chain(&dataset));
    assert!(text.starts_with("Test Accuracy: ") && text.contains("/10)"), "{text}");
}

#[test]
fn a_damaged_prepared_file_is_one_line_not_the_digits() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("data")).unwrap();
    fs::write(folder.join("data/cifar10.convoy"), "convoyds, but no more").unwrap();
    for args in [&["train"][..], &["train", "--dataset", "cifar10"], &["eval", "--weights", "bundled", "--dataset", "cifar10"]] {
        let (error, code) = failure(folder, args);
        assert!(error.contains("cifar10.convoy") && error.contains("prepare it again"), "{error}");
        assert_eq!(code, 1);
    }
}
