//! `RandomResizedCrop`: a part of any size and place, as large as all others.

use super::crop::{Window, cropped};
use super::{Interpolation, Resize, Transform};
use crate::{Error, Image, Result, Rng};

/// How often a part is drawn before the middle is taken.
const TRIES: usize = 10;

/// torchvision's `RandomResizedCrop`: a part of a random share of the picture's area and a random ratio of width to height, resized to a
/// square (Szegedy et al., "Going Deeper with Convolutions", CVPR 2015). Where ten parts in a row do not fit into the picture, the largest
/// in the middle whose ratio is allowed is taken.
#[derive(Clone, Debug)]
pub struct RandomResizedCrop {
    resize: Resize,
    scale: (f64, f64),
    ratio: (f64, f64),
}

impl RandomResizedCrop {
    /// Resizes to `size` x `size` pixels; with torchvision's defaults: 8 % to all of the area, ratios from 3/4 to 4/3.
    ///
    /// # Errors
    /// An error where `size` is 0 or larger than a picture may be.
    pub fn new(size: usize, interpolation: Interpolation) -> Result<Self> {
        Ok(Self { resize: Resize::exact(size, size, interpolation)?, scale: (0.08, 1.0), ratio: (3.0 / 4.0, 4.0 / 3.0) })
    }

    /// The least and the largest share of the area.
    ///
    /// # Errors
    /// [`Error::Transform`] where they are not numbers above 0 in ascending order.
    pub fn scale(self, least: f64, largest: f64) -> Result<Self> {
        Ok(Self { scale: range("scale", least, largest)?, ..self })
    }

    /// The least and the largest ratio of width to height, before resizing; their logarithms are drawn evenly.
    ///
    /// # Errors
    /// [`Error::Transform`] where they are not numbers above 0 in ascending order.
    pub fn ratio(self, least: f64, largest: f64) -> Result<Self> {
        Ok(Self { ratio: range("ratio", least, largest)?, ..self })
    }

    /// The part of a picture of `width` x `height` pixels.
    fn window(&self, width: usize, height: usize, draws: &mut impl Draws) -> Window {
        let between = |(least, largest): (f64, f64), share: f64| least + share * (largest - least);
        let log_ratio = (self.ratio.0.ln(), self.ratio.1.ln());
        for _ in 0..TRIES {
            let area = (width * height) as f64 * between(self.scale, draws.uniform());
            let ratio = between(log_ratio, draws.uniform()).exp();
            let (w, h) = (rounded((area * ratio).sqrt()), rounded((area / ratio).sqrt()));
            if (1..=width).contains(&w) && (1..=height).contains(&h) {
                let top = draws.below(height - h + 1);
                let left = draws.below(width - w + 1);
                return Window::new(left as isize, top as isize, w, h);
            }
        }
        self.middle(width, height)
    }

    /// The largest part in the middle whose ratio is allowed.
    fn middle(&self, width: usize, height: usize) -> Window {
        let ratio = width as f64 / height as f64;
        let (w, h) = if ratio < self.ratio.0 {
            (width, rounded(width as f64 / self.ratio.0))
        } else if ratio > self.ratio.1 {
            (rounded(height as f64 * self.ratio.1), height)
        } else {
            (width, height)
        };
        // A picture of one row or column may have no such part.
        let (w, h) = (w.clamp(1, width), h.clamp(1, height));
        Window::new(((width - w) / 2) as isize, ((height - h) / 2) as isize, w, h)
    }
}

impl Transform for RandomResizedCrop {
    fn apply(&self, image: Image, rng: &mut Rng) -> Result<Image> {
        let window = self.window(image.width(), image.height(), rng);
        self.resize.apply(cropped(image, &window), rng)
    }
}

/// Where random numbers come from.
trait Draws {
    /// One from 0 up to 1.
    fn uniform(&mut self) -> f64;
    /// A whole one below `bound`.
    fn below(&mut self, bound: usize) -> usize;
}

impl Draws for Rng {
    fn uniform(&mut self) -> f64 {
        Rng::uniform(self)
    }
    fn below(&mut self, bound: usize) -> usize {
        Rng::below(self, bound)
    }
}

/// Python's `round`: halves go to the even neighbour.
fn rounded(value: f64) -> usize {
    value.round_ties_even() as usize
}

fn range(name: &str, least: f64, largest: f64) -> Result<(f64, f64)> {
    if 0.0 < least && least <= largest && largest.is_finite() {
        return Ok((least, largest));
    }
    let reason = format!("{name} from {least} to {largest}: use two numbers above 0, the smaller first");
    Err(Error::Transform { transform: "RandomResizedCrop", reason })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Given shares of what is asked for.
    struct Given(std::vec::IntoIter<f64>);

    impl Draws for Given {
        fn uniform(&mut self) -> f64 {
            self.0.next().expect("no more draws than torchvision's")
        }
        fn below(&mut self, bound: usize) -> usize {
            (self.uniform() * bound as f64) as usize
        }
    }

    #[test]
    fn parts_are_torchvisions_for_the_same_draws() {
        let cases: Value = serde_json::from_str(include_str!("../../tests/data/random_resized_crop.json")).unwrap();
        let numbers = |value: &Value| value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
        for case in cases.as_array().unwrap() {
            let [picture, scale, ratio, draws, part] = ["picture", "scale", "ratio", "draws", "part"].map(|key| numbers(&case[key]));
            let crop = RandomResizedCrop::new(8, Interpolation::Bilinear).unwrap();
            let crop = crop.scale(scale[0], scale[1]).unwrap().ratio(ratio[0], ratio[1]).unwrap();
            let mut given = Given(draws.into_iter());
            let window = crop.window(picture[0] as usize, picture[1] as usize, &mut given);
            let expected = Window::new(part[0] as isize, part[1] as isize, part[2] as usize, part[3] as usize);
            assert_eq!(window, expected, "{case}");
            assert!(given.0.next().is_none(), "fewer draws than torchvision's: {case}");
        }
    }

    #[test]
    fn the_result_is_the_part_resized() {
        let image = Image::from_rgb(70, 50, (0..70 * 50 * 3u32).map(|i| (i * i % 251) as u8).collect()).unwrap();
        let crop = RandomResizedCrop::new(20, Interpolation::Bilinear).unwrap();
        for index in 0..20 {
            let drawn = crop.apply(image.clone(), &mut Rng::for_sample(0, 0, index)).unwrap();
            let window = crop.window(70, 50, &mut Rng::for_sample(0, 0, index));
            let part = cropped(image.clone(), &window);
            assert_eq!(drawn, Resize::exact(20, 20, Interpolation::Bilinear).unwrap().apply(part, &mut Rng::new(0)).unwrap());
        }
    }

    #[test]
    fn a_picture_of_one_pixel_has_a_part() {
        let image = Image::from_rgb(1, 1, vec![1, 2, 3]).unwrap();
        let crop = RandomResizedCrop::new(2, Interpolation::Bilinear).unwrap().ratio(0.1, 0.2).unwrap();
        assert_eq!(crop.apply(image, &mut Rng::new(0)).unwrap().data(), [1, 2, 3].repeat(4));
    }

    #[test]
    fn ranges_that_are_none_are_refused() {
        let crop = || RandomResizedCrop::new(2, Interpolation::Bilinear).unwrap();
        assert!(crop().scale(0.0, 1.0).is_err() && crop().scale(0.5, 0.2).is_err() && crop().ratio(1.0, f64::NAN).is_err());
        assert!(RandomResizedCrop::new(0, Interpolation::Bilinear).is_err());
    }
}
