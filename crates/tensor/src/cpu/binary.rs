//! Elementwise functions of two operands, comparisons and selection.

use super::{
    SimdLevel,
    elementwise::{parts, update, zip, zip_plain},
    loops::Loops,
    stored::{Stored, with_stored},
};
use crate::{
    Element, Float, Layout, Result, Shape, Tensor,
    ops::{Binary, Compare},
    with_dtype,
};

pub(super) fn binary(level: SimdLevel, op: Binary, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
    with_stored!("binary", a.dtype(), E => arithmetic::<E>(level, op, a, b, shape, layout))
}

fn arithmetic<E: Stored>(level: SimdLevel, op: Binary, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
    let mut out = Tensor::uninit::<E>(shape.clone(), layout)?;
    let loops = &Loops::broadcast(shape, layout, [a, b]);
    let (a, b, y) = (a.data::<E>()?, b.data::<E>()?, out.data_mut::<E>()?);
    match op {
        Binary::Add => zip(level, loops, a, b, y, |a: E, b: E| E::narrow(a.widen() + b.widen())),
        Binary::Sub => zip(level, loops, a, b, y, |a: E, b: E| E::narrow(a.widen() - b.widen())),
        Binary::Mul => zip(level, loops, a, b, y, |a: E, b: E| E::narrow(a.widen() * b.widen())),
        Binary::Div => zip(level, loops, a, b, y, |a: E, b: E| E::narrow(a.widen() / b.widen())),
        Binary::Maximum => zip(level, loops, a, b, y, |a: E, b: E| E::narrow(a.widen().maximum(b.widen()))),
        Binary::Minimum => zip(level, loops, a, b, y, |a: E, b: E| E::narrow(a.widen().minimum(b.widen()))),
    }
    Ok(out)
}

pub(super) fn add_assign(level: SimdLevel, a: &mut Tensor, b: &Tensor) -> Result<()> {
    with_stored!("add_", a.dtype(), E => update(level, a.data_mut::<E>()?, b.data::<E>()?, |a: E, b: E| E::narrow(a.widen() + b.widen())));
    Ok(())
}

pub(super) fn blend(level: SimdLevel, a: &mut Tensor, b: &Tensor, keep: f64, take: f64) -> Result<()> {
    with_stored!("blend_", a.dtype(), E => {
        let (keep, take) = (<E as Stored>::Compute::from_f64(keep), <E as Stored>::Compute::from_f64(take));
        update(level, a.data_mut::<E>()?, b.data::<E>()?, |a: E, b: E| E::narrow(keep * a.widen() + take * b.widen()));
    });
    Ok(())
}

pub(super) fn compare(op: Compare, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
    with_dtype!(a.dtype(), T => compare_as::<T>(op, a, b, shape, layout))
}

fn compare_as<T: Element>(op: Compare, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
    let mut out = Tensor::uninit::<u8>(shape.clone(), layout)?;
    let loops = &Loops::broadcast(shape, layout, [a, b]);
    let (a, b, y) = (a.data::<T>()?, b.data::<T>()?, out.data_mut::<u8>()?);
    // What holds where the first is less, where both are equal, where it is greater, and where neither is, since one is not a number. One
    // loop for all comparisons: six would be compiled for each type.
    let [less, equal, greater, unordered] = match op {
        Compare::Eq => [0, 1, 0, 0],
        Compare::Ne => [1, 0, 1, 1],
        Compare::Lt => [1, 0, 0, 0],
        Compare::Le => [1, 1, 0, 0],
        Compare::Gt => [0, 0, 1, 0],
        Compare::Ge => [0, 1, 1, 0],
    };
    zip_plain(loops, a, b, y, move |a: T, b: T| {
        let [is_less, is_equal, is_greater] = [a < b, a == b, a > b].map(u8::from);
        is_less & less | is_equal & equal | is_greater & greater | (1 ^ (is_less | is_equal | is_greater)) & unordered
    });
    Ok(out)
}

pub(super) fn select(cond: &Tensor, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
    with_dtype!(a.dtype(), T => {
        let mut out = Tensor::uninit::<T>(shape.clone(), layout)?;
        let loops = Loops::broadcast(shape, layout, [cond, a, b]);
        let (cond, a, b) = (cond.data::<u8>()?, a.data::<T>()?, b.data::<T>()?);
        parts(out.data_mut::<T>()?, |start, y| {
            for run in loops.runs(start..start + y.len()) {
                let at = |i: usize, k: usize| run.offsets[i] + k * loops.steps[i];
                let y = y[run.at - start..][..run.len].iter_mut();
                y.enumerate().for_each(|(k, y)| *y = if cond[at(0, k)] != 0 { a[at(1, k)] } else { b[at(2, k)] });
            }
        });
        Ok(out)
    })
}
