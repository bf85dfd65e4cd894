//! How long a training step and an inference take, and the layers of each.

mod other;
mod per_layer;
mod product;

use std::time::{Duration, Instant};

use autograd::{Var, no_grad};
use layers::{Mode, Module, ModuleExt};
use tensor::{Tensor, random::Generator};
use zoo::Model;

pub use per_layer::{Candidate, LayerPass, LayerTimes, Pass, SCALING_THREADS, layer_times};

use crate::{Result, Settings, Stepper};

/// Runs before the timed ones: they draw the weights, fill the pool of buffers and pack the weights.
const WARM_UP: usize = 2;
/// The fewest runs that a median is taken of.
const FEWEST: usize = 3;
/// The classes that the random labels of [`train_step`] are from.
const LABELS: usize = 10;

/// The shape of a benchmark's input, `[batch, 3, size, size]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// Pictures at once.
    pub batch: usize,
    /// Their height and width, in pixels.
    pub size: usize,
}

impl Input {
    /// Random pictures, channels-last.
    fn images(self, generator: &mut Generator) -> Result<Tensor> {
        Ok(Tensor::normal([self.batch, 3, self.size, self.size], 0.0, 1.0, generator)?.channels_last()?)
    }
}

/// The median time of a training step: gradients cleared, forward, loss, backward and SGD with momentum.
///
/// # Errors
/// Where the model cannot be trained on such pictures.
pub fn train_step(model: &dyn Model, input: Input, budget: Duration) -> Result<Duration> {
    let mut generator = Generator::new(0);
    let images = input.images(&mut generator)?.to_device(model.device())?;
    let labels: Vec<i64> = (0..input.batch).map(|_| generator.below(LABELS) as i64).collect();
    let labels = Tensor::from_vec(labels, [input.batch])?.to_device(model.device())?;
    let mut stepper = Stepper::new(model, &Settings::default())?;
    median_time(budget, || {
        stepper.step(&images, &labels)?;
        Ok(images.device().synchronize()?)
    })
}

/// The median time of an inference.
///
/// # Errors
/// Where such pictures do not suit the model.
pub fn inference(model: &dyn Module, input: Input, budget: Duration) -> Result<Duration> {
    let device = model.device();
    let images = Var::from(input.images(&mut Generator::new(0))?.to_device(device)?);
    let run = || {
        model.forward(&images, Mode::Eval)?;
        Ok(device.synchronize()?)
    };
    no_grad(|| median_time(budget, run))
}

/// The median time of `run`, which is repeated for about `budget`.
///
/// # Errors
/// The first error of `run`.
pub fn median_time(budget: Duration, mut run: impl FnMut() -> Result<()>) -> Result<Duration> {
    median(budget, || {
        let started = Instant::now();
        run()?;
        Ok(started.elapsed())
    })
}

/// The median of the times that `run` says it took, repeated for about `budget`: what it prepares need not count.
fn median(budget: Duration, mut run: impl FnMut() -> Result<Duration>) -> Result<Duration> {
    for _ in 0..WARM_UP {
        run()?;
    }
    let mut times = Vec::new();
    let started = Instant::now();
    while started.elapsed() < budget || times.len() < FEWEST {
        times.push(run()?);
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
