//! No tracked file names a folder of one machine.

use super::Violation;
use super::tree::{File, Tree};

/// The folders at a file system's root in which people and workplaces keep their files.
const ROOTS: [&str; 4] = ["home", "root", "work", "Users"];

/// Looks for absolute paths below those folders, in every text file.
pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.files().iter().flat_map(machine_paths).collect()
}

fn machine_paths(file: &File) -> Vec<Violation> {
    file.lines()
        .filter_map(|(line, text)| {
            let root = ROOTS.iter().find(|root| names_absolute(text, &format!("/{root}/")))?;
            let message = format!("a path under /{root} exists on one machine alone; make it relative or configurable");
            Some(Violation::new(&file.path, line, message))
        })
        .collect()
}

/// Whether `path` occurs in `text` where a path begins, not in the middle of another path or address.
fn names_absolute(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-/}~".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_are_reported() {
        let path = format!("cat {}x", ["", "home", "me", ""].join("/"));
        let found = check(&Tree::of(&[("docs/run.sh", &path)]));
        assert_eq!((found.len(), found[0].line), (1, 1));
    }

    #[test]
    fn relative_paths_and_addresses_pass() {
        let text = "../home/x $HOME/work/x https://example.org/home/x ~/work/x a/root/b ${DIR}/work/x";
        assert!(check(&Tree::of(&[("README.md", text)])).is_empty());
    }
}
