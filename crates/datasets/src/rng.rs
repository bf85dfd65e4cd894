//! The random numbers of shuffling and augmentation: splitmix64, the same on every machine.

/// A splitmix64 generator (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Rng {
    /// The generator that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The generator that orders the samples of one epoch.
    pub fn for_epoch(seed: u64, epoch: u64) -> Self {
        Self::new(seed).fork(epoch)
    }

    /// The generator of one sample's augmentations in one epoch, whoever prepares the sample and when.
    pub fn for_sample(seed: u64, epoch: u64, index: usize) -> Self {
        Self::for_epoch(seed, epoch).fork(index as u64)
    }

    /// An independent generator, the `stream`-th of those that this one's state leads to.
    fn fork(&self, stream: u64) -> Self {
        let here = mix(self.state.wrapping_add(GOLDEN_GAMMA));
        Self::new(mix(here ^ mix(stream.wrapping_add(GOLDEN_GAMMA))))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// A number from 0 up to 1, without 1, in steps of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number below `bound`, each equally likely; 0 where `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        // Lemire's method: products whose low half falls under 2⁶⁴ mod bound would favour some numbers.
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if bound == 0 || product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as usize;
            }
        }
    }

    /// The numbers below `len` in random order (Fisher–Yates).
    pub fn permutation(&mut self, len: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..len).collect();
        for last in (1..len).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_splitmix64() {
        // The first outputs for seed 1234567 of the authors' C program.
        let mut rng = Rng::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn permutation_holds_every_number_once_and_depends_on_the_epoch() {
        let first = Rng::for_epoch(0, 0).permutation(1000);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        assert_eq!(first, Rng::for_epoch(0, 0).permutation(1000));
        assert_ne!(first, Rng::for_epoch(0, 1).permutation(1000));
        assert_ne!(first, Rng::for_epoch(1, 0).permutation(1000));
    }

    #[test]
    fn below_is_even() {
        let mut rng = Rng::new(5);
        let mut counts = [0; 7];
        for _ in 0..70_000 {
            counts[rng.below(7)] += 1;
        }
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
    }

    #[test]
    fn samples_draw_independent_numbers() {
        let mean = (0..10_000).map(|i| Rng::for_sample(3, 1, i).uniform()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }
}
