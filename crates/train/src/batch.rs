//! From a loader's batch to tensors.

use datasets::Batch;
use tensor::{Result, Tensor};

/// The pictures `[N, 3, H, W]`, channels-last, and the labels `[N]` of a batch.
pub(crate) fn tensors(batch: &Batch) -> Result<(Tensor, Tensor)> {
    Ok((Tensor::from_array(&batch.images)?, Tensor::from_slice(&batch.labels, [batch.labels.len()])?))
}
