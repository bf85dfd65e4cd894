//! The random numbers of shuffling and augmentation: the same on every machine, whatever the number of threads.

use tensor::random::Generator;

/// A generator of random numbers that leads to independent ones for each epoch and each sample.
#[derive(Clone, Debug)]
pub struct Rng {
    generator: Generator,
}

impl Rng {
    /// The generator that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { generator: Generator::new(seed) }
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
        /// What a generator adds to its state before it mixes that to a number; taken off ahead, the mixing alone is left.
        const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;
        let (here, there) = (self.clone().next_u64(), Rng::new(stream).next_u64());
        let mixed = Rng::new((here ^ there).wrapping_sub(INCREMENT)).next_u64();
        Self::new(mixed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// A number from 0 up to 1, without 1, in steps of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        self.generator.uniform()
    }

    /// A number below `bound`, each equally likely; 0 where `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.generator.below(bound)
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
    fn orders_and_draws_are_what_they_have_always_been() {
        // Recorded from an independent implementation of splitmix64 and the fork; runs with a seed depend on them.
        assert_eq!(Rng::for_epoch(5, 2).permutation(12), [9, 3, 0, 5, 6, 7, 11, 2, 10, 4, 1, 8]);
        assert_eq!(Rng::for_sample(3, 1, 7).next_u64(), 2_113_167_245_495_543_342);
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
