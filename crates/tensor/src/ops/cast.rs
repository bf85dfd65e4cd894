//! Conversion between element types.

use crate::{DType, Result, Tensor};

impl Tensor {
    /// The elements as what they are [computed](DType::computed) with.
    pub(crate) fn widened(&self) -> Result<Tensor> {
        self.to_dtype(self.dtype().computed())
    }

    /// The same values as another element type, in the same memory order; shares the memory where the type is the same.
    /// Floats are rounded to the nearest value, ties to even; integers truncate towards zero and saturate.
    pub fn to_dtype(&self, dtype: DType) -> Result<Tensor> {
        if dtype == self.dtype() {
            return Ok(self.clone());
        }
        self.device().backend()?.cast(self, dtype)
    }
}
