//! Finds the state dict within what was pickled, and turns its tensors into places in the file.

use std::{collections::HashMap, rc::Rc};

use serde_json::Map;

use super::pickle::{Pickle, Storage, Tensor, Value};
use crate::checkpoint::{
    error::{Reason, quote},
    index::Located,
    source::Blob,
    tensor::TensorInfo,
};

/// Keys under which training scripts keep the state dict within a larger dictionary, in order of preference.
pub(in crate::checkpoint) const NESTED_KEYS: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];
/// How deep such dictionaries may be nested.
const MAX_NESTING: usize = 3;
/// How many keys an error message lists.
const LISTED_KEYS: usize = 8;

/// A pickled dictionary of tensors, and what stood beside it.
#[derive(Debug)]
pub(super) struct StateDict {
    tensors: Vec<(Rc<str>, Rc<Tensor>)>,
    /// The numbers and texts of the outermost dictionary, such as `epoch`.
    pub(super) extra: Map<String, serde_json::Value>,
}

impl StateDict {
    /// Finds the tensors by name, at the top or under one of [`NESTED_KEYS`].
    pub(super) fn find(pickle: &Pickle) -> Result<Self, Reason> {
        let outermost = Dict::new(pickle, pickle.root()).ok_or_else(|| Reason::NoStateDict(pickle.root().kind().to_owned()))?;
        let tensors = outermost.find_tensors(MAX_NESTING).ok_or_else(|| outermost.without_tensors())?;
        Ok(Self { tensors, extra: outermost.scalars() })
    }

    /// Places each tensor in the file, given where its storage is.
    pub(super) fn locate(&self, big_endian: bool, blob: impl Fn(&Storage) -> Result<Blob, Reason>) -> Result<Vec<Located>, Reason> {
        let locate = |(name, tensor): &(Rc<str>, Rc<Tensor>)| {
            let storage = &tensor.storage;
            let info = TensorInfo { name: name.to_string(), dtype: storage.dtype, shape: tensor.shape.clone() };
            let outside = || Reason::damaged(format!("tensor `{}` lies outside its storage", quote(name)));
            let start = storage.start.checked_add(tensor.offset).ok_or_else(outside)?;
            Located::new(info, blob(storage)?, start, tensor.strides.clone(), big_endian)
        };
        self.tensors.iter().map(locate).collect()
    }
}

/// A dictionary's entries whose key is a text, in order, each key once.
struct Dict<'p> {
    pickle: &'p Pickle,
    entries: Vec<(&'p Rc<str>, &'p Value)>,
}

impl<'p> Dict<'p> {
    fn new(pickle: &'p Pickle, value: &Value) -> Option<Self> {
        let Value::Dict(pairs) = value else { return None };
        let mut entries = Vec::<(&Rc<str>, &Value)>::new();
        let mut places = HashMap::<&str, usize>::new();
        for &(key, value) in pairs {
            let Ok(key) = pickle.text(key) else { continue };
            let value = pickle.get(value);
            let place = *places.entry(key).or_insert(entries.len());
            match entries.get_mut(place) {
                Some(entry) => entry.1 = value,
                None => entries.push((key, value)),
            }
        }
        Some(Self { pickle, entries })
    }

    fn find_tensors(&self, depth: usize) -> Option<Vec<(Rc<str>, Rc<Tensor>)>> {
        if depth > 0 {
            let nested = NESTED_KEYS.iter().filter_map(|&key| self.nested(key)).find_map(|dict| dict.find_tensors(depth - 1));
            if nested.is_some() {
                return nested;
            }
        }
        let tensor = |&(key, value): &(&Rc<str>, &Value)| match value {
            Value::Tensor(tensor) => Some((key.clone(), tensor.clone())),
            _ => None,
        };
        let tensors: Vec<_> = self.entries.iter().filter_map(tensor).collect();
        (!tensors.is_empty()).then_some(tensors)
    }

    fn nested(&self, name: &str) -> Option<Self> {
        let (_, value) = self.entries.iter().find(|(key, _)| &***key == name)?;
        Self::new(self.pickle, value)
    }

    fn scalars(&self) -> Map<String, serde_json::Value> {
        let scalar = |&(key, value): &(&Rc<str>, &Value)| {
            let value = match value {
                Value::Bool(value) => (*value).into(),
                Value::Int(value) => i64::try_from(*value).ok()?.into(),
                Value::Float(value) => (*value).into(),
                Value::Text(value) => (&**value).into(),
                _ => return None,
            };
            Some((key.to_string(), value))
        };
        self.entries.iter().filter_map(scalar).collect()
    }

    fn without_tensors(&self) -> Reason {
        let mut keys: Vec<_> = self.entries.iter().take(LISTED_KEYS).map(|(key, _)| quote(key)).collect();
        if self.entries.len() > LISTED_KEYS {
            keys.push("…".into());
        }
        match &*keys {
            [] => Reason::NoStateDict("an empty dictionary".into()),
            keys => Reason::NoStateDict(format!("no tensors under the keys {}", keys.join(", "))),
        }
    }
}
