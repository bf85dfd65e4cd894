//! Reductions, the places of extremes, and the largest elements of rows.

use super::{
    Context,
    context::{Launch, THREADS, arguments},
    elementwise::type_number,
    kernels::{REDUCE, TYPED},
    operand::float_width,
    walk::Walk,
};
use crate::{
    DType, Layout, Result, Tensor,
    ops::{Cut, Extreme, Reduce},
};

/// Terms that a thread merges by itself.
const FEW: usize = 64;
/// Terms that one partial result is of, at least.
const PIECE: usize = 1 << 12;
/// Partial results of one result, at most.
const MOST_PIECES: usize = 256;

/// CUDA's limit of a grid's second size.
const MOST_ROWS: usize = 65_535;

/// `op` over the dimensions marked, which stay with size 1, in the memory order of `x`.
pub(super) fn reduce(op: Reduce, x: &Tensor, reduced: &[bool]) -> Result<Tensor> {
    let (context, width) = (x.context()?, float_width("reduce", x)?);
    let Cut { kept, columns, groups, terms } = Cut::new(x, reduced);
    let count = |loops: &[(usize, [usize; 1])]| loops.iter().map(|&(len, _)| len).product::<usize>();
    let (group_count, merged) = (count(&groups), count(&terms));
    let (groups, terms) = (Walk::new("reduce", groups, [0])?, Walk::new("reduce", terms, [0])?);
    let mut y = context.uninit(kept, x.dtype(), x.layout())?;
    let n = y.stored();
    if n == 0 {
        return Ok(y);
    }
    let number = match op {
        Reduce::Sum | Reduce::Mean => 0i32,
        Reduce::Max => 1,
        Reduce::Min => 2,
    };
    let divisor = if op == Reduce::Mean { merged as f64 } else { 1.0 };
    if merged <= FEW {
        let (from, to) = (x.address()?, y.address_mut()?);
        let arguments = arguments![number, groups, terms, from, to, merged as i64, columns as i64, divisor, n as i64];
        // SAFETY: the kernel's parameters; the walks stay within x.
        unsafe { context.over(&REDUCE, width, "reduce_few", n, arguments) }?;
        return Ok(y);
    }
    let pieces = merged.div_ceil(PIECE).clamp(1, MOST_PIECES);
    let per_piece = merged.div_ceil(pieces) as i64;
    let mut partial = context.uninit([group_count, pieces, columns], DType::F64, Layout::Contiguous)?;
    let at = partial.address_mut()?;
    let base =
        Launch { program: &REDUCE, width, kernel: "reduce_rows", grid: [(group_count * pieces) as u32, 1, 1], block: [THREADS, 1, 1] };
    if columns == 1 {
        let arguments = arguments![number, groups, terms, x.address()?, at, pieces as i32, per_piece, merged as i64];
        // SAFETY: the kernel's parameters; the walks stay within x, and there is a partial result for each block.
        unsafe { context.launch(base, arguments) }?;
    } else {
        let arguments = arguments![number, groups, terms, x.address()?, at, pieces as i32, per_piece, merged as i64, columns as i64];
        let grid = [base.grid[0], columns.div_ceil(32).min(MOST_ROWS) as u32, 1];
        // SAFETY: as above.
        unsafe { context.launch(Launch { kernel: "reduce_columns", grid, block: [32, 8, 1], ..base }, arguments) }?;
    }
    merge(context, width, number, &partial, y.address_mut()?, divisor)?;
    Ok(y)
}

/// Merges partial results `[groups, pieces, columns]` to results `[groups, columns]` at an address, of this width.
pub(super) fn merge(context: &'static Context, width: u32, op: i32, partial: &Tensor, to: u64, divisor: f64) -> Result<()> {
    let &[groups, pieces, columns] = partial.dims() else { unreachable!("partial results have three dimensions") };
    let n = groups * columns;
    let arguments = arguments![op, partial.address()?, to, pieces as i32, columns as i64, divisor, n as i64];
    // SAFETY: the kernel's parameters; the caller's results are as many.
    unsafe { context.over(&REDUCE, width, "reduce_pieces", n, arguments) }
}

/// The places of extremes along a dimension of a contiguous tensor.
pub(super) fn arg_reduce(extreme: Extreme, x: &Tensor, dim: usize) -> Result<Tensor> {
    let context = x.context()?;
    let (len, inner) = (x.dims()[dim] as i64, x.dims()[dim + 1..].iter().product::<usize>() as i64);
    let mut shape = x.dims().to_vec();
    shape[dim] = 1;
    let mut places = context.uninit(shape, DType::I64, Layout::Contiguous)?;
    let (n, largest) = (places.stored(), i32::from(extreme == Extreme::Max));
    let arguments = arguments![largest, type_number(x.dtype()), x.address()?, places.address_mut()?, len, inner, n as i64];
    // SAFETY: the kernel's parameters; n lines of len elements are all of x.
    unsafe { context.over(&TYPED, 32, "arg_reduce", n, arguments) }?;
    Ok(places)
}

/// The `k` largest elements of each row and their places; `x` contiguous.
pub(super) fn top_k(x: &Tensor, k: usize) -> Result<(Tensor, Tensor)> {
    let (context, width) = (x.context()?, float_width("top_k", x)?);
    let (&len, outer) = x.dims().split_last().unwrap_or((&1, &[]));
    let shape = [outer, &[k]].concat();
    let mut values = context.uninit(shape.clone(), x.dtype(), Layout::Contiguous)?;
    let mut places = context.uninit(shape, DType::I64, Layout::Contiguous)?;
    let rows = outer.iter().product::<usize>();
    if rows * k > 0 {
        let launch = Launch { program: &REDUCE, width, kernel: "top_k", grid: [rows as u32, 1, 1], block: [THREADS, 1, 1] };
        let arguments = arguments![x.address()?, values.address_mut()?, places.address_mut()?, len as i64, k as i32];
        // SAFETY: the kernel's parameters; there is a block for each row, and k is at most its length.
        unsafe { context.launch(launch, arguments) }?;
    }
    Ok((values, places))
}
