//! Reads the golden folder. A missing or damaged file panics: a test that needs it then fails.

use std::{collections::HashMap, fs, path::PathBuf};

use layers::{Module, ModuleExt};
use serde_json::Value;
use tensor::Tensor;

use crate::{det, device};

/// What PyTorch and torchvision compute.
pub struct Golden {
    folder: PathBuf,
    suffix: String,
}

impl Golden {
    /// The folder that the environment variable `GOLDEN_DIR` names, else the project's own.
    pub fn open() -> Self {
        let own = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
        let folder = std::env::var_os("GOLDEN_DIR").map_or_else(own, PathBuf::from);
        let mut golden = Golden { folder, suffix: String::new() };
        golden.suffix = golden.text("suffix.txt");
        golden
    }

    /// A file's path.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A text file.
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{}: {e}", self.path(name).display()))
    }

    /// A JSON file.
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap_or_else(|e| panic!("{}: {e}", self.path(name).display()))
    }

    /// The tensors of a checkpoint, by name.
    pub fn tensors(&self, name: &str) -> HashMap<String, Tensor> {
        let checkpoint = zoo::checkpoint::load(self.path(name)).unwrap_or_else(|e| panic!("{e}"));
        let tensor = |(key, raw)| (key, zoo::to_tensor(&raw).expect("data that fits its shape"));
        checkpoint.tensors.into_iter().map(tensor).collect()
    }

    /// The names of the models that have a file in the folder.
    pub fn models(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("repr")).unwrap_or_else(|e| panic!("{}: {e}", self.path("repr").display()));
        let name = |entry: std::io::Result<fs::DirEntry>| {
            let name = entry.expect("a readable folder").file_name();
            name.to_string_lossy().strip_suffix(".txt").map(str::to_owned)
        };
        let mut names: Vec<String> = entries.filter_map(name).collect();
        names.sort();
        names
    }

    /// A deterministic tensor in [-1, 1).
    pub fn signed(&self, name: &str, shape: &[usize]) -> Tensor {
        det::signed(&format!("{name}{}", self.suffix), shape)
    }

    /// A number's or a gradient's probe: what the golden dot products are taken with.
    pub fn probe(&self, name: &str, shape: &[usize]) -> Tensor {
        self.signed(&format!("probe:{name}"), shape)
    }

    /// Gives every tensor of a module its deterministic value.
    pub fn fill(&self, module: &(impl Module + ?Sized)) {
        for (key, slot) in module.named_tensors() {
            slot.load(&det::parameter(&key, &self.suffix, &slot.shape())).expect("the shape asked for");
        }
    }

    /// A model of the registry with 1000 classes and deterministic weights.
    pub fn model(&self, name: &str) -> Box<dyn zoo::Model> {
        let model = zoo::build(name, 1000).unwrap_or_else(|e| panic!("{e}"));
        self.fill(&model);
        model.to_device(device()).unwrap_or_else(|e| panic!("{e}"));
        model
    }
}
