//! Every package takes the workspace's lints, and those deny missing docs.

use toml::Table;

use super::Violation;
use super::tree::Tree;

/// The lints that must stay denied in the workspace's manifest.
const DENIED: [&str; 2] = ["missing_docs", "unsafe_code"];

/// Looks at `[lints]` of each package and at `[workspace.lints.rust]`.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let packages = tree
        .manifests()
        .filter(|manifest| !manifest.inherits_lints)
        .map(|manifest| Violation::new(&manifest.file.path, 1, "add `[lints]` with `workspace = true`"));
    packages.chain(allowed(tree)).collect()
}

fn allowed(tree: &Tree) -> Vec<Violation> {
    let Some(manifest) = tree.file("Cargo.toml") else {
        return Vec::new();
    };
    let root: Table = manifest.text.parse().unwrap_or_default();
    let level = |lint: &str| root.get("workspace")?.get("lints")?.get("rust")?.get(lint)?.as_str();
    DENIED
        .iter()
        .filter(|lint| !matches!(level(lint), Some("deny" | "forbid")))
        .map(|lint| Violation::new(&manifest.path, 1, format!("`[workspace.lints.rust]` must deny `{lint}`")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace.lints.rust]\nmissing_docs = \"deny\"\nunsafe_code = \"deny\"\n";

    #[test]
    fn inherited_lints_pass() {
        let package = "[package]\nname = \"zoo\"\n[lints]\nworkspace = true\n";
        assert!(check(&Tree::of(&[("Cargo.toml", ROOT), ("crates/zoo/Cargo.toml", package)])).is_empty());
    }

    #[test]
    fn a_package_without_lints_is_reported() {
        let found = check(&Tree::of(&[("Cargo.toml", ROOT), ("crates/zoo/Cargo.toml", "[package]\nname = \"zoo\"\n")]));
        assert_eq!((found.len(), found[0].path.as_str()), (1, "crates/zoo/Cargo.toml"));
    }

    #[test]
    fn the_workspace_must_deny() {
        let weak = "[workspace.lints.rust]\nmissing_docs = \"warn\"\nunsafe_code = \"forbid\"\n";
        let found = check(&Tree::of(&[("Cargo.toml", weak)]));
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("missing_docs"));
    }
}
