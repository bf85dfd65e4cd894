//! Other arrangements of a tensor, parts of it, and what merges dimensions. The size of the batch must not be written down: where
//! the first dimension stays as it is, it is named so.

use autograd::op::Reduction;

use super::{Int, Ints, Lowered, Lowering, ints, only};

/// In the target of a `Reshape`: the input's size at this place.
const SAME: i64 = 0;

impl Lowering<'_> {
    /// The same elements in row-major order.
    pub(super) fn reshape(&mut self, inputs: &[String], from: &[usize], to: &[usize]) -> Lowered {
        let x = only(inputs)?;
        if from == to {
            return Ok(x.to_owned());
        }
        match (from, to) {
            ([n, _, ..], [m, _]) if n == m => Ok(self.node("Flatten", &[x], [("axis", Int(1))])),
            ([n, ..], [m, rest @ ..]) if n == m => self.reshape_to(x, [&[SAME], &*ints(rest.iter().copied())].concat()),
            _ => self.reshape_to(x, ints(to.iter().copied())),
        }
    }

    fn reshape_to(&mut self, x: &str, target: Vec<i64>) -> Lowered {
        let target = self.integers(target)?;
        Ok(self.node("Reshape", &[x, &target], []))
    }

    pub(super) fn channel_shuffle(&mut self, inputs: &[String], groups: usize, to: &[usize]) -> Lowered {
        let &[_, c, h, w] = to else { return Err(format!("it shuffles the channels of {to:?}")) };
        let [groups, c, h, w] = [groups, c, h, w].map(|size| size as i64);
        let matrix = self.reshape_to(only(inputs)?, vec![SAME, groups, c / groups.max(1), h, w])?;
        let transposed = self.node("Transpose", &[matrix], [("perm", Ints(vec![0, 2, 1, 3, 4]))]);
        self.reshape_to(&transposed, vec![SAME, c, h, w])
    }

    pub(super) fn permute(&mut self, inputs: &[String], order: &[usize]) -> Lowered {
        Ok(self.node("Transpose", inputs, [("perm", Ints(ints(order.iter().copied())))]))
    }

    pub(super) fn transpose(&mut self, inputs: &[String], dim0: isize, dim1: isize, to: &[usize]) -> Lowered {
        let mut order: Vec<usize> = (0..to.len()).collect();
        let index = |dim: isize| if dim < 0 { to.len().saturating_add_signed(dim) } else { dim.unsigned_abs() };
        order.swap(index(dim0), index(dim1));
        self.permute(inputs, &order)
    }

    pub(super) fn narrow(&mut self, inputs: &[String], dim: usize, start: usize, to: &[usize]) -> Lowered {
        let end = start + to.get(dim).copied().unwrap_or(0);
        let [start, end, dim] = [start, end, dim].map(|place| self.integers(ints([place])));
        Ok(self.node("Slice", &[only(inputs)?, &start?, &end?, &dim?], []))
    }

    pub(super) fn broadcast(&mut self, inputs: &[String], from: &[usize], to: &[usize]) -> Lowered {
        let new = to.len() - from.len();
        // Size 1 leaves the input's, which may be the batch's.
        let size = |(d, &size): (usize, &usize)| if d >= new && from[d - new] == size { 1 } else { size };
        let target = self.integers(ints(to.iter().enumerate().map(size)))?;
        Ok(self.node("Expand", &[only(inputs)?, &target], []))
    }

    pub(super) fn mean(&mut self, inputs: &[String], reduction: &Reduction) -> Lowered {
        let keepdims = ("keepdims", Int(i64::from(reduction.keepdim)));
        if reduction.dims.is_empty() {
            return Ok(self.node("ReduceMean", inputs, [keepdims]));
        }
        Ok(self.node("ReduceMean", inputs, [keepdims, ("axes", Ints(axes(reduction)))]))
    }

    /// Its dimensions are an input since version 13 of the operators, those of a mean since version 18.
    pub(super) fn sum(&mut self, inputs: &[String], reduction: &Reduction) -> Lowered {
        let keepdims = ("keepdims", Int(i64::from(reduction.keepdim)));
        if reduction.dims.is_empty() {
            return Ok(self.node("ReduceSum", inputs, [keepdims]));
        }
        let axes = self.integers(axes(reduction))?;
        Ok(self.node("ReduceSum", &[only(inputs)?, &axes], [keepdims]))
    }
}

fn axes(reduction: &Reduction) -> Vec<i64> {
    reduction.dims.iter().map(|&dim| dim as i64).collect()
}
