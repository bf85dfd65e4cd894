//! Each Rust file opens with one line on what it is for.

use super::Violation;
use super::tree::Tree;

/// Looks at the first line of every Rust file.
pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust_files()
        .filter(|file| !opens_with_purpose(&file.text))
        .map(|file| Violation::new(&file.path, 1, "does not open with a `//!` line that says what the file is for"))
        .collect()
}

fn opens_with_purpose(text: &str) -> bool {
    text.lines().next().and_then(|line| line.strip_prefix("//!")).is_some_and(|purpose| !purpose.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_with_a_purpose_pass() {
        let tree = Tree::of(&[
            ("crates/zoo/src/lib.rs", "//! The zoo.\n"),
            ("crates/zoo/src/empty.rs", ""),
            ("crates/zoo/src/blank.rs", "//!\n"),
            ("crates/zoo/src/late.rs", "\n//! Late.\n"),
        ]);
        let found = check(&tree);
        let paths: Vec<&str> = found.iter().map(|violation| violation.path.as_str()).collect();
        assert_eq!(paths, ["crates/zoo/src/empty.rs", "crates/zoo/src/blank.rs", "crates/zoo/src/late.rs"]);
    }
}
