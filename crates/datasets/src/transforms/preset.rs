//! How pictures were prepared for a model: what a checkpoint keeps beside the weights.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::{CenterCrop, Compose, Interpolation, Normalize, Resize, Size};
use crate::{Image, Result, Rng};

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
        let mut compose = Compose::new();
        if let Some(size) = self.resize {
            compose = compose.then(Resize::new(size, self.interpolation)?);
        }
        if let Some(size) = self.crop {
            compose = compose.then(CenterCrop::new(size)?);
        }
        Ok(compose.normalize(Normalize::new(self.mean, self.std)?))
    }

    /// One picture as the network takes it, of shape (3, height, width).
    ///
    /// # Errors
    /// Those of [`transform`](Self::transform) and of its steps.
    pub fn apply(&self, image: Image) -> Result<Array3<f32>> {
        // No step is random.
        self.transform()?.apply(image, &mut Rng::new(0))
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
