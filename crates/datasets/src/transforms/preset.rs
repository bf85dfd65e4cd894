//! How pictures were prepared for a model: what a checkpoint keeps beside the weights.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::crop::{Crop, Window, cropped};
use super::resize::ResizedCrop;
use super::{
    CenterCrop, Compose, Interpolation, Normalize, RandAugment, RandomCrop, RandomHorizontalFlip, RandomResizedCrop, Resize, Size,
    TrivialAugmentWide,
};
use crate::image::checked_area;
use crate::{Error, Image, Result, Rng};

/// A random change of the pictures that a model learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Augmentation {
    /// The part is cut out of a random place, of a picture that is not larger after padding with an eighth of its side.
    Crop,
    /// [`RandomResizedCrop`], in the place of resizing and cropping.
    #[serde(rename = "random-resized-crop")]
    RandomResizedCrop,
    /// Half of the pictures are mirrored.
    Flip,
    /// [`TrivialAugmentWide`].
    TrivialAugment,
    /// [`RandAugment`].
    RandAugment,
}

/// The preparation of pictures for evaluation, as torchvision's `ImageClassification` preset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preset {
    /// The size to resize to; none where pictures are taken as they are.
    pub resize: Option<Size>,
    /// The filter of the resizing.
    pub interpolation: Interpolation,
    /// The side of the square cut from the middle, in pixels; none where nothing is cut.
    pub crop: Option<usize>,
    /// The mean of each channel, on the scale from 0 to 1.
    pub mean: [f32; 3],
    /// The standard deviation of each channel, on the scale from 0 to 1.
    pub std: [f32; 3],
}

impl Preset {
    /// torchvision's `ImageClassification(crop_size, resize_size)`: ImageNet's mean and deviation, bilinear.
    pub fn image_classification(crop_size: usize, resize_size: usize) -> Self {
        Self {
            resize: Some(Size::Shorter(resize_size)),
            interpolation: Interpolation::Bilinear,
            crop: Some(crop_size),
            mean: [0.485, 0.456, 0.406],
            std: [0.229, 0.224, 0.225],
        }
    }

    /// `Resize((side, side))` and values from -1 to 1: mean and deviation 0.5.
    pub fn square(side: usize) -> Self {
        Self {
            resize: Some(Size::Exact { height: side, width: side }),
            interpolation: Interpolation::Bilinear,
            crop: None,
            mean: [0.5; 3],
            std: [0.5; 3],
        }
    }

    /// The transforms that do it.
    ///
    /// # Errors
    /// An error where a value makes no transform, as may happen to a preset that was read from a file.
    pub fn transform(&self) -> Result<Compose> {
        self.augmented(&[])
    }

    /// The transforms that do it with random changes, which come in the order of [`Augmentation`]'s variants, whatever theirs is.
    ///
    /// # Errors
    /// Those of [`transform`](Self::transform), and where a part is to be cut out of pictures of no known size, or in both ways.
    pub fn augmented(&self, augmentations: &[Augmentation]) -> Result<Compose> {
        let has = |augmentation| augmentations.contains(&augmentation);
        let mut compose = match (has(Augmentation::Crop), has(Augmentation::RandomResizedCrop)) {
            (true, true) => {
                let reason = "it and RandomCrop both cut a part out: choose one".to_owned();
                return Err(Error::Transform { transform: "RandomResizedCrop", reason });
            }
            (_, true) => Compose::new().then(RandomResizedCrop::new(self.side("RandomResizedCrop")?, self.interpolation)?),
            (random, _) => self.resized_and_cropped(random)?,
        };
        if has(Augmentation::Flip) {
            compose = compose.then(RandomHorizontalFlip::new(0.5)?);
        }
        if has(Augmentation::TrivialAugment) {
            compose = compose.then(TrivialAugmentWide);
        }
        if has(Augmentation::RandAugment) {
            compose = compose.then(RandAugment);
        }
        Ok(compose.normalize(Normalize::new(self.mean, self.std)?))
    }

    /// The resizing and the crop, from the middle or a `random` place.
    fn resized_and_cropped(&self, random: bool) -> Result<Compose> {
        let resize = self.resize.map(|size| Resize::new(size, self.interpolation)).transpose()?;
        let crop: Option<Box<dyn Crop>> = match (random, self.crop) {
            (false, None) => None,
            (false, Some(side)) => Some(Box::new(CenterCrop::new(side)?)),
            (true, Some(side)) => Some(Box::new(RandomCrop::new(side, 0)?)),
            (true, None) => {
                let side = self.side("RandomCrop")?;
                Some(Box::new(RandomCrop::new(side, side / 8)?))
            }
        };
        Ok(match (resize, crop) {
            (None, None) => Compose::new(),
            (Some(resize), None) => Compose::new().then(resize),
            (resize, Some(crop)) => Compose::new().then(ResizedCrop { resize, crop }),
        })
    }

    /// The side of the squares that all pictures become, as a transform needs it.
    fn side(&self, transform: &'static str) -> Result<usize> {
        match (self.crop, self.resize) {
            (Some(side), _) => Ok(side),
            (None, Some(Size::Exact { height, width })) if height == width => Ok(height),
            _ => {
                let reason = "pictures of no fixed square size have no part to be cut out of".to_owned();
                Err(Error::Transform { transform, reason })
            }
        }
    }

    /// One picture as the network takes it, of shape (3, height, width).
    ///
    /// # Errors
    /// Those of [`transform`](Self::transform) and of its steps.
    pub fn apply(&self, image: Image) -> Result<Array3<f32>> {
        // No step is random.
        self.transform()?.apply(image, &mut Rng::new(0))
    }

    /// The part of a picture that the network gets to see, as large as it is in the picture.
    ///
    /// # Errors
    /// Where a value makes no transform.
    pub fn view(&self, image: Image) -> Result<Image> {
        let Some(side) = self.crop else { return Ok(image) };
        let (width, height) = match self.resize {
            Some(size) => Resize::new(size, self.interpolation)?.target(&image)?,
            None => (image.width(), image.height()),
        };
        let scaled = |length: usize, from: usize| (((side * length) as f64 / from as f64).round() as usize).max(1);
        let (view_width, view_height) = (scaled(image.width(), width), scaled(image.height(), height));
        checked_area("CenterCrop", view_width, view_height)?;
        let window = Window::centered((image.width(), image.height()), view_width, view_height);
        Ok(cropped(image, &window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_in_checkpoints_stays_readable() {
        let json =
            r#"{"resize":{"shorter":256},"interpolation":"bilinear","crop":224,"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}"#;
        let preset = Preset::image_classification(224, 256);
        assert_eq!(serde_json::to_string(&preset).unwrap(), json);
        assert_eq!(serde_json::from_str::<Preset>(json).unwrap(), preset);

        let json = r#"{"resize":{"exact":{"height":32,"width":32}},"interpolation":"bilinear","crop":null,"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5]}"#;
        assert_eq!(serde_json::from_str::<Preset>(json).unwrap(), Preset::square(32));
    }

    #[test]
    fn augmented_pictures_differ_and_have_the_same_size() {
        use Augmentation::{Crop, Flip, RandAugment, RandomResizedCrop, TrivialAugment};
        let image = Image::from_rgb(50, 40, (0..6000u32).map(|i| (i * i % 251) as u8).collect()).unwrap();
        for preset in [Preset::square(32), Preset::image_classification(24, 32)] {
            let plain = preset.apply(image.clone()).unwrap();
            let several = [Flip, Crop, TrivialAugment];
            for augmentations in [&[Crop][..], &[RandomResizedCrop], &[Flip], &[TrivialAugment], &[RandAugment], &several] {
                let transform = preset.augmented(augmentations).unwrap();
                let drawn: Vec<_> = (0..20).map(|i| transform.apply(image.clone(), &mut Rng::for_sample(0, 0, i)).unwrap()).collect();
                assert!(drawn.iter().all(|array| array.shape() == plain.shape()));
                assert!(drawn.iter().filter(|&array| *array != plain).count() > 5, "{augmentations:?}");
                assert_eq!(transform.apply(image.clone(), &mut Rng::for_sample(0, 0, 7)).unwrap(), drawn[7]);
            }
        }
        let shapeless = Preset { resize: None, ..Preset::square(32) };
        assert!(shapeless.augmented(&[Crop]).unwrap_err().to_string().contains("RandomCrop"));
        assert!(shapeless.augmented(&[RandomResizedCrop]).unwrap_err().to_string().contains("RandomResizedCrop"));
        assert!(Preset::square(32).augmented(&[Crop, RandomResizedCrop]).unwrap_err().to_string().contains("choose one"));
    }

    #[test]
    fn the_view_is_what_the_network_sees() {
        let image = Image::from_rgb(600, 400, (0..720_000u32).map(|i| (i / 1000 * 7 % 251) as u8).collect()).unwrap();
        for preset in [Preset::image_classification(224, 256), Preset::image_classification(48, 50)] {
            let view = preset.view(image.clone()).unwrap();
            let share = f64::from(preset.crop.unwrap() as u32) / f64::from(if preset.crop == Some(48) { 50 } else { 256 });
            assert_eq!((view.width(), view.height()), ((400.0 * share) as usize, (400.0 * share) as usize));
            let seen = preset.apply(image.clone()).unwrap();
            let whole = Preset { resize: Some(Size::Exact { height: seen.dim().1, width: seen.dim().2 }), crop: None, ..preset };
            let difference = (&whole.apply(view).unwrap() - &seen).mapv(f32::abs).mean().unwrap();
            assert!(difference < 0.1, "{difference}");
        }
        assert_eq!(Preset::square(32).view(image.clone()).unwrap(), image);
    }

    #[test]
    fn values_that_make_no_transform_are_errors() {
        let preset = Preset::image_classification(224, 256);
        let broken = [
            Preset { resize: Some(Size::Shorter(0)), ..preset.clone() },
            Preset { crop: Some(1 << 50), ..preset.clone() },
            Preset { std: [0.0; 3], ..preset },
        ];
        assert!(broken.iter().all(|preset| preset.transform().is_err()));
    }
}
