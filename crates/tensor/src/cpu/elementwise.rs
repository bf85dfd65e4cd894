//! The loops under every elementwise operation: one operand or two, cut over the threads, compiled for each instruction set.

use super::{
    SimdLevel,
    dispatch::{Kernel, run_at},
    loops::Loops,
    pool::{SharedMut, parallel_ranges},
    simd::{Portable, Simd},
};
use crate::Element;

/// Elements below which a second thread is not worth waking.
const GRAIN: usize = 1 << 14;

/// Runs `task(start, part)` over parts of `out`, in parallel.
pub(super) fn parts<T: Element>(out: &mut [T], task: impl Fn(usize, &mut [T]) + Sync) {
    let len = out.len();
    let shared = SharedMut::new(out);
    // SAFETY: the ranges are disjoint and lie in `out`, which is borrowed until all tasks are done.
    parallel_ranges(len, GRAIN, |start, end| task(start, unsafe { shared.slice(start, end - start) }));
}

/// `y[i] = f(x[i])`.
pub(super) fn map<A: Element, O: Element>(level: SimdLevel, x: &[A], y: &mut [O], f: impl Fn(A) -> O + Copy + Sync) {
    parts(y, |start, y| run_at(level, Map { x: &x[start..start + y.len()], y, f }));
}

/// `y[i] = f(a[..], b[..])` over the operands that the loops visit.
pub(super) fn zip<A: Element, B: Element, O: Element>(
    level: SimdLevel,
    loops: &Loops<2>,
    a: &[A],
    b: &[B],
    y: &mut [O],
    f: impl Fn(A, B) -> O + Copy + Sync,
) {
    parts(y, |start, y| run_at(level, Zip { loops, a, b, y, start, f }));
}

/// `y[i] = f(a[i], b[i])`.
pub(super) fn zip_flat<A: Element, B: Element, O: Element>(
    level: SimdLevel,
    a: &[A],
    b: &[B],
    y: &mut [O],
    f: impl Fn(A, B) -> O + Copy + Sync,
) {
    parts(y, |start, y| run_at(level, ZipFlat { a: &a[start..start + y.len()], b: &b[start..start + y.len()], y, f }));
}

/// [`zip`] in the target's baseline instructions alone, for operations that no network waits for.
pub(super) fn zip_plain<A: Element, B: Element, O: Element>(
    loops: &Loops<2>,
    a: &[A],
    b: &[B],
    y: &mut [O],
    f: impl Fn(A, B) -> O + Copy + Sync,
) {
    parts(y, |start, y| Zip { loops, a, b, y, start, f }.run::<Portable>());
}

/// `y[i] = f(y[i], x[i])`.
pub(super) fn update<T: Element>(level: SimdLevel, y: &mut [T], x: &[T], f: impl Fn(T, T) -> T + Copy + Sync) {
    parts(y, |start, y| run_at(level, Update { x: &x[start..start + y.len()], y, f }));
}

struct Map<'a, A, O, F> {
    x: &'a [A],
    y: &'a mut [O],
    f: F,
}

impl<A: Element, O: Element, F: Fn(A) -> O> Kernel for Map<'_, A, O, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        for (y, &x) in self.y.iter_mut().zip(self.x) {
            *y = (self.f)(x);
        }
    }
}

struct Zip<'a, A, B, O, F> {
    loops: &'a Loops<2>,
    a: &'a [A],
    b: &'a [B],
    y: &'a mut [O],
    /// Where `y` starts in the whole result.
    start: usize,
    f: F,
}

impl<A: Element, B: Element, O: Element, F: Fn(A, B) -> O> Kernel for Zip<'_, A, B, O, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        let Zip { loops, a, b, y: out, start, f } = self;
        for run in loops.runs(start..start + out.len()) {
            let y = &mut out[run.at - start..][..run.len];
            let (a, b) = (&a[run.offsets[0]..], &b[run.offsets[1]..]);
            match loops.steps {
                [1, 1] => y.iter_mut().zip(&a[..run.len]).zip(&b[..run.len]).for_each(|((y, &a), &b)| *y = f(a, b)),
                [1, 0] => {
                    let b = b[0];
                    y.iter_mut().zip(&a[..run.len]).for_each(|(y, &a)| *y = f(a, b));
                }
                [0, 1] => {
                    let a = a[0];
                    y.iter_mut().zip(&b[..run.len]).for_each(|(y, &b)| *y = f(a, b));
                }
                [i, j] => y.iter_mut().enumerate().for_each(|(k, y)| *y = f(a[k * i], b[k * j])),
            }
        }
    }
}

struct ZipFlat<'a, A, B, O, F> {
    a: &'a [A],
    b: &'a [B],
    y: &'a mut [O],
    f: F,
}

impl<A: Element, B: Element, O: Element, F: Fn(A, B) -> O> Kernel for ZipFlat<'_, A, B, O, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        for ((y, &a), &b) in self.y.iter_mut().zip(self.a).zip(self.b) {
            *y = (self.f)(a, b);
        }
    }
}

struct Update<'a, T, F> {
    x: &'a [T],
    y: &'a mut [T],
    f: F,
}

impl<T: Element, F: Fn(T, T) -> T> Kernel for Update<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        for (y, &x) in self.y.iter_mut().zip(self.x) {
            *y = (self.f)(*y, x);
        }
    }
}
