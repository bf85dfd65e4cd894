//! The files under check, read once.

use std::cell::OnceCell;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Violation;
use super::manifest::Manifest;
use super::tokens::{self, Token};

/// Scripts and packages of other projects, carried in to be measured against.
const FOREIGN: &str = "xtask/peers/";

/// Every file that git tracks, or would after `git add`, by its path from the root.
pub struct Tree {
    files: Vec<File>,
}

/// One file.
pub struct File {
    /// The path from the workspace's root, with `/` between its parts.
    pub path: String,
    /// The text; empty for a file that is no UTF-8.
    pub text: String,
    tokens: OnceCell<Vec<Token>>,
}

impl Tree {
    /// Reads the files that git knows under `root`, ignored ones left out.
    pub fn read(root: &Path) -> Result<Self> {
        let listing = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
            .current_dir(root)
            .output()
            .context("cannot run git, which lists the files to check")?;
        if !listing.status.success() {
            let reason = String::from_utf8_lossy(&listing.stderr);
            bail!("git cannot list the files of {}: {}", root.display(), reason.trim());
        }
        let listing = String::from_utf8(listing.stdout).context("a file name is no UTF-8")?;
        let mut paths: Vec<&str> = listing.split_terminator('\0').filter(|path| root.join(path).is_file()).collect();
        paths.sort_unstable();
        let files = paths.into_iter().map(|path| File::read(root, path)).collect::<Result<_>>()?;
        Ok(Self { files })
    }

    /// A made-up tree of paths and texts.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|&(path, text)| File::new(path, text.to_owned())).collect() }
    }

    /// All files.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The file at `path`.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether `path` is a file, or a folder that holds one.
    pub fn contains(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }

    /// The files of our own crates and of xtask whose name ends in `.extension`.
    pub fn own_files<'a>(&'a self, extension: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| {
            let ends = file.path.strip_suffix(extension).is_some_and(|stem| stem.ends_with('.'));
            let ours = file.path.starts_with("crates/") || file.path.starts_with("xtask/");
            ends && ours && !file.path.starts_with(FOREIGN)
        })
    }

    /// The Rust files of our own crates and of xtask.
    pub fn rust_files(&self) -> impl Iterator<Item = &File> {
        self.own_files("rs")
    }

    /// The manifests of the workspace's packages: `crates/*/Cargo.toml` and xtask's.
    /// One that cannot be read is left out here; `manifest::check` reports it.
    pub fn manifests(&self) -> impl Iterator<Item = Manifest<'_>> {
        self.package_manifests().filter_map(|file| Manifest::parse(file).ok())
    }

    /// The files that `manifests` parses.
    pub fn package_manifests(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| {
            let parts: Vec<&str> = file.path.split('/').collect();
            matches!(parts[..], ["crates", _, "Cargo.toml"] | ["xtask", "Cargo.toml"])
        })
    }
}

impl File {
    fn read(root: &Path, path: &str) -> Result<Self> {
        let bytes = std::fs::read(root.join(path)).with_context(|| format!("cannot read {path}"))?;
        Ok(Self::new(path, String::from_utf8(bytes).unwrap_or_default()))
    }

    fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), text, tokens: OnceCell::new() }
    }

    /// A Rust file's tokens; none where it cannot be tokenized, which `tokens::check` reports.
    pub fn tokens(&self) -> &[Token] {
        self.tokens.get_or_init(|| tokens::tokenize(&self.text).unwrap_or_default())
    }

    /// Each place where the tokens in `sequence` follow one another: the first of them.
    pub fn find<'a>(&'a self, sequence: &'a [&str]) -> impl Iterator<Item = &'a Token> {
        self.tokens()
            .windows(sequence.len())
            .filter(move |window| window.iter().map(|token| &token.text).eq(sequence))
            .map(|window| &window[0])
    }

    /// A violation wherever the tokens in `sequence` follow one another.
    pub fn forbid(&self, sequence: &[&str], message: &str) -> Vec<Violation> {
        self.find(sequence).map(|token| Violation::new(&self.path, token.line, message)).collect()
    }

    /// The lines with their 1-based numbers.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Whether the file lies in the folder `folder`.
    pub fn is_in(&self, folder: &str) -> bool {
        self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Whether the file is built for tests, examples, benchmarks or the build alone.
    pub fn is_auxiliary(&self) -> bool {
        let folders = ["tests", "examples", "benches"];
        let name = self.path.rsplit('/').next().unwrap_or_default();
        matches!(name, "build.rs" | "tests.rs") || self.path.split('/').any(|part| folders.contains(&part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tracked_and_new_files_but_no_ignored_ones() {
        let root = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let status = Command::new("git").args(args).current_dir(root.path()).status();
            assert!(status.unwrap().success());
        };
        git(&["init", "--quiet"]);
        std::fs::write(root.path().join(".gitignore"), "/target\n").unwrap();
        std::fs::write(root.path().join("new.rs"), "//! New.\n").unwrap();
        std::fs::create_dir(root.path().join("target")).unwrap();
        std::fs::write(root.path().join("target/built.rs"), "").unwrap();
        git(&["add", ".gitignore"]);
        let tree = Tree::read(root.path()).unwrap();
        let paths: Vec<&str> = tree.files().iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, [".gitignore", "new.rs"]);
        assert_eq!(tree.file("new.rs").unwrap().text, "//! New.\n");
    }

    #[test]
    fn a_folder_outside_git_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        assert!(Tree::read(root.path()).is_err());
    }

    #[test]
    fn own_files_are_those_of_crates_and_xtask_alone() {
        let tree = Tree::of(&[
            ("crates/tensor/src/lib.rs", ""),
            ("crates/tensor/src/cuda/kernels/pool.cu", ""),
            ("xtask/src/main.rs", ""),
            ("xtask/peers/rust-peers/burn/main.rs", ""),
            ("docs/book.rs", ""),
        ]);
        let paths: Vec<&str> = tree.own_files("rs").map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["crates/tensor/src/lib.rs", "xtask/src/main.rs"]);
    }

    #[test]
    fn packages_inside_a_crate_are_not_of_the_workspace() {
        let text = "[package]\nname = \"x\"\n";
        let tree = Tree::of(&[("crates/zoo/Cargo.toml", text), ("crates/zoo/examples/embed/Cargo.toml", text)]);
        assert_eq!(tree.manifests().count(), 1);
    }
}
