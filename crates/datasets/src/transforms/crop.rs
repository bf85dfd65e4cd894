//! `CenterCrop` and `RandomCrop`: a part of a picture, with black where it reaches beyond.

use std::fmt;
use std::ops::Range;

use super::Transform;
use super::resample::Part;
use crate::image::{CHANNELS, checked_area};
use crate::{Error, Image, Result, Rng};

/// A step that cuts a window out of a picture and looks at nothing but its size.
pub(super) trait Crop: fmt::Debug + Send + Sync {
    /// The window of a picture of `width` x `height` pixels.
    fn window(&self, width: usize, height: usize, rng: &mut Rng) -> Result<Window>;
}

/// A rectangle whose top left corner lies at (`left`, `top`) of a picture, beyond which it may reach.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    left: isize,
    top: isize,
    width: usize,
    height: usize,
}

impl Window {
    /// `width` x `height` pixels of which (`left`, `top`) is the first.
    pub(super) fn new(left: isize, top: isize, width: usize, height: usize) -> Self {
        Self { left, top, width, height }
    }

    /// `width` x `height` pixels in the middle of `image`.
    pub(super) fn centered(image: (usize, usize), width: usize, height: usize) -> Self {
        Self { left: center_offset(image.0, width), top: center_offset(image.1, height), width, height }
    }

    /// What it shows of a picture of `width` x `height` pixels, or one pixel where it shows none.
    pub(super) fn part(&self, width: usize, height: usize) -> Part {
        Part { columns: visible(self.left, self.width, width), rows: visible(self.top, self.height, height) }
    }

    /// The same window of `part` of the picture.
    pub(super) fn of_part(&self, part: &Part) -> Self {
        Self { left: self.left - part.columns.start as isize, top: self.top - part.rows.start as isize, ..*self }
    }
}

/// What of a side a stretch of `size` at `offset` shows, or one pixel where it shows none.
fn visible(offset: isize, size: usize, side: usize) -> Range<usize> {
    let start = (offset.max(0) as usize).min(side - 1);
    let end = offset.saturating_add_unsigned(size).max(0) as usize;
    start..end.clamp(start + 1, side)
}

/// The square in the middle; a smaller picture is padded with black all around, as in torchvision.
#[derive(Clone, Debug)]
pub struct CenterCrop {
    size: usize,
}

impl CenterCrop {
    /// Crops to `size` x `size` pixels.
    ///
    /// # Errors
    /// An error where `size` is 0 or larger than a picture may be.
    pub fn new(size: usize) -> Result<Self> {
        checked_area("CenterCrop", size, size)?;
        Ok(Self { size })
    }
}

impl Crop for CenterCrop {
    fn window(&self, width: usize, height: usize, _rng: &mut Rng) -> Result<Window> {
        Ok(Window::centered((width, height), self.size, self.size))
    }
}

impl Transform for CenterCrop {
    fn apply(&self, image: Image, rng: &mut Rng) -> Result<Image> {
        let window = self.window(image.width(), image.height(), rng)?;
        Ok(cropped(image, &window))
    }
}

/// Where a centred crop starts; negative where the side is shorter than the crop.
fn center_offset(side: usize, size: usize) -> isize {
    if size > side {
        -(((size - side) / 2) as isize)
    } else {
        // Python's round: halves go to the even neighbour.
        ((side - size) as f64 / 2.0).round_ties_even() as isize
    }
}

/// A square anywhere in the picture, after black padding on all four sides.
#[derive(Clone, Debug)]
pub struct RandomCrop {
    size: usize,
    padding: usize,
}

impl RandomCrop {
    /// Crops `size` x `size` pixels out of the picture padded by `padding` pixels: 32 and 4 are usual for CIFAR-10.
    ///
    /// # Errors
    /// An error where a number makes no picture.
    pub fn new(size: usize, padding: usize) -> Result<Self> {
        checked_area("RandomCrop", size, size)?;
        checked_area("RandomCrop padding", padding.max(1), padding.max(1))?;
        Ok(Self { size, padding })
    }
}

impl Crop for RandomCrop {
    fn window(&self, width: usize, height: usize, rng: &mut Rng) -> Result<Window> {
        let width = width + 2 * self.padding;
        let height = height + 2 * self.padding;
        if width < self.size || height < self.size {
            return Err(Error::Transform {
                transform: "RandomCrop",
                reason: format!(
                    "the crop of {0} x {0} pixels is larger than the padded picture of {width} x {height}; resize it first",
                    self.size
                ),
            });
        }
        let top = rng.below(height - self.size + 1) as isize - self.padding as isize;
        let left = rng.below(width - self.size + 1) as isize - self.padding as isize;
        Ok(Window { left, top, width: self.size, height: self.size })
    }
}

impl Transform for RandomCrop {
    fn apply(&self, image: Image, rng: &mut Rng) -> Result<Image> {
        let window = self.window(image.width(), image.height(), rng)?;
        Ok(cropped(image, &window))
    }
}

/// What `window` shows of the picture; black beyond it.
pub(super) fn cropped(image: Image, window: &Window) -> Image {
    let &Window { left, top, width, height } = window;
    if (left, top, width, height) == (0, 0, image.width(), image.height()) {
        return image;
    }
    let (from_x, to_x, columns) = overlap(left, width, image.width());
    let (from_y, to_y, rows) = overlap(top, height, image.height());
    let mut data = vec![0; width * height * CHANNELS];
    let to_rows = data.chunks_exact_mut(width * CHANNELS).skip(to_y);
    for (to, from) in to_rows.zip(image.rows().skip(from_y).take(rows)) {
        to[to_x * CHANNELS..][..columns * CHANNELS].copy_from_slice(&from[from_x * CHANNELS..][..columns * CHANNELS]);
    }
    Image::from_parts(width, height, data).with_max_value(image.max_value())
}

/// Where a crop of `size` that starts at `offset` meets a side: start in the side, start in the crop, length.
fn overlap(offset: isize, size: usize, side: usize) -> (usize, usize, usize) {
    let from = offset.max(0) as usize;
    let to = offset.min(0).unsigned_abs();
    let length = size.saturating_sub(to).min(side.saturating_sub(from));
    if length == 0 { (0, 0, 0) } else { (from, to, length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose red is the column, whose green is the row, and whose blue is 255.
    fn coordinates(width: usize, height: usize) -> Image {
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 255]));
        Image::from_rgb(width, height, pixels.collect()).unwrap()
    }

    fn pixel(image: &Image, x: usize, y: usize) -> [u8; 3] {
        let start = (y * image.width() + x) * 3;
        [image.data()[start], image.data()[start + 1], image.data()[start + 2]]
    }

    #[test]
    fn center_crop_rounds_halves_to_even() {
        // torchvision: round(0.5) = 0, round(1.5) = 2, round(2.5) = 2.
        for (side, expected) in [(5, 0), (7, 2), (9, 2), (8, 2)] {
            let cropped = CenterCrop::new(4).unwrap().apply(coordinates(side, side), &mut Rng::new(0)).unwrap();
            assert_eq!(pixel(&cropped, 0, 0), [expected, expected, 255], "side {side}");
        }
    }

    #[test]
    fn center_crop_pads_the_smaller_side_with_black() {
        let cropped = CenterCrop::new(6).unwrap().apply(coordinates(8, 3), &mut Rng::new(0)).unwrap();
        // Three rows are missing: one above, two below.
        assert_eq!((cropped.width(), cropped.height()), (6, 6));
        assert_eq!(pixel(&cropped, 0, 0), [0, 0, 0]);
        assert_eq!(pixel(&cropped, 0, 1), [1, 0, 255]);
        assert_eq!(pixel(&cropped, 5, 3), [6, 2, 255]);
        assert_eq!(pixel(&cropped, 0, 4), [0, 0, 0]);
    }

    #[test]
    fn random_crop_reaches_every_offset_and_pads() {
        let random_crop = RandomCrop::new(4, 1).unwrap();
        let mut corners = [0; 9];
        for i in 0..900 {
            let cropped = random_crop.apply(coordinates(4, 4), &mut Rng::for_sample(0, 0, i)).unwrap();
            // The pixel (1, 1) of the crop shows which of the 3 x 3 offsets was drawn.
            let [x, y, blue] = pixel(&cropped, 1, 1);
            assert_eq!(blue, 255);
            corners[usize::from(y) * 3 + usize::from(x)] += 1;
        }
        assert!(corners.iter().all(|&count| count > 60), "{corners:?}");
    }

    #[test]
    fn random_crop_of_a_small_picture_is_an_error() {
        let error = RandomCrop::new(8, 1).unwrap().apply(coordinates(4, 9), &mut Rng::new(0)).unwrap_err();
        assert!(error.to_string().contains("6 x 11"), "{error}");
    }

    #[test]
    fn a_crop_of_no_pixels_is_refused() {
        assert!(CenterCrop::new(0).is_err());
        assert!(RandomCrop::new(1 << 40, 0).is_err());
    }
}
