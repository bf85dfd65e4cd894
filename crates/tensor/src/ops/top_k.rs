//! The largest elements of each row.

use super::check::check_float;
use crate::{Error, Result, Tensor};

impl Tensor {
    /// The `k` largest elements along the last dimension, largest first, and their places (I64). The first of equal elements
    /// comes first, and NaN counts as largest. Elements of bf16 come as `f32`.
    pub fn top_k(&self, k: usize) -> Result<(Tensor, Tensor)> {
        check_float("top_k", self)?;
        let len = self.dims()[self.shape().dim_index("top_k", -1)?];
        if k > len {
            return Err(Error::argument("top_k", format!("k = {k}, but a row has {len} elements")));
        }
        self.device().backend()?.top_k(&self.widened()?.contiguous()?, k)
    }
}
