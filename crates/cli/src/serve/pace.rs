//! How many pictures a thread computes at once.

use std::time::Duration;

/// How often a number is tried before it is judged; the first time counts for nothing, since it fills buffers.
const TRIES: u32 = 4;
/// What a time is multiplied by at each new one: so it is not believed for ever.
const FORGETTING: f64 = 1.01;

/// What computing takes a picture, by the pictures at once: 1, 2, 4 and so on. Which is the fastest depends on the network and on the
/// machine: the values of few pictures stay in the cache, and the weights of a large network are read once for all pictures.
#[derive(Debug, Default)]
pub struct Pace {
    times: Vec<Times>,
}

/// Times of batches of one size.
#[derive(Debug, Default, Clone, Copy)]
struct Times {
    count: u32,
    /// The least of late, in seconds a picture. It tells more than the mean, which other threads have a part in.
    least: f64,
}

impl Pace {
    /// How many of at most `most` pictures to take: the largest number that has not been tried enough, else the fastest.
    pub fn size(&self, most: usize) -> usize {
        let sizes = most.max(1).ilog2() as usize + 1;
        let times = |size: usize| self.times.get(size).copied().unwrap_or_default();
        let untried = (0..sizes).rev().find(|&size| times(size).count < TRIES);
        let fastest = || (0..sizes).min_by(|&a, &b| times(a).least.total_cmp(&times(b).least));
        1 << untried.or_else(fastest).unwrap_or(0)
    }

    /// Learns what pictures that were computed at once took.
    pub fn learn(&mut self, pictures: usize, time: Duration) {
        if !pictures.is_power_of_two() {
            return;
        }
        let size = pictures.ilog2() as usize;
        if self.times.len() <= size {
            self.times.resize(size + 1, Times::default());
        }
        let Times { count, least } = &mut self.times[size];
        let new = time.as_secs_f64() / pictures as f64;
        *count = count.saturating_add(1);
        *least = if *count <= 2 { new } else { new.min(*least * FORGETTING) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken of `most` pictures after a thousand batches of a network that takes so long, in microseconds.
    fn settled(most: usize, micros: impl Fn(usize) -> u64) -> usize {
        let mut pace = Pace::default();
        for _ in 0..1000 {
            let size = pace.size(most);
            assert!(size <= most);
            pace.learn(size, Duration::from_micros(micros(size)));
        }
        pace.size(most)
    }

    #[test]
    fn the_fastest_number_is_found() {
        let (small, large) = (|n: usize| n as u64 * (500 + 20 * n as u64), |n: usize| 4000 + 1000 * n as u64);
        assert_eq!((settled(32, small), settled(32, large), settled(21, large), settled(1, large)), (1, 32, 16, 1));
        assert_eq!(settled(32, |n| n as u64 * (1000 + (n as u64).abs_diff(8))), 8);
    }

    #[test]
    fn a_number_that_has_become_slower_is_left() {
        let mut pace = Pace::default();
        let mut compute = |batches: usize, slow: usize| {
            for _ in 0..batches {
                let size = pace.size(4);
                pace.learn(size, Duration::from_millis(size as u64 * if size == slow { 3 } else { 2 } + 1));
            }
            pace.size(4)
        };
        assert_eq!(compute(30, 1), 4);
        assert_eq!(compute(100, 4), 2);
    }
}
