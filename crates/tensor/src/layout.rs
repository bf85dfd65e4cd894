//! Memory orders, and copies between them.

use crate::{Element, Shape};

/// The output channels of one block of a weight (see [`Layout::Blocked`]): two 512-bit registers of `f32`.
pub const BLOCK: usize = 32;

/// The order of a tensor's elements in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Row-major in the logical order.
    Contiguous,
    /// Four dimensions, NCHW logically and NHWC in memory: activations.
    ChannelsLast,
    /// Weights: logical `[K, C, R, S]` (or `[K, C]`) stored as `[K/32][R][S][C][32]`, the last block filled up with zeros.
    /// Convolution kernels read and write this order as it is, forward, backward and in the optimiser.
    Blocked,
}

impl Layout {
    /// The elements that a tensor of this shape takes in memory.
    pub(crate) fn stored_elements(self, shape: &Shape) -> usize {
        match self {
            Layout::Blocked => blocked_dims(shape).map_or(0, |(k, c, taps)| k.div_ceil(BLOCK) * BLOCK * c * taps),
            _ => shape.elements(),
        }
    }

    /// Whether the layout can hold this shape.
    pub(crate) fn fits(self, shape: &Shape) -> bool {
        match self {
            Layout::Contiguous => true,
            Layout::ChannelsLast => shape.rank() == 4,
            Layout::Blocked => blocked_dims(shape).is_some(),
        }
    }

    /// The logical dimensions of a tensor of this rank from the outermost in memory to the innermost. Not for blocked weights.
    pub(crate) fn order(self, rank: usize) -> Vec<usize> {
        match self {
            Layout::ChannelsLast => vec![0, 2, 3, 1],
            _ => (0..rank).collect(),
        }
    }

    /// The step in memory, in elements, along each logical dimension. Not for blocked weights.
    pub(crate) fn strides(self, shape: &Shape) -> Vec<usize> {
        let mut strides = vec![1; shape.rank()];
        let mut step = 1;
        for d in self.order(shape.rank()).into_iter().rev() {
            strides[d] = step;
            step *= shape[d];
        }
        strides
    }

    /// Whether two layouts put the elements of this shape in the same order.
    pub(crate) fn same_order(self, other: Layout, shape: &Shape) -> bool {
        let plain = |l| l != Layout::Blocked;
        self == other || (plain(self) && plain(other) && shape.rank() == 4 && (shape[1] == 1 || shape[2] * shape[3] == 1))
    }
}

/// `(K, C, R * S)` of a weight's shape.
pub(crate) fn blocked_dims(shape: &Shape) -> Option<(usize, usize, usize)> {
    match shape[..] {
        [k, c] => Some((k, c, 1)),
        [k, c, r, s] => Some((k, c, r * s)),
        _ => None,
    }
}

/// Copies the elements of `shape` from one order to another. Both slices hold what [`Layout::stored_elements`] says.
pub(crate) fn convert<T: Element>(shape: &Shape, src: &[T], from: Layout, dst: &mut [T], to: Layout) {
    if from.same_order(to, shape) {
        dst.copy_from_slice(src);
        return;
    }
    let mut offset_from = offsets(shape, from);
    let mut offset_to = offsets(shape, to);
    if to == Layout::Blocked {
        dst.fill(T::default());
    }
    match shape[..] {
        [n, c, h, w] => {
            let hw = h * w;
            for i in 0..n {
                for j in 0..c {
                    let (a, step_a) = offset_from(i, j);
                    let (b, step_b) = offset_to(i, j);
                    for p in 0..hw {
                        dst[b + p * step_b] = src[a + p * step_a];
                    }
                }
            }
        }
        [n, c] => {
            for i in 0..n {
                for j in 0..c {
                    dst[offset_to(i, j).0] = src[offset_from(i, j).0];
                }
            }
        }
        _ => unreachable!("only two and four dimensions have another order than contiguous"),
    }
}

/// The offset of element `(i, j, 0)` and the step between spatial positions, of a shape of two or four dimensions.
fn offsets(shape: &Shape, layout: Layout) -> impl FnMut(usize, usize) -> (usize, usize) {
    let c = shape[1];
    let taps: usize = shape[2..].iter().product();
    move |i, j| match layout {
        Layout::Contiguous => ((i * c + j) * taps, 1),
        Layout::ChannelsLast => (i * c * taps + j, c),
        Layout::Blocked => ((i / BLOCK * taps * c + j) * BLOCK + i % BLOCK, c * BLOCK),
    }
}
