//! `ToTensor` and `Normalize` in one pass: bytes to floats of mean 0 and deviation 1.

use std::array;

use crate::image::CHANNELS;
use crate::{Error, Image, Result};

/// `(value / max_value - mean) / std` for each channel, with torchvision's rounding.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalize {
    mean: [f32; CHANNELS],
    std: [f32; CHANNELS],
}

impl Default for Normalize {
    /// Leaves the values from 0 to 1 that `ToTensor` gives.
    fn default() -> Self {
        Self { mean: [0.0; CHANNELS], std: [1.0; CHANNELS] }
    }
}

impl Normalize {
    /// Normalises by the mean and the standard deviation of each channel, on the scale from 0 to 1.
    ///
    /// # Errors
    /// [`Error::Transform`] where a number is not finite or a deviation is 0.
    pub fn new(mean: [f32; CHANNELS], std: [f32; CHANNELS]) -> Result<Self> {
        let finite = mean.iter().chain(&std).all(|value| value.is_finite());
        if !finite || std.contains(&0.0) {
            return Err(Error::Transform {
                transform: "Normalize",
                reason: format!("mean {mean:?} and std {std:?} must be finite, and std not zero"),
            });
        }
        Ok(Self { mean, std })
    }

    /// Appends the normalised values of `image` in the order of its bytes.
    pub(super) fn append(&self, image: &Image, out: &mut Vec<f32>) {
        let white = f32::from(image.max_value());
        let [red, green, blue]: [[f32; 256]; CHANNELS] =
            array::from_fn(|channel| array::from_fn(|value| (value as f32 / white - self.mean[channel]) / self.std[channel]));
        let (pixels, _) = image.data().as_chunks::<CHANNELS>();
        out.extend(pixels.iter().flat_map(|&[r, g, b]| [red[usize::from(r)], green[usize::from(g)], blue[usize::from(b)]]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_gets_its_channels_value() {
        let normalize = Normalize::new([0.1, 0.2, 0.3], [0.4, 0.5, 0.6]).unwrap();
        let image = Image::from_rgb(5, 3, (0..45).map(|v| v * 5).collect()).unwrap();
        let mut out = Vec::new();
        normalize.append(&image, &mut out);
        assert_eq!(out.len(), 45);
        for (i, value) in out.iter().enumerate() {
            let channel = i % 3;
            let expected = ((i * 5) as f32 / 255.0 - [0.1, 0.2, 0.3][channel]) / [0.4, 0.5, 0.6][channel];
            assert_eq!(*value, expected);
        }
    }

    #[test]
    fn a_zero_deviation_is_refused() {
        assert!(Normalize::new([0.0; 3], [1.0, 0.0, 1.0]).is_err());
        assert!(Normalize::new([f32::NAN, 0.0, 0.0], [1.0; 3]).is_err());
    }
}
