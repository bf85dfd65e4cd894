//! The packages' manifests: names, dependencies and lints with their lines.

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::Violation;
use super::tree::{File, Tree};

/// The tables that list dependencies, at the top or under `target.*`.
const DEPENDENCY_TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// What the checks read off a `Cargo.toml`.
pub struct Manifest<'a> {
    /// The file itself.
    pub file: &'a File,
    /// `package.name`; empty where there is none.
    pub name: String,
    /// Every dependency of every kind.
    pub dependencies: Vec<Dependency>,
    /// Whether `[lints]` says `workspace = true`.
    pub inherits_lints: bool,
}

/// One dependency.
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// The 1-based line in the manifest.
    pub line: usize,
}

/// Reports the manifests that cannot be read, which no other check can judge.
pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.package_manifests()
        .filter_map(|file| {
            let error = Manifest::parse(file).err()?;
            let line = error.span().map_or(1, |span| line_of(&file.text, span.start));
            Some(Violation::new(&file.path, line, format!("is no TOML: {}", error.message())))
        })
        .collect()
}

impl<'a> Manifest<'a> {
    /// Parses the manifest `file`.
    pub fn parse(file: &'a File) -> Result<Self, Error> {
        let document = DeTable::parse(&file.text)?;
        let root = document.get_ref();
        let name = table(root, "package").and_then(|package| package.get("name")?.get_ref().as_str());
        let lints = table(root, "lints").and_then(|lints| lints.get("workspace")?.get_ref().as_bool());
        Ok(Self {
            file,
            name: name.unwrap_or_default().to_owned(),
            dependencies: dependencies(root, &file.text),
            inherits_lints: lints == Some(true),
        })
    }
}

/// The 1-based line of the byte `offset` in `text`.
pub fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

fn dependencies(root: &DeTable<'_>, text: &str) -> Vec<Dependency> {
    let targets = table(root, "target").into_iter().flat_map(|targets| targets.values());
    std::iter::once(root)
        .chain(targets.filter_map(|target| target.get_ref().as_table()))
        .flat_map(|scope| DEPENDENCY_TABLES.iter().filter_map(|name| table(scope, name)))
        .flat_map(|table| table.iter())
        .map(|(key, value)| Dependency { name: package_name(key.get_ref(), value), line: line_of(text, key.span().start) })
        .collect()
}

/// The package behind a dependency's key, which `package = "…"` may rename.
fn package_name(key: &str, value: &Spanned<DeValue<'_>>) -> String {
    let renamed = value.get_ref().as_table().and_then(|table| table.get("package")?.get_ref().as_str());
    renamed.unwrap_or(key).to_owned()
}

fn table<'a, 'i>(parent: &'a DeTable<'i>, name: &str) -> Option<&'a DeTable<'i>> {
    parent.get(name)?.get_ref().as_table()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_kind_of_dependency_with_its_line() {
        let text = r#"[package]
name = "zoo"
[lints]
workspace = true
[dependencies]
tensor.workspace = true
[dev-dependencies]
other = { path = "../cli", package = "cli" }
[target.'cfg(unix)'.build-dependencies]
libc = "1"
"#;
        let tree = Tree::of(&[("crates/zoo/Cargo.toml", text)]);
        let manifest = tree.manifests().next().unwrap();
        let found: Vec<(&str, usize)> =
            manifest.dependencies.iter().map(|dependency| (dependency.name.as_str(), dependency.line)).collect();
        assert_eq!(found, [("tensor", 6), ("cli", 8), ("libc", 10)]);
        assert_eq!(manifest.name, "zoo");
        assert!(manifest.inherits_lints);
    }

    #[test]
    fn a_broken_manifest_is_reported_on_its_line() {
        let tree = Tree::of(&[("crates/zoo/Cargo.toml", "[package]\nname = \n")]);
        let found = check(&tree);
        assert_eq!((found.len(), found[0].line), (1, 2));
    }
}
