//! Elementwise functions of one operand, and their gradients.

use super::{
    SimdLevel,
    dispatch::{Kernel, run_at},
    elementwise::parts,
    math::Math,
    simd::Simd,
    stored::{Stored, with_stored},
};
use crate::{Float, Result, Tensor, ops::Unary};

/// A function of one number. A trait rather than closures, because methods can be inlined by force: only what is inlined into a
/// kernel is compiled for its instruction set.
trait Function<T>: Copy + Sync {
    fn value<S: Simd>(self, x: T) -> T;
    /// The gradient `g` of the result carried back to the operand, from what [`Unary::saved`] names.
    fn gradient<S: Simd>(self, g: T, saved: T) -> T;
}

/// Defines functions, each with its parameters, its value and its gradient. The gradients at kinks are PyTorch's.
macro_rules! functions {
    ($($name:ident { $($parameter:ident),* }: |$x:ident| $value:expr, |$g:ident, $saved:ident| $gradient:expr;)*) => {$(
        #[derive(Clone, Copy)]
        struct $name {
            $($parameter: f64,)*
        }

        impl<T: Math> Function<T> for $name {
            #[inline(always)]
            fn value<S: Simd>(self, $x: T) -> T {
                $(let $parameter = c::<T>(self.$parameter);)*
                $value
            }
            #[inline(always)]
            fn gradient<S: Simd>(self, $g: T, $saved: T) -> T {
                $(
                    #[allow(unused_variables)] // a summand has no part in the gradient
                    let $parameter = c::<T>(self.$parameter);
                )*
                $gradient
            }
        }
    )*};
}

functions! {
    Neg {}: |x| -x, |g, _x| -g;
    Abs {}: |x| x.abs(), |g, x| g * sign(x);
    Exp {}: |x| x.vexp::<S>(), |g, y| g * y;
    Ln {}: |x| x.ln(), |g, x| g / x;
    Sqrt {}: |x| x.sqrt(), |g, y| g / (y + y);
    Tanh {}: |x| x.vtanh::<S>(), |g, y| g * (c::<T>(1.0) - y * y);
    Sigmoid {}: |x| x.vsigmoid::<S>(), |g, y| g * y * (c::<T>(1.0) - y);
    Relu {}: |x| if x < T::ZERO { T::ZERO } else { x }, |g, y| if y <= T::ZERO { T::ZERO } else { g };
    Gelu {}: |x| x * normal_distribution::<S, _>(x), |g, x| g * (normal_distribution::<S, _>(x) + x * normal_density::<S, _>(x));
    Hardswish {}: |x| x * clamp(x + c(3.0), c(0.0), c(6.0)) * c(1.0 / 6.0), |g, x| {
        let above = if x >= c(3.0) { T::ONE } else { x * c(1.0 / 3.0) + c(0.5) };
        g * if x <= c(-3.0) { T::ZERO } else { above }
    };
    Hardsigmoid {}: |x| clamp(x + c(3.0), c(0.0), c(6.0)) * c(1.0 / 6.0), |g, x| g * inside(x, c(-3.0), c(3.0)) * c(1.0 / 6.0);
    Silu {}: |x| x * x.vsigmoid::<S>(), |g, x| {
        let sigmoid = x.vsigmoid::<S>();
        g * sigmoid * (T::ONE + x * (T::ONE - sigmoid))
    };
    Clamp { min, max }: |x| clamp(x, min, max), |g, x| g * inside(x, min, max);
    Affine { mul, add }: |x| x * mul + add, |g, _x| g * mul;
    Square {}: |x| x * x, |g, x| g * (x + x);
    Pow { exponent }: |x| x.powf(exponent), |g, x| {
        let slope = exponent * x.powf(exponent - T::ONE);
        g * if exponent == T::ZERO { T::ZERO } else { slope }
    };
}

/// A constant.
#[inline(always)]
fn c<T: Float>(value: f64) -> T {
    T::from_f64(value)
}

#[inline(always)]
fn clamp<T: Math>(x: T, min: T, max: T) -> T {
    let x = if x < min { min } else { x };
    if x > max { max } else { x }
}

/// 1 between the bounds, 0 at them and beyond.
#[inline(always)]
fn inside<T: Math>(x: T, min: T, max: T) -> T {
    let below = if x >= max { T::ZERO } else { T::ONE };
    if x <= min { T::ZERO } else { below }
}

/// 1, -1 or, as it is, a zero or NaN.
#[inline(always)]
fn sign<T: Math>(x: T) -> T {
    let negative = if x < T::ZERO { -T::ONE } else { x };
    if x > T::ZERO { T::ONE } else { negative }
}

#[inline(always)]
fn normal_distribution<S: Simd, T: Math>(x: T) -> T {
    c::<T>(0.5) * (T::ONE + (x * c(std::f64::consts::FRAC_1_SQRT_2)).verf::<S>())
}

#[inline(always)]
fn normal_density<S: Simd, T: Math>(x: T) -> T {
    c::<T>(0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2) * (-(c::<T>(0.5) * x * x)).vexp::<S>()
}

/// Runs `$body` with `$f` bound to the [`Function`] of a [`Unary`].
macro_rules! with_function {
    ($op:expr, $f:ident => $body:expr) => {
        with_function!(@arms $op, $f => $body;
            Unary::Neg => Neg {}, Unary::Abs => Abs {}, Unary::Exp => Exp {}, Unary::Ln => Ln {}, Unary::Sqrt => Sqrt {},
            Unary::Tanh => Tanh {}, Unary::Sigmoid => Sigmoid {}, Unary::Relu => Relu {}, Unary::Gelu => Gelu {},
            Unary::Hardswish => Hardswish {}, Unary::Hardsigmoid => Hardsigmoid {}, Unary::Silu => Silu {},
            Unary::Clamp { min, max } => Clamp { min, max }, Unary::Affine { mul, add } => Affine { mul, add },
            Unary::Pow(2.0) => Square {}, Unary::Pow(exponent) => Pow { exponent }
        )
    };
    (@arms $op:expr, $f:ident => $body:expr; $($pattern:pat => $function:expr),*) => {
        match $op {
            $($pattern => {
                let $f = $function;
                $body
            })*
        }
    };
}

/// `op` of each element.
pub(super) fn unary(level: SimdLevel, op: Unary, x: &Tensor) -> Result<Tensor> {
    with_stored!("unary", x.dtype(), E => {
        let mut out = Tensor::uninit::<E>(x.shape().clone(), x.layout())?;
        let (x, y) = (x.data::<E>()?, out.data_mut::<E>()?);
        with_function!(op, f => parts(y, |start, y| run_at(level, Forward { f, x: &x[start..][..y.len()], y })));
        Ok(out)
    })
}

/// `op` of each of a few `f32`, on this thread.
pub(super) fn unary_in_place(level: SimdLevel, op: Unary, values: &mut [f32]) {
    with_function!(op, f => run_at(level, InPlace { f, values }));
}

/// The operand's gradient; both operands in one memory order.
pub(super) fn unary_backward(level: SimdLevel, op: Unary, grad: &Tensor, saved: &Tensor) -> Result<Tensor> {
    with_stored!("unary_backward", saved.dtype(), E => {
        let mut out = Tensor::uninit::<E>(saved.shape().clone(), saved.layout())?;
        let (g, saved, dx) = (grad.data::<E>()?, saved.data::<E>()?, out.data_mut::<E>()?);
        with_function!(op, f => parts(dx, |start, dx| {
            run_at(level, Backward { f, g: &g[start..][..dx.len()], saved: &saved[start..][..dx.len()], dx });
        }));
        Ok(out)
    })
}

struct Forward<'a, E, F> {
    f: F,
    x: &'a [E],
    y: &'a mut [E],
}

impl<E: Stored, F: Function<E::Compute>> Kernel for Forward<'_, E, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        for (y, &x) in self.y.iter_mut().zip(self.x) {
            *y = E::narrow(self.f.value::<S>(x.widen()));
        }
    }
}

struct InPlace<'a, T, F> {
    f: F,
    values: &'a mut [T],
}

impl<T: Float, F: Function<T>> Kernel for InPlace<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        self.values.iter_mut().for_each(|x| *x = self.f.value::<S>(*x));
    }
}

struct Backward<'a, E, F> {
    f: F,
    g: &'a [E],
    saved: &'a [E],
    dx: &'a mut [E],
}

impl<E: Stored, F: Function<E::Compute>> Kernel for Backward<'_, E, F> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self) {
        for ((dx, &g), &saved) in self.dx.iter_mut().zip(self.g).zip(self.saved) {
            *dx = E::narrow(self.f.gradient::<S>(g.widen(), saved.widen()));
        }
    }
}
