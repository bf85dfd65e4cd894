//! Classes as probabilities.

use tensor::{Error, Tensor};

use crate::Result;

/// Classes `[N]` (I64) as probabilities `[N, num_classes]` (F32): 1 at the class, else 0. PyTorch's `one_hot`.
///
/// ```
/// use tensor::Tensor;
/// let classes = Tensor::from_vec(vec![2i64, 0], [2])?;
/// assert_eq!(layers::one_hot(&classes, 3)?.to_vec::<f32>()?, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), layers::Error>(())
/// ```
///
/// # Errors
/// Where a class is not below `num_classes`.
pub fn one_hot(classes: &Tensor, num_classes: usize) -> Result<Tensor> {
    let device = classes.device();
    let classes = classes.to_vec::<i64>()?;
    let mut probabilities = vec![0f32; classes.len() * num_classes];
    for (position, &class) in classes.iter().enumerate() {
        let index = usize::try_from(class).ok().filter(|&index| index < num_classes);
        let beyond = || Error::argument("one_hot", format!("class {class} at position {position} is not among {num_classes} classes"));
        probabilities[position * num_classes + index.ok_or_else(beyond)?] = 1.0;
    }
    Ok(Tensor::from_vec(probabilities, [classes.len(), num_classes])?.to_device(device)?)
}
