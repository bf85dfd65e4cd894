//! Convolution in plain loops over any float and any grouping: what f64 computes with, and the oracle of the vector kernels.

use crate::{
    BLOCK, Float,
    cpu::pool::{SharedMut, parallel},
    ops::ConvShape,
};

/// For each position of one axis of the output, the (input position, tap) pairs that it sums over.
type AxisTaps = Vec<Vec<(usize, usize)>>;

/// The pairs of one axis, padding left out.
pub(crate) fn axis_taps(output: usize, input: usize, kernel: usize, stride: usize, padding: usize, dilation: usize) -> AxisTaps {
    let taps = |o: usize| (0..kernel).filter_map(move |t| Some(((o * stride + t * dilation).checked_sub(padding)?, t)));
    (0..output).map(|o| taps(o).filter(|&(i, _)| i < input).collect()).collect()
}

/// Rows and columns of [`axis_taps`].
fn taps(s: &ConvShape) -> (AxisTaps, AxisTaps) {
    let o = &s.options;
    (
        axis_taps(s.output.0, s.input.0, s.kernel.0, o.stride.0, o.padding.0, o.dilation.0),
        axis_taps(s.output.1, s.input.1, s.kernel.1, o.stride.1, o.padding.1, o.dilation.1),
    )
}

/// Offset of the 32-channel row of block `kb`, tap `t` and channel `c` in a blocked weight.
fn row(s: &ConvShape, kb: usize, t: usize, c: usize) -> usize {
    ((kb * s.kernel.0 * s.kernel.1 + t) * (s.c / s.options.groups) + c) * BLOCK
}

/// `y = conv(x, w)`, y channels-last.
pub(crate) fn forward<T: Float>(s: &ConvShape, x: &[T], w: &[T], y: &mut [T]) {
    let (rows, cols) = taps(s);
    let (cg, kg) = (s.c / s.options.groups, s.k / s.options.groups);
    let out = SharedMut::new(y);
    parallel(s.n * s.output.0, |i| {
        let (n, ho) = (i / s.output.0, i % s.output.0);
        for (wo, col) in cols.iter().enumerate() {
            // SAFETY: each task writes the pixels of its own row.
            let y = unsafe { out.slice((i * s.output.1 + wo) * s.k, s.k) };
            y.fill(T::ZERO);
            for &(hi, r) in &rows[ho] {
                for &(wi, t) in col {
                    let x = &x[((n * s.input.0 + hi) * s.input.1 + wi) * s.c..][..s.c];
                    for (k, y) in y.iter_mut().enumerate() {
                        for c in 0..cg {
                            *y += x[k / kg * cg + c] * w[row(s, k / BLOCK, r * s.kernel.1 + t, c) + k % BLOCK];
                        }
                    }
                }
            }
        }
    });
}

/// `dx` from `dy`, both channels-last.
pub(crate) fn grad_input<T: Float>(s: &ConvShape, dy: &[T], w: &[T], dx: &mut [T]) {
    let (rows, cols) = taps(s);
    let (cg, kg) = (s.c / s.options.groups, s.k / s.options.groups);
    let size = s.input.0 * s.input.1 * s.c;
    let out = SharedMut::new(dx);
    parallel(s.n, |n| {
        // SAFETY: each task writes its own picture.
        let dx = unsafe { out.slice(n * size, size) };
        dx.fill(T::ZERO);
        for (ho, row_taps) in rows.iter().enumerate() {
            for (wo, col) in cols.iter().enumerate() {
                let dy = &dy[((n * s.output.0 + ho) * s.output.1 + wo) * s.k..][..s.k];
                for &(hi, r) in row_taps {
                    for &(wi, t) in col {
                        let dx = &mut dx[(hi * s.input.1 + wi) * s.c..][..s.c];
                        for (k, &g) in dy.iter().enumerate() {
                            for c in 0..cg {
                                dx[k / kg * cg + c] += g * w[row(s, k / BLOCK, r * s.kernel.1 + t, c) + k % BLOCK];
                            }
                        }
                    }
                }
            }
        }
    });
}

/// `dw` (blocked) from `x` and `dy`.
pub(crate) fn grad_weight<T: Float>(s: &ConvShape, x: &[T], dy: &[T], dw: &mut [T]) {
    let (rows, cols) = taps(s);
    let (cg, kg) = (s.c / s.options.groups, s.k / s.options.groups);
    let size = row(s, 1, 0, 0);
    let out = SharedMut::new(dw);
    parallel(s.k.div_ceil(BLOCK), |kb| {
        // SAFETY: each task writes its own block.
        let dw = unsafe { out.slice(kb * size, size) };
        dw.fill(T::ZERO);
        for n in 0..s.n {
            for (ho, row_taps) in rows.iter().enumerate() {
                for (wo, col) in cols.iter().enumerate() {
                    let dy = &dy[((n * s.output.0 + ho) * s.output.1 + wo) * s.k..][..s.k];
                    for &(hi, r) in row_taps {
                        for &(wi, t) in col {
                            let x = &x[((n * s.input.0 + hi) * s.input.1 + wi) * s.c..][..s.c];
                            for c in 0..cg {
                                let dw = &mut dw[row(s, 0, r * s.kernel.1 + t, c)..][..BLOCK];
                                for k in kb * BLOCK..s.k.min((kb + 1) * BLOCK) {
                                    dw[k % BLOCK] += dy[k] * x[k / kg * cg + c];
                                }
                            }
                        }
                    }
                }
            }
        }
    });
}

/// `y * scale + shift + residual` in place.
pub(crate) fn epilogue<T: Float>(k: usize, y: &mut [T], scale: Option<&[T]>, shift: Option<&[T]>, residual: Option<&[T]>) {
    for (i, y) in y.iter_mut().enumerate() {
        *y = *y * scale.map_or(T::ONE, |s| s[i % k]) + shift.map_or(T::ZERO, |s| s[i % k]) + residual.map_or(T::ZERO, |r| r[i]);
    }
}
