//! A data set prepared for training: the raw labels and pixels of both parts in one file that is mapped, not read.
//!
//! The file is, in this order and with zeros in the gaps: a preamble and a [`Header`](header::Header); from the next multiple of 4,096
//! bytes on, for each part, its labels, one byte each, and its pixels, picture after picture. Labels and pixels begin at multiples of 64
//! bytes. A picture is its rows from the top, a row its pixels, a pixel three bytes: red, green, blue. So a sample is a copy of
//! consecutive bytes, and nothing is decoded.
//!
//! A file is never changed in place, as [`MappedFile`] asks: [`write`] makes a new one and renames it.

mod header;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;

use flate2::Crc;
use serde::{Deserialize, Serialize};
use tensor::MappedFile;

use crate::bytes::Bytes;
use crate::{Error, Result, Split};
use header::{Header, Part};

pub(crate) use writer::write;

/// What both parts of a data set have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Description {
    /// The name of the data set.
    pub dataset: String,
    /// The names of its classes, in the order of their labels.
    pub classes: Vec<String>,
    /// Rows of every picture.
    pub height: u32,
    /// Pixels in every row.
    pub width: u32,
}

/// One part of a data set.
#[derive(Clone, Debug)]
pub(crate) struct Samples {
    /// The class of each sample.
    pub labels: Bytes,
    /// Picture after picture, row after row, red, green and blue of each pixel.
    pub pixels: Bytes,
}

impl Samples {
    /// The checksum that the header keeps of them.
    fn crc32(&self) -> u32 {
        crc32(&[&self.labels, &self.pixels])
    }
}

/// Opens one part of a prepared data set, after checking the header, the file's length, and this part's labels and checksum.
///
/// # Errors
/// [`Error::Io`], [`Error::FileSize`] and [`Error::Layout`], each naming the file.
pub(crate) fn open(path: &Path, split: Split) -> Result<(Description, Samples)> {
    let file = MappedFile::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let invalid = |reason: String| Error::Layout { path: path.to_owned(), reason: format!("{reason}; prepare it again") };
    let (header, contents) = Header::parse(&file).map_err(invalid)?;
    let (expected, found) = (header.file_len(contents).map_err(invalid)?, file.len() as u64);
    if found != expected {
        return Err(Error::FileSize { path: path.to_owned(), expected, found });
    }
    let part = header.part(split);
    let samples = part_of(&Arc::new(file), contents, &part, header.description.picture_len()).ok_or_else(|| invalid(header::damaged()))?;
    if samples.crc32() != part.crc32 {
        let name = match split {
            Split::Train => "training",
            Split::Test => "test",
        };
        return Err(invalid(format!("its {name} pictures are damaged: their checksum is not the one in its header")));
    }
    let classes = header.description.classes.len();
    if let Some(label) = samples.labels.iter().find(|&&label| usize::from(label) >= classes) {
        return Err(invalid(format!("it has a label {label} but only {classes} classes")));
    }
    Ok((header.description, samples))
}

/// The samples of a part, which begin at byte `contents` of the file or later; none where the file does not reach as far.
fn part_of(file: &Arc<MappedFile>, contents: u64, part: &Part, picture_len: u64) -> Option<Samples> {
    let bytes = |from: u64, len: u64| {
        let from = contents.checked_add(from)?;
        let to = from.checked_add(len)?;
        Bytes::mapped(file, usize::try_from(from).ok()?..usize::try_from(to).ok()?)
    };
    let labels = bytes(part.labels, part.samples)?;
    let pixels = bytes(part.pixels, part.samples.checked_mul(picture_len)?)?;
    Some(Samples { labels, pixels })
}

/// CRC-32 of the pieces one after another.
fn crc32(pieces: &[&[u8]]) -> u32 {
    let mut crc = Crc::new();
    for piece in pieces {
        crc.update(piece);
    }
    crc.sum()
}
