//! The names of ImageNet's classes.

/// ImageNet's 1,000 categories as torchvision names them, in the order of the published models' outputs.
///
/// ```
/// assert_eq!(zoo::imagenet_categories().nth(282), Some("tiger cat"));
/// ```
pub fn imagenet_categories() -> impl ExactSizeIterator<Item = &'static str> {
    include_str!("imagenet_categories.txt").lines().collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_the_golden_ones() {
        let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../op-suite/golden");
        let folder = std::env::var("GOLDEN_DIR").unwrap_or_else(|_| default.to_owned());
        let golden = std::fs::read_to_string(format!("{folder}/imagenet_categories.txt")).unwrap();
        assert!(imagenet_categories().eq(golden.lines()), "crates/zoo/src/imagenet_categories.txt differs from {folder}");
        assert_eq!(imagenet_categories().len(), crate::registry::IMAGENET_CLASSES);
    }
}
