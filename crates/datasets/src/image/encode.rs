//! Pixels to picture files.

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

use super::Image;
use crate::{Error, Result};

impl Image {
    /// The picture as a PNG file of 8 bits a channel.
    ///
    /// # Errors
    /// [`Error::Picture`] where it is too large for the format.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let white = u32::from(self.max_value());
        let scaled: Vec<u8> = self.data().iter().map(|&value| ((u32::from(value) * 255 + white / 2) / white).min(255) as u8).collect();
        let mut file = Vec::new();
        PngEncoder::new(&mut file)
            .write_image(&scaled, self.width() as u32, self.height() as u32, ExtendedColorType::Rgb8)
            .map_err(|error| Error::Picture { picture: "picture".to_owned(), reason: format!("cannot be written as PNG: {error}") })?;
        Ok(file)
    }
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
