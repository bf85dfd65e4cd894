//! The first picture of a GIF file, on its canvas.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};

use super::{Image, area_within};
use crate::Error;

/// Why a GIF file gives no picture.
pub(super) enum Failure {
    /// An error that names the file.
    Checked(Error),
    /// What the decoder says.
    Damaged(String),
}

impl From<gif::DecodingError> for Failure {
    fn from(error: gif::DecodingError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Decodes the first picture, of at most `max_pixels` pixels; errors call it `picture`.
///
/// As in Pillow a transparent pixel shows its palette entry, and what the first picture leaves free of the canvas has the transparent
/// index, or index 0; a picture that reaches beyond the canvas extends it.
pub(super) fn decode(bytes: &[u8], picture: &str, max_pixels: usize) -> Result<Image, Failure> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    if let Some(limit) = NonZeroU64::new(max_pixels as u64) {
        options.set_memory_limit(MemoryLimit::Bytes(limit));
    }
    let mut decoder = options.read_info(bytes)?;
    let screen = (usize::from(decoder.width()), usize::from(decoder.height()));
    area_within(picture, screen.0, screen.1, max_pixels).map_err(Failure::Checked)?;
    let global_palette = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame()?.ok_or_else(|| Failure::Damaged("the GIF file holds no picture".to_owned()))?;

    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let frame_width = usize::from(frame.width);
    let width = screen.0.max(left + frame_width);
    let height = screen.1.max(top + usize::from(frame.height));
    let area = area_within(picture, width, height, max_pixels).map_err(Failure::Checked)?;
    let mut canvas = vec![frame.transparent.unwrap_or(0); area];
    let rows = frame.buffer.chunks_exact(frame_width.max(1));
    for (to, from) in canvas.chunks_exact_mut(width).skip(top).zip(rows) {
        to[left..left + frame_width].copy_from_slice(from);
    }

    let palette = frame.palette.as_ref().or(global_palette.as_ref());
    let (colors, _) = palette.map_or(&[][..], Vec::as_slice).as_chunks::<3>();
    let data = canvas.iter().flat_map(|&index| colors.get(usize::from(index)).copied().unwrap_or([index; 3])).collect();
    Ok(Image::from_parts(width, height, data))
}
