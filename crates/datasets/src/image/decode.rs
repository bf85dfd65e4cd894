//! Picture files to pixels, as Pillow's `convert("RGB")` gives them.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use super::{CHANNELS, Image, area_within, bmp, gif, jpeg, png, webp};
use crate::{Error, Result};

/// The largest file that is read as a picture, in bytes.
const MAX_FILE_LEN: u64 = 1 << 30;

/// A file in memory that is decoded.
pub(super) struct Source<'a> {
    /// The file's bytes.
    pub(super) bytes: &'a [u8],
    /// What errors call it.
    picture: &'a str,
    /// The most pixels it may have.
    pub(super) max_pixels: usize,
}

impl Source<'_> {
    /// The pixels of a picture of that size, or an error where it has none or too many: asked before memory is taken for them.
    pub(super) fn area(&self, width: usize, height: usize) -> Result<usize> {
        area_within(self.picture, width, height, self.max_pixels)
    }

    /// The error of a file that a decoder cannot make sense of; some decoders end their lines.
    pub(super) fn damaged(&self, reason: impl Display) -> Error {
        Error::Picture { picture: self.picture.to_owned(), reason: format!("damaged picture: {}", reason.to_string().trim_end()) }
    }
}

/// The bytes of a file that may be a picture.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let io_error = |source| Error::Io { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(io_error)?;
    if !metadata.is_file() || metadata.len() > MAX_FILE_LEN {
        return Err(Error::Picture {
            picture: path.display().to_string(),
            reason: format!("not a picture file of at most {MAX_FILE_LEN} bytes"),
        });
    }
    fs::read(path).map_err(io_error)
}

/// Decodes the bytes of a file of at most `max_pixels` pixels; errors call it `picture`.
pub(super) fn decode(bytes: &[u8], picture: &str, max_pixels: usize) -> Result<Image> {
    let source = Source { bytes, picture, max_pixels };
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => png::decode(&source),
        [0xff, 0xd8, 0xff, ..] => jpeg::decode(&source),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp::decode(&source),
        [b'B', b'M', ..] => bmp::decode(&source),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => gif::decode(&source),
        _ => Err(Error::Picture { picture: picture.to_owned(), reason: "not a PNG, JPEG, WebP, BMP or GIF picture".to_owned() }),
    }
}

/// Gray, gray and alpha, RGB or RGB and alpha as RGB without alpha.
pub(super) fn to_rgb(samples: Vec<u8>, channels: usize) -> Vec<u8> {
    match channels {
        CHANNELS => samples,
        1 | 2 => samples.chunks_exact(channels).flat_map(|pixel| [pixel[0]; CHANNELS]).collect(),
        _ => samples.chunks_exact(channels).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
    }
}

/// The number of `len` bytes at `at`, the lowest first.
pub(super) fn little_endian(bytes: &[u8], at: usize, len: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + len)?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte)))
}
