//! Matrix products by the `matrixmultiply` crate, cut over blocks of rows.

use super::pool::{SharedMut, parallel};
use crate::{Float, Layout, Result, Tensor, with_float};

/// Rows of one task; fixed, so that the result does not depend on the number of threads.
const ROWS: usize = 64;

/// A float that `matrixmultiply` has a kernel for.
trait Gemm: Float {
    /// `c = a × b`, all row-major but `a` and `b` of the given row and column steps.
    fn gemm(size: [usize; 3], a: &[Self], a_steps: [usize; 2], b: &[Self], b_steps: [usize; 2], c: &mut [Self]);
}

macro_rules! gemm {
    ($type:ty, $function:ident) => {
        impl Gemm for $type {
            fn gemm([m, k, n]: [usize; 3], a: &[Self], a_steps: [usize; 2], b: &[Self], b_steps: [usize; 2], c: &mut [Self]) {
                let reaches = |[rows, columns]: [usize; 2], [i, j]: [usize; 2]| (rows - 1) * i + (columns - 1) * j;
                assert!(reaches([m, k], a_steps) < a.len() && reaches([k, n], b_steps) < b.len() && m * n <= c.len());
                let [[ra, ca], [rb, cb]] = [a_steps, b_steps].map(|steps| steps.map(|s| s as isize));
                // SAFETY: all elements reached lie in the slices, as asserted above.
                unsafe {
                    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                    matrixmultiply::$function(m, k, n, 1.0, a, ra, ca, b, rb, cb, 0.0, c, n as isize, 1);
                }
            }
        }
    };
}

gemm!(f32, sgemm);
gemm!(f64, dgemm);

pub(super) fn matmul(a: &Tensor, b: &Tensor, transpose_a: bool, transpose_b: bool) -> Result<Tensor> {
    with_float!("matmul", a.dtype(), T => product::<T>(a, b, transpose_a, transpose_b))
}

/// The matrix of the last two dimensions: rows, columns and the steps along them.
fn matrix(t: &Tensor, transpose: bool) -> ([usize; 2], [usize; 2]) {
    let [.., rows, columns] = t.dims() else { unreachable!("matmul checks the ranks") };
    if transpose { ([*columns, *rows], [1, *columns]) } else { ([*rows, *columns], [*columns, 1]) }
}

fn product<T: Gemm>(a: &Tensor, b: &Tensor, transpose_a: bool, transpose_b: bool) -> Result<Tensor> {
    let ([m, k], a_steps) = matrix(a, transpose_a);
    let ([_, n], b_steps) = matrix(b, transpose_b);
    let batch = &a.dims()[..a.dims().len() - 2];
    let mut out = Tensor::uninit::<T>([batch, &[m, n]].concat(), Layout::Contiguous)?;
    let (a, b, c) = (a.data::<T>()?, b.data::<T>()?, out.data_mut::<T>()?);
    if m * n * k == 0 {
        c.fill(T::ZERO);
        return Ok(out);
    }
    let blocks = m.div_ceil(ROWS);
    let shared = SharedMut::new(c);
    parallel(batch.iter().product::<usize>() * blocks, |task| {
        let (item, row) = (task / blocks, task % blocks * ROWS);
        let rows = ROWS.min(m - row);
        // SAFETY: each task has rows of its own.
        let c = unsafe { shared.slice((item * m + row) * n, rows * n) };
        T::gemm([rows, k, n], &a[item * m * k + row * a_steps[0]..], a_steps, &b[item * k * n..], b_steps, c);
    });
    Ok(out)
}
