//! The largest elements of each row.

use std::cmp::Ordering;

use crate::{Float, Layout, Result, Tensor, with_float};

pub(super) fn top_k(x: &Tensor, k: usize) -> Result<(Tensor, Tensor)> {
    with_float!("top_k", x.dtype(), T => of_rows::<T>(x, k))
}

fn of_rows<T: Float>(x: &Tensor, k: usize) -> Result<(Tensor, Tensor)> {
    let (&len, outer) = x.dims().split_last().unwrap_or((&1, &[]));
    let shape = [outer, &[k]].concat();
    let mut values = Tensor::uninit::<T>(shape.clone(), Layout::Contiguous)?;
    let mut places = Tensor::uninit::<i64>(shape, Layout::Contiguous)?;
    if k == 0 {
        return Ok((values, places));
    }
    let rows = x.data::<T>()?.chunks_exact(len);
    let results = values.data_mut::<T>()?.chunks_exact_mut(k).zip(places.data_mut::<i64>()?.chunks_exact_mut(k));
    let mut order: Vec<usize> = Vec::with_capacity(len);
    for (row, (values, places)) in rows.zip(results) {
        order.clear();
        order.extend(0..len);
        let larger_first = |&i: &usize, &j: &usize| descending(row[i], row[j]).then(i.cmp(&j));
        if k < len {
            order.select_nth_unstable_by(k, larger_first);
        }
        order[..k].sort_unstable_by(larger_first);
        for ((&i, value), place) in order.iter().zip(values).zip(places) {
            (*value, *place) = (row[i], i as i64);
        }
    }
    Ok((values, places))
}

fn descending<T: Float>(a: T, b: T) -> Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}
