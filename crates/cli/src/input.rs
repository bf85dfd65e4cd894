//! Pictures as networks take them.

use datasets::transforms::Compose;
use datasets::{Image, Rng};
use ndarray::Axis;
use tensor::Tensor;

/// One picture as the network takes it, `[1, 3, H, W]`.
pub fn prepare(transform: &Compose, image: Image) -> train::Result<Tensor> {
    // No step is random.
    let array = transform.apply(image, &mut Rng::new(0))?;
    Ok(Tensor::from_array(&array.insert_axis(Axis(0)))?)
}

/// Pictures of one size as a batch `[N, 3, H, W]`.
pub fn stacked<'a>(inputs: impl Iterator<Item = &'a Tensor>) -> tensor::Result<Tensor> {
    Tensor::cat(&inputs.collect::<Vec<_>>(), 0)
}
