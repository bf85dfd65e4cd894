//! Joining tensors and cutting them up.

use super::check::{check_alike, check_compute, result_layout, with_size};
use crate::{Error, Layout, Result, Tensor};

impl Tensor {
    /// Tensors joined along `dim`, equal in all other sizes. The result is channels-last where one of them is. Of bf16 and `f32` it is `f32`.
    pub fn cat(tensors: &[&Tensor], dim: isize) -> Result<Tensor> {
        let [first, rest @ ..] = tensors else { return Err(Error::argument("cat", "no tensors were given")) };
        let d = first.shape().dim_index("cat", dim)?;
        let mut size = first.dims()[d];
        let mixed = rest.iter().any(|t| t.dtype() != first.dtype());
        for t in rest {
            if mixed {
                check_compute("cat", first, &[Some(t)])?
            } else {
                check_alike("cat", first, t)?
            }
            if t.shape().rank() != first.shape().rank() || with_size(t.shape(), d, 0) != with_size(first.shape(), d, 0) {
                return Err(Error::shapes("cat", first.dims(), t.dims(), "all sizes but the joined one must be equal"));
            }
            size = size.saturating_add(t.dims()[d]);
        }
        let shape = with_size(first.shape(), d, size);
        shape.checked_elements("cat")?;
        let layout = match result_layout(&shape, tensors) {
            Layout::Blocked => Layout::Contiguous,
            plain => plain,
        };
        let part = |t: &&Tensor| if mixed { t.widened()?.to_layout(layout) } else { t.to_layout(layout) };
        let parts = tensors.iter().map(part).collect::<Result<Vec<_>>>()?;
        first.device().backend()?.cat(&parts, d, &shape, layout)
    }

    /// Tensors of one shape joined along a new dimension inserted at `dim`.
    pub fn stack(tensors: &[&Tensor], dim: isize) -> Result<Tensor> {
        let parts = tensors.iter().map(|t| t.unsqueeze(dim)).collect::<Result<Vec<_>>>()?;
        let rank = tensors.first().map_or(0, |t| t.shape().rank()) as isize;
        Tensor::cat(&parts.iter().collect::<Vec<_>>(), if dim < 0 { dim + rank + 1 } else { dim })
    }

    /// The tensor cut along `dim` into at most `chunks` pieces of equal size, the last perhaps smaller, as in PyTorch.
    pub fn chunk(&self, chunks: usize, dim: isize) -> Result<Vec<Tensor>> {
        let size = self.dims()[self.shape().dim_index("chunk", dim)?];
        if chunks == 0 {
            return Err(Error::argument("chunk", "at least one piece is needed"));
        }
        let piece = size.div_ceil(chunks).max(1);
        (0..size.div_ceil(piece).max(1)).map(|i| self.narrow(dim, i * piece, piece.min(size - i * piece))).collect()
    }
}
