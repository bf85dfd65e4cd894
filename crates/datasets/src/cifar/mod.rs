//! CIFAR-10, from the binary or the Python version that its authors publish.

mod pickle;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::dataset::{check_index, owned_names};
use crate::image::CHANNELS;
use crate::transforms::Preset;
use crate::{Dataset, Error, Image, Result, Split};

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const PICTURE: usize = CHANNELS * PLANE;

/// Pictures in each published file.
const BATCH: usize = 10_000;

/// The most bytes that a Python batch holds beside the pixels, which is about 30 a picture.
const MAX_PICKLE_OVERHEAD: usize = 1 << 20;

/// 60,000 pictures of 32 x 32 pixels in ten classes, held in memory a byte a value.
#[derive(Clone, Debug)]
pub struct Cifar10 {
    /// Picture after picture: the red plane, the green, the blue.
    pixels: Vec<u8>,
    labels: Vec<u8>,
    classes: Vec<String>,
}

/// The published forms of the data set.
#[derive(Clone, Copy)]
enum Version {
    Binary,
    Python,
}

impl Version {
    const ALL: [Self; 2] = [Self::Binary, Self::Python];

    fn folder(self) -> &'static str {
        match self {
            Self::Binary => "cifar-10-batches-bin",
            Self::Python => "cifar-10-batches-py",
        }
    }

    fn files(self, split: Split) -> Vec<String> {
        let ending = match self {
            Self::Binary => ".bin",
            Self::Python => "",
        };
        match split {
            Split::Train => (1..=5).map(|part| format!("data_batch_{part}{ending}")).collect(),
            Split::Test => vec![format!("test_batch{ending}")],
        }
    }

    /// The version that lies in `data_dir`.
    fn find(data_dir: &Path) -> Option<Self> {
        Self::ALL.into_iter().find(|version| data_dir.join(version.folder()).is_dir())
    }
}

impl Cifar10 {
    /// The names of the classes, in the order of their labels.
    pub const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    /// Whether `data_dir` holds a folder `cifar-10-batches-bin` or `cifar-10-batches-py`.
    pub fn exists(data_dir: impl AsRef<Path>) -> bool {
        Version::find(data_dir.as_ref()).is_some()
    }

    /// Reads one part from `data_dir/cifar-10-batches-bin` or, where that is not there, `data_dir/cifar-10-batches-py`.
    ///
    /// # Errors
    /// An error that names the file that is missing, of the wrong size, or not a batch of CIFAR-10.
    pub fn open(data_dir: impl AsRef<Path>, split: Split) -> Result<Self> {
        Self::open_batches(data_dir.as_ref(), split, BATCH)
    }

    /// [`open`](Self::open) for files of `batch` pictures each.
    fn open_batches(data_dir: &Path, split: Split, batch: usize) -> Result<Self> {
        let version = Version::find(data_dir).ok_or_else(|| Error::Layout {
            path: data_dir.to_owned(),
            reason: "holds neither a folder cifar-10-batches-bin nor cifar-10-batches-py".to_owned(),
        })?;
        let files = version.files(split);
        let mut dataset = Self {
            pixels: Vec::with_capacity(files.len() * batch * PICTURE),
            labels: Vec::with_capacity(files.len() * batch),
            classes: owned_names(&Self::CLASSES),
        };
        for file in files {
            let path = data_dir.join(version.folder()).join(file);
            match version {
                Version::Binary => dataset.read_binary(&path, batch),
                Version::Python => dataset.read_python(&path, batch),
            }?;
        }
        Ok(dataset)
    }

    /// How the pictures are prepared: as they are, with values from -1 to 1; other pictures are resized to 32 x 32 first.
    pub fn preset() -> Preset {
        Preset::square(SIDE)
    }

    /// Appends a file of records `label, 3,072 values`.
    fn read_binary(&mut self, path: &Path, batch: usize) -> Result<()> {
        const RECORD: usize = 1 + PICTURE;
        let expected = batch * RECORD;
        let bytes = read_at_most(path, expected)?;
        if bytes.len() != expected {
            let found = fs::metadata(path).map_err(|source| io_error(path, source))?.len();
            return Err(Error::FileSize { path: path.to_owned(), expected: expected as u64, found });
        }
        for record in bytes.chunks_exact(RECORD) {
            self.push_label(path, i64::from(record[0]))?;
            self.pixels.extend_from_slice(&record[1..]);
        }
        Ok(())
    }

    /// Appends a pickled dictionary of `data`, an array of `batch` rows of 3,072 values, and `labels`.
    fn read_python(&mut self, path: &Path, batch: usize) -> Result<()> {
        let invalid = |reason: String| Error::Layout { path: path.to_owned(), reason };
        let bytes = read_at_most(path, batch * PICTURE + MAX_PICKLE_OVERHEAD)?;
        let contents =
            pickle::read_batch(&bytes).map_err(|reason| invalid(format!("not a batch of CIFAR-10's Python version: {reason}")))?;
        if contents.shape != [batch, PICTURE] || contents.labels.len() != batch {
            return Err(invalid(format!(
                "expected {batch} x {PICTURE} values and {batch} labels, found {} x {} and {}",
                contents.shape[0],
                contents.shape[1],
                contents.labels.len()
            )));
        }
        for label in contents.labels {
            self.push_label(path, label)?;
        }
        self.pixels.extend_from_slice(&contents.data);
        Ok(())
    }

    fn push_label(&mut self, path: &Path, label: i64) -> Result<()> {
        let known = u8::try_from(label).ok().filter(|&label| usize::from(label) < Self::CLASSES.len());
        let label = known.ok_or_else(|| Error::Layout {
            path: path.to_owned(),
            reason: format!("label {label} is not from 0 to 9; the file is damaged or another one"),
        })?;
        self.labels.push(label);
        Ok(())
    }
}

impl Dataset for Cifar10 {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn get(&self, index: usize) -> Result<(Image, i64)> {
        check_index(index, self.len())?;
        let planes = &self.pixels[index * PICTURE..][..PICTURE];
        let (red, rest) = planes.split_at(PLANE);
        let (green, blue) = rest.split_at(PLANE);
        let mut data = vec![0; PICTURE];
        let (pixels, _) = data.as_chunks_mut::<CHANNELS>();
        for (pixel, ((&red, &green), &blue)) in pixels.iter_mut().zip(red.iter().zip(green).zip(blue)) {
            *pixel = [red, green, blue];
        }
        Ok((Image::from_parts(SIDE, SIDE, data), i64::from(self.labels[index])))
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn describe(&self, index: usize) -> String {
        format!("CIFAR-10 picture {index}")
    }

    fn in_memory(&self) -> bool {
        true
    }
}

/// The bytes of a file, and one more than `limit` where it has more.
fn read_at_most(path: &Path, limit: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(limit + 1);
    File::open(path).and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes)).map_err(|source| io_error(path, source))?;
    Ok(bytes)
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: PathBuf::from(path), source }
}
