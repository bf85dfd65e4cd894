//! `cargo xtask fetch-data` as its users call it, without a network.

use std::fs;
use std::path::Path;
use std::process::Command;

use datasets::{Cifar10, Cifar10Version};

/// What the command writes to the standard output and the standard error, and its exit code.
fn fetch_data(folder: &Path, args: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.current_dir(folder).env("TORCH_HOME", folder.join("torch")).arg("fetch-data").args(args);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

const CIFAR10: [&str; 3] = ["--weights", "none", "--offline"];

/// Prepares a data set of a picture a file in `folder/data`, and leaves the prepared file alone there.
fn prepare(folder: &Path) {
    let data_dir = folder.join("data");
    let batches = data_dir.join("cifar-10-batches-bin");
    fs::create_dir_all(&batches).unwrap();
    for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
        fs::write(batches.join(name).with_extension("bin"), [7; 3073]).unwrap();
    }
    Cifar10::prepare(&data_dir, Cifar10Version::Binary, 1).unwrap();
    fs::remove_dir_all(batches).unwrap();
}

#[test]
fn what_is_there_is_verified_and_said_in_torchvisions_words() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let verified = ("Files already downloaded and verified\n".to_owned(), String::new(), Some(0));
    assert_eq!(fetch_data(folder.path(), &CIFAR10), verified);

    let prepared = Cifar10::prepared_path(folder.path().join("data"));
    let mut bytes = fs::read(&prepared).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&prepared, bytes).unwrap();
    let (stdout, stderr, code) = fetch_data(folder.path(), &CIFAR10);
    assert_eq!((stdout.as_str(), code), ("", Some(1)));
    assert!(stderr.starts_with("error: ") && stderr.contains("downloads are off") && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn an_archive_at_hand_that_is_not_the_published_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cifar-10-binary.tar.gz"), "of my own").unwrap();
    // As long as the published one, without its bytes.
    let python = fs::File::create(folder.path().join("cifar-10-python.tar.gz")).unwrap();
    python.set_len(170_498_071).unwrap();
    for (dataset, reason) in [("cifar10", "9 bytes, not the published 170052171"), ("cifar10-python", "not the published 6d958be0")] {
        let (stdout, stderr, code) = fetch_data(folder.path(), &["--weights", "none", "--dataset", dataset, "--from-dir", "."]);
        assert_eq!((stdout.as_str(), code), ("", Some(1)), "{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(reason) && stderr.lines().count() == 1, "{stderr}");
        assert!(!folder.path().join("data/cifar10.convoy").exists());
    }
}

#[test]
fn the_list_marks_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let line = |stdout: &str| stdout.lines().find(|line| line.contains("cifar10.convoy")).map(str::to_owned).unwrap();
    assert!(line(&fetch_data(folder.path(), &["--list"]).0).starts_with("  "));
    prepare(folder.path());
    let (stdout, _, code) = fetch_data(folder.path(), &["--list"]);
    assert!(line(&stdout).starts_with("* ") && code == Some(0), "{stdout}");
    assert!(stdout.contains("cifar-10-binary.tar.gz") && stdout.contains("cifar-10-python.tar.gz"), "{stdout}");
}
