//! Conversion between element types.

use half::slice::HalfFloatSliceExt;

use super::{
    SimdLevel,
    elementwise::{map, parts},
};
use crate::{DType, Element, Result, Tensor, bf16, with_dtype};

pub(super) fn cast(level: SimdLevel, x: &Tensor, dtype: DType) -> Result<Tensor> {
    match (x.dtype(), dtype) {
        (DType::F32, DType::Bf16) => {
            let mut out = Tensor::uninit::<bf16>(x.shape().clone(), x.layout())?;
            let x = x.data::<f32>()?;
            parts(out.data_mut::<bf16>()?, |start, y| y.convert_from_f32_slice(&x[start..start + y.len()]));
            Ok(out)
        }
        (DType::Bf16, DType::F32) => {
            let mut out = Tensor::uninit::<f32>(x.shape().clone(), x.layout())?;
            map(level, x.data::<bf16>()?, out.data_mut::<f32>()?, |x: bf16| f32::from_bits(u32::from(x.to_bits()) << 16));
            Ok(out)
        }
        (from, to) => with_dtype!(from, A => with_dtype!(to, B => cast_as::<A, B>(x))),
    }
}

fn cast_as<A: Element, B: Element>(x: &Tensor) -> Result<Tensor> {
    let mut out = Tensor::uninit::<B>(x.shape().clone(), x.layout())?;
    let x = x.data::<A>()?;
    parts(out.data_mut::<B>()?, |start, y| y.iter_mut().zip(&x[start..]).for_each(|(y, x)| *y = B::from_f64(x.to_f64())));
    Ok(out)
}
