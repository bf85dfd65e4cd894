//! Batch normalisation, with the addition and the ReLU that may follow it.

use tensor::{
    Result, Tensor,
    ops::{BatchStats, Norm, NormBackward},
};

use crate::{Op, Var, op::BatchNorm};

/// What follows a batch normalisation in the same pass: `relu(bn(x) + residual)`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fused<'a> {
    /// A summand of the input's shape.
    pub residual: Option<&'a Var>,
    /// Whether negative results become zero.
    pub relu: bool,
}

impl Var {
    /// Batch normalisation of `[N, C]` or `[N, C, H, W]` by this batch's own moments, which come back too.
    ///
    /// # Errors
    /// Where there is one value a channel only, or shapes or element types do not fit.
    pub fn batch_norm_train(&self, weight: Option<&Var>, bias: Option<&Var>, eps: f64, fused: Fused<'_>) -> Result<(Var, BatchStats)> {
        let stats = self.value.batch_stats()?;
        let y = self.normalise(&stats.mean, &stats.var, weight, bias, eps, fused, true)?;
        Ok((y, stats))
    }

    /// Batch normalisation by given moments, which no gradient flows to.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn batch_norm_eval(
        &self,
        mean: &Tensor,
        var: &Tensor,
        weight: Option<&Var>,
        bias: Option<&Var>,
        eps: f64,
        fused: Fused<'_>,
    ) -> Result<Var> {
        self.normalise(mean, var, weight, bias, eps, fused, false)
    }

    #[allow(clippy::too_many_arguments)] // private: the two public forms above
    fn normalise(
        &self,
        mean: &Tensor,
        var: &Tensor,
        weight: Option<&Var>,
        bias: Option<&Var>,
        eps: f64,
        fused: Fused<'_>,
        batch_stats: bool,
    ) -> Result<Var> {
        let (w, b) = (weight.map(|w| w.value.clone()), bias.map(|b| b.value.clone()));
        let norm = Norm { mean, var, weight: w.as_ref(), bias: b.as_ref(), eps };
        let inputs: Vec<&Var> = [Some(self), weight, bias, fused.residual].into_iter().flatten().collect();
        let summand = fused.residual.map(|r| &r.value);
        let (y, mask) = if fused.relu && Var::records(&inputs) {
            let (y, mask) = self.value.batch_norm_relu(&norm, summand)?;
            (y, Some(mask))
        } else {
            (self.value.batch_norm(&norm, summand, fused.relu)?, None)
        };
        let (x, mean, var) = (self.value.clone(), mean.clone(), var.clone());
        let present = [true, weight.is_some(), bias.is_some(), fused.residual.is_some()];
        let [_, weight, bias, residual] = present;
        let op = BatchNorm { mean: mean.clone(), var: var.clone(), eps, weight, bias, residual, relu: fused.relu, batch_stats };
        Ok(Var::from_op(Op::BatchNorm(op), y, &inputs, move |dy, needed| {
            let norm = Norm { mean: &mean, var: &var, weight: w.as_ref(), bias: b.as_ref(), eps };
            let residual = present[3] && needed.last() == Some(&true);
            let grads = dy.batch_norm_backward(&NormBackward { norm, x: &x, relu: mask.as_ref(), batch_stats, residual })?;
            let all = [Some(grads.x), Some(grads.weight), Some(grads.bias), grads.residual];
            Ok(all.into_iter().zip(present).filter(|(_, present)| *present).map(|(grad, _)| grad).collect())
        }))
    }
}
