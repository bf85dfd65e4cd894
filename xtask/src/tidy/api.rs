//! The public API of each library crate is what `docs/api` lists, so that a change of it is seen in review.

use std::collections::{BTreeMap, HashSet};

use quote::ToTokens;
use syn::{Attribute, Fields, ImplItem, Item, Type, Visibility, parse_quote};

use super::Violation;
use super::tree::{File, Tree};

/// Where the listings lie.
const FOLDER: &str = "docs/api";
/// Library crates that nobody outside the workspace uses.
const INTERNAL: [&str; 2] = ["book", "op-suite"];
/// Attributes that are part of an item's contract; others are left out.
const CONTRACT: [&str; 5] = ["cfg", "derive", "macro_export", "must_use", "non_exhaustive"];

/// Reports each listing that is not what the sources say.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let outdated = |(path, text): &(String, String)| tree.file(path).is_none_or(|file| file.text != *text);
    let message = "is not the public API: `cargo xtask api` writes it anew; a breaking change needs a line in CHANGELOG.md";
    listings(tree).iter().filter(|listing| outdated(listing)).map(|(path, _)| Violation::new(path, 1, message)).collect()
}

/// The listing of each library crate, by its path. They hold the public items of all modules, without bodies and docs; what is
/// public in a private module is there because a `pub use` may bring it out.
pub fn listings(tree: &Tree) -> Vec<(String, String)> {
    let mut crates = BTreeMap::<&str, Vec<&File>>::new();
    for file in tree.rust_files() {
        if let ["crates", name, "src", ..] = file.path.split('/').collect::<Vec<_>>()[..]
            && !INTERNAL.contains(&name)
            && tree.contains(&format!("crates/{name}/src/lib.rs"))
        {
            crates.entry(name).or_default().push(file);
        }
    }
    crates.into_iter().map(|(name, files)| (format!("{FOLDER}/{name}.rs"), listing(name, &files))).collect()
}

fn listing(name: &str, files: &[&File]) -> String {
    // A file that cannot be parsed does not compile either.
    let parsed: Vec<(&File, syn::File)> = files.iter().filter_map(|&file| Some((file, syn::parse_file(&file.text).ok()?))).collect();
    let types: HashSet<String> = parsed.iter().flat_map(|(_, file)| &file.items).filter_map(public_type).collect();
    let mut text = format!("//! The public API of `{name}`, written by `cargo xtask api` and checked by `cargo xtask tidy`.\n");
    for (file, syn::File { items, .. }) in parsed {
        let items: Vec<Item> = items.into_iter().filter_map(|item| public(item, &types)).collect();
        if !items.is_empty() {
            let path = file.path.trim_start_matches("crates/");
            let items = prettyplease::unparse(&syn::File { shebang: None, frontmatter: None, attrs: Vec::new(), items });
            text += &format!("\n// {path}\n{}", items.replace(" {}\n", ";\n"));
        }
    }
    text
}

/// The name of a public type or trait.
fn public_type(item: &Item) -> Option<String> {
    let (vis, ident) = match item {
        Item::Struct(item) => (&item.vis, &item.ident),
        Item::Enum(item) => (&item.vis, &item.ident),
        Item::Type(item) => (&item.vis, &item.ident),
        _ => return None,
    };
    is_public(vis).then(|| ident.to_string())
}

/// What of an item can be used from outside; `types` are the crate's public ones.
fn public(mut item: Item, types: &HashSet<String>) -> Option<Item> {
    let attributes = match &mut item {
        Item::Fn(item) => {
            item.block = parse_quote!({});
            visible(&item.vis, &mut item.attrs)
        }
        Item::Struct(item) => {
            strip_fields(&mut item.fields);
            visible(&item.vis, &mut item.attrs)
        }
        Item::Enum(item) => {
            for variant in &mut item.variants {
                variant.attrs = contract(&variant.attrs);
                variant.fields.iter_mut().for_each(|field| field.attrs = contract(&field.attrs));
            }
            visible(&item.vis, &mut item.attrs)
        }
        Item::Trait(item) => {
            for part in &mut item.items {
                strip_trait_item(part);
            }
            visible(&item.vis, &mut item.attrs)
        }
        Item::Type(item) => visible(&item.vis, &mut item.attrs),
        Item::Const(item) => visible(&item.vis, &mut item.attrs),
        Item::Use(item) => visible(&item.vis, &mut item.attrs),
        Item::Mod(item) => {
            let items =
                item.content.take().map(|(brace, items)| (brace, items.into_iter().filter_map(|item| public(item, types)).collect()));
            item.content = items;
            visible(&item.vis, &mut item.attrs)
        }
        Item::Impl(item) => {
            let inherent = item.trait_.is_none();
            item.items.retain_mut(|part| inherent && keep_method(part));
            item.attrs = contract(&item.attrs);
            of_types(&item.self_ty, types) && (!inherent || !item.items.is_empty())
        }
        Item::Macro(item) => {
            let exported = item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export"));
            exported && visible(&Visibility::Public(Default::default()), &mut item.attrs)
        }
        _ => false,
    };
    attributes.then_some(item)
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

/// Whether an item is public and not hidden; its attributes are cut down to its contract.
fn visible(vis: &Visibility, attributes: &mut Vec<Attribute>) -> bool {
    let hidden = |attribute: &Attribute| attribute.path().is_ident("doc") && attribute.to_token_stream().to_string().contains("hidden");
    let visible = is_public(vis) && !attributes.iter().any(hidden);
    *attributes = contract(attributes);
    visible
}

fn contract(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| CONTRACT.iter().any(|name| attribute.path().is_ident(name))).cloned().collect()
}

/// Leaves out private fields, but not that there are some: who has them cannot be made from outside.
fn strip_fields(fields: &mut Fields) {
    let Fields::Named(named) = fields else {
        fields.iter_mut().for_each(|field| field.attrs = contract(&field.attrs));
        return;
    };
    let count = named.named.len();
    named.named = std::mem::take(&mut named.named).into_iter().filter(|field| is_public(&field.vis)).collect();
    named.named.iter_mut().for_each(|field| field.attrs = contract(&field.attrs));
    if named.named.len() < count {
        named.named.push(parse_quote!(private: ()));
    }
}

fn strip_trait_item(item: &mut syn::TraitItem) {
    match item {
        syn::TraitItem::Fn(item) => {
            item.attrs = contract(&item.attrs);
            item.default = item.default.take().map(|_| parse_quote!({ .. }));
        }
        syn::TraitItem::Const(item) => item.attrs = contract(&item.attrs),
        syn::TraitItem::Type(item) => item.attrs = contract(&item.attrs),
        _ => {}
    }
}

/// Whether a part of an inherent `impl` is public.
fn keep_method(item: &mut ImplItem) -> bool {
    match item {
        ImplItem::Fn(item) => {
            item.block = parse_quote!({});
            visible(&item.vis, &mut item.attrs)
        }
        ImplItem::Const(item) => visible(&item.vis, &mut item.attrs),
        _ => false,
    }
}

/// Whether a type, or what it borrows or holds, is one of the crate's public ones.
fn of_types(ty: &Type, types: &HashSet<String>) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|segment| types.contains(&segment.ident.to_string())),
        Type::Reference(reference) => of_types(&reference.elem, types),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(source: &str) -> String {
        let tree = Tree::of(&[("crates/x/src/lib.rs", source)]);
        let [(path, text)] = &listings(&tree)[..] else { panic!("one crate, one listing") };
        assert_eq!(path, "docs/api/x.rs");
        text.split_once("// x/src/lib.rs\n").map_or(String::new(), |(_, items)| items.to_owned())
    }

    #[test]
    fn what_cannot_be_used_from_outside_is_not_listed() {
        let private = "fn f() {} pub(crate) fn g() {} struct S; impl S { pub fn f() {} } impl Clone for S {} #[doc(hidden)] pub fn h() {}";
        assert_eq!(listed(private), "");
    }

    #[test]
    fn signatures_are_listed_without_docs_and_bodies() {
        let source = "/// Doc.\n#[must_use]\npub fn f(x: &str) -> u8 { 1 }\npub trait T { /// Doc.\n fn a(&self); fn b(&self) { } }";
        let expected = "#[must_use]\npub fn f(x: &str) -> u8;\npub trait T {\n    fn a(&self);\n    fn b(&self) {\n        ..\n    }\n}\n";
        assert_eq!(listed(source), expected);
    }

    #[test]
    fn private_fields_count_and_methods_follow_their_type() {
        let source = "pub struct S { pub a: u8, b: u8 } impl S { pub fn f(&self) { } fn g() {} } impl Clone for S { fn clone(&self) {} }";
        let expected = "pub struct S {\n    pub a: u8,\n    private: (),\n}\nimpl S {\n    pub fn f(&self);\n}\nimpl Clone for S;\n";
        assert_eq!(listed(source), expected);
    }

    #[test]
    fn a_change_is_reported_until_it_is_listed() {
        let source = ("crates/x/src/lib.rs", "//! X.\npub fn f() {}\n");
        assert_eq!(check(&Tree::of(&[source])).len(), 1);
        let listing = listings(&Tree::of(&[source])).remove(0).1;
        assert_eq!(check(&Tree::of(&[source, ("docs/api/x.rs", &listing)])), []);
    }
}
