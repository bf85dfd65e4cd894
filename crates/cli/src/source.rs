//! The data sets by their names on the command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datasets::transforms::Preset;
use datasets::{Cifar10, Dataset, Digits, ImageFolder, Split};

use crate::args::DatasetArg;
use crate::stderr;

/// The share of a folder's pictures that is held back for the test, where the folder has no split of its own.
const TEST_SHARE: f64 = 0.2;
/// Decides which ones, the same at every call.
const SPLIT_SEED: u64 = 0;

/// A data set, not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The bundled digits.
    Digits,
    /// CIFAR-10 in a folder.
    Cifar10(PathBuf),
    /// Pictures in a folder for each class.
    Folder(PathBuf),
}

impl Source {
    /// The data set that is meant. Says so where the digits stand in for CIFAR-10.
    pub fn choose(dataset: &DatasetArg, data_dir: &Path) -> Self {
        match dataset {
            DatasetArg::Digits => Source::Digits,
            DatasetArg::Cifar10 => Source::Cifar10(data_dir.to_owned()),
            DatasetArg::Folder(root) => Source::Folder(root.clone()),
            DatasetArg::Auto if Cifar10::exists(data_dir) => Source::Cifar10(data_dir.to_owned()),
            DatasetArg::Auto => {
                let folder = data_dir.display();
                stderr::warn(&format!("no CIFAR-10 in {folder} (`cargo xtask fetch-data` gets it): using the bundled digits"));
                Source::Digits
            }
        }
    }

    /// How the command line names it.
    pub fn arg(&self) -> DatasetArg {
        match self {
            Source::Digits => DatasetArg::Digits,
            Source::Cifar10(_) => DatasetArg::Cifar10,
            Source::Folder(root) => DatasetArg::Folder(root.clone()),
        }
    }

    /// A short name, fit for a file's.
    pub fn name(&self) -> String {
        match self {
            Source::Digits => "digits".to_owned(),
            Source::Cifar10(_) => "cifar10".to_owned(),
            Source::Folder(root) => root.file_name().map_or_else(|| "folder".to_owned(), |name| name.to_string_lossy().into_owned()),
        }
    }

    /// How its pictures are prepared.
    pub fn preset(&self) -> Preset {
        match self {
            Source::Digits => Digits::preset(),
            Source::Cifar10(_) => Cifar10::preset(),
            Source::Folder(_) => Preset::image_classification(224, 256),
        }
    }

    /// Reads one part.
    pub fn open(&self, split: Split) -> datasets::Result<Arc<dyn Dataset>> {
        Ok(match self {
            Source::Digits => Arc::new(Digits::new(split)?),
            Source::Cifar10(data_dir) => Arc::new(Cifar10::open(data_dir, split)?),
            Source::Folder(root) => Arc::new(ImageFolder::open_split(root, split, TEST_SHARE, SPLIT_SEED)?),
        })
    }
}
