//! Softmax, its logarithm and their gradients over rows that lie together in memory.

use super::{
    SimdLevel,
    dispatch::{Kernel, run_at},
    math::Math,
    pool::{SharedMut, parallel_ranges},
    simd::Simd,
};
use crate::{Element, Result, Tensor, ops::Softmax, with_float};

/// Elements below which a second thread is not worth waking.
const GRAIN: usize = 1 << 12;
const LANES: usize = 16;

/// Along dimension `dim`, the innermost in memory.
pub(super) fn softmax(level: SimdLevel, op: Softmax, x: &Tensor, dim: usize) -> Result<Tensor> {
    let len = x.dims()[dim];
    with_float!("softmax", x.dtype(), T => {
        let mut out = Tensor::uninit::<T>(x.shape().clone(), x.layout())?;
        let x = x.data::<T>()?;
        by_rows(out.data_mut::<T>()?, len, |at, y| run_at(level, Forward { op, x: &x[at..][..y.len()], y, len }));
        Ok(out)
    })
}

/// Along dimension `dim`, the innermost in memory of `grad` and `output`.
pub(super) fn softmax_backward(level: SimdLevel, op: Softmax, grad: &Tensor, output: &Tensor, dim: usize) -> Result<Tensor> {
    let len = output.dims()[dim];
    with_float!("softmax_backward", output.dtype(), T => {
        let mut out = Tensor::uninit::<T>(output.shape().clone(), output.layout())?;
        let (g, y) = (grad.data::<T>()?, output.data::<T>()?);
        by_rows(out.data_mut::<T>()?, len, |at, dx| {
            run_at(level, Backward { op, g: &g[at..][..dx.len()], y: &y[at..][..dx.len()], dx, len });
        });
        Ok(out)
    })
}

/// Runs `task(start, part)` over parts of `out` that are whole rows of `len` elements, in parallel.
pub(super) fn by_rows<T: Element>(out: &mut [T], len: usize, task: impl Fn(usize, &mut [T]) + Sync) {
    let rows = out.len().checked_div(len).unwrap_or(0);
    let shared = SharedMut::new(out);
    parallel_ranges(rows, GRAIN / len.clamp(1, GRAIN), |start, end| {
        // SAFETY: the ranges of rows are disjoint, and `rows` of them lie in `out`.
        task(start * len, unsafe { shared.slice(start * len, (end - start) * len) });
    });
}

/// The largest element.
#[inline(always)]
pub(super) fn row_max<T: Math>(x: &[T]) -> T {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [T::NEG_INFINITY; LANES];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &x)| *lane = lane.maximum(x));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane = lane.maximum(x));
    lanes.into_iter().fold(T::NEG_INFINITY, T::maximum)
}

/// The sum of `f` over the places of a row, in 64 bits.
#[inline(always)]
pub(super) fn row_sum(len: usize, f: impl Fn(usize) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let whole = len / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        lanes.iter_mut().enumerate().for_each(|(i, lane)| *lane += f(start + i));
    }
    lanes.iter_mut().zip(whole..len).for_each(|(lane, i)| *lane += f(i));
    lanes.into_iter().sum()
}

/// Writes e^(x - max) to `y`; returns max and the sum of what was written.
#[inline(always)]
pub(super) fn exponentials<S: Simd, T: Math>(x: &[T], y: &mut [T]) -> (T, f64) {
    let max = row_max(x);
    y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - max).vexp::<S>());
    let y = &*y;
    (max, row_sum(y.len(), |i| y[i].to_f64()))
}

struct Forward<'a, T> {
    op: Softmax,
    x: &'a [T],
    y: &'a mut [T],
    len: usize,
}

impl<T: Math> Kernel for Forward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        for (x, y) in self.x.chunks_exact(self.len).zip(self.y.chunks_exact_mut(self.len)) {
            let (max, sum) = exponentials::<S, _>(x, y);
            match self.op {
                Softmax::Plain => {
                    let scale = T::from_f64(1.0 / sum);
                    y.iter_mut().for_each(|y| *y = *y * scale);
                }
                Softmax::Log => {
                    let ln_sum = T::from_f64(sum.ln());
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - max) - ln_sum);
                }
            }
        }
    }
}

struct Backward<'a, T> {
    op: Softmax,
    g: &'a [T],
    y: &'a [T],
    dx: &'a mut [T],
    len: usize,
}

impl<T: Math> Kernel for Backward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let rows = self.g.chunks_exact(self.len).zip(self.y.chunks_exact(self.len)).zip(self.dx.chunks_exact_mut(self.len));
        for ((g, y), dx) in rows {
            let places = dx.iter_mut().zip(g).zip(y);
            match self.op {
                Softmax::Plain => {
                    let dot = T::from_f64(row_sum(y.len(), |i| g[i].to_f64() * y[i].to_f64()));
                    places.for_each(|((dx, &g), &y)| *dx = y * (g - dot));
                }
                Softmax::Log => {
                    let sum = T::from_f64(row_sum(g.len(), |i| g[i].to_f64()));
                    places.for_each(|((dx, &g), &y)| *dx = g - y.vexp::<S>() * sum);
                }
            }
        }
    }
}
