//! Matrix products.

use tensor::Result;

use crate::{Op, Var};

impl Var {
    /// The matrix product of two matrices, or of two batches of as many matrices: `[M, K] × [K, N]` or `[B, M, K] × [B, K, N]`.
    pub fn matmul(&self, rhs: &Var) -> Result<Var> {
        let y = self.value.matmul(&rhs.value)?;
        let (a, b) = (self.value.clone(), rhs.value.clone());
        Ok(Var::from_op(Op::Matmul, y, &[self, rhs], move |grad, needed| {
            let lhs = needed[0].then(|| grad.matmul_transposed(&b, false, true)).transpose()?;
            let rhs = needed[1].then(|| a.matmul_transposed(&grad, true, false)).transpose()?;
            Ok(vec![lhs, rhs])
        }))
    }
}
