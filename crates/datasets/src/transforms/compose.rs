//! Several steps one after the other, and the array at their end.

use ndarray::Array3;

use super::{Normalize, Transform};
use crate::image::CHANNELS;
use crate::{Image, Result, Rng};

/// Transforms applied in order, then `ToTensor` and [`Normalize`]: torchvision's `Compose([…, ToTensor(), Normalize(…)])`.
///
/// ```
/// use datasets::transforms::{CenterCrop, Compose, Interpolation, Normalize, Resize};
/// use datasets::{Image, Rng};
///
/// let transform = Compose::new()
///     .then(Resize::shorter(48, Interpolation::Bilinear)?)
///     .then(CenterCrop::new(32)?)
///     .normalize(Normalize::new([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])?);
/// let picture = Image::from_rgb(90, 70, vec![128; 3 * 90 * 70])?;
/// assert_eq!(transform.apply(picture, &mut Rng::new(0))?.shape(), [3, 32, 32]);
/// # Ok::<(), datasets::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Compose {
    steps: Vec<Box<dyn Transform>>,
    normalize: Normalize,
}

impl Compose {
    /// No step but `ToTensor`: values from 0 to 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more step before `ToTensor`.
    #[must_use]
    pub fn then(mut self, step: impl Transform + 'static) -> Self {
        self.steps.push(Box::new(step));
        self
    }

    /// The same with this normalisation after `ToTensor`.
    #[must_use]
    pub fn normalize(mut self, normalize: Normalize) -> Self {
        self.normalize = normalize;
        self
    }

    /// The array of shape (3, height, width) that the network takes. Its memory is channels-last: permuted to (height, width, 3) it
    /// is contiguous.
    ///
    /// # Errors
    /// Those of the steps.
    pub fn apply(&self, image: Image, rng: &mut Rng) -> Result<Array3<f32>> {
        let image = self.apply_steps(image, rng)?;
        let mut values = Vec::with_capacity(image.data().len());
        self.append_normalized(&image, &mut values);
        let shape = (image.height(), image.width(), CHANNELS);
        let array = Array3::from_shape_vec(shape, values).expect("a value for each byte");
        Ok(array.permuted_axes([2, 0, 1]))
    }

    /// The picture after all steps.
    pub(crate) fn apply_steps(&self, image: Image, rng: &mut Rng) -> Result<Image> {
        self.steps.iter().try_fold(image, |image, step| step.apply(image, rng))
    }

    /// Appends a picture that went through the steps, normalised, a value for each byte.
    pub(crate) fn append_normalized(&self, image: &Image, out: &mut Vec<f32>) {
        self.normalize.append(image, out);
    }
}
