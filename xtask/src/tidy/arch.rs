//! Intrinsics stay in the folder of their instruction set, and one file asks the CPU what it can do.

use super::Violation;
use super::tree::{File, Tree};

const ARCHITECTURES: [&str; 2] = ["x86_64", "aarch64"];
const DETECTION: [&str; 2] = ["is_x86_feature_detected", "is_aarch64_feature_detected"];
const DISPATCH: &str = "crates/tensor/src/cpu/dispatch.rs";

/// Looks for `arch::x86_64` and feature detection outside their places.
pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust_files().flat_map(|file| stray_intrinsics(file).into_iter().chain(stray_detection(file)).collect::<Vec<_>>()).collect()
}

fn stray_intrinsics(file: &File) -> Vec<Violation> {
    ARCHITECTURES
        .iter()
        .map(|arch| (arch, format!("crates/tensor/src/cpu/{arch}")))
        .filter(|(_, home)| !file.is_in(home))
        .flat_map(|(arch, home)| {
            let message = format!("`arch::{arch}` outside {home}; call a kernel through its op instead");
            file.forbid(&["arch", ":", ":", arch], &message)
        })
        .collect()
}

fn stray_detection(file: &File) -> Vec<Violation> {
    if file.path == DISPATCH {
        return Vec::new();
    }
    let message = format!("only {DISPATCH} asks which instructions the CPU has; use its answer");
    DETECTION.iter().flat_map(|name| file.forbid(&[name], &message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_and_dispatch_stand_in_their_places() {
        let tree = Tree::of(&[
            ("crates/tensor/src/cpu/x86_64/add.rs", "use std::arch::x86_64::*;"),
            ("crates/tensor/src/cpu/aarch64/add.rs", "use core::arch::aarch64::*;"),
            (DISPATCH, "fn f() { is_x86_feature_detected!(\"avx2\") }"),
        ]);
        assert!(check(&tree).is_empty());
    }

    #[test]
    fn elsewhere_they_are_reported() {
        let tree = Tree::of(&[
            ("crates/tensor/src/cpu/aarch64/add.rs", "use std::arch::x86_64::*;"),
            ("crates/tensor/src/ops/add.rs", "\nfn f() { std::arch::aarch64::vaddq_f32() }"),
            ("crates/tensor/src/cpu/pool.rs", "fn f() { std::is_x86_feature_detected!(\"avx2\") }"),
        ]);
        let places: Vec<(String, usize)> = check(&tree).into_iter().map(|v| (v.path, v.line)).collect();
        let expected = [
            ("crates/tensor/src/cpu/aarch64/add.rs".to_owned(), 1),
            ("crates/tensor/src/ops/add.rs".to_owned(), 2),
            ("crates/tensor/src/cpu/pool.rs".to_owned(), 1),
        ];
        assert_eq!(places, expected);
    }
}
