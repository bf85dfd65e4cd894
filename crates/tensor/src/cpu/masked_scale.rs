//! Multiplication by a number where a mask is set.

use super::{SimdLevel, elementwise::zip_flat};
use crate::{Element, Float, Result, Tensor, with_float};

/// `x * scale` where `mask` (U8, in the memory order of `x`) is not 0, else 0.
pub(super) fn masked_scale(level: SimdLevel, x: &Tensor, mask: &Tensor, scale: f64) -> Result<Tensor> {
    with_float!("masked_scale", x.dtype(), T => {
        let mut out = Tensor::uninit::<T>(x.shape().clone(), x.layout())?;
        let scale = T::from_f64(scale);
        let (x, mask, y) = (x.data::<T>()?, mask.data::<u8>()?, out.data_mut::<T>()?);
        zip_flat(level, x, mask, y, |x: T, kept: u8| if kept != 0 { x * scale } else { T::ZERO });
        Ok(out)
    })
}
