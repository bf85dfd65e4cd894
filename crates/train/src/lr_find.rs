//! The learning-rate range test.

use layers::{ModuleExt, optim::ExponentialLR};
use zoo::Model;

use datasets::Image;

use crate::{Data, Error, Result, ScheduleSettings, Settings, Trainer, draw};

/// The share of the smoothed loss that stays at each batch: fastai's.
const BETA: f64 = 0.98;
/// The test ends where the smoothed loss is so many times the least.
const DIVERGED: f64 = 4.0;
/// The points of the end that no suggestion is made of, and the share of those of the beginning: fastai's.
const LAST: usize = 5;
const FIRST_SHARE: usize = 10;

/// Which learning rates are tried: from `start` to `end`, each `steps`-th root of their ratio times the one before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LrRange {
    /// The first rate.
    pub start: f64,
    /// The rate after the last step.
    pub end: f64,
    /// The batches to learn from.
    pub steps: usize,
}

impl Default for LrRange {
    /// fastai's: 100 steps from 1e-7 to 10.
    fn default() -> Self {
        LrRange { start: 1e-7, end: 10.0, steps: 100 }
    }
}

/// The loss of a batch at a learning rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LrPoint {
    /// The rate.
    pub learning_rate: f64,
    /// The loss of the batch, before the update at this rate.
    pub loss: f64,
    /// The mean of the losses so far, where each counts 0.98 times as much as the next.
    pub smoothed_loss: f64,
}

/// What a learning-rate range test gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LrFind {
    /// The losses in the order of the rates.
    pub points: Vec<LrPoint>,
    /// The steps that were planned.
    pub steps: usize,
}

/// Tries learning rates (Smith, "Cyclical Learning Rates for Training Neural Networks", 2017, as fastai's `lr_find` does it): trains with a
/// rate that grows from batch to batch, until the loss blows up. Rate and schedule of `settings` do not count. `report` is called
/// with each point. In the end the model, and the global random numbers, are what they were before.
///
/// # Errors
/// Where a setting makes no sense, a sample cannot be had, or the data does not suit the model.
pub fn lr_find(
    model: &dyn Model,
    data: &Data,
    settings: &Settings,
    range: &LrRange,
    report: impl FnMut(&LrPoint) -> Result<()>,
) -> Result<LrFind> {
    range.check()?;
    let state = model.state_dict()?;
    let frozen: Vec<bool> = model.named_parameters().iter().map(|(_, parameter)| !parameter.requires_grad()).collect();
    let rng_state = tensor::random::with_global(|generator| generator.state());
    let find = settings.precision.run(|| sweep(model, data, settings, range, report));
    tensor::random::manual_seed(rng_state);
    for ((_, parameter), frozen) in model.named_parameters().into_iter().zip(frozen) {
        parameter.set_requires_grad(!frozen);
    }
    model.zero_grad();
    model.load_state_dict(&state)?;
    find
}

fn sweep(
    model: &dyn Model,
    data: &Data,
    settings: &Settings,
    range: &LrRange,
    mut report: impl FnMut(&LrPoint) -> Result<()>,
) -> Result<LrFind> {
    let settings = Settings {
        learning_rate: range.start,
        schedule: ScheduleSettings::default(),
        accumulate: 1,
        ema_decay: None,
        limit_batches: None,
        ..settings.clone()
    };
    let gamma = (range.end / range.start).powf(1.0 / range.steps as f64);
    let mut find = LrFind { points: Vec::new(), steps: range.steps };
    let (mut smooth, mut least) = (Smooth::default(), f64::INFINITY);
    Trainer::new(model, data, &settings)?.sweep(Box::new(ExponentialLR::new(gamma)), range.steps, |learning_rate, loss| {
        if !loss.is_finite() {
            return Ok(false);
        }
        let point = LrPoint { learning_rate, loss, smoothed_loss: smooth.add(loss) };
        find.points.push(point);
        report(&point)?;
        least = least.min(point.smoothed_loss);
        Ok(point.smoothed_loss <= DIVERGED * least)
    })?;
    Ok(find)
}

impl LrRange {
    fn check(&self) -> Result<()> {
        let setting = |name, value: f64, reason| Err(Error::Setting { name, value: value.to_string(), reason });
        if !(self.start > 0.0 && self.start.is_finite()) {
            return setting("first learning rate", self.start, "it must be a number above 0");
        }
        if !(self.end > self.start && self.end.is_finite()) {
            return setting("last learning rate", self.end, "it must be a number above the first");
        }
        if self.steps == 0 {
            return setting("number of steps", 0.0, "it must be at least 1");
        }
        Ok(())
    }
}

/// fastai's `AvgSmoothLoss`: an exponential average without the bias to 0 of its beginning.
#[derive(Default)]
struct Smooth {
    average: f64,
    count: i32,
}

impl Smooth {
    fn add(&mut self, loss: f64) -> f64 {
        self.average = BETA * self.average + (1.0 - BETA) * loss;
        self.count += 1;
        self.average / (1.0 - BETA.powi(self.count))
    }
}

impl LrFind {
    /// The points that suggestions are made of: not the first tenth, nor the last five.
    fn considered(&self) -> &[LrPoint] {
        let end = self.points.len().saturating_sub(LAST);
        &self.points[(self.steps / FIRST_SHARE).min(end)..end]
    }

    /// The rate in the middle of the longest valley, which is fastai's suggestion by default: of the longest run of points, not all
    /// of them next to one another, whose losses fall, the point after one third and half of another.
    pub fn valley(&self) -> Option<f64> {
        let points = self.considered();
        let mut lengths = vec![1; points.len()];
        let (mut start, mut end) = (0, 0);
        for i in 1..points.len() {
            for j in 0..i {
                if points[i].smoothed_loss < points[j].smoothed_loss && lengths[i] < lengths[j] + 1 {
                    lengths[i] = lengths[j] + 1;
                }
                if lengths[end] < lengths[i] {
                    end = i;
                    start = end.saturating_sub(lengths[end]);
                }
            }
        }
        let third = (end - start) as f64 / 3.0;
        let middle = start + third as usize + (third / 2.0) as usize;
        points.get(middle).map(|point| point.learning_rate)
    }

    /// The rate at which the loss falls most, by the logarithm of the rate: fastai's `steep`, but not looked for beyond the least loss,
    /// where it falls from one outburst to the next.
    pub fn steepest(&self) -> Option<f64> {
        let points = self.considered();
        let least = (0..points.len()).min_by(|&a, &b| points[a].smoothed_loss.total_cmp(&points[b].smoothed_loss))?;
        let slope =
            |pair: &[LrPoint]| (pair[1].smoothed_loss - pair[0].smoothed_loss) / (pair[1].learning_rate / pair[0].learning_rate).ln();
        let pairs = points[..=least].windows(2);
        pairs.min_by(|a, b| slope(a).total_cmp(&slope(b))).map(|pair| pair[0].learning_rate)
    }

    /// The points as a table.
    pub fn to_csv(&self) -> String {
        let line = |point: &LrPoint| format!("{:e},{},{}\n", point.learning_rate, point.loss, point.smoothed_loss);
        "learning_rate,loss,smoothed_loss\n".to_owned() + &self.points.iter().map(line).collect::<String>()
    }

    /// The curve with the suggestions.
    ///
    /// # Errors
    /// Where the picture cannot be made.
    pub fn picture(&self) -> Result<Image> {
        draw::lr_chart(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A find whose smoothed losses are these, at the rates 1e-10, 1e-9 and so on, with nothing left out at its ends.
    fn find(losses: &[f64]) -> LrFind {
        let rest = [9.0; LAST];
        let points = losses.iter().chain(&rest).zip(-10..);
        let point = |(&loss, power)| LrPoint { learning_rate: 10f64.powi(power), loss, smoothed_loss: loss };
        LrFind { points: points.map(point).collect(), steps: 0 }
    }

    #[test]
    fn the_smoothed_loss_is_fastais() {
        let mut smooth = Smooth::default();
        let smoothed: Vec<f64> = [2.0, 1.0, 4.0].into_iter().map(|loss| smooth.add(loss)).collect();
        // (0.98 · 2 + 1) / 1.98, (0.98² · 2 + 0.98 + 4) / (1 + 0.98 + 0.98²)
        for (found, expected) in smoothed.into_iter().zip([2.0, 2.96 / 1.98, 6.9008 / 2.9404]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn the_steepest_descent_is_found() {
        assert_eq!(find(&[3.0, 2.9, 2.0, 1.9, 5.0]).steepest(), Some(1e-9));
        assert_eq!(find(&[3.0, 2.9, 2.8, 9.0, 5.0]).steepest(), Some(1e-10), "not the fall from 9");
        assert_eq!(find(&[3.0, 4.0, 3.5]).steepest(), None);
        assert_eq!(find(&[3.0]).steepest(), None);
        assert_eq!(find(&[]).valley(), None);
    }

    #[test]
    fn a_valley_is_where_fastai_sees_it() {
        // The longest fall, of seven points, ends at point 7 and begins, to fastai, at 7 - 7: a third of it is 2, half of one is 1.
        let losses = [2.9, 3.0, 2.8, 2.6, 2.2, 1.8, 1.6, 1.5, 4.0];
        let expected = 10f64.powi(-10 + 2 + 1);
        assert_eq!(find(&losses).valley(), Some(expected));
    }

    #[test]
    fn a_range_that_makes_no_sense_is_refused() {
        let range = LrRange::default();
        for (range, reason) in [
            (LrRange { start: 0.0, ..range }, "first learning rate is 0"),
            (LrRange { end: 1e-8, ..range }, "above the first"),
            (LrRange { end: f64::NAN, ..range }, "above the first"),
            (LrRange { steps: 0, ..range }, "at least 1"),
        ] {
            assert!(range.check().unwrap_err().to_string().contains(reason));
        }
    }
}
