//! Elementary functions that compile to vector code: branch-free polynomials for `f32`, full precision for `f64`.

use super::simd::Simd;
use crate::Float;

/// A float with elementary functions that loops can be vectorised over. The names are those of vector math libraries. `S` is the
/// instruction set that the code around is compiled for.
pub(super) trait Math: Float {
    /// The exponential, within 2 units in the last place.
    fn vexp<S: Simd>(self) -> Self;
    /// The hyperbolic tangent, within 3 units in the last place.
    fn vtanh<S: Simd>(self) -> Self;
    /// The error function, within 3 units in the last place.
    fn verf<S: Simd>(self) -> Self;
    /// The logistic function, within 3 units in the last place; zero where it is below the smallest normal number.
    #[inline(always)]
    fn vsigmoid<S: Simd>(self) -> Self {
        Self::ONE / (Self::ONE + (-self).vexp::<S>())
    }
}

/// `a * b + c`, rounded once where the instruction set has that: elsewhere it would be a call.
#[inline(always)]
fn mul_add<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    if S::FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// The polynomial with these coefficients, highest power first.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    coefficients.into_iter().fold(0.0, |sum, c| mul_add::<S>(sum, x, c))
}

/// Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the mantissa.
const ROUND: f32 = 12_582_912.0;

/// The exponential as `m * 2^n`, `m` between 0.7 and 1.42; `n` as the low bits of a number. As in Moshier's Cephes (`expf.c`), x = n ln 2 + r,
/// and a polynomial in r: here the one of sixth degree with the least relative error, 4e-9, of those that start with `1 + r`.
#[inline(always)]
fn exp_parts<S: Simd>(x: f32) -> (f32, u32) {
    let rounded = mul_add::<S>(x, std::f32::consts::LOG2_E, ROUND);
    let whole = rounded - ROUND;
    let r = mul_add::<S>(whole, 2.121_944_4e-4, mul_add::<S>(whole, -0.693_359_4, x));
    let m = polynomial::<S, _>(r, [1.381_454e-3, 8.368_745e-3, 4.166_839e-2, 0.166_665_21, 0.499_999_94, 1.0, 1.0]);
    (m, rounded.to_bits())
}

/// `1 / x` for `x` from 1 to 2^126. A division takes as many cycles as all the rest of a logistic function; this is the number whose bits
/// are those of a line through logarithms (5 % off; the idea of Lomont, "Fast inverse square root", 2003), a step of third order (1.3e-4) and
/// one of Newton's (2e-8).
#[inline(always)]
fn reciprocal<S: Simd>(x: f32) -> f32 {
    if !S::FUSED {
        return 1.0 / x;
    }
    let line = f32::from_bits(0x7ef3_1000_u32.wrapping_sub(x.to_bits()));
    let error = mul_add::<S>(-x, line, 1.0);
    let near = mul_add::<S>(line, mul_add::<S>(error, error, error), line);
    mul_add::<S>(mul_add::<S>(-x, near, 1.0), near, near)
}

impl Math for f32 {
    #[inline(always)]
    fn vexp<S: Simd>(self) -> f32 {
        let x = if self > 89.0 { 89.0 } else { self };
        let x = if x < -104.0 { -104.0 } else { x };
        let (m, n) = exp_parts::<S>(x);
        let n = n.wrapping_sub(ROUND.to_bits()) as i32;
        let power = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
        // In two steps, so that neither power of two leaves the range of normal numbers.
        m * power(n >> 1) * power(n.wrapping_sub(n >> 1))
    }

    #[inline(always)]
    fn vsigmoid<S: Simd>(self) -> f32 {
        let bounded = if self > 87.0 { 87.0 } else { self };
        let (m, n) = exp_parts::<S>(-bounded);
        let logistic = reciprocal::<S>(1.0 + f32::from_bits(m.to_bits().wrapping_add(n << 23)));
        if self < -87.3 { 0.0 } else { logistic }
    }

    /// After Moshier's Cephes (`tanhf.c`).
    #[inline(always)]
    fn vtanh<S: Simd>(self) -> f32 {
        let square = self * self;
        let p = polynomial::<S, _>(square, [-5.704_988_7e-3, 2.063_909e-2, -5.373_971_5e-2, 0.133_314_42, -0.333_332_8]);
        let near_zero = mul_add::<S>(p * square, self, self);
        let far = (1.0 - 2.0 / ((self.abs() + self.abs()).vexp::<S>() + 1.0)).copysign(self);
        if self.abs() < 0.625 { near_zero } else { far }
    }

    /// After Juffa, "Accelerating erff" (2019): minimax polynomials on both sides of 0.93.
    #[inline(always)]
    fn verf<S: Simd>(self) -> f32 {
        let (t, square) = (self.abs(), self * self);
        let p = polynomial::<S, _>(square, [-5.967_617e-4, 4.991_194_2e-3, -2.676_813_5e-2, 0.112_819_925, -0.376_125_34, 0.128_379_17]);
        let near_zero = mul_add::<S>(p, self, self);
        let q = polynomial::<S, _>(
            t,
            [-1.728_534_7e-5, 3.831_971_3e-4, -3.883_964_4e-3, 2.425_462_2e-2, -0.106_777_88, -0.634_846_87, -0.128_717_51, 0.0],
        );
        let far = (1.0 - (q - t).vexp::<S>()).copysign(self);
        let far = if t > 4.0 { 1.0f32.copysign(self) } else { far };
        if t > 0.927_734_4 { far } else { near_zero }
    }
}

impl Math for f64 {
    #[inline(always)]
    fn vexp<S: Simd>(self) -> f64 {
        self.exp()
    }

    #[inline(always)]
    fn vtanh<S: Simd>(self) -> f64 {
        self.tanh()
    }

    /// The series of positive terms, 2/√π e^(-x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!, which loses no digits.
    fn verf<S: Simd>(self) -> f64 {
        if self.abs() > 6.0 {
            return self.signum();
        }
        let (mut term, mut sum, mut n) = (self, self, 0.0);
        while term.abs() > sum.abs() * 1e-17 {
            n += 1.0;
            term *= 2.0 * self * self / (2.0 * n + 1.0);
            sum += term;
        }
        std::f64::consts::FRAC_2_SQRT_PI * (-self * self).exp() * sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::{
        dispatch::{Kernel, SimdLevel, run_at},
        simd::Portable,
    };

    /// The largest relative error over a range, in units of 2^-23.
    fn worst(from: f32, to: f32, f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
        let steps = 200_000;
        let error = |i: i32| {
            let x = from + (to - from) * i as f32 / steps as f32;
            let e = exact(x as f64);
            (f(x) as f64 - e).abs() / e.abs().max(f32::MIN_POSITIVE as f64)
        };
        (0..=steps).map(error).fold(0.0, f64::max) * (1u32 << 23) as f64
    }

    struct Worst;

    impl Kernel for Worst {
        type Output = [f64; 4];
        #[inline(always)]
        fn run<S: Simd>(self) -> [f64; 4] {
            [
                worst(-104.0, 88.7, f32::vexp::<S>, f64::exp),
                worst(-12.0, 12.0, f32::vtanh::<S>, f64::tanh),
                worst(-7.0, 7.0, f32::verf::<S>, f64::verf::<S>),
                worst(-87.2, 104.0, f32::vsigmoid::<S>, f64::vsigmoid::<S>).max(worst(-4.0, 4.0, f32::vsigmoid::<S>, f64::vsigmoid::<S>)),
            ]
        }
    }

    #[test]
    fn single_precision_functions_are_within_a_few_units_in_the_last_place() {
        for level in SimdLevel::available() {
            let [exp, tanh, erf, sigmoid] = run_at(level, Worst);
            assert!(exp < 2.0 && tanh < 3.0 && erf < 3.0 && sigmoid < 3.0, "{level}: exp {exp}, tanh {tanh}, erf {erf}, sigmoid {sigmoid}");
        }
    }

    #[test]
    fn the_error_function_has_its_tabulated_values() {
        for (x, expected) in [(0.0, 0.0), (0.5, 0.520_499_877_813_046_5), (1.0, 0.842_700_792_949_714_9), (3.0, 0.999_977_909_503_001_4)] {
            assert!((f64::verf::<Portable>(x) - expected).abs() < 1e-15 && (f64::verf::<Portable>(-x) + expected).abs() < 1e-15, "{x}");
        }
    }

    struct SigmoidAt(f32);

    impl Kernel for SigmoidAt {
        type Output = f32;
        #[inline(always)]
        fn run<S: Simd>(self) -> f32 {
            self.0.vsigmoid::<S>()
        }
    }

    #[test]
    fn limits_and_not_a_number() {
        for level in SimdLevel::available() {
            for (x, expected) in [(f32::INFINITY, 1.0), (f32::NEG_INFINITY, 0.0), (f32::MIN, 0.0), (f32::MAX, 1.0), (0.0, 0.5), (-0.0, 0.5)]
            {
                assert_eq!(run_at(level, SigmoidAt(x)), expected, "{level}: {x}");
            }
            assert!(run_at(level, SigmoidAt(f32::NAN)).is_nan());
        }
        assert_eq!((f32::INFINITY.vexp::<Portable>(), f32::NEG_INFINITY.vexp::<Portable>()), (f32::INFINITY, 0.0));
        assert_eq!((f32::INFINITY.vtanh::<Portable>(), f32::NEG_INFINITY.vtanh::<Portable>()), (1.0, -1.0));
        assert_eq!((f32::INFINITY.verf::<Portable>(), f32::NEG_INFINITY.verf::<Portable>()), (1.0, -1.0));
        assert!(
            f32::NAN.vexp::<Portable>().is_nan()
                && f32::NAN.vtanh::<Portable>().is_nan()
                && f32::NAN.verf::<Portable>().is_nan()
                && f64::NAN.verf::<Portable>().is_nan()
        );
    }
}
