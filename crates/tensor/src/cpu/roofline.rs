//! What this machine can do at most: the rates that a kernel's speed is a share of.

use std::{hint::black_box, time::Instant};

use super::{
    dispatch::{Kernel, SimdLevel, level, run_at, run_pairs_at},
    matrix_unit::{MatrixUnit, Shape, with_matrix_unit},
    pool::{SharedMut, parallel, parallel_ranges, threads},
    simd::Simd,
};

/// The highest rates that were seen on all threads of the pool together, at the instruction set in use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roofline {
    /// The threads.
    pub threads: usize,
    /// The instruction set.
    pub level: SimdLevel,
    /// Products and sums of `f32` a second, from registers alone.
    pub f32_flops: f64,
    /// Products of bf16 and their sums in `f32` a second, from registers alone. Where the instruction set lacks them they are
    /// emulated, without the unpacking of operands, which the loop need not repeat.
    pub bf16_flops: f64,
    /// Bytes a second read from an array that no cache holds.
    pub read_bandwidth: f64,
    /// Bytes a second of `a = b + s * c` over such arrays, two of them read and one written, as STREAM counts them.
    pub triad_bandwidth: f64,
}

impl Roofline {
    /// Measures, in about a second and with 384 MB of memory.
    pub fn measure() -> Roofline {
        let (read_bandwidth, triad_bandwidth) = bandwidths(ARRAY_LEN);
        Roofline {
            threads: threads(),
            level: level(),
            f32_flops: peak_flops::<false>(level(), PEAK_STEPS),
            bf16_flops: peak_flops::<true>(level(), PEAK_STEPS),
            read_bandwidth,
            triad_bandwidth,
        }
    }
}

/// The runs that the best is taken of.
const REPEATS: usize = 8;

/// Multiply-adds under way at once: two a cycle that take up to six cycles each.
const CHAINS: usize = 12;

/// Rounds over the chains in one run: some milliseconds.
const PEAK_STEPS: usize = 4 << 20;

/// Values of an array: 128 MB.
const ARRAY_LEN: usize = 32 << 20;

/// Values that a thread takes at a time.
const GRAIN: usize = 1 << 16;

/// The fastest of some runs, in seconds.
fn fastest(mut run: impl FnMut()) -> f64 {
    let seconds = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..REPEATS).map(seconds).fold(f64::INFINITY, f64::min)
}

/// Floating-point operations a second: `PAIRS` of bf16, else `f32`.
fn peak_flops<const PAIRS: bool>(level: SimdLevel, steps: usize) -> f64 {
    let run = |_: usize| {
        let kernel = MulAdds::<PAIRS> { steps };
        black_box(match PAIRS {
            true => with_matrix_unit!(level, unit => dots(unit(), steps / STEPS_PER_DOT), run_pairs_at(level, kernel)),
            false => run_at(level, kernel),
        })
    };
    let per_thread = run(0).flops;
    let seconds = fastest(|| {
        parallel(threads(), |i| {
            run(i);
        })
    });
    (threads() * per_thread) as f64 / seconds
}

/// A product of matrices takes as long as some rounds over the chains.
const STEPS_PER_DOT: usize = 8;

/// Products of matrices whose registers are full, of four sums in turn.
fn dots(mut unit: impl MatrixUnit, steps: usize) -> Done {
    const ALL: Shape = Shape::new(Shape::MOST, Shape::MOST);
    let (ones, mut sums) = ([f32::from_bits(0x3f80_3f80); Shape::MOST * Shape::MOST], [0f32; Shape::MOST * Shape::MOST]);
    // SAFETY: the unit is there; the arrays hold a register each.
    unsafe {
        unit.configure(&[ALL; 8]);
        unit.zero::<0>();
        unit.zero::<1>();
        unit.zero::<2>();
        unit.zero::<3>();
        unit.load::<4>(ones.as_ptr(), Shape::MOST);
        unit.load::<5>(ones.as_ptr(), Shape::MOST);
        for _ in 0..steps {
            unit.dot::<0, 4, 5>();
            unit.dot::<1, 4, 5>();
            unit.dot::<2, 4, 5>();
            unit.dot::<3, 4, 5>();
        }
        unit.store::<0>(sums.as_mut_ptr(), Shape::MOST);
    }
    Done { flops: steps * 4 * sums.len() * 2 * 2 * Shape::MOST, _sum: 4.0 * sums.iter().sum::<f32>() }
}

/// Independent chains of multiply-adds that stay in registers.
struct MulAdds<const PAIRS: bool> {
    steps: usize,
}

/// What [`MulAdds`] did.
struct Done {
    flops: usize,
    /// Kept, so that the compiler keeps the work.
    _sum: f32,
}

impl<const PAIRS: bool> Kernel for MulAdds<PAIRS> {
    type Output = Done;

    #[inline(always)]
    fn run<S: Simd>(self) -> Done {
        let mut lanes = [0f32; 16];
        // SAFETY: `run_at` has entered this level; no register holds more lanes than the array.
        unsafe {
            let (a, b) = (S::splat(black_box(0.5)), S::splat(black_box(1.0)));
            let mut chains = [S::zero(); CHAINS];
            for _ in 0..self.steps {
                for i in 0..CHAINS {
                    chains[i] = if PAIRS { S::dot_pairs(a, b, chains[i]) } else { S::mul_add(a, b, chains[i]) };
                }
            }
            let mut sum = S::zero();
            for i in 0..CHAINS {
                sum = S::add(sum, chains[i]);
            }
            S::store(lanes.as_mut_ptr(), sum);
        }
        let products = if PAIRS { 2 } else { 1 };
        Done { flops: 2 * products * S::LANES * CHAINS * self.steps, _sum: lanes.iter().sum() }
    }
}

/// Bytes a second that are read, and that a triad moves, over arrays of `len` values.
fn bandwidths(len: usize) -> (f64, f64) {
    let (mut a, b, c) = (vec![0f32; len], vec![1f32; len], vec![2f32; len]);
    let out = SharedMut::new(&mut a);
    let bytes = (len * size_of::<f32>()) as f64;
    let triad = fastest(|| {
        parallel_ranges(len, GRAIN, |start, end| {
            // SAFETY: the ranges are disjoint and lie in the array, which outlives the run.
            let out = unsafe { out.slice(start, end - start) };
            run_at(level(), Triad { out, b: &b[start..end], c: &c[start..end] });
        });
    });
    let read = fastest(|| {
        parallel_ranges(len, GRAIN, |start, end| {
            black_box(run_at(level(), Sum { x: &b[start..end] }));
        });
    });
    (bytes / read, 3.0 * bytes / triad)
}

/// `out = b + 3 c`, of equal lengths that are multiples of 16.
struct Triad<'a> {
    out: &'a mut [f32],
    b: &'a [f32],
    c: &'a [f32],
}

impl Kernel for Triad<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let len = self.out.len().min(self.b.len()).min(self.c.len());
        for i in (0..len / S::LANES * S::LANES).step_by(S::LANES) {
            // SAFETY: `run_at` has entered this level, and a register's lanes behind `i` lie in all three.
            unsafe {
                let sum = S::mul_add(S::splat(3.0), S::load(self.c.as_ptr().add(i)), S::load(self.b.as_ptr().add(i)));
                S::store(self.out.as_mut_ptr().add(i), sum);
            }
        }
    }
}

/// The sum of all values, of which the number is a multiple of 64.
struct Sum<'a> {
    x: &'a [f32],
}

impl Kernel for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self) -> f32 {
        let mut lanes = [0f32; 16];
        // SAFETY: `run_at` has entered this level; four registers' lanes behind `i` lie in `x`, and one's in the array.
        unsafe {
            let mut sums = [S::zero(); 4];
            for i in (0..self.x.len() / (4 * S::LANES) * (4 * S::LANES)).step_by(4 * S::LANES) {
                for j in 0..4 {
                    sums[j] = S::add(sums[j], S::load(self.x.as_ptr().add(i + j * S::LANES)));
                }
            }
            S::store(lanes.as_mut_ptr(), S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3])));
        }
        lanes.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_do_what_is_counted() {
        for level in SimdLevel::available() {
            let f32s = run_at(level, MulAdds::<false> { steps: 10 });
            let pairs = run_pairs_at(level, MulAdds::<true> { steps: 10 });
            // Each lane of each chain grows by a half a step; 0.5 and 1.0 as pairs of bf16 are (0, 0.5) and (0, 1).
            assert_eq!((f32s._sum * 4.0, pairs._sum * 8.0), (f32s.flops as f32, pairs.flops as f32), "{level}");
            // Every product is one.
            with_matrix_unit!(level, unit => {
                let dots = dots(unit(), 10);
                assert_eq!(dots._sum * 2.0, dots.flops as f32, "{level}");
            }, ());
            let (b, c, mut out) = (vec![1f32; 128], vec![2f32; 128], vec![0f32; 128]);
            run_at(level, Triad { out: &mut out, b: &b, c: &c });
            assert!(out.iter().all(|&x| x == 7.0), "{level}");
            assert_eq!(run_at(level, Sum { x: &c }), 256.0, "{level}");
        }
    }

    #[test]
    fn rates_are_plausible() {
        for level in SimdLevel::available() {
            // A vector's worth of work every hundred nanoseconds is less than any processor does.
            assert!(peak_flops::<false>(level, 1 << 12) > 1e7 && peak_flops::<true>(level, 1 << 12) > 1e7, "{level}");
        }
        let (read, triad) = bandwidths(1 << 18);
        assert!(read > 1e7 && triad > 1e7 && read.is_finite() && triad.is_finite());
    }
}
