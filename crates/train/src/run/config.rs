//! All that a training is made of, as a file that makes it again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use datasets::transforms::Augmentation;
use layers::suggest::did_you_mean;
use serde::{Deserialize, Serialize};

use super::{Environment, write};
use crate::{Error, Result, Settings};

/// The most bytes that a file of settings may have.
const MAX_LEN: u64 = 1 << 20;

/// What a training is made of: `config.toml` of a run folder. What a file leaves out has its default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The model.
    pub model: ModelConfig,
    /// The data.
    pub data: DataConfig,
    /// The training itself.
    pub training: Settings,
    /// Where it ran: written, not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

/// Which model, and what it starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Its name, such as `resnet18`.
    pub name: Option<String>,
    /// `auto`, `none`, `bundled` or a file.
    pub weights: String,
    /// Its outputs; as many as the data has classes by default.
    pub num_classes: Option<usize>,
}

impl Default for ModelConfig {
    fn default() -> Self {
        ModelConfig { name: None, weights: "auto".to_owned(), num_classes: None }
    }
}

/// Which pictures, and how they are prepared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// `auto`, `digits`, `cifar10` or `folder:PATH`.
    pub dataset: String,
    /// The folder that holds CIFAR-10.
    pub data_dir: PathBuf,
    /// Height and width of the pictures as the model gets them, in pixels; the data set's own by default.
    pub img_size: Option<usize>,
    /// How the training pictures are changed at random.
    pub augment: Vec<Augmentation>,
    /// The share of the training pictures that is held back to choose the best epoch by.
    pub val_split: Option<f64>,
}

impl Default for DataConfig {
    fn default() -> Self {
        DataConfig { dataset: "auto".to_owned(), data_dir: "data".into(), img_size: None, augment: Vec::new(), val_split: None }
    }
}

impl Config {
    /// Reads a file of settings.
    ///
    /// # Errors
    /// Where it cannot be read, or a line is not one of settings: [`Error::Config`] says which.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let io_error = |source| Error::Io { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(io_error)?;
        if !metadata.is_file() || metadata.len() > MAX_LEN {
            return Err(Error::Config { path: path.to_owned(), line: 1, reason: "no file of settings".to_owned() });
        }
        let text = fs::read_to_string(path).map_err(io_error)?;
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let reason = with_suggestion(&error.message().replace('\n', " "));
            Error::Config { path: path.to_owned(), line: before.matches('\n').count() + 1, reason }
        })
    }

    /// Writes it down.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let text = toml::to_string(self).map_err(|error| Error::Config { path: path.to_owned(), line: 1, reason: error.to_string() })?;
        write(path, format!("# `convoy train --config {CONFIG_NAME}` trains again with these settings.\n\n{text}").as_bytes())
    }
}

/// What serde says of a name that it does not know, with the known name that comes nearest: "unknown field `epoch`, did you mean epochs?
/// expected one of …".
pub fn with_suggestion(message: &str) -> String {
    let suggestion = message.split_once(", expected ").and_then(|(unknown, known)| {
        // The names stand between backticks.
        let name = unknown.split('`').nth(1)?;
        Some((unknown, did_you_mean(name, known.split('`').skip(1).step_by(2))?, known))
    });
    suggestion.map_or_else(|| message.to_owned(), |(unknown, hint, known)| format!("{unknown}, {hint} expected {known}"))
}

/// What the comment in the file calls it.
const CONFIG_NAME: &str = super::CONFIG;

#[cfg(test)]
mod tests {
    use tensor::Device;

    use super::*;

    fn parsed(text: &str) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        Config::load(path)
    }

    #[test]
    fn what_is_written_is_read_and_the_rest_has_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let config = Config {
            data: DataConfig { dataset: "folder:pets".to_owned(), val_split: Some(0.25), ..DataConfig::default() },
            training: Settings { epochs: 7, patience: Some(2), ..Settings::default() },
            environment: Some(Environment::detect(vec!["convoy".to_owned(), "train".to_owned()], Device::Cpu)),
            ..Config::default()
        };
        config.save(&path).unwrap();
        assert_eq!(Config::load(&path).unwrap(), config);
        assert_eq!(parsed("").unwrap(), Config::default());
        assert_eq!(parsed("[training.schedule]\nscheduler = \"cosine\"").unwrap().training.schedule.power, 1.0);
    }

    #[test]
    fn a_setting_that_is_none_is_named_with_its_line() {
        for (text, line, named) in [
            ("[training]\nepochs = 3\nlearning_rat = 0.1\n", 3, "learning_rat"),
            ("[training]\nepochs = \"many\"\n", 2, "many"),
            ("[training]\n\noptimizer = \"magic\"\n", 3, "magic"),
            ("[training]\nepoch = 3\n", 2, "did you mean epochs?"),
            ("[training]\noptimizer = \"adamm\"\n", 2, "did you mean adam?"),
            ("[modle]\n", 1, "did you mean model?"),
            ("[training", 1, ""),
        ] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.contains(&format!("config.toml, line {line}: ")) && error.contains(named), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
