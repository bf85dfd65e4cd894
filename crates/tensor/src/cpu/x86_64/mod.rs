//! The x86-64 vector types, and the functions that enter code compiled for them.

pub(super) mod amx;
pub(super) mod cache;
mod pairs;
mod part;
mod stored;
mod transpose;

use std::arch::{asm, x86_64::*};

use super::{
    dispatch::{Kernel, SimdLevel},
    simd::Simd,
};
use crate::bf16;

/// Runs a kernel in code compiled for AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub(super) fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512>()
}

/// Runs a kernel in code compiled for AVX-512 with products of bf16.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
pub(super) fn run_avx512_bf16<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512Bf16>()
}

/// Runs a kernel in code compiled for AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2>()
}

/// Sixteen lanes.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

/// Sixteen lanes, and products of bf16.
#[derive(Clone, Copy)]
pub(crate) struct Avx512Bf16;

/// Eight lanes.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

macro_rules! simd {
    ($level:ident, $run:path, $v:ty, $lanes:expr, $rows:expr, $pair_rows:expr, $dot_pairs:path, $pair:path, $pair_neighbours:path, [$interleave:path, $load_bf16:path, $narrow:path, $store_narrow:ident, $stream_narrow:ident], $zero:ident, $splat:ident, $load:ident, $store:ident, $stream:ident, $load_part:path, $store_part:path, $fma:ident, $add:ident, $sub:ident, $mul:ident, $max:ident, $min:ident, $positive:expr, $where_set:expr, $transpose:path) => {
        impl Simd for $level {
            type V = $v;
            const LEVEL: SimdLevel = SimdLevel::$level;
            const LANES: usize = $lanes;
            const MAX_ROWS: usize = $rows;
            const MAX_PAIR_ROWS: usize = $pair_rows;
            // On a function with target features the compiler ignores this attribute.
            #[inline(never)]
            unsafe fn call<K: Kernel>(kernel: K) -> K::Output {
                // SAFETY: the trait's contract: the processor has the instructions, and pointers are valid for LANES elements.
                unsafe { $run(kernel) }
            }
            #[inline(always)]
            fn apart(mut p: *const f32) -> *const f32 {
                // SAFETY: there is no instruction in it.
                unsafe { asm!("/* {0} */", inout(reg) p, options(pure, readonly, nostack, preserves_flags)) };
                p
            }
            #[inline(always)]
            unsafe fn zero() -> Self::V {
                // SAFETY: as above.
                unsafe { $zero() }
            }
            #[inline(always)]
            unsafe fn splat(x: f32) -> Self::V {
                // SAFETY: as above.
                unsafe { $splat(x) }
            }
            #[inline(always)]
            unsafe fn load(p: *const f32) -> Self::V {
                // SAFETY: as above.
                unsafe { $load(p) }
            }
            #[inline(always)]
            unsafe fn store(p: *mut f32, v: Self::V) {
                // SAFETY: as above.
                unsafe { $store(p, v) }
            }
            #[inline(always)]
            unsafe fn stream(p: *mut f32, v: Self::V) {
                // SAFETY: as above, and the place is aligned; `fence` makes good for the weaker order, the caller says.
                unsafe { $stream(p, v) }
            }
            #[inline(always)]
            unsafe fn fence() {
                // SAFETY: as above.
                unsafe { _mm_sfence() }
            }
            #[inline(always)]
            unsafe fn load_part(p: *const f32, len: usize) -> Self::V {
                // SAFETY: as above.
                unsafe { $load_part(p, len) }
            }
            #[inline(always)]
            unsafe fn store_part(p: *mut f32, v: Self::V, len: usize) {
                // SAFETY: as above.
                unsafe { $store_part(p, v, len) }
            }
            #[inline(always)]
            unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                // SAFETY: as above.
                unsafe { $fma(a, b, c) }
            }
            #[inline(always)]
            unsafe fn dot_pairs(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                // SAFETY: as above.
                unsafe { $dot_pairs(a, b, c) }
            }
            #[inline(always)]
            unsafe fn pair(low: Self::V, high: Self::V) -> Self::V {
                // SAFETY: as above.
                unsafe { $pair(low, high) }
            }
            #[inline(always)]
            unsafe fn pair_neighbours(p: *const f32) -> Self::V {
                // SAFETY: as above; valid for 2 * LANES elements, the caller says.
                unsafe { $pair_neighbours(p) }
            }
            #[inline(always)]
            unsafe fn interleave(low: *const bf16, high: *const bf16) -> Self::V {
                // SAFETY: as above.
                unsafe { $interleave(low, high) }
            }
            #[inline(always)]
            unsafe fn load_bf16(p: *const bf16) -> Self::V {
                // SAFETY: as above.
                unsafe { $load_bf16(p) }
            }
            #[inline(always)]
            unsafe fn store_bf16(p: *mut bf16, v: Self::V) {
                // SAFETY: as above.
                unsafe { $store_narrow(p.cast(), $narrow(v)) }
            }
            #[inline(always)]
            unsafe fn stream_bf16(p: *mut bf16, v: Self::V) {
                // SAFETY: as above; the place is aligned, the caller says.
                unsafe { $stream_narrow(p.cast(), $narrow(v)) }
            }
            #[inline(always)]
            unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: as above.
                unsafe { $add(a, b) }
            }
            #[inline(always)]
            unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: as above.
                unsafe { $sub(a, b) }
            }
            #[inline(always)]
            unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: as above.
                unsafe { $mul(a, b) }
            }
            #[inline(always)]
            unsafe fn positive(v: Self::V) -> u32 {
                // SAFETY: as above.
                unsafe { $positive(v) }
            }
            #[inline(always)]
            unsafe fn where_set(bits: u32, value: Self::V) -> Self::V {
                // SAFETY: as above.
                unsafe { $where_set(bits, value) }
            }
            #[inline(always)]
            unsafe fn prefetch(p: *const f32) {
                // SAFETY: as above; a prefetch never faults.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
            }
            #[inline(always)]
            unsafe fn prefetch_far(p: *const f32) {
                // SAFETY: as above; a prefetch never faults.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(p.cast()) }
            }
            #[inline(always)]
            unsafe fn transpose(rows: *const f32, step: usize, out: *mut f32, out_step: usize) {
                // SAFETY: as above.
                unsafe { $transpose(rows, step, out, out_step) }
            }
            #[inline(always)]
            unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: as above.
                unsafe { $max(a, b) }
            }
            #[inline(always)]
            unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: as above.
                unsafe { $min(a, b) }
            }
        }
    };
}

simd!(
    Avx512,
    run_avx512,
    __m512,
    16,
    14,
    12,
    pairs::avx512,
    pairs::pair_avx512,
    pairs::pair_neighbours_avx512,
    [stored::interleave_avx512, stored::load_avx512, stored::narrow_avx512, _mm256_storeu_si256, _mm256_stream_si256],
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_stream_ps,
    part::load_avx512,
    part::store_avx512,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_max_ps,
    _mm512_min_ps,
    |v| u32::from(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(v, _mm512_setzero_ps())),
    |bits, value| _mm512_maskz_mov_ps(bits as u16, value),
    transpose::avx512
);
simd!(
    Avx512Bf16,
    run_avx512_bf16,
    __m512,
    16,
    14,
    14,
    pairs::avx512_bf16,
    pairs::pair_avx512_bf16,
    pairs::pair_neighbours_avx512_bf16,
    [stored::interleave_avx512, stored::load_avx512, stored::narrow_avx512_bf16, _mm256_storeu_si256, _mm256_stream_si256],
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_stream_ps,
    part::load_avx512,
    part::store_avx512,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_max_ps,
    _mm512_min_ps,
    |v| u32::from(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(v, _mm512_setzero_ps())),
    |bits, value| _mm512_maskz_mov_ps(bits as u16, value),
    transpose::avx512
);
simd!(
    Avx2,
    run_avx2,
    __m256,
    8,
    6,
    4,
    pairs::avx2,
    pairs::pair_avx2,
    pairs::pair_neighbours_avx2,
    [stored::interleave_avx2, stored::load_avx2, stored::narrow_avx2, _mm_storeu_si128, _mm_stream_si128],
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_stream_ps,
    part::load_avx2,
    part::store_avx2,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_max_ps,
    _mm256_min_ps,
    |v| _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(v, _mm256_setzero_ps())) as u32,
    |bits, value| {
        let lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        let set = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(bits as i32), lanes), lanes);
        _mm256_and_ps(_mm256_castsi256_ps(set), value)
    },
    transpose::avx2
);
