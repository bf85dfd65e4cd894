//! What the flags select.

use anyhow::{Context, Result};
use hub::Published;

use super::cifar10::{self, BINARY, PYTHON};

/// A data set to fetch.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Dataset {
    /// CIFAR-10, binary version.
    Cifar10,
    /// CIFAR-10 as Python pickles, which torchvision uses.
    Cifar10Python,
    /// No data set.
    None,
}

impl Dataset {
    /// What is published of it.
    pub fn published(self) -> Option<cifar10::Published<'static>> {
        match self {
            Self::Cifar10 => Some(BINARY),
            Self::Cifar10Python => Some(PYTHON),
            Self::None => None,
        }
    }
}

/// The published sets that a list names: `MODEL` for its default, `MODEL:WEIGHTS`, `all`, `none`.
pub fn weights(names: &[String]) -> Result<Vec<&'static Published>> {
    match names {
        [name] if name == "all" => Ok(hub::published().iter().collect()),
        [name] if name == "none" => Ok(Vec::new()),
        names => names.iter().map(|name| named(name)).collect(),
    }
}

fn named(name: &str) -> Result<&'static Published> {
    let (model, weights) = name.split_once(':').map_or((name, None), |(model, weights)| (model, Some(weights)));
    hub::find_published(model, weights).with_context(|| format!("no published weights `{name}`; see --list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Result<Vec<&'static str>> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        Ok(weights(&names)?.iter().map(|entry| entry.file).collect())
    }

    #[test]
    fn names_select_defaults_and_named_weights() {
        let found = files(&["resnet18", "resnet50:IMAGENET1K_V1"]).unwrap();
        assert_eq!(found, ["resnet18-f37072fd.pth", "resnet50-0676ba61.pth"]);
        assert_eq!(files(&["all"]).unwrap().len(), hub::published().len());
        assert!(files(&["none"]).unwrap().is_empty());
    }

    #[test]
    fn unknown_names_are_refused() {
        let error = files(&["resnet18", "resnet19"]).unwrap_err();
        assert_eq!(error.to_string(), "no published weights `resnet19`; see --list");
        assert!(files(&["resnet18:IMAGENET1K_V2"]).is_err());
    }
}
