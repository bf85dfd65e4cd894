//! PNG files, read and written.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Encoder, EncodingError, Limits, Transformations};

use super::decode::{Source, to_rgb};
use super::{Image, MAX_PIXELS};
use crate::{Error, Result};

/// The most memory the decoder may take beside the pixels: four channels of two bytes, and as much again.
const MAX_ALLOC: usize = MAX_PIXELS * 16;

/// Decodes the picture; of an animation, the one that shows where animations are unknown.
pub(super) fn decode(source: &Source<'_>) -> Result<Image> {
    let damaged = |error| source.damaged(error);
    let mut decoder = Decoder::new_with_limits(Cursor::new(source.bytes), Limits { bytes: MAX_ALLOC });
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let header = decoder.read_header_info().map_err(damaged)?;
    let (width, height) = (header.width as usize, header.height as usize);
    let area = source.area(width, height)?;

    let mut reader = decoder.read_info().map_err(damaged)?;
    let (color, depth) = reader.output_color_type();
    let deep = depth == BitDepth::Sixteen;
    let mut samples = vec![0; area * color.samples() * if deep { 2 } else { 1 }];
    reader.next_frame(&mut samples).map_err(damaged)?;
    if deep {
        samples = narrowed(&samples, color == ColorType::Grayscale);
    }
    Ok(Image::from_parts(width, height, to_rgb(samples, color.samples())))
}

/// Sixteen-bit samples as eight bits. Pillow keeps the high byte, but of a gray picture without alpha clips the value.
fn narrowed(samples: &[u8], clipped: bool) -> Vec<u8> {
    let (samples, _) = samples.as_chunks::<2>();
    samples
        .iter()
        .map(|&[high, low]| {
            if clipped && high == 0 {
                low
            } else if clipped {
                u8::MAX
            } else {
                high
            }
        })
        .collect()
}

impl Image {
    /// The picture as a PNG file of 8 bits a channel.
    ///
    /// # Errors
    /// [`Error::Picture`] where it is too large for the format.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let white = u32::from(self.max_value());
        let scaled: Vec<u8> = self.data().iter().map(|&value| ((u32::from(value) * 255 + white / 2) / white).min(255) as u8).collect();
        encode(&scaled, self.width() as u32, self.height() as u32)
            .map_err(|error| Error::Picture { picture: "picture".to_owned(), reason: format!("cannot be written as PNG: {error}") })
    }
}

/// A PNG file of RGB pixels.
fn encode(data: &[u8], width: u32, height: u32) -> Result<Vec<u8>, EncodingError> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Adaptive);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(data)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_holds_the_same_pixels() {
        let image = Image::from_rgb(5, 3, (0..45).map(|value| value * 5).collect()).unwrap();
        assert_eq!(Image::decode(&image.to_png().unwrap()).unwrap(), image);
    }

    #[test]
    fn full_intensity_is_white() {
        let image = Image::from_rgb(1, 1, vec![0, 120, 240]).unwrap().with_max_value(240);
        assert_eq!(Image::decode(&image.to_png().unwrap()).unwrap().data(), [0, 128, 255]);
    }
}
