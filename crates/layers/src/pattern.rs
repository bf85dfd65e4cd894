//! Patterns over parameter names.

use std::collections::BTreeSet;

use crate::suggest::nearest;

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
    let near = nearest(wanted, candidates.iter().map(String::as_str));
    if !near.is_empty() {
        let near: Vec<String> = near.iter().take(2).map(|name| format!("{name:?}")).collect();
        return format!("did you mean {}?", near.join(" or "));
    }
    let top: Vec<&str> = candidates.iter().filter(|c| !c.contains('.')).map(String::as_str).collect();
    if top.is_empty() { "there are no parameters".to_string() } else { format!("the names begin with {}", top.join(", ")) }
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
}
