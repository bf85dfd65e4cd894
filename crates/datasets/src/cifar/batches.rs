//! The files that CIFAR-10's authors publish: batches of pictures, plain or as Python pickles.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::{Cifar10, SIDE, pickle};
use crate::image::CHANNELS;
use crate::prepared::Samples;
use crate::{Error, Result, Split};

const PLANE: usize = SIDE * SIDE;
const PICTURE: usize = CHANNELS * PLANE;

/// The most bytes that a Python batch holds beside the pixels, which is about 30 a picture.
const MAX_PICKLE_OVERHEAD: usize = 1 << 20;

/// The two forms in which CIFAR-10 is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cifar10Version {
    /// Records of a label and 3,072 values.
    Binary,
    /// Pickled dictionaries, as torchvision reads them.
    Python,
}

impl Cifar10Version {
    pub(super) const ALL: [Self; 2] = [Self::Binary, Self::Python];

    /// The folder in the published archive.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Binary => "cifar-10-batches-bin",
            Self::Python => "cifar-10-batches-py",
        }
    }

    /// The names of the files in the folder that hold a part.
    pub(super) fn files(self, split: Split) -> Vec<String> {
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
    pub(super) fn find(data_dir: &Path) -> Option<Self> {
        Self::ALL.into_iter().find(|version| data_dir.join(version.folder()).is_dir())
    }

    /// Reads a part from the folder in `data_dir`, whose files hold `batch_len` pictures each.
    pub(super) fn read(self, data_dir: &Path, split: Split, batch_len: u16) -> Result<Samples> {
        let batch_len = usize::from(batch_len);
        let files = self.files(split);
        let mut reader =
            Reader { labels: Vec::with_capacity(files.len() * batch_len), pixels: Vec::with_capacity(files.len() * batch_len * PICTURE) };
        for file in files {
            let path = data_dir.join(self.folder()).join(file);
            match self {
                Self::Binary => reader.read_binary(&path, batch_len),
                Self::Python => reader.read_python(&path, batch_len),
            }?;
        }
        Ok(Samples { labels: reader.labels.into(), pixels: reader.pixels.into() })
    }
}

/// Collects the samples of several files.
struct Reader {
    labels: Vec<u8>,
    /// Picture after picture, red, green and blue of each pixel.
    pixels: Vec<u8>,
}

impl Reader {
    /// Appends a file of records `label, 3,072 values`.
    fn read_binary(&mut self, path: &Path, batch_len: usize) -> Result<()> {
        const RECORD: usize = 1 + PICTURE;
        let expected = batch_len * RECORD;
        let bytes = read_at_most(path, expected)?;
        if bytes.len() != expected {
            let found = fs::metadata(path).map_err(|source| io_error(path, source))?.len();
            return Err(Error::FileSize { path: path.to_owned(), expected: expected as u64, found });
        }
        for record in bytes.chunks_exact(RECORD) {
            self.push_label(path, i64::from(record[0]))?;
            self.push_picture(&record[1..]);
        }
        Ok(())
    }

    /// Appends a pickled dictionary of `data`, an array of `batch_len` rows of 3,072 values, and `labels`.
    fn read_python(&mut self, path: &Path, batch_len: usize) -> Result<()> {
        let invalid = |reason: String| Error::Layout { path: path.to_owned(), reason };
        let bytes = read_at_most(path, batch_len * PICTURE + MAX_PICKLE_OVERHEAD)?;
        let contents =
            pickle::read_batch(&bytes).map_err(|reason| invalid(format!("not a batch of CIFAR-10's Python version: {reason}")))?;
        if contents.shape != [batch_len, PICTURE] || contents.labels.len() != batch_len {
            return Err(invalid(format!(
                "expected {batch_len} x {PICTURE} values and {batch_len} labels, found {} x {} and {}",
                contents.shape[0],
                contents.shape[1],
                contents.labels.len()
            )));
        }
        for label in contents.labels {
            self.push_label(path, label)?;
        }
        contents.data.chunks_exact(PICTURE).for_each(|planes| self.push_picture(planes));
        Ok(())
    }

    fn push_label(&mut self, path: &Path, label: i64) -> Result<()> {
        let known = u8::try_from(label).ok().filter(|&label| usize::from(label) < Cifar10::CLASSES.len());
        let label = known.ok_or_else(|| Error::Layout {
            path: path.to_owned(),
            reason: format!("label {label} is not from 0 to 9; the file is damaged or another one"),
        })?;
        self.labels.push(label);
        Ok(())
    }

    /// Appends a picture that lies as published: the red plane, the green, the blue.
    fn push_picture(&mut self, planes: &[u8]) {
        let (red, rest) = planes.split_at(PLANE);
        let (green, blue) = rest.split_at(PLANE);
        let pixels = red.iter().zip(green).zip(blue);
        self.pixels.extend(pixels.flat_map(|((&red, &green), &blue)| [red, green, blue]));
    }
}

/// The bytes of a file, and one more than `limit` where it has more.
fn read_at_most(path: &Path, limit: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(limit + 1);
    File::open(path).and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes)).map_err(|source| io_error(path, source))?;
    Ok(bytes)
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.to_owned(), source }
}
