//! The transforms of F(4x4, 3x3): Toom-Cook at the points 0, ±a, ±b and infinity, with a = sqrt(1/2) and b = sqrt(2), in each direction.
//!
//! Four outputs of a row are `A^T ((G g) * (B^T d))` for three taps `g` and six inputs `d`. Row `i` of `A` and of `G` holds the powers
//! of point `i` (`G`'s divided by the product of its distances to the other points), row `i` of `B^T` the coefficients of the
//! polynomial with the other points as roots. Rounding errors depend on the points: these give two thirds of the error of
//! 0, 1, -1, 1/2, -2 and less than half of that of 0, ±1, ±2 (compare Barabasz, Anderson, Soodhalter and Gregg, "Error Analysis and
//! Improving the Accuracy of Winograd Convolution for Deep Neural Networks", 2020), and a point and its negative share their even
//! and odd parts.

use std::f32::consts::{FRAC_1_SQRT_2 as A, SQRT_2 as B};

use crate::cpu::{
    conv2d::finish::{Finish, Output, activate},
    simd::Simd,
};

/// Outputs of a tile in each direction.
pub(super) const TILE: usize = 4;

/// Inputs of a tile in each direction.
pub(super) const PATCH: usize = 6;

/// Products of a tile: its patch, transformed.
pub(super) const POINTS: usize = PATCH * PATCH;

/// Taps in each direction.
pub(super) const TAPS: usize = 3;

/// `rest + scale * value`.
///
/// # Safety
/// See [`Simd`].
#[inline(always)]
unsafe fn plus<S: Simd>(rest: S::V, scale: f32, value: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { S::mul_add(S::splat(scale), value, rest) }
}

/// `even + scale * odd` and `even - scale * odd`: the values at a point and its negative.
///
/// # Safety
/// See [`Simd`].
#[inline(always)]
unsafe fn both_signs<S: Simd>(even: S::V, scale: f32, odd: S::V) -> [S::V; 2] {
    // SAFETY: the caller's promise.
    unsafe { [plus::<S>(even, scale, odd), plus::<S>(even, -scale, odd)] }
}

/// `B^T d`.
///
/// # Safety
/// See [`Simd`].
#[inline(always)]
unsafe fn input<S: Simd>(d: [S::V; PATCH]) -> [S::V; PATCH] {
    // SAFETY: the caller's promise.
    unsafe {
        let [a, minus_a] = both_signs::<S>(plus::<S>(d[4], -2.0, d[2]), A, plus::<S>(d[3], -2.0, d[1]));
        let [b, minus_b] = both_signs::<S>(plus::<S>(d[4], -0.5, d[2]), B, plus::<S>(d[3], -0.5, d[1]));
        [plus::<S>(S::add(d[0], d[4]), -2.5, d[2]), a, minus_a, b, minus_b, plus::<S>(S::add(d[1], d[5]), -2.5, d[3])]
    }
}

/// `G g`.
///
/// # Safety
/// See [`Simd`].
#[inline(always)]
unsafe fn filter<S: Simd>(g: [S::V; TAPS]) -> [S::V; PATCH] {
    // SAFETY: the caller's promise.
    unsafe {
        // Of points ±p: (g0 ± p g1 + p^2 g2) / 2 p^2 (p^2 - q^2), where ±q are the other two.
        let (of_a, of_b) = (-2.0 / 3.0, 1.0 / 6.0);
        let even_a = S::mul(S::splat(of_a), plus::<S>(g[0], 0.5, g[2]));
        let even_b = S::mul(S::splat(of_b), plus::<S>(g[0], 2.0, g[2]));
        let [a, minus_a] = both_signs::<S>(even_a, of_a * A, g[1]);
        let [b, minus_b] = both_signs::<S>(even_b, of_b * B, g[1]);
        [g[0], a, minus_a, b, minus_b, g[2]]
    }
}

/// `A^T m`.
///
/// # Safety
/// See [`Simd`].
#[inline(always)]
unsafe fn output<S: Simd>(m: [S::V; PATCH]) -> [S::V; TILE] {
    // SAFETY: the caller's promise.
    unsafe {
        let (even_a, odd_a) = (S::add(m[1], m[2]), S::mul(S::splat(A), S::sub(m[1], m[2])));
        let (even_b, odd_b) = (S::add(m[3], m[4]), S::mul(S::splat(B), S::sub(m[3], m[4])));
        [
            S::add(m[0], S::add(even_a, even_b)),
            S::add(odd_a, odd_b),
            plus::<S>(S::mul(S::splat(0.5), even_a), 2.0, even_b),
            plus::<S>(plus::<S>(m[5], 0.5, odd_a), 2.0, odd_b),
        ]
    }
}

/// `A y`, for the gradient of four outputs: [`output`] the other way round.
///
/// # Safety
/// See [`Simd`].
#[inline(always)]
unsafe fn grad<S: Simd>(y: [S::V; TILE]) -> [S::V; PATCH] {
    // SAFETY: the caller's promise.
    unsafe {
        let [a, minus_a] = both_signs::<S>(plus::<S>(y[0], 0.5, y[2]), A, plus::<S>(y[1], 0.5, y[3]));
        let [b, minus_b] = both_signs::<S>(plus::<S>(y[0], 2.0, y[2]), B, plus::<S>(y[1], 2.0, y[3]));
        [y[0], a, minus_a, b, minus_b, y[3]]
    }
}

/// `G^T m`, the gradient of three taps: [`filter`] the other way round.
///
/// # Safety
/// See [`Simd`].
#[inline(always)]
unsafe fn weight<S: Simd>(m: [S::V; PATCH]) -> [S::V; TAPS] {
    // SAFETY: the caller's promise.
    unsafe {
        let (of_a, of_b) = (-2.0 / 3.0, 1.0 / 6.0);
        let (even_a, even_b) = (S::mul(S::splat(of_a), S::add(m[1], m[2])), S::mul(S::splat(of_b), S::add(m[3], m[4])));
        let odd_a = S::mul(S::splat(of_a * A), S::sub(m[1], m[2]));
        [
            S::add(m[0], S::add(even_a, even_b)),
            plus::<S>(odd_a, of_b * B, S::sub(m[3], m[4])),
            plus::<S>(plus::<S>(m[5], 0.5, even_a), 2.0, even_b),
        ]
    }
}

/// The `i`th value of each column.
#[inline(always)]
fn row<V: Copy, const R: usize, const C: usize>(columns: &[[V; R]; C], i: usize) -> [V; C] {
    let mut row = [columns[0][i]; C];
    for (value, column) in row.iter_mut().zip(columns) {
        *value = column[i];
    }
    row
}

/// The patch that a tile reads: six rows of six pixels, those outside the picture standing for zeros.
#[derive(Clone, Copy)]
pub(super) struct Patch {
    /// Its first pixel, which may lie outside.
    pub base: *const f32,
    /// Values from one row to the next.
    pub row: usize,
    /// Values from one pixel to the next.
    pub pixel: usize,
    /// The rows inside, first and behind the last.
    pub rows: (usize, usize),
    /// The columns inside, first and behind the last.
    pub columns: (usize, usize),
}

impl Patch {
    /// Whether no pixel lies outside.
    pub(super) fn is_inside(&self) -> bool {
        self.rows == (0, PATCH) && self.columns == (0, PATCH)
    }

    /// Fetches a vector of channels of what the next tile's patch has beyond this one's.
    ///
    /// # Safety
    /// See [`Simd`].
    #[inline(always)]
    pub(super) unsafe fn fetch_next<S: Simd>(&self, channel: usize) {
        for row in 0..PATCH {
            for column in PATCH..PATCH + TILE {
                // SAFETY: the caller's promise.
                unsafe { S::prefetch(self.base.wrapping_add(row * self.row + column * self.pixel + channel)) };
            }
        }
    }
}

/// Transforms one vector of channels of a patch; product `i` goes to `out[i * step..]`. `INSIDE` says what
/// [`is_inside`](Patch::is_inside) does.
///
/// # Safety
/// See [`Simd`]; the patch's pixels inside the picture exist, and so do the places to write to.
#[inline(always)]
pub(super) unsafe fn transform_input<S: Simd, const INSIDE: bool>(patch: Patch, channel: usize, out: *mut f32, step: usize) {
    // SAFETY: the caller's promise; pixels outside are not read.
    unsafe {
        let first = patch.base.wrapping_add(channel);
        let mut columns = [[S::zero(); PATCH]; PATCH];
        for (j, column) in columns.iter_mut().enumerate() {
            if !INSIDE && (j < patch.columns.0 || j >= patch.columns.1) {
                continue;
            }
            for (i, value) in column.iter_mut().enumerate() {
                if INSIDE || (i >= patch.rows.0 && i < patch.rows.1) {
                    *value = S::load(first.wrapping_add(i * patch.row + j * patch.pixel));
                }
            }
            *column = input::<S>(*column);
        }
        for i in 0..PATCH {
            for (j, value) in input::<S>(row(&columns, i)).into_iter().enumerate() {
                S::store(out.add((i * PATCH + j) * step), value);
            }
        }
    }
}

/// Transforms one vector of output channels of a filter, tap `t` at `w[t * tap..]`; product `i` goes to `out[i * step..]`.
///
/// # Safety
/// See [`Simd`]; the taps and the places to write to exist.
#[inline(always)]
pub(super) unsafe fn transform_filter<S: Simd>(w: *const f32, tap: usize, out: *mut f32, step: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut columns = [[S::zero(); PATCH]; TAPS];
        for (j, column) in columns.iter_mut().enumerate() {
            let mut taps = [S::zero(); TAPS];
            for (i, value) in taps.iter_mut().enumerate() {
                *value = S::load(w.add((i * TAPS + j) * tap));
            }
            *column = filter::<S>(taps);
        }
        for i in 0..PATCH {
            for (j, value) in filter::<S>(row(&columns, i)).into_iter().enumerate() {
                S::store(out.add((i * PATCH + j) * step), value);
            }
        }
    }
}

/// The outputs that a tile writes.
#[derive(Clone, Copy)]
pub(super) struct Square {
    /// Where its first pixel starts in the output.
    pub start: usize,
    /// Values from one row to the next.
    pub row: usize,
    /// Values from one pixel to the next.
    pub pixel: usize,
    /// Rows and columns inside the picture, of which a tile has four each.
    pub size: (usize, usize),
}

impl Square {
    /// Fetches a vector of channels of the next tile's outputs; `y` is the first of these channels.
    ///
    /// # Safety
    /// See [`Simd`].
    #[inline(always)]
    unsafe fn fetch_next<S: Simd>(&self, y: *const f32) {
        for row in 0..TILE {
            for column in TILE..2 * TILE {
                // SAFETY: the caller's promise.
                unsafe { S::prefetch(y.wrapping_add(self.start + row * self.row + column * self.pixel)) };
            }
        }
    }
}

/// Transforms one vector of channels of a tile's products, the `i`th at `m[i * step..]`, and writes the outputs as
/// `out`, whose channels they are, has it.
///
/// # Safety
/// See [`Simd`]; the products exist, and so do the outputs, which nobody else touches.
#[inline(always)]
pub(super) unsafe fn transform_output<S: Simd>(m: *const f32, step: usize, y: *mut f32, square: Square, out: Output<'_>) {
    // SAFETY: the caller's promise.
    unsafe {
        square.fetch_next::<S>(y.wrapping_add(out.channel));
        let mut columns = [[S::zero(); TILE]; PATCH];
        for (j, column) in columns.iter_mut().enumerate() {
            let mut products = [S::zero(); PATCH];
            for (i, value) in products.iter_mut().enumerate() {
                *value = S::load(m.add((i * PATCH + j) * step));
            }
            *column = output::<S>(products);
        }
        let finish = Finish::<S>::new(&out, out.channel, y);
        for i in 0..square.size.0.min(TILE) {
            for (j, value) in output::<S>(row(&columns, i)).into_iter().enumerate().take(square.size.1) {
                let at = square.start + i * square.row + j * square.pixel + out.channel;
                finish.store(value, at, y.add(at));
                activate(y.add(at), S::LANES, S::LEVEL, &out);
            }
        }
    }
}

/// Transforms one vector of channels of a tile of gradients, whose first pixel is at `dy`; those outside the picture stand for zeros.
/// Product `i` goes to `out[i * step..]`.
///
/// # Safety
/// See [`Simd`]; the square's pixels inside the picture exist, and so do the places to write to.
#[inline(always)]
pub(super) unsafe fn transform_grad<S: Simd>(dy: *const f32, square: Square, out: *mut f32, step: usize) {
    // SAFETY: the caller's promise; pixels outside are not read.
    unsafe {
        let mut columns = [[S::zero(); PATCH]; TILE];
        for (j, column) in columns.iter_mut().enumerate().take(square.size.1) {
            let mut values = [S::zero(); TILE];
            for (i, value) in values.iter_mut().enumerate().take(square.size.0) {
                *value = S::load(dy.add(i * square.row + j * square.pixel));
            }
            *column = grad::<S>(values);
        }
        for i in 0..PATCH {
            for (j, value) in grad::<S>(row(&columns, i)).into_iter().enumerate() {
                S::store(out.add((i * PATCH + j) * step), value);
            }
        }
    }
}

/// Transforms one vector of output channels of the sums of products, the `i`th at `m[i * step..]`, and writes the gradient of tap `t` to
/// `dw[t * tap..]`.
///
/// # Safety
/// See [`Simd`]; the sums and the places to write to exist.
#[inline(always)]
pub(super) unsafe fn transform_weight<S: Simd>(m: *const f32, step: usize, dw: *mut f32, tap: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut columns = [[S::zero(); TAPS]; PATCH];
        for (j, column) in columns.iter_mut().enumerate() {
            let mut products = [S::zero(); PATCH];
            for (i, value) in products.iter_mut().enumerate() {
                *value = S::load(m.add((i * PATCH + j) * step));
            }
            *column = weight::<S>(products);
        }
        for i in 0..TAPS {
            for (j, value) in weight::<S>(row(&columns, i)).into_iter().enumerate() {
                S::store(dw.add((i * TAPS + j) * tap), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::simd::Portable;

    fn unit<const N: usize>(i: usize) -> [[f32; 4]; N] {
        std::array::from_fn(|j| [if i == j { 1.0 } else { 0.0 }; 4])
    }

    #[test]
    fn unit_gradients_and_unit_inputs_meet_in_the_tap_between_them() {
        for d in 0..PATCH {
            for o in 0..TILE {
                // SAFETY: as below.
                let taps = unsafe {
                    let (v, u) = (input::<Portable>(unit(d)), grad::<Portable>(unit(o)));
                    weight::<Portable>(std::array::from_fn(|i| Portable::mul(u[i], v[i])))
                };
                for (g, tap) in taps.iter().enumerate() {
                    let expected = if o + g == d { 1.0 } else { 0.0 };
                    assert!(tap.iter().all(|tap| (tap - expected).abs() < 1e-6), "input {d}, gradient {o}, tap {g}: {tap:?}");
                }
            }
        }
    }

    #[test]
    fn unit_inputs_and_unit_taps_meet_where_they_should() {
        for d in 0..PATCH {
            for g in 0..TAPS {
                // SAFETY: the plain level needs no instructions, and no pointer is involved.
                let y = unsafe {
                    let (v, u) = (input::<Portable>(unit(d)), filter::<Portable>(unit(g)));
                    output::<Portable>(std::array::from_fn(|i| Portable::mul(u[i], v[i])))
                };
                for (o, y) in y.iter().enumerate() {
                    let expected = if o + g == d { 1.0 } else { 0.0 };
                    assert!(y.iter().all(|y| (y - expected).abs() < 1e-6), "input {d}, tap {g}, output {o}: {y:?}");
                }
            }
        }
    }
}
