//! The instruction set that kernels use, chosen once at run time.

use std::{fmt, sync::OnceLock};

/// A level of the processor's vector instructions, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimdLevel {
    /// Plain Rust, in place of the products of matrices too.
    #[cfg(test)]
    EmulatedAmx,
    /// Plain Rust, for every processor.
    Generic,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL).
    Avx512,
    /// AVX-512 with products of bf16.
    Avx512Bf16,
    /// AVX-512, and products of matrices of bf16 (AMX).
    Amx,
}

impl SimdLevel {
    const ALL: &[SimdLevel] = &[
        #[cfg(test)]
        SimdLevel::EmulatedAmx,
        SimdLevel::Generic,
        SimdLevel::Avx2,
        SimdLevel::Avx512,
        SimdLevel::Avx512Bf16,
        SimdLevel::Amx,
    ];

    /// The name that `CONVOY_SIMD` takes.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(test)]
            SimdLevel::EmulatedAmx => "emulated-amx",
            SimdLevel::Generic => "generic",
            SimdLevel::Avx2 => "avx2",
            SimdLevel::Avx512 => "avx512",
            SimdLevel::Avx512Bf16 => "avx512bf16",
            SimdLevel::Amx => "amx",
        }
    }

    /// The best level of this processor.
    pub fn detect() -> SimdLevel {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            if avx2 && avx512 {
                return match is_x86_feature_detected!("avx512bf16") {
                    true if super::x86_64::amx::is_available() => SimdLevel::Amx,
                    true => SimdLevel::Avx512Bf16,
                    false => SimdLevel::Avx512,
                };
            }
            if avx2 {
                return SimdLevel::Avx2;
            }
        }
        SimdLevel::Generic
    }

    /// All levels that this processor has.
    pub fn available() -> impl Iterator<Item = SimdLevel> {
        let best = SimdLevel::detect();
        Self::ALL.iter().copied().filter(move |&l| l <= best)
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What `CONVOY_SIMD` asks for: a level, or why it cannot be had. `Ok(None)` where the variable is not set.
pub fn forced_level() -> Result<Option<SimdLevel>, String> {
    let Some(value) = std::env::var_os("CONVOY_SIMD") else { return Ok(None) };
    let level = SimdLevel::ALL.iter().copied().find(|l| value == l.name());
    match level {
        None => Err(format!("CONVOY_SIMD={}: use generic, avx2, avx512, avx512bf16 or amx", value.to_string_lossy())),
        Some(level) if level > SimdLevel::detect() => {
            Err(format!("CONVOY_SIMD={level}: this processor has no {level}; its best is {}", SimdLevel::detect()))
        }
        Some(level) => Ok(Some(level)),
    }
}

/// The level in use: what `CONVOY_SIMD` forces where it can be had, else the processor's best.
pub fn level() -> SimdLevel {
    static LEVEL: OnceLock<SimdLevel> = OnceLock::new();
    *LEVEL.get_or_init(|| forced_level().ok().flatten().unwrap_or_else(SimdLevel::detect))
}

/// In how many places of the first-level cache for data a line can lie: 8 where that is not known.
pub(super) fn first_level_ways() -> usize {
    const USUAL: usize = 8;
    #[cfg(target_arch = "x86_64")]
    return super::x86_64::cache::first_level_ways().unwrap_or(USUAL);
    #[cfg(not(target_arch = "x86_64"))]
    return USUAL;
}

/// A computation written once over [`Simd`](super::simd::Simd) and compiled for each level. `run` must be `#[inline(always)]`.
pub(crate) trait Kernel {
    type Output;
    fn run<S: super::simd::Simd>(self) -> Self::Output;
}

/// Runs a kernel at a level that this processor has.
pub(crate) fn run_at<K: Kernel>(level: SimdLevel, kernel: K) -> K::Output {
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: levels above generic come from `detect` or are checked against it.
        SimdLevel::Avx512 | SimdLevel::Avx512Bf16 | SimdLevel::Amx => unsafe { super::x86_64::run_avx512(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        SimdLevel::Avx2 => unsafe { super::x86_64::run_avx2(kernel) },
        _ => kernel.run::<super::simd::Portable>(),
    }
}

/// [`run_at`] for kernels whose products are of pairs of bf16.
pub(crate) fn run_pairs_at<K: Kernel>(level: SimdLevel, kernel: K) -> K::Output {
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `run_at`.
        SimdLevel::Avx512Bf16 | SimdLevel::Amx => unsafe { super::x86_64::run_avx512_bf16(kernel) },
        _ => run_at(level, kernel),
    }
}

/// [`run_at`] for kernels that use a [unit for products of matrices](super::matrix_unit), at a level that has one: their code is made for the
/// vectors beside it alone.
pub(crate) fn run_matrices_at<K: Kernel>(level: SimdLevel, kernel: K) -> K::Output {
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `run_at`.
        SimdLevel::Amx => unsafe { super::x86_64::run_avx512_bf16(kernel) },
        #[cfg(test)]
        SimdLevel::EmulatedAmx => kernel.run::<super::simd::Portable>(),
        level => unreachable!("{level} has no unit for products of matrices"),
    }
}

/// A computation in plain Rust for [`vectorized`]. `run`, and whatever it calls that is worth the vectors, must be `#[inline(always)]`: a
/// function that is called has the instructions of its own crate alone.
pub trait Vectorize {
    /// What the computation gives.
    type Output;

    /// Computes it.
    fn run(self) -> Self::Output;
}

/// Runs a computation in code that the compiler made for the instruction set in use.
pub fn vectorized<V: Vectorize>(computation: V) -> V::Output {
    struct Plain<V>(V);
    impl<V: Vectorize> Kernel for Plain<V> {
        type Output = V::Output;
        #[inline(always)]
        fn run<S: super::simd::Simd>(self) -> V::Output {
            self.0.run()
        }
    }
    run_at(level(), Plain(computation))
}
