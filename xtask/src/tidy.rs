//! `cargo xtask tidy`: checks what ARCHITECTURE.md promises and the compiler cannot.

mod api;
mod arch;
mod bincode;
mod book;
mod dependencies;
mod devices;
mod heading;
mod length;
mod links;
mod lints;
mod machine_paths;
mod manifest;
mod named;
mod printing;
mod tokens;
mod tree;
mod unfinished;
mod unsafe_code;

use std::fmt;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::workspace;
use tree::Tree;

/// A check reads the tree and returns what it finds wrong.
type Check = fn(&Tree) -> Vec<Violation>;

/// Every check. A new one is a file beside these and a line here.
const CHECKS: &[Check] = &[
    dependencies::check,
    devices::check,
    unsafe_code::check,
    printing::check,
    heading::check,
    length::check,
    arch::check,
    unfinished::check,
    machine_paths::check,
    lints::check,
    links::check,
    book::check,
    named::check,
    bincode::check,
    tokens::check,
    manifest::check,
    api::check,
];

/// One broken rule: where, what, and how to mend it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    path: String,
    line: usize,
    message: String,
}

impl Violation {
    /// A violation in the file `path`, at the 1-based `line`.
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Runs every check over the files that git tracks or would track.
pub fn run() -> Result<ExitCode> {
    let tree = Tree::read(&workspace::root())?;
    let violations = check_all(&tree);
    for violation in &violations {
        println!("{violation}");
    }
    let (checks, files) = (CHECKS.len(), tree.files().len());
    if violations.is_empty() {
        println!("tidy: {checks} checks over {files} files, nothing to mend");
        Ok(ExitCode::SUCCESS)
    } else {
        eprintln!("error: tidy found {} violations", violations.len());
        Ok(ExitCode::FAILURE)
    }
}

/// Writes the listings of the public API anew.
pub fn write_api() -> Result<ExitCode> {
    let root = workspace::root();
    for (path, text) in api::listings(&Tree::read(&root)?) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&root))?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check_all(tree: &Tree) -> Vec<Violation> {
    let mut violations: Vec<Violation> = CHECKS.iter().flat_map(|check| check(tree)).collect();
    violations.sort();
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_come_sorted_and_name_their_line() {
        let tree =
            Tree::of(&[("crates/train/src/fit.rs", "//! Loop.\nfn f() { todo!() }\n"), ("crates/layers/src/conv2d.rs", "fn f() {}\n")]);
        let lines: Vec<String> = check_all(&tree).iter().map(Violation::to_string).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("crates/layers/src/conv2d.rs:1: "));
        assert!(lines[1].starts_with("crates/train/src/fit.rs:2: "));
    }
}
