//! `RandomHorizontalFlip`: left and right swapped in a share of the pictures.

use super::Transform;
use crate::image::CHANNELS;
use crate::{Error, Image, Result, Rng};

/// Mirrors a picture with a given probability.
#[derive(Clone, Debug)]
pub struct RandomHorizontalFlip {
    probability: f64,
}

impl RandomHorizontalFlip {
    /// Mirrors with `probability` from 0 to 1; torchvision's default is 0.5.
    ///
    /// # Errors
    /// [`Error::Transform`] for another probability.
    pub fn new(probability: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&probability) {
            return Err(Error::Transform {
                transform: "RandomHorizontalFlip",
                reason: format!("the probability {probability} must be from 0 to 1"),
            });
        }
        Ok(Self { probability })
    }
}

impl Transform for RandomHorizontalFlip {
    fn apply(&self, mut image: Image, rng: &mut Rng) -> Result<Image> {
        if rng.uniform() < self.probability {
            for row in image.rows_mut() {
                let (pixels, _) = row.as_chunks_mut::<CHANNELS>();
                pixels.reverse();
            }
        }
        Ok(image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_pixels_and_keeps_channels() {
        let image = Image::from_rgb(2, 2, (0..12).collect()).unwrap();
        let flipped = RandomHorizontalFlip::new(1.0).unwrap().apply(image.clone(), &mut Rng::new(0)).unwrap();
        assert_eq!(flipped.data(), [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
        let never = RandomHorizontalFlip::new(0.0).unwrap();
        assert_eq!(never.apply(image.clone(), &mut Rng::new(0)).unwrap(), image);
    }

    #[test]
    fn half_of_the_samples_are_flipped() {
        let flip = RandomHorizontalFlip::new(0.5).unwrap();
        let image = Image::from_rgb(2, 1, (0..6).collect()).unwrap();
        let flipped = (0..1000).filter(|&i| flip.apply(image.clone(), &mut Rng::for_sample(0, 0, i)).unwrap() != image).count();
        assert!((430..570).contains(&flipped), "{flipped}");
    }

    #[test]
    fn a_probability_is_from_0_to_1() {
        assert!(RandomHorizontalFlip::new(1.5).is_err());
        assert!(RandomHorizontalFlip::new(f64::NAN).is_err());
    }
}
