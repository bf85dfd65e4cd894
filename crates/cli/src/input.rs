//! Pictures as networks take them.

use datasets::transforms::Compose;
use datasets::{Image, Rng};
use ndarray::{Array3, Array4, Axis};
use tensor::Tensor;

/// One picture as the network takes it, `[3, H, W]`.
pub fn prepare(transform: &Compose, image: Image) -> datasets::Result<Array3<f32>> {
    // No step is random.
    transform.apply(image, &mut Rng::new(0))
}

/// Pictures of one size as a batch `[N, 3, H, W]`.
pub fn stacked<'a>(inputs: impl ExactSizeIterator<Item = &'a Array3<f32>> + Clone) -> tensor::Result<Tensor> {
    let (channels, height, width) = inputs.clone().next().map_or((0, 0, 0), |input| input.dim());
    // In the order of their memory, which tensors take as it lies.
    let mut images = Array4::zeros((inputs.len(), height, width, channels));
    for (mut image, input) in images.axis_iter_mut(Axis(0)).zip(inputs) {
        image.assign(&input.view().permuted_axes([1, 2, 0]));
    }
    Tensor::from_array(&images.permuted_axes([0, 3, 1, 2]))
}
