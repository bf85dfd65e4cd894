//! The commands of the README and of the book, run as they stand there, in an empty folder with the repository's photos.

use std::path::{Path, PathBuf};

use super::support::convoy;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// What stands for `convoy` where it is not installed.
const FROM_SOURCE: &str = "cargo run --release -p cli --";
/// Stands for what is left out: the rest of a line, or, on a line of its own, any lines.
const LEFT_OUT: char = '…';

/// A command of a block and what is shown below it.
struct Example<'a> {
    command: &'a str,
    shown: Vec<&'a str>,
}

#[test]
fn commands_of_the_readme() {
    run(&Path::new(ROOT).join("README.md"));
}

#[test]
fn commands_of_the_book() {
    let mut files = Vec::new();
    markdown_files(&Path::new(ROOT).join("docs/book"), &mut files);
    assert!(files.len() > 10, "{files:?}");
    files.iter().for_each(|file| run(file));
}

#[test]
fn the_picture_is_what_the_program_draws() {
    let folder = tempfile::tempdir().unwrap();
    copy_photos(folder.path());
    let command = ["predict", "crates/zoo/data/photos/chelsea.png", "--cam", "cam.png"];
    assert!(convoy(folder.path()).args(command).output().unwrap().status.success());
    let drawn = datasets::Image::open(folder.path().join("cam.png")).unwrap();
    let shown = datasets::Image::open(Path::new(ROOT).join("docs/book/images/cam.png")).unwrap();
    assert_eq!((shown.width(), shown.height()), (drawn.width(), drawn.height()));
    let furthest = shown.data().iter().zip(drawn.data()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(furthest <= Some(3), "{furthest:?}: rounding is no more than that");
}

fn markdown_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            markdown_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
}

/// Runs the `console` blocks of a file, one after the other.
fn run(file: &Path) {
    let text = std::fs::read_to_string(file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    copy_photos(folder.path());
    for example in examples(&text) {
        let place = format!("{}: {}", file.display(), example.command);
        let arguments = arguments(example.command).unwrap_or_else(|| panic!("{place} is no command of ours: make it a block of `sh`"));
        let output = convoy(folder.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{place}: {}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        let printed: Vec<&str> = printed.lines().collect();
        assert!(is_shown(&example.shown, &printed), "{place}\nprints\n{}\n\nshown is\n{}", printed.join("\n"), example.shown.join("\n"));
    }
}

fn copy_photos(folder: &Path) {
    let photos = folder.join("crates/zoo/data/photos");
    std::fs::create_dir_all(&photos).unwrap();
    for entry in std::fs::read_dir(Path::new(ROOT).join("crates/zoo/data/photos")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, photos.join(path.file_name().unwrap())).unwrap();
    }
}

/// The lines of `console` blocks that start with `$ `, and what follows each.
fn examples(text: &str) -> Vec<Example<'_>> {
    let mut examples: Vec<Example<'_>> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside {
            match line.strip_prefix("$ ") {
                Some(command) => examples.push(Example { command, shown: Vec::new() }),
                None => examples.last_mut().expect("a block starts with a command").shown.push(line),
            }
        }
    }
    examples
}

/// The arguments of a command line; `None` where it is not one of this program.
fn arguments(command: &str) -> Option<Vec<String>> {
    let arguments = command.strip_prefix("convoy").or_else(|| command.strip_prefix(FROM_SOURCE))?;
    Some(arguments.split_whitespace().map(|argument| argument.trim_matches('\'').to_owned()).collect())
}

/// Whether these lines are shown, what is left out aside. A command with nothing below it shows nothing.
fn is_shown(shown: &[&str], printed: &[&str]) -> bool {
    match (shown, printed) {
        ([], []) => true,
        (["…", rest @ ..], _) => (0..=printed.len()).any(|skipped| is_shown(rest, &printed[skipped..])),
        ([shown, rest @ ..], [line, others @ ..]) => is_same_line(shown, line) && is_shown(rest, others),
        _ => false,
    }
}

fn is_same_line(shown: &str, printed: &str) -> bool {
    let printed = parts(printed);
    let Some((start, _)) = shown.split_once(LEFT_OUT) else {
        let shown = parts(shown);
        return shown.len() == printed.len() && are_same(&shown, &printed);
    };
    match parts(start)[..] {
        [] => true,
        [ref whole @ .., cut] => printed.len() > whole.len() && are_same(whole, &printed) && printed[whole.len()].starts_with(cut),
    }
}

fn are_same(shown: &[&str], printed: &[&str]) -> bool {
    shown.iter().zip(printed).all(|(shown, printed)| is_same_part(shown, printed))
}

/// Numbers, and what stands between them.
fn parts(line: &str) -> Vec<&str> {
    let is_numeric = |c: char| c.is_ascii_digit() || c == '.';
    let mut parts = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let numeric = is_numeric(first);
        let end = rest.find(|c| is_numeric(c) != numeric).unwrap_or(rest.len());
        parts.push(&rest[..end]);
        rest = &rest[end..];
    }
    parts
}

/// Numbers with a point may differ by a tenth: processors round differently, and training carries that on.
fn is_same_part(shown: &str, printed: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok().filter(|_| text.contains('.'));
    match (number(shown), number(printed)) {
        (Some(a), Some(b)) => (a - b).abs() <= 0.1 * a.abs().max(b.abs()),
        _ => shown == printed,
    }
}

#[test]
fn only_what_is_printed_counts_as_shown() {
    let printed = ["Loss: 1.25", "Class: 3", "  0.500  cat", "end"];
    let shows = |shown: &[&str]| is_shown(shown, &printed);
    assert!(
        shows(&printed)
            && shows(&["…"])
            && shows(&["Loss: 1.3", "…", "end"])
            && shows(&["Loss…", "…"])
            && shows(&["…", "Class…", "  0.51  c…", "end"])
    );
    assert!(!shows(&[]) && !shows(&["Loss: 2.5", "…"]) && !shows(&["Loss: 1.25", "Class: 4", "…"]) && !shows(&["…", "Class: 3"]));
    let of = |text| examples(text).into_iter().map(|example| (example.command, example.shown)).collect::<Vec<_>>();
    let text = "```sh\n$ no\n```\n```console\n$ a b\nc\n$ d\n```\n";
    assert_eq!(of(text), [("a b", vec!["c"]), ("d", vec![])]);
}
