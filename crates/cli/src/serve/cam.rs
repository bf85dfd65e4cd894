//! The heat map of an answer as a picture.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use datasets::Image;
use datasets::transforms::{Interpolation, Preset, Resize, Transform};
use serde::Serialize;
use tensor::Tensor;
use train::overlay;

use super::failure::Failure;

/// The longest side of the picture in an answer, in pixels.
const MOST_SIDE: usize = 448;

/// The part of a picture that the network sees, which a heat map covers.
pub struct View {
    area: Area,
    image: Image,
}

/// A rectangle of a picture in pixels; it may reach beyond the picture.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Area {
    x: isize,
    y: isize,
    width: usize,
    height: usize,
}

impl View {
    /// What a network with this preprocessing sees of a picture.
    pub fn of(image: &Image, preset: &Preset) -> datasets::Result<Self> {
        let view = preset.view(image.clone())?;
        let (width, height) = (view.width(), view.height());
        let middle = |whole: usize, part: usize| (whole as isize - part as isize) / 2;
        let area = Area { x: middle(image.width(), width), y: middle(image.height(), height), width, height };
        Ok(View { area, image: at_most(view, MOST_SIDE)? })
    }

    /// The view under a heat map `[h, w]`: a PNG file as a `data:` address, and where it belongs.
    pub fn under(&self, heat: &Tensor) -> Result<(String, Area), Failure> {
        let png = overlay(&self.image, heat)?.to_png()?;
        Ok((format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png)), self.area))
    }
}

/// The picture, made smaller where a side is longer than `side` pixels.
fn at_most(image: Image, side: usize) -> datasets::Result<Image> {
    let longest = image.width().max(image.height());
    if longest <= side {
        return Ok(image);
    }
    let scaled = |length: usize| (length * side / longest).max(1);
    let resize = Resize::exact(scaled(image.height()), scaled(image.width()), Interpolation::Bilinear)?;
    resize.apply(image, &mut datasets::Rng::new(0))
}
