//! Dependencies between our crates point one way.

use super::Violation;
use super::tree::Tree;

/// Each package and those of ours that it may depend on, in any kind of dependency.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("tensor", &[]),
    ("hub", &[]),
    ("autograd", &["tensor"]),
    ("datasets", &["tensor"]),
    ("layers", &["tensor", "autograd"]),
    ("zoo", &["tensor", "hub", "autograd", "layers"]),
    ("train", &["tensor", "autograd", "datasets", "layers", "zoo"]),
    ("cli", &["tensor", "hub", "autograd", "datasets", "layers", "zoo", "train"]),
    ("op-suite", &["tensor", "hub", "autograd", "datasets", "layers", "zoo", "train", "cli"]),
    ("book", &["tensor", "hub", "autograd", "datasets", "layers", "zoo", "train"]),
    ("xtask", &["tensor", "hub", "autograd", "datasets", "layers", "zoo", "train", "cli"]),
];

/// Compares every manifest with the table above.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for manifest in tree.manifests() {
        let path = &manifest.file.path;
        let Some(allowed) = allowed(&manifest.name) else {
            let message = format!(
                "the package `{}` has no place in the architecture; add it to the table in xtask/src/tidy/dependencies.rs",
                manifest.name
            );
            violations.push(Violation::new(path, 1, message));
            continue;
        };
        for dependency in &manifest.dependencies {
            let ours = self::allowed(&dependency.name).is_some();
            if ours && !allowed.contains(&dependency.name.as_str()) {
                let message = format!(
                    "`{}` must not depend on `{}` (it may on: {}); move the shared code down, or the caller up",
                    manifest.name,
                    dependency.name,
                    if allowed.is_empty() { "none of ours".to_owned() } else { allowed.join(", ") }
                );
                violations.push(Violation::new(path, dependency.line, message));
            }
        }
    }
    violations
}

fn allowed(package: &str) -> Option<&'static [&'static str]> {
    let entry = MAY_DEPEND_ON.iter().find(|(name, _)| *name == package)?;
    Some(entry.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str, dependencies: &str) -> String {
        format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependencies}")
    }

    #[test]
    fn the_way_down_is_open() {
        let train = manifest("train", "zoo.workspace = true\nserde = \"1\"\n");
        assert!(check(&Tree::of(&[("crates/train/Cargo.toml", &train)])).is_empty());
    }

    #[test]
    fn the_way_up_is_closed() {
        let tensor = manifest("tensor", "serde = \"1\"\nlayers.workspace = true\n");
        let found = check(&Tree::of(&[("crates/tensor/Cargo.toml", &tensor)]));
        assert_eq!((found.len(), found[0].line), (1, 5));
        assert!(found[0].message.contains("must not depend on `layers`"));
    }

    #[test]
    fn nothing_depends_on_the_development_packages() {
        let names = |tables: &'static [(&str, &[&'static str])]| tables.iter().flat_map(|(_, list)| list.iter());
        assert!(names(MAY_DEPEND_ON).all(|name| !["op-suite", "xtask"].contains(name)));
    }

    #[test]
    fn an_unknown_package_must_be_given_a_place() {
        let found = check(&Tree::of(&[("crates/extra/Cargo.toml", &manifest("extra", ""))]));
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("no place in the architecture"));
    }
}
