//! Products of batches of matrices.

use super::{
    context::{Launch, THREADS, arguments},
    kernels::MATMUL,
    operand::float_width,
};
use crate::{Layout, Result, Tensor};

/// Rows and columns of a tile.
const TILE: usize = 64;

/// Rows and columns of the last two dimensions, and the step of each, transposed where asked.
fn matrix(t: &Tensor, transpose: bool) -> ([usize; 2], [usize; 2]) {
    let [.., rows, columns] = t.dims() else { unreachable!("matmul checks the ranks") };
    if transpose { ([*columns, *rows], [1, *columns]) } else { ([*rows, *columns], [*columns, 1]) }
}

pub(super) fn matmul(a: &Tensor, b: &Tensor, transpose_a: bool, transpose_b: bool) -> Result<Tensor> {
    let (context, width) = (a.context()?, float_width("matmul", a)?);
    let ([m, k], a_steps) = matrix(a, transpose_a);
    let ([_, n], b_steps) = matrix(b, transpose_b);
    let batch = &a.dims()[..a.dims().len() - 2];
    let shape = [batch, &[m, n]].concat();
    let batch = batch.iter().product::<usize>();
    if m * n * k * batch == 0 {
        return Tensor::zeros(shape, a.dtype())?.to_device(a.device());
    }
    let mut y = context.uninit(shape, a.dtype(), Layout::Contiguous)?;
    let columns = n.div_ceil(TILE);
    let grid = [(m.div_ceil(TILE) * columns) as u32, 1, batch as u32];
    let launch = Launch { program: &MATMUL, width, kernel: "matmul", grid, block: [THREADS, 1, 1] };
    let (a_steps, b_steps) = (a_steps.map(|step| step as i64), b_steps.map(|step| step as i64));
    let (from, to) = ((a.address()?, b.address()?), y.address_mut()?);
    let arguments =
        arguments![from.0, from.1, to, m as i64, n as i64, k as i32, a_steps[0], a_steps[1], b_steps[0], b_steps[1], columns as i32];
    // SAFETY: the kernel's parameters; the matrices have these sizes and steps.
    unsafe { context.launch(launch, arguments) }?;
    Ok(y)
}
