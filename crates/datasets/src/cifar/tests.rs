//! Small batches in both versions, and damaged ones.

mod prepared_file;

use std::fs;

use super::*;

/// The files that tests/data/make_cifar.py wrote: two pictures each.
macro_rules! recorded {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/data/cifar_", $name, ".pickle"))
    };
}

/// Value `j` of picture `i`, in the files' order: plane after plane.
fn value(i: usize, j: usize) -> u8 {
    ((7 * j + 100 * i) % 256) as u8
}

/// A folder whose test batch of the given version has these bytes.
fn with_test_batch(version: Cifar10Version, bytes: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(version.folder());
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(&version.files(Split::Test)[0]), bytes).unwrap();
    dir
}

/// The error of reading two pictures from such a folder.
fn error_of(version: Cifar10Version, bytes: &[u8]) -> String {
    let dir = with_test_batch(version, bytes);
    version.read(dir.path(), Split::Test, 2).unwrap_err().to_string()
}

/// A part of the data set in `dir`, of two pictures a file.
fn read(dir: &Path, version: Cifar10Version, split: Split) -> Cifar10 {
    Cifar10::new(version.read(dir, split, 2).unwrap())
}

fn check_two_pictures(dataset: &Cifar10) {
    assert_eq!(dataset.len(), 2);
    for (i, expected_label) in [3, 7].into_iter().enumerate() {
        let (image, label) = dataset.get(i).unwrap();
        assert_eq!(label, expected_label);
        assert_eq!((image.width(), image.height()), (32, 32));
        for (at, &byte) in image.data().iter().enumerate() {
            let (pixel, channel) = (at / 3, at % 3);
            assert_eq!(byte, value(i, channel * 1024 + pixel));
        }
    }
}

fn binary_batch(labels: [u8; 2]) -> Vec<u8> {
    let record = |(i, label)| std::iter::once(label).chain((0..3072).map(move |j| value(i, j)));
    labels.into_iter().enumerate().flat_map(record).collect()
}

#[test]
fn reads_the_binary_version() {
    let dir = with_test_batch(Cifar10Version::Binary, &binary_batch([3, 7]));
    check_two_pictures(&read(dir.path(), Cifar10Version::Binary, Split::Test));
}

#[test]
fn reads_what_python_2_and_3_wrote() {
    for bytes in [
        &recorded!("python2")[..],
        recorded!("python3_protocol2"),
        recorded!("python3_protocol3"),
        recorded!("python3_protocol4"),
        recorded!("python3_protocol5"),
        recorded!("columns_first"),
    ] {
        let dir = with_test_batch(Cifar10Version::Python, bytes);
        check_two_pictures(&read(dir.path(), Cifar10Version::Python, Split::Test));
    }
}

#[test]
fn the_five_training_files_follow_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(Cifar10Version::Binary.folder());
    fs::create_dir(&folder).unwrap();
    for part in 1..=5 {
        let bytes = binary_batch([part, part + 1]);
        fs::write(folder.join(format!("data_batch_{part}.bin")), bytes).unwrap();
    }
    let dataset = read(dir.path(), Cifar10Version::Binary, Split::Train);
    let labels: Vec<i64> = (0..dataset.len()).map(|i| dataset.get(i).unwrap().1).collect();
    assert_eq!(labels, [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
}

#[test]
fn a_file_of_the_published_size_holds_ten_thousand_pictures() {
    let dir = with_test_batch(Cifar10Version::Binary, &vec![0; 30_730_000]);
    assert_eq!(Cifar10::open(dir.path(), Split::Test).unwrap().len(), 10_000);
}

#[test]
fn a_truncated_binary_file_is_named_with_its_sizes() {
    let dir = with_test_batch(Cifar10Version::Binary, &[0; 1000]);
    let error = Cifar10::open(dir.path(), Split::Test).unwrap_err().to_string();
    assert!(error.contains("test_batch.bin: expected 30730000 bytes, found 1000"), "{error}");

    let too_long = [&binary_batch([3, 7])[..], &[0; 50]].concat();
    let error = error_of(Cifar10Version::Binary, &too_long);
    assert!(error.contains("expected 6146 bytes, found 6196"), "{error}");
}

#[test]
fn every_cut_of_a_pickle_is_an_error() {
    let whole = recorded!("python2");
    for length in 0..whole.len() {
        assert!(pickle::read_batch(&whole[..length]).is_err(), "{length}");
    }
    let error = error_of(Cifar10Version::Python, &whole[..whole.len() / 2]);
    assert!(error.contains("test_batch: ") && error.contains("ends early"), "{error}");
}

#[test]
fn no_change_of_a_byte_panics() {
    let whole = recorded!("python3_protocol4");
    // The bytes of the array itself are of no interest.
    let instructions = (0..whole.len()).filter(|at| !(300..3000).contains(at));
    for at in instructions {
        for change in [0x01, 0x10, 0x80, 0xff] {
            let mut damaged = whole.to_vec();
            damaged[at] ^= change;
            let _ = pickle::read_batch(&damaged);
        }
    }
}

#[test]
fn a_pickle_that_would_run_code_is_refused() {
    let error = error_of(Cifar10Version::Python, recorded!("malicious"));
    assert!(error.contains("system, which no batch needs"), "{error}");
}

#[test]
fn containers_in_containers_end_somewhere() {
    let deep = [b"\x80\x02".as_slice(), &b"(".repeat(100_000), &b"t".repeat(100_000), b"."].concat();
    assert!(pickle::read_batch(&deep).is_err());
}

#[test]
fn an_array_of_another_size_is_an_error() {
    let dir = with_test_batch(Cifar10Version::Python, recorded!("python2"));
    let error = Cifar10::open(dir.path(), Split::Test).unwrap_err().to_string();
    assert!(error.contains("expected 10000 x 3072"), "{error}");
    assert!(error.contains("found 2 x 3072"), "{error}");
}

#[test]
fn an_unknown_label_is_an_error() {
    let error = error_of(Cifar10Version::Binary, &binary_batch([3, 10]));
    assert!(error.contains("label 10"), "{error}");
}

#[test]
fn a_folder_without_the_data_set_is_an_error_that_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!Cifar10::exists(dir.path()));
    let error = Cifar10::open(dir.path(), Split::Test).unwrap_err().to_string();
    assert!(error.contains("cifar-10-batches-bin") && error.contains("cifar10.convoy"), "{error}");

    fs::create_dir(dir.path().join("cifar-10-batches-py")).unwrap();
    assert!(Cifar10::exists(dir.path()));
    let error = Cifar10::open(dir.path(), Split::Train).unwrap_err().to_string();
    assert!(error.contains("data_batch_1"), "{error}");
}
