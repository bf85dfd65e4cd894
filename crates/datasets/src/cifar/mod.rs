//! CIFAR-10, prepared, or as its authors publish it.

mod batches;
mod pickle;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::dataset::{check_index, owned_names};
use crate::image::CHANNELS;
use crate::prepared::{self, Description, Samples};
use crate::transforms::Preset;
use crate::{Dataset, Error, Image, Result, Split};

pub use batches::Cifar10Version;

const SIDE: usize = 32;
const PICTURE: usize = SIDE * SIDE * CHANNELS;

/// What a prepared file says that it holds.
const NAME: &str = "CIFAR-10";
const PREPARED_FILE: &str = "cifar10.convoy";

/// 60,000 pictures of 32 x 32 pixels in ten classes, a byte a value: in a prepared file that is mapped into memory, or read from the
/// published files.
#[derive(Clone, Debug)]
pub struct Cifar10 {
    samples: Samples,
    classes: Vec<String>,
}

impl Cifar10 {
    /// The names of the classes, in the order of their labels.
    pub const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    /// Pictures in each published file.
    pub const BATCH_LEN: u16 = 10_000;

    /// The prepared file in `data_dir`, there or not.
    pub fn prepared_path(data_dir: impl AsRef<Path>) -> PathBuf {
        data_dir.as_ref().join(PREPARED_FILE)
    }

    /// Whether `data_dir` holds a file `cifar10.convoy` or a folder `cifar-10-batches-bin` or `cifar-10-batches-py`.
    pub fn exists(data_dir: impl AsRef<Path>) -> bool {
        Self::prepared_path(&data_dir).exists() || Cifar10Version::find(data_dir.as_ref()).is_some()
    }

    /// Opens one part in `data_dir`: of the prepared file where it is there, else of the folder `cifar-10-batches-bin`, else of
    /// `cifar-10-batches-py`.
    ///
    /// # Errors
    /// An error that names the file that is missing, of the wrong size, damaged, or none of CIFAR-10's.
    pub fn open(data_dir: impl AsRef<Path>, split: Split) -> Result<Self> {
        if Self::prepared_path(&data_dir).exists() { Self::open_prepared(data_dir, split) } else { Self::open_published(data_dir, split) }
    }

    /// Maps one part of the prepared file in `data_dir` into memory, after comparing it with its checksum.
    ///
    /// # Errors
    /// An error that names the file where it cannot be read, is damaged, or holds another data set.
    pub fn open_prepared(data_dir: impl AsRef<Path>, split: Split) -> Result<Self> {
        let path = Self::prepared_path(data_dir);
        let (found, samples) = prepared::open(&path, split)?;
        if found != description() {
            let Description { dataset, classes, height, width } = found;
            let reason = format!("holds {dataset:?} ({width} x {height} pixels, {} classes), not {NAME}", classes.len());
            return Err(Error::Layout { path, reason });
        }
        Ok(Self::new(samples))
    }

    /// Reads one part of the published files in `data_dir`.
    ///
    /// # Errors
    /// An error that names the file that is missing, of the wrong size, or not a batch of CIFAR-10.
    pub fn open_published(data_dir: impl AsRef<Path>, split: Split) -> Result<Self> {
        let data_dir = data_dir.as_ref();
        let version = Cifar10Version::find(data_dir).ok_or_else(|| Error::Layout {
            path: data_dir.to_owned(),
            reason: format!("holds neither {PREPARED_FILE} nor a folder cifar-10-batches-bin or cifar-10-batches-py"),
        })?;
        Ok(Self::new(version.read(data_dir, split, Self::BATCH_LEN)?))
    }

    /// Writes the [prepared file](Self::prepared_path) from the published ones in `data_dir`. The published files hold
    /// [`BATCH_LEN`](Self::BATCH_LEN) pictures each; `batch_len` says how many these do.
    ///
    /// # Errors
    /// As [`open_published`](Self::open_published), and where the file cannot be written; an older one is then left as it was.
    pub fn prepare(data_dir: impl AsRef<Path>, version: Cifar10Version, batch_len: u16) -> Result<()> {
        let data_dir = data_dir.as_ref();
        let read = |split| version.read(data_dir, split, batch_len);
        prepared::write(&Self::prepared_path(data_dir), description(), &read(Split::Train)?, &read(Split::Test)?)
    }

    fn new(samples: Samples) -> Self {
        Self { samples, classes: owned_names(&Self::CLASSES) }
    }

    /// How the pictures are prepared: as they are, with values from -1 to 1; other pictures are resized to 32 x 32 first.
    pub fn preset() -> Preset {
        Preset::square(SIDE)
    }
}

/// How a prepared file describes CIFAR-10.
fn description() -> Description {
    Description { dataset: NAME.to_owned(), classes: owned_names(&Cifar10::CLASSES), height: SIDE as u32, width: SIDE as u32 }
}

impl Dataset for Cifar10 {
    fn len(&self) -> usize {
        self.samples.labels.len()
    }

    fn get(&self, index: usize) -> Result<(Image, i64)> {
        check_index(index, self.len())?;
        let pixels = self.samples.pixels[index * PICTURE..][..PICTURE].to_vec();
        Ok((Image::from_parts(SIDE, SIDE, pixels), i64::from(self.samples.labels[index])))
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn describe(&self, index: usize) -> String {
        format!("{NAME} picture {index}")
    }

    fn in_memory(&self) -> bool {
        true
    }
}
