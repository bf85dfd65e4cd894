//! Products of pairs of bf16: with the instruction for it, and as it does where there is none.

use std::arch::x86_64::*;

/// # Safety
/// The processor has AVX-512 with products of bf16.
#[inline(always)]
pub(super) unsafe fn avx512_bf16(a: __m512, b: __m512, c: __m512) -> __m512 {
    // SAFETY: the caller's promise; the types are of one size and any bits are values of them.
    unsafe { _mm512_dpbf16_ps(c, std::mem::transmute::<__m512, __m512bh>(a), std::mem::transmute::<__m512, __m512bh>(b)) }
}

/// # Safety
/// The processor has AVX-512.
#[inline(always)]
pub(super) unsafe fn avx512(a: __m512, b: __m512, c: __m512) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe {
        let high = |x| _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0xffff_0000_u32.cast_signed())));
        let low = |x| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(x)));
        _mm512_fmadd_ps(low(a), low(b), _mm512_fmadd_ps(high(a), high(b), c))
    }
}

/// # Safety
/// The processor has AVX2 and FMA.
#[inline(always)]
pub(super) unsafe fn avx2(a: __m256, b: __m256, c: __m256) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let high = |x| _mm256_castsi256_ps(_mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0xffff_0000_u32.cast_signed())));
        let low = |x| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(x)));
        _mm256_fmadd_ps(low(a), low(b), _mm256_fmadd_ps(high(a), high(b), c))
    }
}
