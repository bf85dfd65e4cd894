//! Random numbers: one global generator with a seed, as PyTorch has, and generators of one's own.

use std::sync::{Mutex, PoisonError};

/// A generator of random numbers: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
/// The same seed gives the same numbers on every machine.
#[derive(Debug, Clone)]
pub struct Generator {
    state: u64,
}

impl Generator {
    /// A generator that starts from `seed`.
    pub const fn new(seed: u64) -> Self {
        Generator { state: seed }
    }

    /// The seed of a generator that goes on from here, to be kept with a training that is to be resumed.
    pub const fn state(&self) -> u64 {
        self.state
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A uniform number in [0, 1) with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A uniform whole number below `n` (0 where `n` is 0), without bias beyond 2^-64.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.next_u64() as u128 * n as u128) >> 64) as usize
    }

    /// A standard normal number (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

static GLOBAL: Mutex<Generator> = Mutex::new(Generator::new(0));

/// Sets the seed of the global generator, which initialisations and dropout draw from.
pub fn manual_seed(seed: u64) {
    with_global(|g| *g = Generator::new(seed));
}

/// Runs `f` with the global generator.
pub fn with_global<R>(f: impl FnOnce(&mut Generator) -> R) -> R {
    // A panic leaves the generator in a valid state, so a poisoned lock is fine to use.
    f(&mut GLOBAL.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_are_those_of_the_reference_implementation() {
        let mut g = Generator::new(1_234_567);
        let expected = [6_457_827_717_110_365_317u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert!(expected.iter().all(|&e| g.next_u64() == e));
    }

    #[test]
    fn a_generator_goes_on_from_its_state() {
        let mut g = Generator::new(5);
        g.next_u64();
        let mut resumed = Generator::new(g.state());
        assert_eq!(g.next_u64(), resumed.next_u64());
    }

    #[test]
    fn moments_are_right() {
        let mut g = Generator::new(3);
        let n = 100_000;
        let (mut mean, mut square, mut uniform) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let x = g.normal();
            mean += x / n as f64;
            square += x * x / n as f64;
            uniform += g.uniform() / n as f64;
        }
        assert!(mean.abs() < 0.01 && (square - 1.0).abs() < 0.02 && (uniform - 0.5).abs() < 0.005);
    }
}
