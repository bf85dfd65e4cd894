//! `--list`: what can be had, and what is there.

use std::path::Path;

use datasets::Cifar10;

use super::cifar10::{BINARY, PYTHON};

/// Prints one line for each published file; a star marks those that are there, unverified.
pub fn print(cache: &Path, data_dir: &Path) {
    println!("weights in {} (* = there)", cache.display());
    for entry in hub::published() {
        let name = if entry.default { entry.model.to_owned() } else { format!("{}:{}", entry.model, entry.weights) };
        let accuracy = entry.acc1.map(|percent| format!("  top-1 {percent:.2} %")).unwrap_or_default();
        println!("{} {name:34} {:43} {:7.1} MiB{accuracy}", mark(&cache.join(entry.file)), entry.file, entry.file_mib);
    }
    println!("data sets in {}", data_dir.display());
    for (name, archive) in [("cifar10", BINARY.archive), ("cifar10-python", PYTHON.archive)] {
        println!("{} {name:34} {}", mark(&data_dir.join(archive.folder)), archive.file_name());
    }
    let prepared = Cifar10::prepared_path(data_dir);
    println!("{} {:34} {}", mark(&prepared), "prepared from either", prepared.display());
}

fn mark(path: &Path) -> char {
    if path.exists() { '*' } else { ' ' }
}
