//! Elements as kernels read and write them: floats as they are, and bf16, which is computed with as `f32`.

use super::{
    dispatch::{Kernel, SimdLevel, run_at, run_pairs_at},
    math::Math,
    simd::{Simd, bf16_bits},
};
use crate::{DType, Element, bf16};

/// Lanes of the widest vector.
const MOST_LANES: usize = 16;

/// An element type that kernels read and write.
///
/// # Safety
/// The vector methods are as those of [`Simd`], and are there for types that are computed with as `f32`.
pub(super) trait Stored: Element {
    /// What it is computed with as.
    type Compute: Math;
    /// The value to compute with.
    fn widen(self) -> Self::Compute;
    /// The nearest value of this type; where two are as near, the even one.
    fn narrow(value: Self::Compute) -> Self;
    /// As many values as a vector has lanes.
    unsafe fn load<S: Simd>(p: *const Self) -> S::V {
        let _ = p;
        unreachable!("there are no vectors of {}", Self::DTYPE)
    }
    /// Writes a vector.
    unsafe fn store<S: Simd>(p: *mut Self, v: S::V) {
        let _ = (p, v);
        unreachable!("there are no vectors of {}", Self::DTYPE)
    }
    /// As [`Simd::stream`].
    unsafe fn stream<S: Simd>(p: *mut Self, v: S::V) {
        // SAFETY: the caller's promise.
        unsafe { Self::store::<S>(p, v) }
    }
    /// The first `len` values, at most a vector's, and zeros; nothing behind them is read.
    #[inline(always)]
    unsafe fn load_part<S: Simd>(p: *const Self, len: usize) -> S::V {
        let mut values = [Self::default(); MOST_LANES];
        // SAFETY: the caller's promise.
        unsafe {
            values.as_mut_ptr().copy_from_nonoverlapping(p, len);
            Self::load::<S>(values.as_ptr())
        }
    }
    /// Writes the first `len` values of a vector.
    #[inline(always)]
    unsafe fn store_part<S: Simd>(p: *mut Self, v: S::V, len: usize) {
        let mut values = [Self::default(); MOST_LANES];
        // SAFETY: the caller's promise.
        unsafe {
            Self::store::<S>(values.as_mut_ptr(), v);
            p.copy_from_nonoverlapping(values.as_ptr(), len);
        }
    }
    /// As [`Simd::pair`], of values in memory.
    #[inline(always)]
    unsafe fn pair<S: Simd>(low: *const Self, high: *const Self) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::pair(Self::load::<S>(low), Self::load::<S>(high)) }
    }
}

impl Stored for f32 {
    type Compute = f32;
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
    #[inline(always)]
    fn narrow(value: f32) -> f32 {
        value
    }
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const f32) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::load(p) }
    }
    #[inline(always)]
    unsafe fn store<S: Simd>(p: *mut f32, v: S::V) {
        // SAFETY: the caller's promise.
        unsafe { S::store(p, v) }
    }
    #[inline(always)]
    unsafe fn stream<S: Simd>(p: *mut f32, v: S::V) {
        // SAFETY: the caller's promise.
        unsafe { S::stream(p, v) }
    }
    #[inline(always)]
    unsafe fn load_part<S: Simd>(p: *const f32, len: usize) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::load_part(p, len) }
    }
    #[inline(always)]
    unsafe fn store_part<S: Simd>(p: *mut f32, v: S::V, len: usize) {
        // SAFETY: the caller's promise.
        unsafe { S::store_part(p, v, len) }
    }
}

impl Stored for f64 {
    type Compute = f64;
    #[inline(always)]
    fn widen(self) -> f64 {
        self
    }
    #[inline(always)]
    fn narrow(value: f64) -> f64 {
        value
    }
}

impl Stored for bf16 {
    type Compute = f32;
    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
    #[inline(always)]
    fn narrow(value: f32) -> bf16 {
        bf16::from_bits(bf16_bits(value) as u16)
    }
    #[inline(always)]
    unsafe fn load<S: Simd>(p: *const bf16) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::load_bf16(p) }
    }
    #[inline(always)]
    unsafe fn store<S: Simd>(p: *mut bf16, v: S::V) {
        // SAFETY: the caller's promise.
        unsafe { S::store_bf16(p, v) }
    }
    #[inline(always)]
    unsafe fn stream<S: Simd>(p: *mut bf16, v: S::V) {
        // SAFETY: the caller's promise.
        unsafe { S::stream_bf16(p, v) }
    }
    #[inline(always)]
    unsafe fn pair<S: Simd>(low: *const bf16, high: *const bf16) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::interleave(low, high) }
    }
}

/// Runs a kernel over elements of this type at a level: where they are bf16, with the instructions that round to it.
pub(super) fn run_stored_at<E: Stored, K: Kernel>(level: SimdLevel, kernel: K) -> K::Output {
    if const { matches!(E::DTYPE, DType::Bf16) } { run_pairs_at(level, kernel) } else { run_at(level, kernel) }
}

/// Writes a vector: past the caches if it `streams`, which takes a place that is aligned, and a [`fence`](Simd::fence) when all is written.
///
/// # Safety
/// See [`Simd`].
#[inline(always)]
pub(super) unsafe fn write<S: Simd, E: Stored>(streams: bool, at: *mut E, value: S::V) {
    debug_assert!(!streams || at.addr().is_multiple_of(S::LANES * size_of::<E>()));
    // SAFETY: the caller's promise.
    unsafe { if streams { E::stream::<S>(at, value) } else { E::store::<S>(at, value) } }
}

/// Numbers that lie in pairs, as [`Simd::dot_pairs`] takes them, where they do.
pub(super) fn as_pairs(values: &[bf16]) -> Option<&[f32]> {
    // SAFETY: any bits are values of both.
    let (before, pairs, behind) = unsafe { values.align_to::<f32>() };
    (before.is_empty() && behind.is_empty()).then_some(pairs)
}

/// Whether elements are `f32`.
pub(super) const fn is_f32<E: Element>() -> bool {
    matches!(E::DTYPE, DType::F32)
}

/// The slice as `f32`, where that is what it holds.
pub(super) fn as_f32<T: Element>(slice: &[T]) -> Option<&[f32]> {
    // SAFETY: DTYPE tells the types apart, so T is f32.
    is_f32::<T>().then(|| unsafe { std::slice::from_raw_parts(slice.as_ptr().cast(), slice.len()) })
}

/// As [`as_f32`], to write to.
pub(super) fn as_f32_mut<T: Element>(slice: &mut [T]) -> Option<&mut [f32]> {
    // SAFETY: DTYPE tells the types apart, so T is f32; the borrow passes on.
    is_f32::<T>().then(|| unsafe { std::slice::from_raw_parts_mut(slice.as_mut_ptr().cast(), slice.len()) })
}

/// Runs `$body` with `$E` bound to the Rust type of a [`DType`] that kernels read and write, or returns an error that names `$op`.
macro_rules! with_stored {
    ($op:expr, $dtype:expr, $E:ident => $body:expr) => {
        match $dtype {
            $crate::DType::Bf16 => {
                type $E = $crate::bf16;
                $body
            }
            other => $crate::with_float!($op, other, $E => $body),
        }
    };
}
pub(super) use with_stored;
