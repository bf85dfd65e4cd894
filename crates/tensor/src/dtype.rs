//! Element types.

use std::fmt;

use half::bf16;

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit floating point: what networks compute in.
    F32,
    /// 64-bit floating point: for oracles and gradient checks.
    F64,
    /// 16-bit brain floating point: half the memory of `f32`, which it is computed with as.
    Bf16,
    /// 64-bit signed integers: labels and indices.
    I64,
    /// Bytes: pictures and masks.
    U8,
}

impl DType {
    /// The bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::F64 | DType::I64 => 8,
            DType::Bf16 => 2,
            DType::U8 => 1,
        }
    }

    /// Whether elements are floating point numbers.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64 | DType::Bf16)
    }

    /// What elements are computed with as: bf16 as `f32`, others as they are.
    pub const fn computed(self) -> DType {
        match self {
            DType::Bf16 => DType::F32,
            other => other,
        }
    }

    /// PyTorch's name of the type, as in `float32`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::Bf16 => "bfloat16",
            DType::I64 => "int64",
            DType::U8 => "uint8",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that tensors hold. Sealed: every bit pattern of an implementor is a valid value, which storage relies on.
pub trait Element: sealed::Sealed + Copy + Default + PartialOrd + fmt::Debug + Send + Sync + 'static {
    /// The element type it stands for.
    const DTYPE: DType;
    /// The value as a 64-bit float (exact but for large integers).
    fn to_f64(self) -> f64;
    /// The nearest value of this type; integers truncate towards zero and saturate.
    fn from_f64(value: f64) -> Self;
}

macro_rules! element {
    ($type:ty, $dtype:ident, $self:ident => $to:expr, $value:ident => $from:expr) => {
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            #[inline]
            fn to_f64($self) -> f64 {
                $to
            }
            #[inline]
            fn from_f64($value: f64) -> Self {
                $from
            }
        }
    };
}

element!(f32, F32, self => self as f64, value => value as f32);
element!(f64, F64, self => self, value => value);
element!(bf16, Bf16, self => bf16::to_f64(self), value => bf16_from_f64(value));
element!(i64, I64, self => self as f64, value => value as i64);
element!(u8, U8, self => self as f64, value => value as u8);

/// Rounds to the nearest `bf16`, ties to even. (`bf16::from_f64` drops the lower half of the mantissa before it rounds.)
fn bf16_from_f64(value: f64) -> bf16 {
    let near = value as f32;
    if near as f64 == value || near.is_nan() {
        return bf16::from_f32(near);
    }
    // Rounding to odd first lets the second rounding see on which side of a tie the value lies.
    let towards_zero = near.to_bits() - u32::from((near as f64).abs() > value.abs());
    bf16::from_f32(f32::from_bits(towards_zero | 1))
}

/// An element type that kernels compute in: `f32` and, for oracles, `f64`.
pub trait Float:
    Element
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + std::iter::Sum
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Minus infinity.
    const NEG_INFINITY: Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The exponential.
    fn exp(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// `self` to the power `n`.
    fn powf(self, n: Self) -> Self;
    /// The absolute value.
    fn abs(self) -> Self;
    /// The larger of two; NaN where either is (unlike std's `max`, like PyTorch's `maximum`).
    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        if self > other || self.is_nan() { self } else { other }
    }
    /// The smaller of two; NaN where either is.
    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        if self < other || self.is_nan() { self } else { other }
    }
    /// Whether this is not a number.
    #[inline(always)]
    #[allow(clippy::eq_op)]
    fn is_nan(self) -> bool {
        self != self
    }
}

macro_rules! float {
    ($type:ty) => {
        impl Float for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = <$type>::NEG_INFINITY;
            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            #[inline(always)]
            fn exp(self) -> Self {
                self.exp()
            }
            #[inline(always)]
            fn ln(self) -> Self {
                self.ln()
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                self.tanh()
            }
            #[inline(always)]
            fn powf(self, n: Self) -> Self {
                self.powf(n)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                self.abs()
            }
        }
    };
}

float!(f32);
float!(f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_rounds_to_nearest_even_from_every_bit_of_a_float() {
        let tie = 1.0 + 1.0 / 256.0; // half-way between 1 and the next bf16
        let next = 1.0 + 1.0 / 128.0;
        for (value, expected) in
            [(tie, 1.0), (tie + 1e-6, next), (tie + 1e-12, next), (tie - 1e-12, 1.0), (next + tie - 1.0, 1.0 + 2.0 / 128.0)]
        {
            assert_eq!(<bf16 as Element>::from_f64(value).to_f64(), expected, "{value}");
            assert_eq!(<bf16 as Element>::from_f64(-value).to_f64(), -expected, "-{value}");
        }
        assert_eq!(<bf16 as Element>::from_f64(1e300).to_f64(), f64::INFINITY);
        assert!(<bf16 as Element>::from_f64(f64::NAN).is_nan());
    }
}
