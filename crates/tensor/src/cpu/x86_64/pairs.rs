//! Pairs of bf16 and their products: with the instructions for it, and as these do where there are none.

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

/// Numbers rounded to bf16, in the upper half of each lane.
///
/// # Safety
/// The processor has AVX-512.
#[inline(always)]
pub(super) unsafe fn rounded_avx512(x: __m512) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe {
        let bits = _mm512_castps_si512(x);
        let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
        let nan = _mm512_or_si512(bits, _mm512_set1_epi32(0x40_0000));
        _mm512_mask_mov_epi32(rounded, _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x), nan)
    }
}

/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn joined_avx512(low: __m512i, high: __m512i) -> __m512 {
    // SAFETY: the caller's promise. The immediate says: the third's bits where the first's are set, else the second's.
    unsafe {
        let low = _mm512_srli_epi32::<16>(low);
        _mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0xac>(_mm512_set1_epi32(0xffff_0000_u32.cast_signed()), low, high))
    }
}

/// # Safety
/// The processor has AVX-512.
#[inline(always)]
pub(super) unsafe fn pair_avx512(low: __m512, high: __m512) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe { joined_avx512(rounded_avx512(low), rounded_avx512(high)) }
}

/// # Safety
/// The processor has AVX-512, and there are 32 values.
#[inline(always)]
pub(super) unsafe fn pair_neighbours_avx512(p: *const f32) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe {
        let narrow = |x| _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(rounded_avx512(x)));
        let (first, second) = (narrow(_mm512_loadu_ps(p)), narrow(_mm512_loadu_ps(p.add(16))));
        _mm512_castsi512_ps(_mm512_inserti64x4::<1>(_mm512_castsi256_si512(first), second))
    }
}

/// # Safety
/// The processor has AVX-512 with products of bf16.
#[inline(always)]
pub(super) unsafe fn pair_avx512_bf16(low: __m512, high: __m512) -> __m512 {
    // SAFETY: the caller's promise; the types are of one size and any bits are values of them.
    unsafe {
        let narrow = |x| _mm512_cvtepu16_epi32(std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(x)));
        _mm512_castsi512_ps(_mm512_or_si512(narrow(low), _mm512_slli_epi32::<16>(narrow(high))))
    }
}

/// # Safety
/// The processor has AVX-512 with products of bf16, and there are 32 values.
#[inline(always)]
pub(super) unsafe fn pair_neighbours_avx512_bf16(p: *const f32) -> __m512 {
    // SAFETY: the caller's promise; the types are of one size and any bits are values of them.
    unsafe { std::mem::transmute::<__m512bh, __m512>(_mm512_cvtne2ps_pbh(_mm512_loadu_ps(p.add(16)), _mm512_loadu_ps(p))) }
}

/// As [`rounded_avx512`].
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn rounded_avx2(x: __m256) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let bits = _mm256_castps_si256(x);
        let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        let rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
        let nan = _mm256_or_si256(bits, _mm256_set1_epi32(0x40_0000));
        _mm256_blendv_epi8(rounded, nan, _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(x, x)))
    }
}

/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn pair_avx2(low: __m256, high: __m256) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let low = _mm256_srli_epi32::<16>(rounded_avx2(low));
        _mm256_castsi256_ps(_mm256_blend_epi16::<0b1010_1010>(low, rounded_avx2(high)))
    }
}

/// # Safety
/// The processor has AVX2, and there are 16 values.
#[inline(always)]
pub(super) unsafe fn pair_neighbours_avx2(p: *const f32) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let narrow = |x| _mm256_srli_epi32::<16>(rounded_avx2(x));
        let packed = _mm256_packus_epi32(narrow(_mm256_loadu_ps(p)), narrow(_mm256_loadu_ps(p.add(8))));
        _mm256_castsi256_ps(_mm256_permute4x64_epi64::<0b11_01_10_00>(packed))
    }
}
