//! Tests of the checkpoint formats, against files that PyTorch wrote and files that nobody should.

mod containers;
mod golden;
mod hostile;
mod old_pickles;
mod round_trip;

use std::{env, fs, path::PathBuf};

/// A file of the golden cases. A missing one fails the test.
fn golden(name: &str) -> PathBuf {
    let own = || concat!(env!("CARGO_MANIFEST_DIR"), "/../op-suite/golden").into();
    env::var_os("GOLDEN_DIR").map_or_else(own, PathBuf::from).join("pth").join(name)
}

fn golden_bytes(name: &str) -> Vec<u8> {
    let path = golden(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What loading these bytes complains about.
fn complaint(bytes: &[u8]) -> String {
    super::load_bytes(bytes).expect_err("this must not load").to_string()
}
