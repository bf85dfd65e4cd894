//! `Resize`: another size, with Pillow's antialiased filters.

use serde::{Deserialize, Serialize};

use super::Transform;
use super::resample::{Filter, nearest, resample};
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
}

impl Transform for Resize {
    fn apply(&self, image: Image, _rng: &mut Rng) -> Result<Image> {
        let (width, height) = self.target(&image)?;
        if (width, height) == (image.width(), image.height()) {
            return Ok(image);
        }
        match self.interpolation {
            Interpolation::Nearest => Ok(nearest(&image, width, height)),
            Interpolation::Bilinear => resample(image, width, height, Filter::BILINEAR),
            Interpolation::Bicubic => resample(image, width, height, Filter::BICUBIC),
        }
    }
}
