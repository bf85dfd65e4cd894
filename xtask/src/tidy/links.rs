//! Relative links in Markdown lead to tracked files.

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::Violation;
use super::manifest::line_of;
use super::tree::{File, Tree};

/// Follows every relative link and image of every Markdown file.
pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.files().iter().filter(|file| file.path.ends_with(".md")).flat_map(|file| broken_links(tree, file)).collect()
}

fn broken_links(tree: &Tree, file: &File) -> Vec<Violation> {
    let broken = |link: &str| target(&file.path, link).is_some_and(|target| target.is_none_or(|path| !tree.contains(&path)));
    let message = |link| format!("the link `{link}` leads to no tracked file; mend or remove it");
    let links = links(&file.text).into_iter().filter(|(_, link)| broken(link));
    links.map(|(line, link)| Violation::new(&file.path, line, message(link))).collect()
}

/// The links and images of a Markdown text, each with its line.
pub fn links(text: &str) -> Vec<(usize, String)> {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter();
    let links = events.filter_map(|(event, range)| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some((line_of(text, range.start), dest_url.into_string()))
        }
        _ => None,
    });
    links.collect()
}

/// Where a relative link leads, from the root: `None` for an address or an anchor of the same page,
/// `Some(None)` for a link that leaves the repository.
pub fn target(from: &str, link: &str) -> Option<Option<String>> {
    let path = link.split(['#', '?']).next().unwrap_or_default();
    let is_address = link.contains("://") || link.starts_with("mailto:");
    if path.is_empty() || is_address {
        return None;
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    Some(resolve(folder, path))
}

/// `path` seen from `folder`, without `.` and `..`; `None` where it climbs over the root.
fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let tree = Tree::of(&[("docs/book/start.md", text), ("README.md", ""), ("docs/performance.md", "")]);
        check(&tree).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn links_to_files_folders_anchors_and_addresses_pass() {
        let text = "[a](../../README.md) [b](../performance.md#cpu) [c](..) [d](#here) [e](https://example.org/x)\n";
        assert!(lines(text).is_empty());
    }

    #[test]
    fn broken_links_images_and_references_are_reported() {
        let text = "[a](gone.md)\n\n![b](../../gone.png)\n\n[c]\n\n[c]: ../../../README.md\n";
        assert_eq!(lines(text), [1, 3, 5]);
    }

    #[test]
    fn code_is_no_link() {
        assert!(lines("`[a](gone.md)`\n\n```\n[a](gone.md)\n```\n").is_empty());
    }
}
