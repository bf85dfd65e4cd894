//! Dropout.

use super::check::check_float;
use crate::{DType, Error, Result, Tensor, random::Generator};

impl Tensor {
    /// Each element zeroed with probability `p`, the others multiplied by 1 / (1 - p); and the mask (U8, 1 where kept) that
    /// [`dropout_backward`](Tensor::dropout_backward) needs.
    pub fn dropout(&self, p: f64, generator: &mut Generator) -> Result<(Tensor, Tensor)> {
        check_float("dropout", self)?;
        check_probability(p)?;
        let mut mask = Tensor::uninit::<u8>(self.shape().clone(), self.layout())?;
        mask.data_mut::<u8>()?.iter_mut().for_each(|kept| *kept = u8::from(generator.uniform() >= p));
        // Drawn on the host, so that every device drops the same.
        let mask = mask.to_device(self.device())?;
        Ok((self.dropout_backward(&mask, p)?, mask))
    }

    /// The gradient of [`dropout`](Tensor::dropout) from its mask; `self` is the gradient of the output.
    pub fn dropout_backward(&self, mask: &Tensor, p: f64) -> Result<Tensor> {
        check_float("dropout", self)?;
        check_probability(p)?;
        if mask.dtype() != DType::U8 {
            return Err(Error::DType { op: "dropout", expected: DType::U8.to_string(), found: mask.dtype() });
        }
        self.check_same_device("dropout", [mask])?;
        if mask.shape() != self.shape() {
            return Err(Error::shapes("dropout", self.dims(), mask.dims(), "the mask has the shape of the input"));
        }
        // Where everything is dropped there is nothing to scale up.
        let scale = if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 };
        self.device().backend()?.masked_scale(&self.to_layout(mask.layout())?, mask, scale)
    }
}

fn check_probability(p: f64) -> Result<()> {
    if (0.0..=1.0).contains(&p) { Ok(()) } else { Err(Error::argument("dropout", format!("probability {p} is not within 0 and 1"))) }
}
