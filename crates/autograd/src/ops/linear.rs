//! The linear layer's product.

use tensor::{Result, Tensor, ops::ConvMethod};

use crate::{Op, Var, conv_method};

impl Var {
    /// `self` `[…, C]` times the transpose of `weight` `[K, C]`, plus `bias` `[K]`: `[…, K]`.
    ///
    /// # Errors
    /// Where shapes or element types do not fit.
    pub fn linear(&self, weight: &Var, bias: Option<&Var>) -> Result<Var> {
        let inputs: Vec<&Var> = [self, weight].into_iter().chain(bias).collect();
        let method = conv_method(ConvMethod::Fastest, Var::records(&inputs));
        let y = self.value.linear(&weight.value, bias.map(|b| &b.value), method)?;
        let (x, w) = (self.value.clone(), weight.value.clone());
        Ok(Var::from_op(Op::Linear, y, &inputs, move |dy, needed| {
            let dx = needed[0].then(|| dy.linear_grad_input(&w, method)).transpose()?;
            let dw = needed[1].then(|| dy.linear_grad_weight(&x, method)).transpose()?;
            let db = needed.get(2).map(|&n| n.then(|| row_sums(&dy)).transpose());
            [Ok(dx), Ok(dw)].into_iter().chain(db).collect()
        }))
    }
}

/// The sum over all but the last dimension: the bias's gradient.
fn row_sums(dy: &Tensor) -> Result<Tensor> {
    let leading: Vec<isize> = (0..dy.dims().len() as isize - 1).collect();
    if leading.is_empty() { Ok(dy.clone()) } else { dy.sum(&leading, false) }
}
