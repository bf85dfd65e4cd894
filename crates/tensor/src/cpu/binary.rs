//! Elementwise functions of two operands, comparisons and selection.

use super::{
    SimdLevel,
    elementwise::{parts, update, zip, zip_plain},
    loops::Loops,
};
use crate::{
    Element, Float, Layout, Result, Shape, Tensor,
    ops::{Binary, Compare},
    with_dtype, with_float,
};

pub(super) fn binary(level: SimdLevel, op: Binary, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
    with_float!("binary", a.dtype(), T => arithmetic::<T>(level, op, a, b, shape, layout))
}

fn arithmetic<T: Float>(level: SimdLevel, op: Binary, a: &Tensor, b: &Tensor, shape: &Shape, layout: Layout) -> Result<Tensor> {
    let mut out = Tensor::uninit::<T>(shape.clone(), layout)?;
    let loops = &Loops::broadcast(shape, layout, [a, b]);
    let (a, b, y) = (a.data::<T>()?, b.data::<T>()?, out.data_mut::<T>()?);
    match op {
        Binary::Add => zip(level, loops, a, b, y, |a: T, b: T| a + b),
        Binary::Sub => zip(level, loops, a, b, y, |a: T, b: T| a - b),
        Binary::Mul => zip(level, loops, a, b, y, |a: T, b: T| a * b),
        Binary::Div => zip(level, loops, a, b, y, |a: T, b: T| a / b),
        Binary::Maximum => zip(level, loops, a, b, y, |a: T, b: T| a.maximum(b)),
        Binary::Minimum => zip(level, loops, a, b, y, |a: T, b: T| a.minimum(b)),
    }
    Ok(out)
}

pub(super) fn add_assign(level: SimdLevel, a: &mut Tensor, b: &Tensor) -> Result<()> {
    with_float!("add_", a.dtype(), T => update(level, a.data_mut::<T>()?, b.data::<T>()?, |a, b| a + b));
    Ok(())
}

pub(super) fn blend(level: SimdLevel, a: &mut Tensor, b: &Tensor, keep: f64, take: f64) -> Result<()> {
    with_float!("blend_", a.dtype(), T => {
        let (keep, take) = (T::from_f64(keep), T::from_f64(take));
        update(level, a.data_mut::<T>()?, b.data::<T>()?, |a, b| keep * a + take * b);
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
    match op {
        Compare::Eq => zip_plain(loops, a, b, y, |a: T, b: T| u8::from(a == b)),
        Compare::Ne => zip_plain(loops, a, b, y, |a: T, b: T| u8::from(a != b)),
        Compare::Lt => zip_plain(loops, a, b, y, |a: T, b: T| u8::from(a < b)),
        Compare::Le => zip_plain(loops, a, b, y, |a: T, b: T| u8::from(a <= b)),
        Compare::Gt => zip_plain(loops, a, b, y, |a: T, b: T| u8::from(a > b)),
        Compare::Ge => zip_plain(loops, a, b, y, |a: T, b: T| u8::from(a >= b)),
    }
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
