//! Tensors by name, in order, and how they are matched with a module's.

use std::{collections::HashMap, fmt};

use tensor::{Shape, Tensor};

use crate::{Result, Slot, suggest::nearest};

/// The tensors of a module by name, in order: what PyTorch's `state_dict()` returns.
#[derive(Debug, Clone, Default)]
pub struct StateDict {
    entries: Vec<(String, Tensor)>,
    index: HashMap<String, usize>,
}

impl StateDict {
    /// An empty state dict.
    pub fn new() -> Self {
        StateDict::default()
    }

    /// Adds a tensor at the end, or replaces the one of that name where it stands.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        let name = name.into();
        match self.index.get(&name) {
            Some(&i) => self.entries[i].1 = tensor,
            None => {
                self.index.insert(name.clone(), self.entries.len());
                self.entries.push((name, tensor));
            }
        }
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.index.get(name).map(|&i| &self.entries[i].1)
    }

    /// Names and tensors in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.entries.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The names in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    /// The names and shapes in order.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.iter().map(|(name, tensor)| (name, tensor.dims()))
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<S: Into<String>> FromIterator<(S, Tensor)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (S, Tensor)>>(entries: I) -> Self {
        let mut state = StateDict::new();
        entries.into_iter().for_each(|(name, tensor)| state.insert(name, tensor));
        state
    }
}

impl IntoIterator for StateDict {
    type Item = (String, Tensor);
    type IntoIter = std::vec::IntoIter<(String, Tensor)>;
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// The keys of a state dict that a module could not take, and those that it lacked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Keys of the module that the state dict lacks.
    pub missing: Vec<String>,
    /// Keys of the state dict that the module lacks.
    pub unexpected: Vec<String>,
    /// Keys whose shapes differ.
    pub misshapen: Vec<Misshapen>,
}

/// A key whose tensor has another shape than the module's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen {
    /// The key.
    pub key: String,
    /// The module's shape.
    pub expected: Shape,
    /// The state dict's shape.
    pub found: Shape,
}

impl LoadReport {
    /// Whether everything fitted.
    pub fn fits(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let misshapen = self.misshapen.iter().map(|m| format!("{} {} where {} is needed", m.key, m.found, m.expected));
        let groups = [
            ("missing", shortened(&self.missing)),
            ("unexpected", shortened(&self.unexpected)),
            ("wrong shape", shortened(&misshapen.collect::<Vec<_>>())),
        ];
        let groups = groups.iter().filter(|(_, keys)| !keys.is_empty()).map(|(what, keys)| format!("{what}: {keys}"));
        let mut text = groups.collect::<Vec<_>>().join("; ");
        if let Some((unexpected, missing)) = self.likely_rename() {
            text += &format!("; is {unexpected} meant to be {missing}?");
        }
        f.write_str(if text.is_empty() { "every key fits" } else { &text })
    }
}

impl LoadReport {
    /// The first unexpected key that is nearly a missing one, and that one.
    fn likely_rename(&self) -> Option<(&str, &str)> {
        let missing = || self.missing.iter().map(String::as_str);
        self.unexpected.iter().take(SHOWN).find_map(|key| Some((key.as_str(), *nearest(key, missing()).first()?)))
    }
}

/// The most keys of a kind that a report lists.
const SHOWN: usize = 10;

/// The first of many items, and how many more there are.
fn shortened(items: &[String]) -> String {
    let text = items.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if items.len() > SHOWN { format!("{text} and {} more", items.len() - SHOWN) } else { text }
}

/// Which tensors of a module a list of keys and shapes provides.
#[derive(Debug)]
pub struct Matching<'a> {
    /// The module's tensors, each with the position in the list of the one that it takes.
    pub pairs: Vec<(Slot<'a>, usize)>,
    /// What does not fit.
    pub report: LoadReport,
}

/// Pairs a module's tensors with the keys and shapes of a state dict.
pub(crate) fn match_keys<'a, 's>(
    tensors: Vec<(String, Slot<'a>)>,
    entries: impl IntoIterator<Item = (&'s str, &'s [usize])>,
) -> Matching<'a> {
    let entries: Vec<(&str, &[usize])> = entries.into_iter().collect();
    let index: HashMap<&str, usize> = entries.iter().enumerate().map(|(i, (key, _))| (*key, i)).collect();
    let mut matching = Matching { pairs: Vec::new(), report: LoadReport::default() };
    let mut used = vec![false; entries.len()];
    for (key, slot) in tensors {
        match index.get(key.as_str()) {
            None if slot.is_optional() => {}
            None => matching.report.missing.push(key),
            Some(&i) => {
                used[i] = true;
                let (expected, found) = (slot.shape(), entries[i].1);
                if *expected == *found {
                    matching.pairs.push((slot, i));
                } else {
                    matching.report.misshapen.push(Misshapen { key, expected, found: found.into() });
                }
            }
        }
    }
    matching.report.unexpected = entries.iter().zip(used).filter(|(_, used)| !used).map(|((key, _), _)| key.to_string()).collect();
    matching
}

impl Matching<'_> {
    /// Loads what was paired.
    pub(crate) fn load(self, state: &StateDict) -> Result<LoadReport> {
        for (slot, i) in self.pairs {
            slot.load(&state.entries[i].1)?;
        }
        Ok(self.report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_order_and_are_replaced_in_place() {
        let mut state: StateDict = [("b", Tensor::scalar(1f32)), ("a", Tensor::scalar(2f32))].into_iter().collect();
        state.insert("b", Tensor::scalar(3f32));
        assert_eq!(state.keys().collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(state.get("b").unwrap().item().unwrap(), 3.0);
        assert!(state.get("c").is_none() && state.len() == 2);
    }

    #[test]
    fn a_key_that_is_nearly_a_missing_one_is_pointed_out() {
        let keys = |keys: &[&str]| keys.iter().map(|key| key.to_string()).collect();
        let report =
            LoadReport { missing: keys(&["conv1.weight", "fc.weight"]), unexpected: keys(&["x", "fc.wieght"]), misshapen: Vec::new() };
        assert!(report.to_string().ends_with("unexpected: x, fc.wieght; is fc.wieght meant to be fc.weight?"), "{report}");
    }

    #[test]
    fn a_report_is_one_line_whatever_its_length() {
        let report = LoadReport {
            missing: (0..12).map(|i| format!("k{i}")).collect(),
            unexpected: vec!["classifier.weight".into()],
            misshapen: vec![Misshapen { key: "fc.weight".into(), expected: [10, 512].into(), found: [1000, 512].into() }],
        };
        let text = report.to_string();
        assert!(text.starts_with("missing: k0, k1") && text.contains("k9 and 2 more; unexpected: classifier.weight; "), "{text}");
        assert!(text.ends_with("wrong shape: fc.weight [1000, 512] where [10, 512] is needed") && !text.contains('\n'));
    }
}
