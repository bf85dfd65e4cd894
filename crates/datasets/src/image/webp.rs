//! WebP files.

use std::io::Cursor;
use std::iter;

use image_webp::WebPDecoder;

use super::decode::{Source, little_endian, to_rgb};
use super::{CHANNELS, Image};
use crate::Result;

/// Decodes the picture, of an animation the first.
pub(super) fn decode(source: &Source<'_>) -> Result<Image> {
    let mut decoder = WebPDecoder::new(Cursor::new(source.bytes)).map_err(|error| source.damaged(error))?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    let area = source.area(width, height)?;
    if decoder.is_animated() && first_frame_fits(source.bytes) == Some(false) {
        return Err(source.damaged("the WebP file's first frame has two sizes"));
    }
    let channels = if decoder.has_alpha() { CHANNELS + 1 } else { CHANNELS };
    let mut samples = vec![0; area * channels];
    decoder.read_image(&mut samples).map_err(|error| source.damaged(error))?;
    Ok(Image::from_parts(width, height, to_rgb(samples, channels)))
}

/// Whether the first frame of an animation, where alpha precedes its colours, has the size that the animation gives it, as the decoder
/// believes without looking: it panics else (image-webp issue 182). Nothing where there is no such frame.
fn first_frame_fits(bytes: &[u8]) -> Option<bool> {
    let (_, frame) = chunks(bytes.get(12..)?).find(|(kind, _)| kind == b"ANMF")?;
    let mut parts = chunks(frame.get(16..)?);
    parts.next().filter(|(kind, _)| kind == b"ALPH")?;
    let (_, colors) = parts.next()?;
    let side = |at| little_endian(colors, at, 2).map(|side| side & 0x3fff);
    Some(side(6)? == little_endian(frame, 6, 3)? + 1 && side(8)? == little_endian(frame, 9, 3)? + 1)
}

/// The chunks of a file, each a kind and its data, which is cut off where the file is.
fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    iter::from_fn(move || {
        let (kind, rest) = bytes.split_at_checked(4)?;
        let len = little_endian(rest, 0, 4)? as usize;
        let data = &rest[4..];
        bytes = data.get(len.next_multiple_of(2)..).unwrap_or_default();
        Some((kind, &data[..len.min(data.len())]))
    })
}
