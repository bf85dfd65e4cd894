//! The book is whole: chapters are listed, their code is run, and what they include or link to is in it.

use super::Violation;
use super::links;
use super::tree::{File, Tree};

const FOLDER: &str = "docs/book";
const SUMMARY: &str = "docs/book/SUMMARY.md";
/// The crate whose documentation tests run the chapters' code.
const RUNS: &str = "crates/book/src/lib.rs";

/// Looks at every chapter.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let chapters = tree.files().iter().filter(|file| file.is_in(FOLDER) && file.path.ends_with(".md") && file.path != SUMMARY);
    chapters.flat_map(|file| [listed(tree, file), includes(tree, file), links_out(file), fences(file)].into_iter().flatten()).collect()
}

/// Whether the summary and the crate that runs the code name the chapter.
fn listed(tree: &Tree, file: &File) -> Vec<Violation> {
    let name = &file.path[FOLDER.len() + 1..];
    let names = |path: &str, text: String| tree.file(path).is_some_and(|file| file.text.contains(&text));
    let mut violations = Vec::new();
    if !names(SUMMARY, format!("]({name})")) {
        violations.push(Violation::new(&file.path, 1, format!("is not in {SUMMARY}; list it there")));
    }
    if !names(RUNS, format!(": \"{name}\",")) {
        violations.push(Violation::new(&file.path, 1, format!("is not in {RUNS}, so its code is not run; list it there")));
    }
    violations
}

/// mdBook goes on without a file that it cannot include.
fn includes(tree: &Tree, file: &File) -> Vec<Violation> {
    let missing = |line: &str| {
        let link = line.split_once("{{#include ")?.1.split("}}").next()?;
        let found = links::target(&file.path, link)?.is_some_and(|path| tree.contains(&path));
        (!found).then(|| format!("the included `{link}` is no tracked file"))
    };
    file.lines().filter_map(|(number, line)| Some(Violation::new(&file.path, number, missing(line)?))).collect()
}

/// What lies outside the folder is not in the book that readers get.
fn links_out(file: &File) -> Vec<Violation> {
    let leaves = |link: &str| {
        links::target(&file.path, link).is_some_and(|target| target.is_none_or(|path| !path.starts_with(&format!("{FOLDER}/"))))
    };
    let message = |link| format!("the link `{link}` leads out of the book; name the file as code instead");
    let links = links::links(&file.text).into_iter().filter(|(_, link)| leaves(link));
    links.map(|(line, link)| Violation::new(&file.path, line, message(link))).collect()
}

/// Rust that is not run may be wrong, and a block without a language is taken for Rust.
fn fences(file: &File) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut inside = false;
    for (number, line) in file.lines() {
        let Some(language) = line.strip_prefix("```") else { continue };
        if !inside && language.is_empty() {
            violations.push(Violation::new(&file.path, number, "a code block without a language; it would be taken for Rust"));
        } else if language.contains("ignore") {
            violations.push(Violation::new(&file.path, number, "a code block that is neither compiled nor run; make it one that is"));
        }
        inside = !inside;
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages about a chapter `a.md` of this text, in a book that lists it.
    fn messages(text: &str) -> Vec<String> {
        let files = [
            ("docs/book/a.md", text),
            ("docs/performance.md", ""),
            (SUMMARY, "- [A](a.md)\n"),
            (RUNS, "chapters! {\n    a: \"a.md\",\n}\n"),
        ];
        check(&Tree::of(&files)).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn a_whole_chapter_passes() {
        let text = "[x](a.md#b) [y](https://example.org)\n{{#include ../performance.md}}\n```rust\nf();\n```\n```sh\nls\n```\n";
        assert_eq!(messages(text), [""; 0]);
    }

    #[test]
    fn broken_parts_are_reported_on_their_lines() {
        let text = "{{#include ../gone.md}}\n[x](../performance.md)\n```\nf();\n```\n```rust,ignore\nf();\n```\n";
        let found = messages(text);
        let lines: Vec<&str> = found.iter().map(|message| message.split(':').nth(1).unwrap()).collect();
        assert_eq!(lines, ["1", "2", "3", "6"], "{found:?}");
    }

    #[test]
    fn a_chapter_that_nobody_lists_is_reported() {
        let found = check(&Tree::of(&[("docs/book/a.md", "# A\n"), (SUMMARY, "# Summary\n"), (RUNS, "chapters! {}\n")]));
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
