//! A picture in memory: eight bits for each of red, green and blue.

mod bmp;
mod decode;
mod gif;
mod jpeg;
mod png;
mod webp;

use std::fmt;
use std::path::Path;

use crate::{Error, Result};

/// The most pixels a picture may have, twice Pillow's `MAX_IMAGE_PIXELS`: beyond it Pillow, too, refuses.
pub const MAX_PIXELS: usize = 178_956_970;

/// The most pixels a side of a picture may have.
pub const MAX_SIDE: usize = 65_535;

/// Channels of a pixel: red, green, blue.
pub(crate) const CHANNELS: usize = 3;

/// A picture of `height` rows of `width` pixels, three bytes a pixel: red, green, blue.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    width: usize,
    height: usize,
    max_value: u8,
    data: Vec<u8>,
}

impl Image {
    /// Reads a picture from a PNG, JPEG, WebP, BMP or GIF file; the content decides, not the name.
    ///
    /// The pixels are those of Pillow's `Image.open(path).convert("RGB")`: alpha is dropped, an EXIF orientation is not applied, of
    /// an animation the first picture counts.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Picture`] and [`Error::TooLarge`], each naming the path.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = decode::read(path)?;
        decode::decode(&bytes, &path.display().to_string(), MAX_PIXELS)
    }

    /// Reads a picture from the bytes of a file, as [`open`](Self::open) does.
    ///
    /// # Errors
    /// [`Error::Picture`] and [`Error::TooLarge`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Self::decode_within(bytes, MAX_PIXELS)
    }

    /// Reads a picture of at most `max_pixels` pixels from the bytes of a file; the file's header tells, before pixels take memory.
    ///
    /// # Errors
    /// Those of [`decode`](Self::decode).
    pub fn decode_within(bytes: &[u8], max_pixels: usize) -> Result<Self> {
        decode::decode(bytes, "picture", max_pixels)
    }

    /// A picture of given pixels, `3 * width * height` bytes.
    ///
    /// # Errors
    /// [`Error::Picture`] where a side is 0 or `data` has another length, [`Error::TooLarge`].
    pub fn from_rgb(width: usize, height: usize, data: Vec<u8>) -> Result<Self> {
        let expected = checked_area("picture", width, height)? * CHANNELS;
        if data.len() != expected {
            return Err(Error::Picture {
                picture: "picture".to_owned(),
                reason: format!("{width} x {height} pixels take {expected} bytes, found {}", data.len()),
            });
        }
        Ok(Self::from_parts(width, height, data))
    }

    /// A picture whose size is known to be right.
    pub(crate) fn from_parts(width: usize, height: usize, data: Vec<u8>) -> Self {
        debug_assert_eq!(data.len(), width * height * CHANNELS);
        Self { width, height, max_value: u8::MAX, data }
    }

    /// The same pixels on a scale that ends at `max_value`, from 1 to 255.
    pub(crate) fn with_max_value(mut self, max_value: u8) -> Self {
        self.max_value = max_value;
        self
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The value of full intensity, which becomes 1.0: 255 in every decoded file, another where a data set counts otherwise.
    pub fn max_value(&self) -> u8 {
        self.max_value
    }

    /// The pixels from the top left, row by row, three bytes each.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Bytes in a row.
    pub(crate) fn row_len(&self) -> usize {
        self.width * CHANNELS
    }

    /// The rows from the top.
    pub(crate) fn rows(&self) -> std::slice::ChunksExact<'_, u8> {
        self.data.chunks_exact(self.row_len())
    }

    /// The rows from the top, to be changed in place.
    pub(crate) fn rows_mut(&mut self) -> std::slice::ChunksExactMut<'_, u8> {
        let row_len = self.row_len();
        self.data.chunks_exact_mut(row_len)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({} x {})", self.width, self.height)
    }
}

/// The pixels of a picture of that size, or an error where it has none or too many.
pub(crate) fn checked_area(picture: &str, width: usize, height: usize) -> Result<usize> {
    area_within(picture, width, height, MAX_PIXELS)
}

/// The pixels of a picture of that size, or an error where it has none, or more than `max_pixels` or [`MAX_PIXELS`].
fn area_within(picture: &str, width: usize, height: usize, max_pixels: usize) -> Result<usize> {
    let max_pixels = max_pixels.min(MAX_PIXELS);
    if width == 0 || height == 0 {
        return Err(Error::Picture { picture: picture.to_owned(), reason: format!("{width} x {height} pixels make no picture") });
    }
    match width.checked_mul(height) {
        Some(area) if area <= max_pixels && width.max(height) <= MAX_SIDE => Ok(area),
        _ => Err(Error::TooLarge { picture: picture.to_owned(), width: width as u64, height: height as u64, max_pixels }),
    }
}
