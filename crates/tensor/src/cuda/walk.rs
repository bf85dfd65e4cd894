//! Walks over operands that are broadcast to, or are parts of, a dense result: `Walk` of walk.cuh.

use super::context::Argument;
use crate::{Error, Layout, Result, Shape, Tensor, cpu::loops::broadcast_strides};

/// The most dimensions that differ in their steps: `RANK` of common.cuh.
const RANK: usize = 8;

/// Sizes of the result's dimensions from the outermost in memory, and the steps of `N` operands along them.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Walk<const N: usize> {
    rank: i32,
    unused: i32,
    size: [i64; RANK],
    step: [[i64; RANK]; N],
    start: [i64; N],
}

// SAFETY: the fields of `Walk` in walk.cuh in their order, all of 8 bytes but for the first two.
unsafe impl<const N: usize> Argument for Walk<N> {}

impl<const N: usize> Walk<N> {
    /// Over dimensions given outermost first, each with its size and the step of every operand. Neighbours that are one stretch become one.
    pub(super) fn new(op: &'static str, dims: impl IntoIterator<Item = (usize, [usize; N])>, start: [usize; N]) -> Result<Self> {
        let mut walk = Walk { rank: 0, unused: 0, size: [1; RANK], step: [[0; RANK]; N], start: start.map(|at| at as i64) };
        let mut rank = 0;
        for (size, steps) in dims.into_iter().filter(|&(size, _)| size != 1) {
            let continues = |d: usize| (0..N).all(|k| walk.step[k][d] == size as i64 * steps[k] as i64);
            if rank > 0 && continues(rank - 1) {
                rank -= 1;
                walk.size[rank] *= size as i64;
            } else if rank == RANK {
                return Err(Error::argument(op, format!("more than {RANK} dimensions of different steps on a CUDA device")));
            } else {
                walk.size[rank] = size as i64;
            }
            (0..N).for_each(|k| walk.step[k][rank] = steps[k] as i64);
            rank += 1;
        }
        walk.rank = rank as i32;
        Ok(walk)
    }

    /// Over operands broadcast to a result's shape, in the result's memory order.
    pub(super) fn broadcast(op: &'static str, shape: &Shape, layout: Layout, operands: [&Tensor; N]) -> Result<Self> {
        let strides = operands.map(|t| broadcast_strides(t, shape));
        let dims = layout.order(shape.rank()).into_iter().map(|d| (shape[d], std::array::from_fn(|k| strides[k][d])));
        Walk::new(op, dims.collect::<Vec<_>>(), [0; N])
    }
}

/// Whether all operands have the result's shape and memory order, so that nothing needs a walk.
pub(super) fn is_flat<const N: usize>(shape: &Shape, layout: Layout, operands: [&Tensor; N]) -> bool {
    operands.iter().all(|t| t.shape() == shape && t.layout().same_order(layout, shape))
}
