//! The first picture of a GIF file, on its canvas.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, MemoryLimit};

use super::Image;
use super::decode::Source;
use crate::Result;

/// Decodes the first picture.
///
/// As in Pillow a transparent pixel shows its palette entry, and what the first picture leaves free of the canvas has the transparent
/// index, or index 0; a picture that reaches beyond the canvas extends it.
pub(super) fn decode(source: &Source<'_>) -> Result<Image> {
    let damaged = |error| source.damaged(error);
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    if let Some(limit) = NonZeroU64::new(source.max_pixels as u64) {
        options.set_memory_limit(MemoryLimit::Bytes(limit));
    }
    let mut decoder = options.read_info(source.bytes).map_err(damaged)?;
    let screen = (usize::from(decoder.width()), usize::from(decoder.height()));
    source.area(screen.0, screen.1)?;
    let global_palette = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame().map_err(damaged)?.ok_or_else(|| source.damaged("the GIF file holds no picture"))?;

    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let frame_width = usize::from(frame.width);
    let width = screen.0.max(left + frame_width);
    let height = screen.1.max(top + usize::from(frame.height));
    let area = source.area(width, height)?;
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
