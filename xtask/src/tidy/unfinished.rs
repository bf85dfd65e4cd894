//! Nothing unfinished lands: no stubs, no skipped tests, no notes to oneself.

use super::Violation;
use super::tree::{File, Tree};

/// Looks for stub macros, ignored tests, ignored doctests and notes in comments.
pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust_files().flat_map(|file| in_code(file).into_iter().chain(in_comments(file)).collect::<Vec<_>>()).collect()
}

fn in_code(file: &File) -> Vec<Violation> {
    let rules: [(&[&str], &str); 3] = [
        (&["todo", "!"], "a stub; finish it or leave it out"),
        (&["unimplemented", "!"], "a stub; finish it, or return an error"),
        (&["#", "[", "ignore"], "an ignored test; make it pass, or remove it"),
    ];
    rules.iter().flat_map(|(sequence, message)| file.forbid(sequence, message)).collect()
}

fn in_comments(file: &File) -> Vec<Violation> {
    file.lines()
        .filter_map(|(line, text)| {
            let comment = text.trim_start().strip_prefix("//")?;
            let message = if skips_doctest(comment) {
                "an ignored doctest; make it run (`no_run` where it must not)"
            } else if has_note(comment) {
                "a note to oneself; mend it now, or file an issue"
            } else {
                return None;
            };
            Some(Violation::new(&file.path, line, message))
        })
        .collect()
}

/// Whether a comment's line opens a code block marked `ignore`.
fn skips_doctest(comment: &str) -> bool {
    let text = comment.trim_start_matches(['/', '!', ' ']);
    let info = text.strip_prefix("```").unwrap_or_default();
    info.split(|c: char| !c.is_alphanumeric()).any(|word| word == "ignore")
}

fn has_note(comment: &str) -> bool {
    comment.split(|c: char| !c.is_alphanumeric()).any(|word| matches!(word, "TODO" | "FIXME" | "XXX"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(source: &str) -> Vec<usize> {
        let mut lines: Vec<usize> = check(&Tree::of(&[("crates/zoo/src/lib.rs", source)])).iter().map(|violation| violation.line).collect();
        lines.sort_unstable();
        lines
    }

    #[test]
    fn each_kind_is_reported() {
        let source = "/// ```ignore\n/// f();\n/// ```\nfn f() { todo!() }\nfn g() { unimplemented!() }\n#[test]\n#[ignore = \"slow\"]\nfn t() {}\n    // FIXME: wrong\n// TODO later\n";
        assert_eq!(lines(source), [1, 4, 5, 7, 9, 10]);
    }

    #[test]
    fn finished_code_passes() {
        let source = "/// ```no_run\n/// f();\n/// ```\nfn f() { let ignore = \"todo!() FIXME\"; }\n// Methods ignore padding.\n";
        assert!(lines(source).is_empty());
    }
}
