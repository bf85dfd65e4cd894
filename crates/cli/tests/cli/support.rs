//! Running the binary, and what all tests expect of it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file of the golden folder.
pub fn golden(file: &str) -> PathBuf {
    let own = || concat!(env!("CARGO_MANIFEST_DIR"), "/../op-suite/golden").into();
    PathBuf::from(std::env::var_os("GOLDEN_DIR").unwrap_or_else(own)).join(file)
}

/// Puts six pictures of two classes into a folder.
pub fn picture_folder(root: &Path) {
    for (class, files) in [("cats", ["rgb.png", "rgb.jpg", "rgb.bmp"]), ("dogs", ["gray.png", "palette.png", "rgb.webp"])] {
        fs::create_dir_all(root.join(class)).unwrap();
        for file in files {
            fs::copy(golden("images").join(file), root.join(class).join(file)).unwrap();
        }
    }
}

/// The command in an empty folder without anything of the caller's environment that it reads.
pub fn convoy(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convoy"));
    command.current_dir(folder);
    for name in ["CONVOY_SIMD", "CONVOY_WINOGRAD", "CONVOY_TF32"] {
        command.env_remove(name);
    }
    // Nobody serves published weights there.
    command.env("TORCH_HOME", folder.join("torch")).env("CONVOY_MIRROR", "http://127.0.0.1:1");
    command
}

/// What a command that must succeed writes to the standard output.
pub fn stdout<S: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = S>) -> String {
    let output = convoy(folder).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The one line in which a command that must fail says why, and its exit code.
pub fn failure<S: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = S>) -> (String, i32) {
    explained(&convoy(folder).args(args).output().unwrap())
}

/// The one line of a failure, and its exit code, which is never that of a panic.
pub fn explained(output: &Output) -> (String, i32) {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    let code = output.status.code().unwrap();
    assert!(matches!(code, 1 | 2), "exit code {code}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(errors.len(), 1, "{stderr}");
    assert_eq!(stderr.lines().last(), Some(errors[0]), "{stderr}");
    (errors[0].to_owned(), code)
}
