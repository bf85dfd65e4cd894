//! What rides along with the weights: architecture, class names, preprocessing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::Reason;

/// What a checkpoint says about its weights, beyond them. PyTorch ignores it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// The model's name in the zoo, such as `resnet18`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// The classes' names, in the order of the model's outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// How a picture becomes the model's input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocessing: Option<Value>,
    /// Anything else that was found, kept when the checkpoint is saved again.
    /// A key that is one of the fields above is dropped on writing.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The named fields, which `other` must not repeat.
const FIELDS: [&str; 3] = ["arch", "classes", "preprocessing"];

impl Metadata {
    /// Whether there is nothing to ride along.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The JSON that is stored under `record`.
    pub(super) fn to_json(&self, record: &'static str) -> Result<String, Reason> {
        let mut metadata = self.clone();
        for field in FIELDS {
            metadata.other.remove(field);
        }
        serde_json::to_string(&metadata).map_err(|source| Reason::Metadata { record, source })
    }

    /// Reads the JSON that is stored under `record`.
    pub(super) fn from_json(json: &[u8], record: &'static str) -> Result<Self, Reason> {
        serde_json::from_slice(json).map_err(|source| Reason::Metadata { record, source })
    }

    /// Keeps an entry that another program wrote.
    pub(super) fn keep(&mut self, key: String, value: String) {
        if !FIELDS.contains(&key.as_str()) {
            self.other.entry(key).or_insert(Value::String(value));
        }
    }
}
