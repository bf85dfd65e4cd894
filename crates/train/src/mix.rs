//! Mixup and CutMix: pictures of a batch mixed in pairs, with their labels.

use layers::one_hot;
use tensor::{Result, Tensor, random::Generator};

use crate::{Settings, step::Targets};

/// Mixes batches as torchvision's references do: each picture with the one before it, the first with the last.
pub(crate) struct Mix {
    mixup_alpha: f64,
    cutmix_alpha: f64,
    seed: u64,
}

/// Of the other picture, how much and which part goes into each.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mixing {
    /// Everywhere, in this share of its intensity.
    Blend(f64),
    /// The rectangle between two corners, with its share of the area.
    Paste { left: usize, top: usize, right: usize, bottom: usize },
}

impl Mix {
    /// What the settings ask for, if anything.
    pub fn new(settings: &Settings) -> Option<Self> {
        let Settings { mixup_alpha, cutmix_alpha, seed, .. } = *settings;
        (mixup_alpha > 0.0 || cutmix_alpha > 0.0).then_some(Mix { mixup_alpha, cutmix_alpha, seed })
    }

    /// Mixes pictures `[N, 3, H, W]` and makes probabilities of their labels `[N]`. What is drawn depends on the seed, the epoch and the
    /// batch's number alone.
    pub fn apply(
        &self,
        images: &Tensor,
        labels: &Tensor,
        classes: usize,
        (epoch, batch): (usize, usize),
    ) -> layers::Result<(Tensor, Targets)> {
        let (_, _, height, width) = images.shape().nchw("mix")?;
        let mut generator = generator(self.seed, epoch, batch);
        let mixing = self.draw(height, width, &mut generator);
        let other = roll(images)?;
        let mixed = match mixing {
            Mixing::Blend(share) => images.mul_scalar(1.0 - share)?.add(&other.mul_scalar(share)?)?,
            Mixing::Paste { left, top, right, bottom } => {
                let inside = mask(images, |x, y| (left..right).contains(&x) && (top..bottom).contains(&y))?;
                inside.where_cond(&other, images)?
            }
        };
        let share = mixing.share(height, width);
        let own = one_hot(labels, classes)?;
        let probabilities = own.mul_scalar(1.0 - share)?.add(&roll(&own)?.mul_scalar(share)?)?;
        Ok((mixed.channels_last()?, Targets::Probabilities(probabilities)))
    }

    fn draw(&self, height: usize, width: usize, generator: &mut Generator) -> Mixing {
        let cuts = match (self.mixup_alpha > 0.0, self.cutmix_alpha > 0.0) {
            (true, true) => generator.uniform() < 0.5,
            (_, cutmix) => cutmix,
        };
        if !cuts {
            return Mixing::Blend(1.0 - beta(self.mixup_alpha, generator));
        }
        let share = 1.0 - beta(self.cutmix_alpha, generator);
        let (x, y) = (generator.below(width), generator.below(height));
        let half = |side: usize| (0.5 * share.sqrt() * side as f64) as usize;
        let span = |middle: usize, side: usize| (middle.saturating_sub(half(side)), (middle + half(side)).min(side));
        let ((left, right), (top, bottom)) = (span(x, width), span(y, height));
        Mixing::Paste { left, top, right, bottom }
    }
}

impl Mixing {
    /// The other picture's share of the result.
    fn share(self, height: usize, width: usize) -> f64 {
        match self {
            Mixing::Blend(share) => share,
            Mixing::Paste { left, top, right, bottom } => ((right - left) * (bottom - top)) as f64 / (height * width) as f64,
        }
    }
}

/// A generator of its own for each batch of each epoch.
fn generator(seed: u64, epoch: usize, batch: usize) -> Generator {
    [epoch, batch].iter().fold(Generator::new(seed), |mut outer, &number| Generator::new(outer.next_u64() ^ number as u64))
}

/// Each row in the place of the next, the last in that of the first.
fn roll(tensor: &Tensor) -> Result<Tensor> {
    let rows = tensor.dims()[0];
    let order: Vec<i64> = (0..rows as i64).map(|row| (row + rows as i64 - 1) % rows as i64).collect();
    tensor.index_select(0, &Tensor::from_vec(order, [rows])?)
}

/// 1 at the places of each picture (column, row) that are `inside`.
fn mask(images: &Tensor, inside: impl Fn(usize, usize) -> bool) -> Result<Tensor> {
    let (_, _, height, width) = images.shape().nchw("mix")?;
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let mask: Vec<u8> = places.map(|(x, y)| u8::from(inside(x, y))).collect();
    Tensor::from_vec(mask, [1, 1, height, width])?.broadcast_to(images.shape().clone())
}

/// A number from the beta distribution with both parameters `alpha`.
fn beta(alpha: f64, generator: &mut Generator) -> f64 {
    let (a, b) = (gamma(alpha, generator), gamma(alpha, generator));
    if a + b > 0.0 { a / (a + b) } else { generator.uniform().round() }
}

/// A number from the gamma distribution of shape `alpha` and scale 1 (Marsaglia and Tsang, "A simple method for generating gamma
/// variables", 2000).
fn gamma(alpha: f64, generator: &mut Generator) -> f64 {
    if alpha < 1.0 {
        let boost = (1.0 - generator.uniform()).powf(1.0 / alpha);
        return gamma(alpha + 1.0, generator) * boost;
    }
    let d = alpha - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = generator.normal();
        let v = (1.0 + c * x).powi(3);
        let u = 1.0 - generator.uniform();
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(mixup_alpha: f64, cutmix_alpha: f64) -> Mix {
        Mix::new(&Settings { mixup_alpha, cutmix_alpha, ..Settings::default() }).unwrap()
    }

    /// Two pictures of 8 x 8 pixels, one of ones and one of threes, of the classes 0 and 2; mixed as the batch of this number.
    fn mixed(mix: &Mix, batch: usize) -> (Vec<f32>, Vec<f32>) {
        let values = [1f32, 3.0].iter().flat_map(|&value| [value; 3 * 64]).collect();
        let images = Tensor::from_vec(values, [2, 3, 8, 8]).unwrap().channels_last().unwrap();
        let labels = Tensor::from_vec(vec![0i64, 2], [2]).unwrap();
        let (images, targets) = mix.apply(&images, &labels, 3, (1, batch)).unwrap();
        let Targets::Probabilities(targets) = targets else { panic!("mixed labels are probabilities") };
        (images.to_vec().unwrap(), targets.to_vec().unwrap())
    }

    #[test]
    fn mixup_blends_pictures_and_labels_in_one_proportion() {
        for batch in 0..20 {
            let (images, targets) = mixed(&mix(0.5, 0.0), batch);
            let other = targets[2];
            assert_eq!(targets[1], 0.0);
            assert!((targets[0] + other - 1.0).abs() < 1e-6 && (targets[3] - other).abs() < 1e-6, "{targets:?}");
            assert!(images[..192].iter().all(|value| (value - (1.0 + 2.0 * other)).abs() < 1e-5), "{other}: {images:?}");
        }
    }

    #[test]
    fn cutmix_pastes_a_rectangle_as_large_as_its_share_of_the_label() {
        let mut shares = Vec::new();
        for batch in 0..50 {
            let (images, targets) = mixed(&mix(0.0, 1.0), batch);
            let pasted = images[..64].iter().filter(|&&value| value == 3.0).count();
            assert!(images.iter().all(|&value| value == 1.0 || value == 3.0), "nothing is blended");
            assert!((targets[2] - pasted as f32 / 64.0).abs() < 1e-6, "{pasted} pixels, {targets:?}");
            shares.push(pasted);
        }
        shares.sort_unstable();
        shares.dedup();
        assert!(shares.len() > 8, "{shares:?}");
    }

    #[test]
    fn a_batch_is_always_mixed_alike_and_others_otherwise() {
        let both = mix(0.5, 0.5);
        assert_eq!(mixed(&both, 3), mixed(&both, 3));
        assert_ne!(mixed(&both, 3), mixed(&both, 4));
        assert!(Mix::new(&Settings::default()).is_none());
    }

    #[test]
    fn beta_has_the_right_mean_and_variance() {
        for alpha in [0.2, 1.0, 4.0] {
            let mut generator = Generator::new(1);
            let n = 50_000;
            let draws: Vec<f64> = (0..n).map(|_| beta(alpha, &mut generator)).collect();
            let mean = draws.iter().sum::<f64>() / f64::from(n);
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((mean - 0.5).abs() < 0.01 && (variance - expected).abs() < 0.005, "{alpha}: {mean} {variance}");
        }
    }
}
