//! Softmax and its logarithm along a dimension.

use tensor::Result;

use crate::{Op, Var};

impl Var {
    /// `eˣ / Σ eˣ` along `dim`.
    pub fn softmax(&self, dim: isize) -> Result<Var> {
        let y = self.value.softmax(dim)?;
        let output = y.clone();
        Ok(Var::from_op(Op::Softmax { dim }, y, &[self], move |grad, _| Ok(vec![Some(grad.softmax_backward(&output, dim)?)])))
    }

    /// `x - ln Σ eˣ` along `dim`.
    pub fn log_softmax(&self, dim: isize) -> Result<Var> {
        let y = self.value.log_softmax(dim)?;
        let output = y.clone();
        Ok(Var::from_op(Op::LogSoftmax { dim }, y, &[self], move |grad, _| Ok(vec![Some(grad.log_softmax_backward(&output, dim)?)])))
    }
}
