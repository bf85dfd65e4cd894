//! Vectors of `f32` as the kernels see them.

use super::{
    alloc::ALIGN,
    dispatch::{Kernel, SimdLevel},
};
use crate::bf16;

/// An instruction set's vector of `f32`. Kernels are generic over it and compiled once per level.
///
/// # Safety
/// The methods may use instructions that the processor must have, so they are called only from code that
/// [`run_at`](super::dispatch::run_at) has entered. Pointers must be valid for `LANES` elements (unaligned is fine).
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// The register type.
    type V: Copy;
    /// The level that this is the vector of.
    const LEVEL: SimdLevel;
    /// Whether `f32::mul_add` is an instruction here, not a call.
    const FUSED: bool = !matches!(Self::LEVEL, SimdLevel::Generic);
    /// `f32` per register.
    const LANES: usize;
    /// [`MAX_ROWS`](Simd::MAX_ROWS) of a tile whose products are [`dot_pairs`](Simd::dot_pairs).
    const MAX_PAIR_ROWS: usize;
    /// Rows of the largest register tile of 2 * `LANES` columns that leaves no accumulator in memory.
    const MAX_ROWS: usize;
    /// Runs a kernel in a function of its own, with the instructions of this level: where many kernels lie in one function, it takes
    /// the compiler a minute.
    unsafe fn call<K: Kernel>(kernel: K) -> K::Output;
    /// The same pointer, of which the compiler is not told where it comes from.
    #[inline(always)]
    fn apart(p: *const f32) -> *const f32 {
        p
    }
    unsafe fn zero() -> Self::V;
    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(p: *const f32) -> Self::V;
    unsafe fn store(p: *mut f32, v: Self::V);
    /// Writes past the caches, to a place that is aligned to the vector's size. Other threads are to see it only after a
    /// [`fence`](Simd::fence) by this one, whatever else they synchronise by.
    #[inline(always)]
    unsafe fn stream(p: *mut f32, v: Self::V) {
        // SAFETY: the caller's promise.
        unsafe { Self::store(p, v) }
    }
    /// Orders what was [streamed](Simd::stream) before what is written from here on.
    #[inline(always)]
    unsafe fn fence() {}
    /// The first `len` values, at most `LANES`, and zeros; nothing behind them is read.
    unsafe fn load_part(p: *const f32, len: usize) -> Self::V;
    /// Writes the first `len` values, at most `LANES`.
    unsafe fn store_part(p: *mut f32, v: Self::V, len: usize);
    /// `a * b + c`.
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c + a · b` of lanes that hold pairs of bf16, the first in the lower half: the product of the upper halves is added first,
    /// then that of the lower, each sum rounded, as `VDPBF16PS` does (which takes subnormal numbers for zeros).
    unsafe fn dot_pairs(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Both numbers of each lane rounded to bf16, as a pair, `low` in the lower half. Rounding is to the nearest, ties to even; subnormal
    /// numbers may become zeros.
    unsafe fn pair(low: Self::V, high: Self::V) -> Self::V;
    /// The same for neighbours: `2 * LANES` numbers in memory, the first of each two in the lower half.
    unsafe fn pair_neighbours(p: *const f32) -> Self::V;
    /// Numbers of bf16 as [`pair`](Simd::pair) puts them together: those at `low` in the lower half.
    unsafe fn interleave(low: *const bf16, high: *const bf16) -> Self::V;
    /// As many bf16 as there are lanes.
    unsafe fn load_bf16(p: *const bf16) -> Self::V;
    /// Writes each lane rounded to bf16, as [`pair`](Simd::pair) rounds.
    unsafe fn store_bf16(p: *mut bf16, v: Self::V);
    /// [`store_bf16`](Simd::store_bf16) past the caches, as [`stream`](Simd::stream). What follows should be the rest of the line.
    #[inline(always)]
    unsafe fn stream_bf16(p: *mut bf16, v: Self::V) {
        // SAFETY: the caller's promise.
        unsafe { Self::store_bf16(p, v) }
    }
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// The larger of each pair; `b` where either is not a number.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// The smaller of each pair; `b` where either is not a number.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// Which lanes are above zero, a bit each, that of the first lane the lowest.
    unsafe fn positive(v: Self::V) -> u32;
    /// `value` in the lanes whose bits are set, zero in the others; bits beyond the lanes do not count.
    unsafe fn where_set(bits: u32, value: Self::V) -> Self::V;
    /// Asks for the cache line of `p`, which need not exist, ahead of its use.
    #[inline(always)]
    unsafe fn prefetch(p: *const f32) {
        let _ = p;
    }
    /// The same for the second-level cache.
    #[inline(always)]
    unsafe fn prefetch_far(p: *const f32) {
        let _ = p;
    }
    /// `out[j * out_step + i] = rows[i * step + j]` for a square of `LANES` x `LANES` values.
    unsafe fn transpose(rows: *const f32, step: usize, out: *mut f32, out_step: usize);
}

/// Bytes of a result from which on it is written past the caches: it leaves them before it is read again, and a line that is written in the
/// usual way is read first.
const STREAMED_BYTES: usize = 16 << 20;

/// Whether a result, of rows of so many values, is written past the caches: it is large, and its rows start at lines of them.
pub(super) fn streams<T>(out: &[T], row: usize) -> bool {
    size_of_val(out) >= STREAMED_BYTES && (row * size_of::<T>()).is_multiple_of(ALIGN) && out.as_ptr().addr().is_multiple_of(ALIGN)
}

/// The bits of the nearest bf16, ties to even; a NaN stays one.
#[inline(always)]
pub(crate) fn bf16_bits(x: f32) -> u32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    if x.is_nan() { bits >> 16 | 0x40 } else { rounded }
}

/// Two numbers rounded to bf16, as a pair.
#[inline(always)]
pub(crate) fn bf16_pair(low: f32, high: f32) -> f32 {
    f32::from_bits(bf16_bits(low) | bf16_bits(high) << 16)
}

/// A square of `N` x `N` values transposed one by one.
///
/// # Safety
/// All `N` rows of `N` values exist on both sides.
#[inline(always)]
pub(crate) unsafe fn transpose_plain<const N: usize>(rows: *const f32, step: usize, out: *mut f32, out_step: usize) {
    for i in 0..N {
        for j in 0..N {
            // SAFETY: the caller's promise.
            unsafe { *out.add(j * out_step + i) = *rows.add(i * step + j) };
        }
    }
}

/// Plain Rust; the compiler makes of it what the target's baseline has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Simd for Portable {
    type V = [f32; 4];
    const LEVEL: SimdLevel = SimdLevel::Generic;
    const LANES: usize = 4;
    const MAX_ROWS: usize = 6;
    const MAX_PAIR_ROWS: usize = 4;
    #[inline(never)]
    unsafe fn call<K: Kernel>(kernel: K) -> K::Output {
        kernel.run::<Self>()
    }
    #[inline(always)]
    unsafe fn zero() -> Self::V {
        [0.0; 4]
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self::V {
        // SAFETY: valid for four elements, the caller says.
        unsafe { p.cast::<Self::V>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: Self::V) {
        // SAFETY: valid for four elements, the caller says.
        unsafe { p.cast::<Self::V>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, len: usize) -> Self::V {
        // SAFETY: only values that exist are read.
        std::array::from_fn(|i| if i < len { unsafe { *p.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, v: Self::V, len: usize) {
        for (i, &value) in v.iter().enumerate().take(len) {
            // SAFETY: only values that exist are written.
            unsafe { *p.add(i) = value };
        }
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn dot_pairs(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        let (low, high) = (|x: f32| f32::from_bits(x.to_bits() << 16), |x: f32| f32::from_bits(x.to_bits() & 0xffff_0000));
        // A product of two bf16 is exact in f32, so there is one rounding a sum, as with a fused multiply-add.
        std::array::from_fn(|i| c[i] + high(a[i]) * high(b[i]) + low(a[i]) * low(b[i]))
    }
    #[inline(always)]
    unsafe fn pair(low: Self::V, high: Self::V) -> Self::V {
        std::array::from_fn(|i| bf16_pair(low[i], high[i]))
    }
    #[inline(always)]
    unsafe fn pair_neighbours(p: *const f32) -> Self::V {
        // SAFETY: valid for eight elements, the caller says.
        std::array::from_fn(|i| unsafe { bf16_pair(*p.add(2 * i), *p.add(2 * i + 1)) })
    }
    #[inline(always)]
    unsafe fn interleave(low: *const bf16, high: *const bf16) -> Self::V {
        // SAFETY: valid for four elements each, the caller says.
        let bits = |p: *const bf16, i: usize| u32::from(unsafe { *p.add(i) }.to_bits());
        std::array::from_fn(|i| f32::from_bits(bits(low, i) | bits(high, i) << 16))
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const bf16) -> Self::V {
        // SAFETY: valid for four elements, the caller says.
        std::array::from_fn(|i| f32::from_bits(u32::from(unsafe { *p.add(i) }.to_bits()) << 16))
    }
    #[inline(always)]
    unsafe fn store_bf16(p: *mut bf16, v: Self::V) {
        // SAFETY: valid for four elements, the caller says.
        unsafe { p.cast::<[bf16; 4]>().write_unaligned(v.map(|x| bf16::from_bits(bf16_bits(x) as u16))) }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn positive(v: Self::V) -> u32 {
        v.iter().rev().fold(0, |bits, &v| bits << 1 | u32::from(v > 0.0))
    }
    #[inline(always)]
    unsafe fn where_set(bits: u32, value: Self::V) -> Self::V {
        std::array::from_fn(|i| if bits >> i & 1 == 1 { value[i] } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn transpose(rows: *const f32, step: usize, out: *mut f32, out_step: usize) {
        // SAFETY: the caller's promise.
        unsafe { transpose_plain::<4>(rows, step, out, out_step) }
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }
}
