//! Writes a prepared data set.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::header::{Header, Part, PixelOrder};
use super::{Description, Samples};
use crate::{Error, Result};

/// Labels and pixels begin at multiples of this many bytes, a cache line.
const ALIGNMENT: u64 = 64;

/// Writes both parts of a data set to a file beside `path`, and renames it there when it is whole.
///
/// # Errors
/// [`Error::Io`] where the file cannot be written, [`Error::Layout`] where the description does not fit a header.
pub(crate) fn write(path: &Path, description: Description, train: &Samples, test: &Samples) -> Result<()> {
    let train_part = place(train, 0);
    let test_part = place(test, train_part.pixels + train.pixels.len() as u64);
    let header = Header { description, order: PixelOrder::Hwc, train: train_part, test: test_part };
    let beginning = header.to_bytes().map_err(|reason| Error::Layout { path: path.to_owned(), reason })?;
    let pieces = [(train_part, train), (test_part, test)]
        .into_iter()
        .flat_map(|(part, samples)| [(part.labels, &*samples.labels), (part.pixels, &*samples.pixels)]);
    write_beside(path, &beginning, pieces).map_err(|source| Error::Io { path: path.to_owned(), source })
}

/// The place of a part that begins at byte `from` of the contents or a little later.
fn place(samples: &Samples, from: u64) -> Part {
    let labels = from.next_multiple_of(ALIGNMENT);
    let count = samples.labels.len() as u64;
    let pixels = (labels + count).next_multiple_of(ALIGNMENT);
    Part { samples: count, labels, pixels, crc32: samples.crc32() }
}

/// Writes the beginning and then each piece at its offset from there. Nothing is left behind where that fails.
fn write_beside<'a>(path: &Path, beginning: &[u8], pieces: impl Iterator<Item = (u64, &'a [u8])>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Not the private file that the crate makes by itself: a data set may be shared.
    let mut beside = tempfile::Builder::new().prefix(".prepared-").make_in(folder, |path| File::create_new(path))?;
    let file = beside.as_file_mut();
    file.write_all(beginning)?;
    let contents = beginning.len() as u64;
    for (offset, bytes) in pieces {
        file.seek(SeekFrom::Start(contents + offset))?;
        file.write_all(bytes)?;
    }
    file.sync_all()?;
    beside.persist(path)?;
    Ok(())
}
