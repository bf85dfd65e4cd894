//! Reductions. Long ones are cut into pieces of a fixed size whose 64-bit partial results are merged in order, so that the
//! result does not depend on the number of threads.

use super::{
    SimdLevel,
    dispatch::{Kernel, run_at},
    elementwise::parts,
    loops::Loops,
    pool::{SharedMut, parallel_ranges},
    stored::{Stored, with_stored},
};
use crate::{
    Element, Float, Result, Shape, Tensor,
    ops::{Cut, Extreme, Reduce},
    with_dtype,
};

/// Elements that one partial result covers.
const PIECE: usize = 1 << 15;
/// Results that lie side by side and are reduced together.
const COLUMNS: usize = 1024;
const LANES: usize = 16;

/// How partial results grow and merge.
trait Fold: Copy + Sync {
    const START: f64;
    fn fold(a: f64, b: f64) -> f64;
}

#[derive(Clone, Copy)]
struct Sum;
#[derive(Clone, Copy)]
struct Max;
#[derive(Clone, Copy)]
struct Min;

impl Fold for Sum {
    const START: f64 = 0.0;
    #[inline(always)]
    fn fold(a: f64, b: f64) -> f64 {
        a + b
    }
}

impl Fold for Max {
    const START: f64 = f64::NEG_INFINITY;
    #[inline(always)]
    fn fold(a: f64, b: f64) -> f64 {
        Float::maximum(a, b)
    }
}

impl Fold for Min {
    const START: f64 = f64::INFINITY;
    #[inline(always)]
    fn fold(a: f64, b: f64) -> f64 {
        Float::minimum(a, b)
    }
}

/// The result has the reduced dimensions as 1, in the memory order of `x`; that of bf16 is `f32`.
pub(super) fn reduce(level: SimdLevel, op: Reduce, x: &Tensor, reduced: &[bool]) -> Result<Tensor> {
    let plan = Plan::new(x, reduced);
    with_stored!("reduce", x.dtype(), E => match op {
        Reduce::Sum => reduce_by::<E, Sum>(level, x, &plan, 1.0),
        Reduce::Mean => reduce_by::<E, Sum>(level, x, &plan, plan.merged as f64),
        Reduce::Max => reduce_by::<E, Max>(level, x, &plan, 1.0),
        Reduce::Min => reduce_by::<E, Min>(level, x, &plan, 1.0),
    })
}

/// A reduction in the order of memory: which elements each result merges.
struct Plan {
    shape: Shape,
    /// The first element of each group of `columns` neighbouring results.
    groups: Loops<1>,
    /// Results in a group, side by side in memory: 1 where the innermost dimension is reduced.
    columns: usize,
    /// The elements that one result merges, relative to the first.
    terms: Loops<1>,
    /// How many they are.
    merged: usize,
}

impl Plan {
    fn new(x: &Tensor, reduced: &[bool]) -> Plan {
        let Cut { kept, columns, groups, terms } = Cut::new(x, reduced);
        let terms = Loops::new(terms, [0]);
        Plan { groups: Loops::new(groups, [0]), columns, merged: terms.elements(), terms, shape: kept.into() }
    }
}

fn reduce_by<E: Stored, F: Fold>(level: SimdLevel, x: &Tensor, plan: &Plan, divisor: f64) -> Result<Tensor> {
    let mut out = Tensor::uninit::<E::Compute>(plan.shape.clone(), x.layout())?;
    if plan.merged == 0 {
        out.data_mut::<E::Compute>()?.fill(E::Compute::from_f64(F::START / divisor));
    }
    if x.elements() == 0 {
        return Ok(out);
    }
    let block = plan.columns.min(COLUMNS);
    let per_piece = PIECE.div_ceil(block);
    let pieces = plan.merged.div_ceil(per_piece).max(1);
    let (groups, blocks) = (plan.groups.elements(), plan.columns.div_ceil(block));
    let mut partial = Tensor::uninit::<f64>([groups, pieces, plan.columns], crate::Layout::Contiguous)?;
    let x = x.data::<E>()?;
    let shared = SharedMut::new(partial.data_mut::<f64>()?);
    let work_each = (plan.merged.min(per_piece) * block).max(1);
    parallel_ranges(groups * blocks * pieces, PIECE / work_each, |start, end| {
        for task in start..end {
            let (group, piece, column) = (task / (blocks * pieces), task / blocks % pieces, task % blocks * block);
            let len = block.min(plan.columns - column);
            // SAFETY: each task has a stretch of its own, within the group's row of this piece.
            let sums = unsafe { shared.slice((group * pieces + piece) * plan.columns + column, len) };
            let first = plan.groups.runs(group..group + 1).next().map_or(0, |run| run.offsets[0]);
            let terms = piece * per_piece..((piece + 1) * per_piece).min(plan.merged);
            run_at(
                level,
                Piece::<E, F> { x: &x[first + column..], terms: &plan.terms, range: terms, sums, fold: std::marker::PhantomData },
            );
        }
    });
    let partial = partial.data::<f64>()?;
    parts(out.data_mut::<E::Compute>()?, |start, y| {
        for (i, y) in (start..).zip(y) {
            let (group, column) = (i / plan.columns, i % plan.columns);
            let of_piece = |piece| partial[(group * pieces + piece) * plan.columns + column];
            *y = E::Compute::from_f64((0..pieces).map(of_piece).fold(F::START, F::fold) / divisor);
        }
    });
    Ok(out)
}

/// One partial result for each of `sums.len()` neighbouring columns.
struct Piece<'a, T, F> {
    x: &'a [T],
    terms: &'a Loops<1>,
    range: std::ops::Range<usize>,
    sums: &'a mut [f64],
    fold: std::marker::PhantomData<F>,
}

impl<T: Stored, F: Fold> Kernel for Piece<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: super::simd::Simd>(self) {
        let step = self.terms.steps[0];
        if self.sums.len() == 1 && step == 1 {
            self.sums[0] = along_rows::<T, F>(self.x, self.terms, self.range);
            return;
        }
        self.sums.fill(F::START);
        for run in self.terms.runs(self.range) {
            for k in 0..run.len {
                let row = &self.x[run.offsets[0] + k * step..][..self.sums.len()];
                self.sums.iter_mut().zip(row).for_each(|(sum, x)| *sum = F::fold(*sum, x.widen().to_f64()));
            }
        }
    }
}

#[inline(always)]
fn along_rows<T: Stored, F: Fold>(x: &[T], terms: &Loops<1>, range: std::ops::Range<usize>) -> f64 {
    let mut lanes = [F::START; LANES];
    for run in terms.runs(range) {
        let (chunks, rest) = x[run.offsets[0]..][..run.len].as_chunks::<LANES>();
        for chunk in chunks {
            lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane = F::fold(*lane, x.widen().to_f64()));
        }
        lanes.iter_mut().zip(rest).for_each(|(lane, x)| *lane = F::fold(*lane, x.widen().to_f64()));
    }
    lanes.into_iter().fold(F::START, F::fold)
}

/// The places of extremes along one dimension of a contiguous tensor.
pub(super) fn arg_reduce(extreme: Extreme, x: &Tensor, dim: usize) -> Result<Tensor> {
    let (len, inner) = (x.dims()[dim], x.dims()[dim + 1..].iter().product::<usize>());
    let mut shape = x.dims().to_vec();
    shape[dim] = 1;
    let mut out = Tensor::uninit::<i64>(shape, crate::Layout::Contiguous)?;
    with_dtype!(x.dtype(), T => {
        let x = x.data::<T>()?;
        parts(out.data_mut::<i64>()?, |start, places| {
            for (i, place) in (start..).zip(places) {
                let line = x[i / inner * len * inner + i % inner..].iter().step_by(inner).take(len);
                *place = place_of(extreme, line.copied()) as i64;
            }
        });
    });
    Ok(out)
}

fn place_of<T: Element>(extreme: Extreme, values: impl Iterator<Item = T>) -> usize {
    let better = |new: &T, best: &T| match new.partial_cmp(best) {
        Some(order) => order == if extreme == Extreme::Max { std::cmp::Ordering::Greater } else { std::cmp::Ordering::Less },
        // One of them is NaN; the first NaN stays.
        None => best.partial_cmp(best).is_some(),
    };
    let best = values.enumerate().reduce(|best, new| if better(&new.1, &best.1) { new } else { best });
    best.map_or(0, |(place, _)| place)
}
