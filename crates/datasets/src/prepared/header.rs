//! How a prepared data set begins: a fixed preamble, and a header in bincode. The one module that knows bincode.

use bincode::Options;
use serde::{Deserialize, Serialize};

use super::{Description, crc32};
use crate::Split;
use crate::image::{CHANNELS, MAX_SIDE};

/// How every prepared data set begins.
const MAGIC: [u8; 8] = *b"convoyds";
/// The version of the format; another one is another format.
const VERSION: u32 = 1;
/// Bytes before the header: the magic, and as little-endian 32-bit numbers the version, the header's length and its CRC-32.
const PREAMBLE: usize = MAGIC.len() + 3 * size_of::<u32>();
/// The most bytes of a header.
const MAX_LEN: u64 = 1 << 16;
/// The contents begin at a multiple of this many bytes, a page.
const PAGE: usize = 4096;
/// Labels are bytes, so there are no more classes.
const MAX_CLASSES: usize = 256;

/// What a prepared data set says of itself.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// The data set and its pictures.
    pub description: Description,
    /// How the pixels lie.
    pub order: PixelOrder,
    /// The samples to learn from.
    pub train: Part,
    /// The samples to measure with.
    pub test: Part,
}

/// The order of a picture's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PixelOrder {
    /// Rows of pixels of red, green and blue: height, width, channels.
    Hwc,
}

/// Where the samples of one part lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// How many there are.
    pub samples: u64,
    /// Where the labels begin, in bytes from the beginning of the contents.
    pub labels: u64,
    /// Where the pixels begin, in bytes from the beginning of the contents.
    pub pixels: u64,
    /// CRC-32 of the labels followed by the pixels.
    pub crc32: u32,
}

impl Description {
    /// Bytes of a picture.
    pub(super) fn picture_len(&self) -> u64 {
        u64::from(self.height).saturating_mul(u64::from(self.width)).saturating_mul(CHANNELS as u64)
    }
}

impl Header {
    /// The beginning of a file: preamble, header, and zeros up to the contents.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let encoded = encoding().serialize(self).map_err(|error| format!("its header cannot be written: {error}"))?;
        let len = encoded.len() as u32; // at most MAX_LEN
        let mut bytes = MAGIC.to_vec();
        for word in [VERSION, len, crc32(&[&encoded])] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(encoded);
        bytes.resize(bytes.len().next_multiple_of(PAGE), 0);
        Ok(bytes)
    }

    /// The header of a file, and where the contents begin. The file may be anything.
    pub(super) fn parse(file: &[u8]) -> Result<(Self, u64), String> {
        let rest = file.strip_prefix(&MAGIC).ok_or("not a prepared data set")?;
        let (version, rest) = word(rest)?;
        if version != VERSION {
            return Err(format!("it has version {version} of the format, and this program knows {VERSION}"));
        }
        let (len, rest) = word(rest)?;
        let (checksum, rest) = word(rest)?;
        let encoded = usize::try_from(len).ok().and_then(|len| rest.get(..len)).ok_or_else(damaged)?;
        if crc32(&[encoded]) != checksum {
            return Err(damaged());
        }
        let header: Self = encoding().deserialize(encoded).map_err(|_| damaged())?;
        header.check()?;
        Ok((header, (PREAMBLE + encoded.len()).next_multiple_of(PAGE) as u64))
    }

    /// An error where the pictures or the classes are none.
    fn check(&self) -> Result<(), String> {
        let Description { classes, height, width, .. } = &self.description;
        let fits = |side: u32| (1..=MAX_SIDE).contains(&(side as usize));
        if !fits(*height) || !fits(*width) {
            return Err(format!("{width} x {height} pixels make no picture"));
        }
        if !(1..=MAX_CLASSES).contains(&classes.len()) {
            return Err(format!("it has {} classes, not 1 to {MAX_CLASSES}", classes.len()));
        }
        Ok(())
    }

    /// The place of one part.
    pub(super) fn part(&self, split: Split) -> Part {
        match split {
            Split::Train => self.train,
            Split::Test => self.test,
        }
    }

    /// Bytes of the whole file, where the contents begin at byte `contents`.
    pub(super) fn file_len(&self, contents: u64) -> Result<u64, String> {
        let picture_len = self.description.picture_len();
        let ends = [self.train, self.test].map(|part| part.end(picture_len)?.checked_add(contents));
        let [train, test] = ends.map(|end| end.ok_or_else(damaged));
        Ok(train?.max(test?))
    }
}

impl Part {
    /// Where both labels and pixels have ended, in bytes from the beginning of the contents; none beyond 64 bits.
    fn end(&self, picture_len: u64) -> Option<u64> {
        let labels = self.labels.checked_add(self.samples)?;
        let pixels = self.pixels.checked_add(self.samples.checked_mul(picture_len)?)?;
        Some(labels.max(pixels))
    }
}

/// bincode's variable-length integers; nothing claims more bytes than a header may have, and none are left over.
fn encoding() -> impl Options {
    bincode::DefaultOptions::new().with_limit(MAX_LEN)
}

/// What is said of a header that makes no sense.
pub(super) fn damaged() -> String {
    "its header is damaged".to_owned()
}

/// A little-endian number, and what follows it.
fn word(bytes: &[u8]) -> Result<(u32, &[u8]), String> {
    let (word, rest) = bytes.split_first_chunk().ok_or_else(damaged)?;
    Ok((u32::from_le_bytes(*word), rest))
}
