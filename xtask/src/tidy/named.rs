//! What Markdown names as code is there: paths of the repository, and in PyTorch's table names of the public API.

use std::collections::HashSet;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::Violation;
use super::manifest::line_of;
use super::tree::{File, Tree};

/// Folders at the root that paths begin with.
const ROOTS: [&str; 4] = [".ci/", "crates/", "docs/", "xtask/"];
/// The chapter with PyTorch's calls beside ours.
const TABLES: &str = "docs/book/pytorch.md";
/// The column of its tables that has ours, from 0.
const OURS: usize = 1;
/// Names of Rust's own and of its users that are no part of the API.
const FOREIGN: [&str; 8] = ["vec", "into", "println", "Some", "Default", "default", "Block", "len"];

/// Looks at the code spans of every Markdown file.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let texts = tree.files().iter().filter(|file| file.path.ends_with(".md"));
    let paths = texts.flat_map(|file| missing_paths(tree, file));
    paths.chain(tree.file(TABLES).into_iter().flat_map(|file| unknown_names(tree, file))).collect()
}

/// A span of code: its line, its text, and the column of a table that it stands in.
struct Span<'a> {
    line: usize,
    text: String,
    column: Option<usize>,
    file: &'a File,
}

impl Span<'_> {
    fn violation(&self, message: String) -> Violation {
        Violation::new(&self.file.path, self.line, message)
    }
}

fn spans(file: &File) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    let mut column = None;
    for (event, range) in Parser::new_ext(&file.text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::TableRow | Tag::TableHead) => column = Some(0),
            Event::End(TagEnd::TableCell) => column = column.map(|column| column + 1),
            Event::End(TagEnd::Table) => column = None,
            Event::Code(text) => spans.push(Span { line: line_of(&file.text, range.start), text: text.into_string(), column, file }),
            _ => {}
        }
    }
    spans
}

fn missing_paths(tree: &Tree, file: &File) -> Vec<Violation> {
    let is_path = |text: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "./_-".contains(c);
        ROOTS.iter().any(|root| text.starts_with(root)) && text.chars().all(plain)
    };
    let missing = spans(file).into_iter().filter(|span| is_path(&span.text) && !tree.contains(span.text.trim_end_matches('/')));
    missing.map(|span| span.violation(format!("there is no `{}`", span.text))).collect()
}

fn unknown_names(tree: &Tree, file: &File) -> Vec<Violation> {
    let listings = tree.files().iter().filter(|file| file.is_in("docs/api"));
    let known: HashSet<&str> = listings.flat_map(|file| words(&file.text)).map(|(_, word, _)| word).collect();
    let mut violations = Vec::new();
    for span in spans(file).into_iter().filter(|span| span.column == Some(OURS) && !span.text.starts_with("convoy ")) {
        let unknown = names(&span.text).find(|name| !known.contains(name) && !FOREIGN.contains(name)).map(str::to_owned);
        violations.extend(unknown.map(|name| span.violation(format!("`{name}` is not in the public API (docs/api)"))));
    }
    violations
}

/// The words that name an item: types, what follows a dot or a path, what is called.
fn names(code: &str) -> impl Iterator<Item = &str> {
    let item = |&(before, word, after): &(&str, &str, &str)| {
        let is_type = word.starts_with(|c: char| c.is_ascii_uppercase());
        is_type || before.ends_with(['.', ':']) || after.starts_with(['(', '!']) || after.starts_with("::")
    };
    let in_text = |&(before, _, _): &(&str, &str, &str)| before.matches('"').count() % 2 == 1;
    words(code).into_iter().filter(move |word| item(word) && !in_text(word)).map(|(_, word, _)| word)
}

/// The identifiers of a text, each with what stands before and after it.
fn words(text: &str) -> Vec<(&str, &str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(is_part).map(|found| at + found) {
        let end = text[start..].find(|c| !is_part(c)).map_or(text.len(), |found| start + found);
        if !text[start..].starts_with(|c: char| c.is_ascii_digit()) {
            words.push((&text[..start], &text[start..end], &text[end..]));
        }
        at = end;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_there_pass_and_others_are_reported() {
        let text = "`crates/zoo/src/` `xtask/x.rs`\n\n`docs/gone.md` `crates/zoo/src/NAME.rs` `target/x`\n";
        let found = check(&Tree::of(&[("README.md", text), ("crates/zoo/src/lib.rs", ""), ("xtask/x.rs", "")]));
        assert_eq!(found, [Violation::new("README.md", 3, "there is no `docs/gone.md`")]);
    }

    #[test]
    fn ours_are_names_of_the_public_api() {
        let table = "| there | here |\n|---|---|\n| `a.gone()` | `Tensor::zeros([2], \"x.y\")`, `zoo::load(path)`, `t.add(&b)` |\n";
        let wrong = "| `a` | `Tensor::zeroes(2)`, `convoy x.y` |\n| `b` | `t.sum_all()` |\n";
        let api = ("docs/api/tensor.rs", "impl Tensor { pub fn zeros(); pub fn add(); } // zoo/src\npub fn load();");
        let lines = |text: &str| check(&Tree::of(&[(TABLES, text), api])).iter().map(|found| found.line).collect::<Vec<_>>();
        assert_eq!(lines(table), [0; 0]);
        assert_eq!(lines(&format!("{table}{wrong}")), [4, 5]);
    }
}
