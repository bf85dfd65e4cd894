//! The first values of a vector, read and written without touching what lies behind them in memory.

use std::arch::x86_64::*;

/// # Safety
/// The processor has AVX-512; `len` values, at most 16, exist at `p`.
#[inline(always)]
pub(super) unsafe fn load_avx512(p: *const f32, len: usize) -> __m512 {
    // SAFETY: the caller's promise; masked lanes are not read.
    unsafe { _mm512_maskz_loadu_ps(mask16(len), p) }
}

/// # Safety
/// As [`load_avx512`], to write to.
#[inline(always)]
pub(super) unsafe fn store_avx512(p: *mut f32, v: __m512, len: usize) {
    // SAFETY: the caller's promise; masked lanes are not written.
    unsafe { _mm512_mask_storeu_ps(p, mask16(len), v) }
}

#[inline(always)]
fn mask16(len: usize) -> __mmask16 {
    ((1u32 << len) - 1) as __mmask16
}

/// # Safety
/// The processor has AVX2; `len` values, at most 8, exist at `p`.
#[inline(always)]
pub(super) unsafe fn load_avx2(p: *const f32, len: usize) -> __m256 {
    // SAFETY: the caller's promise; masked lanes are not read.
    unsafe { _mm256_maskload_ps(p, mask8(len)) }
}

/// # Safety
/// As [`load_avx2`], to write to.
#[inline(always)]
pub(super) unsafe fn store_avx2(p: *mut f32, v: __m256, len: usize) {
    // SAFETY: the caller's promise; masked lanes are not written.
    unsafe { _mm256_maskstore_ps(p, mask8(len), v) }
}

/// # Safety
/// The processor has AVX2; `len` is at most 8.
#[inline(always)]
unsafe fn mask8(len: usize) -> __m256i {
    const LANES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: eight lanes from `8 - len` on exist.
    unsafe { _mm256_loadu_si256(LANES.as_ptr().add(8 - len).cast()) }
}
