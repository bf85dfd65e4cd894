//! Entries picked by index.

use super::check::{check_indices, unblocked};
use crate::{Result, Tensor};

impl Tensor {
    /// The entries along `dim` that `indices` (I64, one dimension) names, in its order.
    pub fn index_select(&self, dim: isize, indices: &Tensor) -> Result<Tensor> {
        let d = self.shape().dim_index("index_select", dim)?;
        self.check_same_device("index_select", [indices])?;
        check_indices("index_select", indices, self.dims()[d], "entries")?;
        self.device().backend()?.index_select(&unblocked(self)?, d, &indices.contiguous()?)
    }
}
