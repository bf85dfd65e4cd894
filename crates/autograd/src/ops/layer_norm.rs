//! Layer normalisation.

use tensor::{Result, Shape, ops::LayerNorm};

use crate::{Op, Var};

impl Var {
    /// Layer normalisation of `[…, normalized_shape]` by the mean and the biased variance of each row of the last dimensions; weight
    /// and bias have the normalized shape.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn layer_norm(&self, normalized_shape: impl Into<Shape>, weight: Option<&Var>, bias: Option<&Var>, eps: f64) -> Result<Var> {
        let normalized_shape = normalized_shape.into();
        let (x, w, b) = (self.value.clone(), weight.map(|w| w.value.clone()), bias.map(|b| b.value.clone()));
        let y = x.layer_norm(&LayerNorm { normalized_shape: &normalized_shape, weight: w.as_ref(), bias: b.as_ref(), eps })?;
        let present = [true, weight.is_some(), bias.is_some()];
        let inputs: Vec<&Var> = [Some(self), weight, bias].into_iter().flatten().collect();
        let op = Op::LayerNorm { dims: normalized_shape.rank(), eps, weight: present[1], bias: present[2] };
        Ok(Var::from_op(op, y, &inputs, move |dy, _| {
            let norm = LayerNorm { normalized_shape: &normalized_shape, weight: w.as_ref(), bias: None, eps };
            let grads = dy.layer_norm_backward(&x, &norm)?;
            let all = [grads.x, grads.weight, grads.bias];
            Ok(all.into_iter().zip(present).filter(|(_, present)| *present).map(|(grad, _)| Some(grad)).collect())
        }))
    }
}
