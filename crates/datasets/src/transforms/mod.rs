//! Steps from a picture to the normalised array a network takes, as torchvision's transforms of the same names.

mod affine;
mod auto_augment;
mod color;
mod compose;
mod crop;
mod flip;
mod normalize;
mod preset;
mod random_resized_crop;
mod resample;
mod resize;

pub use auto_augment::{RandAugment, TrivialAugmentWide};
pub use compose::Compose;
pub use crop::{CenterCrop, RandomCrop};
pub use flip::RandomHorizontalFlip;
pub use normalize::Normalize;
pub use preset::{Augmentation, Preset};
pub use random_resized_crop::RandomResizedCrop;
pub use resize::{Interpolation, Resize, Size};

use std::fmt;

use crate::{Image, Result, Rng};

/// A step from a picture to a picture.
pub trait Transform: fmt::Debug + Send + Sync {
    /// The transformed picture; whatever is random comes from `rng`.
    ///
    /// # Errors
    /// [`Error::Transform`](crate::Error::Transform) where the picture does not suit the step, and
    /// [`Error::TooLarge`](crate::Error::TooLarge) where the result would be.
    fn apply(&self, image: Image, rng: &mut Rng) -> Result<Image>;
}
