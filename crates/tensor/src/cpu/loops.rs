//! Walks over operands of different memory orders and broadcast shapes: nested loops whose innermost is as long as possible.

use std::ops::Range;

use crate::{Layout, Shape, Tensor};

/// The loops that visit `N` operands in the memory order of a dense result.
#[derive(Debug)]
pub(super) struct Loops<const N: usize> {
    /// Length and steps of each loop around the innermost, outermost first.
    outer: Vec<(usize, [usize; N])>,
    /// The length of the innermost loop.
    inner: usize,
    /// The step of each operand in the innermost loop.
    pub(super) steps: [usize; N],
    start: [usize; N],
}

/// A stretch of the innermost loop.
pub(super) struct Run<const N: usize> {
    /// Where it starts in the result.
    pub(super) at: usize,
    /// Its length.
    pub(super) len: usize,
    /// Where it starts in each operand.
    pub(super) offsets: [usize; N],
}

impl<const N: usize> Loops<N> {
    /// Loops over dimensions given outermost first, each with its length and the step of every operand.
    pub(super) fn new(dims: impl IntoIterator<Item = (usize, [usize; N])>, start: [usize; N]) -> Self {
        let mut merged: Vec<(usize, [usize; N])> = Vec::new();
        for (len, steps) in dims.into_iter().filter(|&(len, _)| len != 1) {
            match merged.last_mut() {
                Some((outer_len, outer_steps)) if (0..N).all(|i| outer_steps[i] == len * steps[i]) => {
                    (*outer_len, *outer_steps) = (*outer_len * len, steps);
                }
                _ => merged.push((len, steps)),
            }
        }
        let (inner, steps) = merged.pop().unwrap_or((1, [0; N]));
        Loops { outer: merged, inner, steps, start }
    }

    /// Loops over operands that all lie in memory as the result does.
    pub(super) fn flat(len: usize) -> Self {
        Loops::new([(len, [1; N])], [0; N])
    }

    /// Loops over operands broadcast to a result's shape, in the result's memory order.
    pub(super) fn broadcast(shape: &Shape, layout: Layout, operands: [&Tensor; N]) -> Self {
        if operands.iter().all(|t| t.shape() == shape && t.layout().same_order(layout, shape)) {
            return Loops::flat(layout.stored_elements(shape));
        }
        let strides = operands.map(|t| broadcast_strides(t, shape));
        let dims = layout.order(shape.rank()).into_iter().map(|d| (shape[d], std::array::from_fn(|i| strides[i][d])));
        Loops::new(dims, [0; N])
    }

    /// The elements visited.
    pub(super) fn elements(&self) -> usize {
        self.outer.iter().map(|&(len, _)| len).product::<usize>() * self.inner
    }

    /// The stretches that make up a range of the result.
    pub(super) fn runs(&self, range: Range<usize>) -> Runs<'_, N> {
        let mut counters = vec![0; self.outer.len()];
        let mut offsets = self.start;
        let mut row = range.start.checked_div(self.inner).unwrap_or(0);
        for (counter, &(len, steps)) in counters.iter_mut().zip(&self.outer).rev() {
            *counter = row.checked_rem(len).unwrap_or(0);
            row = row.checked_div(len).unwrap_or(0);
            (0..N).for_each(|i| offsets[i] += *counter * steps[i]);
        }
        let skip = range.start.checked_rem(self.inner).unwrap_or(0);
        Runs { loops: self, counters, offsets, skip, at: range.start, end: range.end }
    }
}

/// The steps of a tensor along the dimensions of a shape it is broadcast to: 0 where it repeats.
pub(crate) fn broadcast_strides(t: &Tensor, shape: &Shape) -> Vec<usize> {
    let missing = shape.rank() - t.dims().len();
    let own = t.layout().strides(t.shape());
    let step = |d: usize| if d < missing || t.dims()[d - missing] != shape[d] { 0 } else { own[d - missing] };
    (0..shape.rank()).map(step).collect()
}

/// The iterator of [`Loops::runs`].
pub(super) struct Runs<'a, const N: usize> {
    loops: &'a Loops<N>,
    counters: Vec<usize>,
    offsets: [usize; N],
    skip: usize,
    at: usize,
    end: usize,
}

impl<const N: usize> Iterator for Runs<'_, N> {
    type Item = Run<N>;

    #[inline(always)]
    fn next(&mut self) -> Option<Run<N>> {
        if self.at >= self.end {
            return None;
        }
        let len = (self.loops.inner - self.skip).min(self.end - self.at);
        let offsets = std::array::from_fn(|i| self.offsets[i] + self.skip * self.loops.steps[i]);
        let run = Run { at: self.at, len, offsets };
        self.at += len;
        self.skip = 0;
        for (counter, &(len, steps)) in self.counters.iter_mut().zip(&self.loops.outer).rev() {
            *counter += 1;
            if *counter < len {
                (0..N).for_each(|i| self.offsets[i] += steps[i]);
                break;
            }
            *counter = 0;
            (0..N).for_each(|i| self.offsets[i] -= (len - 1) * steps[i]);
        }
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visited(loops: &Loops<1>, range: Range<usize>) -> Vec<usize> {
        let step = loops.steps[0];
        loops.runs(range).flat_map(|run| (0..run.len).map(move |k| run.offsets[0] + k * step)).collect()
    }

    #[test]
    fn any_range_visits_what_nested_loops_visit() {
        let loops = Loops::new([(3, [20]), (1, [7]), (4, [0]), (5, [2])], [1]);
        let mut expected = Vec::new();
        for i in 0..3 {
            for _ in 0..4 {
                for k in 0..5 {
                    expected.push(1 + i * 20 + k * 2);
                }
            }
        }
        assert_eq!(loops.elements(), expected.len());
        for start in 0..expected.len() {
            for end in start..=expected.len() {
                assert_eq!(visited(&loops, start..end), expected[start..end]);
            }
        }
    }

    #[test]
    fn dense_dimensions_merge_into_one_loop() {
        let loops = Loops::new([(2, [12]), (3, [4]), (4, [1])], [0]);
        assert_eq!(loops.runs(0..24).count(), 1);
    }

    #[test]
    fn an_empty_dimension_visits_nothing() {
        let loops = Loops::new([(2, [0]), (0, [4]), (4, [1])], [0]);
        assert_eq!(loops.elements(), 0);
        assert!(visited(&loops, 0..0).is_empty());
    }
}
