//! Matrix products.

use super::check::check_compute;
use crate::{Error, Result, Tensor};

impl Tensor {
    /// The matrix product of two matrices, or of two batches of as many matrices: `[M, K] × [K, N]` or `[B, M, K] × [B, K, N]`. That
    /// of bf16 is `f32`.
    pub fn matmul(&self, rhs: &Tensor) -> Result<Tensor> {
        self.matmul_transposed(rhs, false, false)
    }

    /// [`matmul`](Tensor::matmul) with the last two dimensions of an operand exchanged first, without moving them in memory. The
    /// gradients of a product are `grad × rhsᵀ` and `selfᵀ × grad`.
    pub fn matmul_transposed(&self, rhs: &Tensor, transpose_self: bool, transpose_rhs: bool) -> Result<Tensor> {
        check_compute("matmul", self, &[Some(rhs)])?;
        let unfit = |reason| Error::shapes("matmul", self.dims(), rhs.dims(), reason);
        let (a, b) = match (self.dims(), rhs.dims()) {
            (a @ [_, _], b @ [_, _]) => (a, b),
            ([n, a @ ..], [m, b @ ..]) if a.len() == 2 && b.len() == 2 => {
                if n != m {
                    return Err(unfit("batches of equal size are needed"));
                }
                (a, b)
            }
            _ => return Err(unfit("two matrices or two batches of matrices are needed")),
        };
        if a[usize::from(!transpose_self)] != b[usize::from(transpose_rhs)] {
            return Err(unfit("the columns of the first must be as many as the rows of the second"));
        }
        self.device().backend()?.matmul(&self.widened()?.contiguous()?, &rhs.widened()?.contiguous()?, transpose_self, transpose_rhs)
    }
}
