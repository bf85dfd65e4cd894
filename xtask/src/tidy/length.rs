//! Files stay short: one concern each.

use toml::Table;

use super::Violation;
use super::tree::{File, Tree};

const MOST_LINES: usize = 500;
const EXCEPTIONS: &str = "xtask/tidy.toml";

/// Reports files over the limit, and exceptions that no file needs.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let exceptions = match exceptions(tree) {
        Ok(exceptions) => exceptions,
        Err(violation) => return vec![violation],
    };
    let long = |file: &&File| file.lines().count() > MOST_LINES;
    let too_long =
        tree.own_files("rs").chain(tree.own_files("cu")).filter(long).filter(|file| !exceptions.contains(&file.path)).map(|file| {
            let lines = file.lines().count();
            let message = format!("{lines} lines, over {MOST_LINES}; split it by concern, or list it with a reason in {EXCEPTIONS}");
            Violation::new(&file.path, lines, message)
        });
    let needless = exceptions.iter().filter(|path| !tree.file(path).as_ref().is_some_and(long)).map(|path| {
        let message = format!("`{path}` has no more than {MOST_LINES} lines, or is gone; remove the exception");
        Violation::new(EXCEPTIONS, 1, message)
    });
    too_long.chain(needless).collect()
}

/// The paths under `[long-files]`, each of which must have a reason.
fn exceptions(tree: &Tree) -> Result<Vec<String>, Violation> {
    let text = tree.file(EXCEPTIONS).map_or("", |file| &file.text);
    let table: Table = text.parse().map_err(|error| Violation::new(EXCEPTIONS, 1, format!("is no TOML: {error}").replace('\n', " ")))?;
    let Some(files) = table.get("long-files").and_then(|value| value.as_table()) else {
        return Ok(Vec::new());
    };
    let bare = files.iter().find(|(_, reason)| reason.as_str().is_none_or(|reason| reason.trim().is_empty()));
    match bare {
        Some((path, _)) => Err(Violation::new(EXCEPTIONS, 1, format!("`{path}` has no reason; write one"))),
        None => Ok(files.keys().cloned().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn long_files_need_an_exception_with_a_reason() {
        let long = "//! Long.\n".repeat(501);
        let file = ("crates/zoo/src/long.rs", long.as_str());
        assert!(messages(&[file])[0].contains("501 lines"));

        let excused = "[long-files]\n\"crates/zoo/src/long.rs\" = \"one table\"\n";
        assert!(messages(&[file, (EXCEPTIONS, excused)]).is_empty());

        let bare = "[long-files]\n\"crates/zoo/src/long.rs\" = \"\"\n";
        assert!(messages(&[file, (EXCEPTIONS, bare)])[0].contains("no reason"));
    }

    #[test]
    fn an_exception_that_no_file_needs_is_reported() {
        let excused = "[long-files]\n\"crates/zoo/src/short.rs\" = \"was long\"\n";
        let found = messages(&[("crates/zoo/src/short.rs", "//! Short.\n"), (EXCEPTIONS, excused)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("remove the exception"));
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        let text = "//! Long.\n".repeat(500);
        assert!(messages(&[("crates/zoo/src/long.rs", &text)]).is_empty());
    }
}
