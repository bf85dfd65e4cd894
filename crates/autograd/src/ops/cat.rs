//! Joining and cutting.

use tensor::{Result, Tensor};

use crate::{Op, Var};

impl Var {
    /// Values joined along `dim`, equal in all other sizes.
    pub fn cat(parts: &[&Var], dim: isize) -> Result<Var> {
        let tensors: Vec<&Tensor> = parts.iter().map(|v| &v.value).collect();
        let y = Tensor::cat(&tensors, dim)?;
        let d = y.shape().dim_index("cat", dim)?;
        let sizes: Vec<usize> = tensors.iter().map(|t| t.dims()[d]).collect();
        Ok(Var::from_op(Op::Cat { dim: d }, y, parts, move |grad, needed| {
            let mut start = 0;
            let part = |(&size, &needed): (&usize, &bool)| {
                start += size;
                needed.then(|| grad.narrow(d as isize, start - size, size)).transpose()
            };
            sizes.iter().zip(needed).map(part).collect()
        }))
    }

    /// The value cut along `dim` into at most `chunks` pieces of equal size, the last perhaps smaller.
    pub fn chunk(&self, chunks: usize, dim: isize) -> Result<Vec<Var>> {
        let pieces = self.value.chunk(chunks, dim)?;
        let d = self.shape().dim_index("chunk", dim)?;
        let mut start = 0;
        let var = |piece: Tensor| {
            start += piece.dims()[d];
            self.part(d, start - piece.dims()[d], piece)
        };
        Ok(pieces.into_iter().map(var).collect())
    }
}
