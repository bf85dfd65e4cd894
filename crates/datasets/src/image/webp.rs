//! WebP files.

use std::io::Cursor;

use image_webp::WebPDecoder;

use super::decode::{Source, to_rgb};
use super::{CHANNELS, Image};
use crate::Result;

/// Decodes the picture, of an animation the first.
pub(super) fn decode(source: &Source<'_>) -> Result<Image> {
    let mut decoder = WebPDecoder::new(Cursor::new(source.bytes)).map_err(|error| source.damaged(error))?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    let area = source.area(width, height)?;
    let channels = if decoder.has_alpha() { CHANNELS + 1 } else { CHANNELS };
    let mut samples = vec![0; area * channels];
    decoder.read_image(&mut samples).map_err(|error| source.damaged(error))?;
    Ok(Image::from_parts(width, height, to_rgb(samples, channels)))
}
