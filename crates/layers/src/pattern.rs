//! Patterns over parameter names.

use std::collections::BTreeSet;

/// Whether `name`, or one of the modules it belongs to, matches `pattern`: `*` stands for any run of characters, `?` for one.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let modules = name.match_indices('.').map(|(i, _)| &name[..i]);
    modules.chain([name]).any(|candidate| glob(pattern.as_bytes(), candidate.as_bytes()))
}

/// Matches greedily and, on failure, lets the last `*` take one character more.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((star_p, star_t)) => {
                    star = Some((star_p, star_t + 1));
                    p = star_p + 1;
                    t = star_t + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

/// What a pattern that matches none of `names` could have been.
pub(crate) fn hint(pattern: &str, names: &[&str]) -> String {
    let prefixes = |name: &str| name.match_indices('.').map(|(i, _)| name[..i].to_string()).chain([name.to_string()]).collect::<Vec<_>>();
    let candidates: BTreeSet<String> = names.iter().flat_map(|name| prefixes(name)).collect();
    let wanted = pattern.trim_end_matches(['*', '.']);
    let mut near: Vec<(usize, &String)> = candidates.iter().map(|c| (edit_distance(wanted, c), c)).collect();
    near.retain(|&(distance, _)| distance <= wanted.len() / 2);
    near.sort();
    near.truncate(2);
    if !near.is_empty() {
        let near: Vec<String> = near.iter().map(|(_, name)| format!("{name:?}")).collect();
        return format!("did you mean {}?", near.join(" or "));
    }
    let top: Vec<&str> = candidates.iter().filter(|c| !c.contains('.')).map(String::as_str).collect();
    if top.is_empty() { "there are no parameters".to_string() } else { format!("the names begin with {}", top.join(", ")) }
}

/// The fewest insertions, deletions and replacements of one byte, and swaps of two neighbours, that turn `a` into `b` (Damerau, "A
/// technique for computer detection and correction of spelling errors", 1964).
pub fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    // distances[i][j] is that of the first i bytes of a and the first j of b.
    let mut distances = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            distances[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = distances[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let swapped = if swap { distances[i - 2][j - 2] + 1 } else { usize::MAX };
                replaced.min(swapped).min(distances[i - 1][j] + 1).min(distances[i][j - 1] + 1)
            };
        }
    }
    distances[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names_or_whole_modules() {
        for (pattern, name, expected) in [
            ("layer1.*", "layer1.0.conv1.weight", true),
            ("layer1", "layer1.0.conv1.weight", true),
            ("layer1", "layer10.weight", false),
            ("layer?.0", "layer3.0.bn1.bias", true),
            ("*.bias", "layer3.0.bn1.bias", true),
            ("*bn*", "layer3.0.bn1.bias", true),
            ("*", "fc.weight", true),
            ("fc", "fc.weight", true),
            ("fc.w", "fc.weight", false),
            ("a*b*c", "axxbyybzzc", true),
            ("a*b*c", "axxbyybzz", false),
            ("", "fc.weight", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_hint_names_what_is_near_else_where_names_begin() {
        let names = ["conv1.weight", "layer1.0.conv1.weight", "layer2.0.conv1.weight", "fc.bias"];
        assert_eq!(hint("layr1.*", &names), "did you mean \"layer1\" or \"layer2\"?");
        assert_eq!(hint("classifier", &names), "the names begin with conv1, fc, layer1, layer2");
        assert_eq!(hint("x", &[]), "there are no parameters");
    }

    #[test]
    fn edit_distance_counts_the_fewest_edits() {
        for (a, b, n) in [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("same", "same", 0), ("18", "81", 1), ("ab1", "b1a", 2)]
        {
            assert_eq!(edit_distance(a, b), n);
        }
    }
}
