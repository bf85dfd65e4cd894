//! What a name that is not known could have been.

use strsim::osa_distance;

/// The known names that come near `name`, nearest first: those that at most half as many edits as it has characters turn it into, where
/// an edit inserts, removes or replaces a character or swaps two neighbours. Capital letters count as small ones.
///
/// ```
/// assert_eq!(layers::suggest::nearest("resnet81", ["resnet18", "resnet34", "vgg11"]), ["resnet18", "resnet34"]);
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    let distances = known.into_iter().map(|known| (osa_distance(&wanted, &known.to_lowercase()), known));
    let mut near: Vec<(usize, &str)> = distances.filter(|&(distance, _)| distance <= wanted.chars().count() / 2).collect();
    near.sort_unstable();
    near.into_iter().map(|(_, known)| known).collect()
}

/// "did you mean …?" with the known name that comes nearest, where one is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).first().map(|known| format!("did you mean {known}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["resnet18", "resnet34", "wide_resnet50_2", "vgg11"];
        assert_eq!(did_you_mean("ResNet-18", known).as_deref(), Some("did you mean resnet18?"));
        assert_eq!(did_you_mean("wideresnet50", known).as_deref(), Some("did you mean wide_resnet50_2?"));
        assert_eq!(did_you_mean("q", known), None);
        assert_eq!(nearest("", known), Vec::<&str>::new());
    }
}
