//! Squares of `f32` transposed in registers: pairs, then quads of lanes interleaved, then whole quarters exchanged.

use std::arch::x86_64::*;

/// Sixteen rows of sixteen values.
///
/// # Safety
/// All rows exist on both sides.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn avx512(rows: *const f32, step: usize, out: *mut f32, out_step: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let r: [__m512; 16] = std::array::from_fn(|i| _mm512_loadu_ps(rows.add(i * step)));
        // t[2 i], t[2 i + 1]: lanes 0 and 1, 2 and 3 of each quarter of rows 2 i and 2 i + 1, in turn.
        let t: [__m512; 16] = std::array::from_fn(|i| {
            let (a, b) = (r[i & !1], r[i | 1]);
            if i % 2 == 0 { _mm512_unpacklo_ps(a, b) } else { _mm512_unpackhi_ps(a, b) }
        });
        // q[4 i + lane]: that lane of each quarter of rows 4 i to 4 i + 3.
        let q: [__m512; 16] = std::array::from_fn(|i| {
            let first = i & !3;
            let (a, b) = (_mm512_castps_pd(t[first + i % 4 / 2]), _mm512_castps_pd(t[first + 2 + i % 4 / 2]));
            _mm512_castpd_ps(if i % 2 == 0 { _mm512_unpacklo_pd(a, b) } else { _mm512_unpackhi_pd(a, b) })
        });
        for lane in 0..4 {
            let (a, b, c, d) = (q[lane], q[4 + lane], q[8 + lane], q[12 + lane]);
            let (ab_even, ab_odd) = (_mm512_shuffle_f32x4::<0b10_00_10_00>(a, b), _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b));
            let (cd_even, cd_odd) = (_mm512_shuffle_f32x4::<0b10_00_10_00>(c, d), _mm512_shuffle_f32x4::<0b11_01_11_01>(c, d));
            _mm512_storeu_ps(out.add(lane * out_step), _mm512_shuffle_f32x4::<0b10_00_10_00>(ab_even, cd_even));
            _mm512_storeu_ps(out.add((4 + lane) * out_step), _mm512_shuffle_f32x4::<0b10_00_10_00>(ab_odd, cd_odd));
            _mm512_storeu_ps(out.add((8 + lane) * out_step), _mm512_shuffle_f32x4::<0b11_01_11_01>(ab_even, cd_even));
            _mm512_storeu_ps(out.add((12 + lane) * out_step), _mm512_shuffle_f32x4::<0b11_01_11_01>(ab_odd, cd_odd));
        }
    }
}

/// Eight rows of eight values.
///
/// # Safety
/// All rows exist on both sides.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn avx2(rows: *const f32, step: usize, out: *mut f32, out_step: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let r: [__m256; 8] = std::array::from_fn(|i| _mm256_loadu_ps(rows.add(i * step)));
        let t: [__m256; 8] = std::array::from_fn(|i| {
            let (a, b) = (r[i & !1], r[i | 1]);
            if i % 2 == 0 { _mm256_unpacklo_ps(a, b) } else { _mm256_unpackhi_ps(a, b) }
        });
        let q: [__m256; 8] = std::array::from_fn(|i| {
            let first = i & !3;
            let (a, b) = (_mm256_castps_pd(t[first + i % 4 / 2]), _mm256_castps_pd(t[first + 2 + i % 4 / 2]));
            _mm256_castpd_ps(if i % 2 == 0 { _mm256_unpacklo_pd(a, b) } else { _mm256_unpackhi_pd(a, b) })
        });
        for lane in 0..4 {
            _mm256_storeu_ps(out.add(lane * out_step), _mm256_permute2f128_ps::<0x20>(q[lane], q[4 + lane]));
            _mm256_storeu_ps(out.add((4 + lane) * out_step), _mm256_permute2f128_ps::<0x31>(q[lane], q[4 + lane]));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::cpu::{
        dispatch::{Kernel, SimdLevel, run_at},
        simd::{Simd, transpose_plain},
    };

    struct Transpose<'a>(&'a [f32], &'a mut [f32]);

    impl Kernel for Transpose<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self) {
            // SAFETY: both sides hold 16 rows of 17 and 19 values, as many as the widest level has or more.
            unsafe { S::transpose(self.0.as_ptr(), 17, self.1.as_mut_ptr(), 19) }
        }
    }

    #[test]
    fn every_level_agrees_with_the_plain_twin() {
        let values: Vec<f32> = (0..16 * 17).map(|i| i as f32).collect();
        for (level, lanes) in [(SimdLevel::Generic, 4), (SimdLevel::Avx2, 8), (SimdLevel::Avx512, 16)] {
            if !SimdLevel::available().any(|l| l == level) {
                continue;
            }
            let (mut a, mut b) = (vec![0.0; 16 * 19], vec![0.0; 16 * 19]);
            run_at(level, Transpose(&values, &mut a));
            // SAFETY: as above.
            unsafe {
                match lanes {
                    4 => transpose_plain::<4>(values.as_ptr(), 17, b.as_mut_ptr(), 19),
                    8 => transpose_plain::<8>(values.as_ptr(), 17, b.as_mut_ptr(), 19),
                    _ => transpose_plain::<16>(values.as_ptr(), 17, b.as_mut_ptr(), 19),
                }
            }
            assert_eq!(a, b, "{level}");
        }
    }
}
