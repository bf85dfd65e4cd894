//! Multiplication by a number where a mask is set.

use super::{
    SimdLevel,
    elementwise::zip_flat,
    stored::{Stored, with_stored},
};
use crate::{Element, Result, Tensor};

/// `x * scale` where `mask` (U8, in the memory order of `x`) is not 0, else 0.
pub(super) fn masked_scale(level: SimdLevel, x: &Tensor, mask: &Tensor, scale: f64) -> Result<Tensor> {
    with_stored!("masked_scale", x.dtype(), E => {
        let mut out = Tensor::uninit::<E>(x.shape().clone(), x.layout())?;
        let scale = <E as Stored>::Compute::from_f64(scale);
        let (x, mask, y) = (x.data::<E>()?, mask.data::<u8>()?, out.data_mut::<E>()?);
        zip_flat(level, x, mask, y, |x: E, kept: u8| if kept != 0 { E::narrow(x.widen() * scale) } else { E::default() });
        Ok(out)
    })
}
