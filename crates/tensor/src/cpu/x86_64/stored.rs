//! Vectors of `f32` from bf16 in memory, and rounded to bf16.

use std::arch::x86_64::*;

use super::pairs::{rounded_avx2, rounded_avx512};
use crate::bf16;

/// # Safety
/// The processor has AVX-512, and there are 16 values at each place.
#[inline(always)]
pub(super) unsafe fn interleave_avx512(low: *const bf16, high: *const bf16) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe {
        let (low, high) = (_mm256_loadu_si256(low.cast()), _mm256_loadu_si256(high.cast()));
        _mm512_castsi512_ps(_mm512_or_si512(_mm512_cvtepu16_epi32(low), _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(high))))
    }
}

/// # Safety
/// The processor has AVX2, and there are 8 values at each place.
#[inline(always)]
pub(super) unsafe fn interleave_avx2(low: *const bf16, high: *const bf16) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let (low, high) = (_mm_loadu_si128(low.cast()), _mm_loadu_si128(high.cast()));
        _mm256_castsi256_ps(_mm256_or_si256(_mm256_cvtepu16_epi32(low), _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(high))))
    }
}

/// # Safety
/// The processor has AVX-512, and there are 16 values.
#[inline(always)]
pub(super) unsafe fn load_avx512(p: *const bf16) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast())))) }
}

/// # Safety
/// The processor has AVX2, and there are 8 values.
#[inline(always)]
pub(super) unsafe fn load_avx2(p: *const bf16) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast())))) }
}

/// # Safety
/// The processor has AVX-512.
#[inline(always)]
pub(super) unsafe fn narrow_avx512(v: __m512) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe { _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded_avx512(v))) }
}

/// # Safety
/// The processor has AVX-512 with products of bf16.
#[inline(always)]
pub(super) unsafe fn narrow_avx512_bf16(v: __m512) -> __m256i {
    // SAFETY: the caller's promise; the types are of one size and any bits are values of them.
    unsafe { std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(v)) }
}

/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn narrow_avx2(v: __m256) -> __m128i {
    // SAFETY: the caller's promise.
    unsafe {
        let narrow = _mm256_srli_epi32::<16>(rounded_avx2(v));
        _mm_packus_epi32(_mm256_castsi256_si128(narrow), _mm256_extracti128_si256::<1>(narrow))
    }
}
