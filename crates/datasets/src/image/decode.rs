//! Picture files to pixels, as Pillow's `convert("RGB")` gives them.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{ColorType, ExtendedColorType, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{CHANNELS, Image, MAX_PIXELS, area_within, gif, jpeg};
use crate::{Error, Result};

/// The largest file that is read as a picture, in bytes.
const MAX_FILE_LEN: u64 = 1 << 30;

/// The most memory a decoder may take: four channels of two bytes, and as much again.
const MAX_ALLOC: u64 = MAX_PIXELS as u64 * 16;

const FORMATS: [ImageFormat; 5] = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Gif];

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
    let damaged = |reason: String| Error::Picture { picture: picture.to_owned(), reason: format!("damaged picture: {reason}") };
    let format = image::guess_format(bytes)
        .ok()
        .filter(|format| FORMATS.contains(format))
        .ok_or_else(|| Error::Picture { picture: picture.to_owned(), reason: "not a PNG, JPEG, WebP, BMP or GIF picture".to_owned() })?;
    if format == ImageFormat::Gif {
        return gif::decode(bytes, picture, max_pixels).map_err(|error| match error {
            gif::Failure::Checked(error) => error,
            gif::Failure::Damaged(reason) => damaged(reason),
        });
    }
    if format == ImageFormat::Jpeg && !jpeg::is_complete(bytes) {
        return Err(damaged("the JPEG file is truncated".to_owned()));
    }

    let image_error = |error: image::ImageError| damaged(error.to_string());
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_ALLOC);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(image_error)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    let area = area_within(picture, width, height, max_pixels)?;

    let color = decoder.color_type();
    let clipped = matches!(decoder.original_color_type(), ExtendedColorType::L16);
    let mut samples = vec![0; area * usize::from(color.bytes_per_pixel())];
    decoder.read_image(&mut samples).map_err(image_error)?;
    if has_two_bytes(color) {
        samples = narrowed(&samples, clipped);
    }
    let data = to_rgb(samples, usize::from(color.channel_count()));
    Ok(Image::from_parts(width, height, data))
}

fn has_two_bytes(color: ColorType) -> bool {
    color.bytes_per_pixel() / color.channel_count() == 2
}

/// Sixteen-bit samples as eight bits. Pillow keeps the high byte, but of a gray picture without alpha clips the value.
fn narrowed(samples: &[u8], clipped: bool) -> Vec<u8> {
    let (samples, _) = samples.as_chunks::<2>();
    let values = samples.iter().map(|&sample| u16::from_ne_bytes(sample));
    if clipped { values.map(|value| value.min(255) as u8).collect() } else { values.map(|value| (value >> 8) as u8).collect() }
}

/// Gray, gray and alpha, RGB or RGB and alpha as RGB without alpha.
fn to_rgb(samples: Vec<u8>, channels: usize) -> Vec<u8> {
    match channels {
        CHANNELS => samples,
        1 | 2 => samples.chunks_exact(channels).flat_map(|pixel| [pixel[0]; CHANNELS]).collect(),
        _ => samples.chunks_exact(channels).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
    }
}
