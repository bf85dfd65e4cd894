//! `Resize`: another size, with Pillow's antialiased filters.

use serde::{Deserialize, Serialize};

use super::Transform;
use super::crop::{Crop, cropped};
use super::resample::{Filter, Part, nearest, resample};
use crate::image::checked_area;
use crate::{Image, Result, Rng};

/// How a resized pixel is made of the pixels around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// The one nearest pixel.
    Nearest,
    /// A triangle over the source pixels that a pixel covers.
    Bilinear,
    /// A cubic with a = -0.5 over twice as many.
    Bicubic,
}

/// The size to resize to, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// The shorter side becomes this long, the other keeps the proportion, rounded down.
    Shorter(usize),
    /// Exactly this size, whatever the proportion.
    Exact {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
}

/// Resizes a picture, exact to the byte as torchvision does with Pillow's pictures.
#[derive(Clone, Debug)]
pub struct Resize {
    size: Size,
    interpolation: Interpolation,
}

impl Resize {
    /// Resizes to `size`.
    ///
    /// # Errors
    /// An error where a side is 0 or larger than a picture may be.
    pub fn new(size: Size, interpolation: Interpolation) -> Result<Self> {
        match size {
            Size::Shorter(side) => checked_area("Resize", side, side)?,
            Size::Exact { height, width } => checked_area("Resize", width, height)?,
        };
        Ok(Self { size, interpolation })
    }

    /// Resizes the shorter side to `side`: torchvision's `Resize(side)`.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn shorter(side: usize, interpolation: Interpolation) -> Result<Self> {
        Self::new(Size::Shorter(side), interpolation)
    }

    /// Resizes to `height` x `width`: torchvision's `Resize((height, width))`.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn exact(height: usize, width: usize, interpolation: Interpolation) -> Result<Self> {
        Self::new(Size::Exact { height, width }, interpolation)
    }

    /// Width and height of the resized picture.
    pub(super) fn target(&self, image: &Image) -> Result<(usize, usize)> {
        let (width, height) = match self.size {
            Size::Exact { height, width } => (width, height),
            // A picture's sides and `side` are at most 65,535, so the products fit.
            Size::Shorter(side) if image.width() <= image.height() => (side, side * image.height() / image.width()),
            Size::Shorter(side) => (side * image.width() / image.height(), side),
        };
        checked_area("Resize", width, height)?;
        Ok((width, height))
    }

    /// The `part` of the picture resized to `width` x `height`.
    fn part(&self, image: &Image, width: usize, height: usize, part: &Part) -> Result<Image> {
        // The picture between the two passes has no more pixels.
        checked_area("Resize", part.columns.len(), image.height())?;
        checked_area("Resize", image.width(), part.rows.len())?;
        Ok(match self.interpolation {
            Interpolation::Nearest => nearest(image, width, height, part),
            Interpolation::Bilinear => resample(image, width, height, part, Filter::BILINEAR),
            Interpolation::Bicubic => resample(image, width, height, part, Filter::BICUBIC),
        })
    }
}

impl Transform for Resize {
    fn apply(&self, image: Image, _rng: &mut Rng) -> Result<Image> {
        let (width, height) = self.target(&image)?;
        if (width, height) == (image.width(), image.height()) {
            return Ok(image);
        }
        self.part(&image, width, height, &Part { columns: 0..width, rows: 0..height })
    }
}

/// [`Resize`], if any, and a crop after it. No more pixels are computed than the crop takes.
#[derive(Debug)]
pub(super) struct ResizedCrop {
    pub(super) resize: Option<Resize>,
    pub(super) crop: Box<dyn Crop>,
}

impl Transform for ResizedCrop {
    fn apply(&self, image: Image, rng: &mut Rng) -> Result<Image> {
        let size = (image.width(), image.height());
        let (width, height) = self.resize.as_ref().map_or(Ok(size), |resize| resize.target(&image))?;
        let window = self.crop.window(width, height, rng)?;
        match &self.resize {
            Some(resize) if (width, height) != size => {
                let part = window.part(width, height);
                Ok(cropped(resize.part(&image, width, height, &part)?, &window.of_part(&part)))
            }
            _ => Ok(cropped(image, &window)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transforms::{CenterCrop, RandomCrop};

    fn picture(width: usize, height: usize) -> Image {
        Image::from_rgb(width, height, (0..3 * width * height).map(|i| (i * i % 251) as u8).collect()).unwrap()
    }

    #[test]
    fn a_crop_of_a_resized_picture_is_the_same_in_one_step() {
        let crops: [fn() -> Box<dyn Crop>; 4] = [
            || Box::new(CenterCrop::new(17).unwrap()),
            || Box::new(CenterCrop::new(60).unwrap()),
            || Box::new(RandomCrop::new(17, 0).unwrap()),
            || Box::new(RandomCrop::new(9, 30).unwrap()),
        ];
        // The last becomes as large as it is, the one before has its columns resized first.
        for (width, height) in [(50, 40), (31, 77), (19, 20), (90, 30), (30, 200), (35, 25)] {
            for interpolation in [Interpolation::Nearest, Interpolation::Bilinear, Interpolation::Bicubic] {
                for (crop, index) in crops.iter().zip(0..) {
                    let resize = Resize::shorter(25, interpolation).unwrap();
                    let image = picture(width, height);
                    let resized = resize.apply(image.clone(), &mut Rng::new(0)).unwrap();
                    let window = crop().window(resized.width(), resized.height(), &mut Rng::new(index)).unwrap();
                    let two_steps = cropped(resized, &window);
                    let one_step = ResizedCrop { resize: Some(resize), crop: crop() }.apply(image, &mut Rng::new(index)).unwrap();
                    assert!(one_step == two_steps, "{width} x {height}, {interpolation:?}, {window:?}");
                }
            }
        }
    }
}
