//! bincode is unmaintained, so one module alone may know it, and can be replaced.

use super::Violation;
use super::tree::Tree;

/// Lists the Rust files that name bincode, where there is more than one.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let users: Vec<(String, usize)> = tree
        .rust_files()
        // This module, too, is called bincode.
        .filter(|file| !file.is_in("xtask"))
        .filter_map(|file| {
            let first = file.find(&["bincode", ":"]).next()?;
            Some((file.path.clone(), first.line))
        })
        .collect();
    let Some((first, _)) = users.first() else {
        return Vec::new();
    };
    users[1..]
        .iter()
        .map(|(path, line)| {
            let message = format!("names bincode, as {first} does already; keep it to one module");
            Violation::new(path, *line, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_module_may_use_it() {
        let tree = Tree::of(&[
            ("crates/datasets/src/cache.rs", "fn f() { bincode::encode() }"),
            ("xtask/src/tidy.rs", "const CHECKS: &[Check] = &[bincode::check];"),
        ]);
        assert!(check(&tree).is_empty());
    }

    #[test]
    fn a_second_one_may_not() {
        let tree = Tree::of(&[
            ("crates/datasets/src/cache.rs", "use bincode::encode;"),
            ("crates/train/src/run.rs", "// One.\nuse bincode::decode;"),
        ]);
        let found = check(&tree);
        assert_eq!((found.len(), found[0].path.as_str(), found[0].line), (1, "crates/train/src/run.rs", 2));
    }
}
