//! A network that answers batches of pictures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tensor::Tensor;
use train::{Prediction, grad_cam, predict};

use super::batcher::Job;
use super::failure::Failure;
use super::metrics::ModelMetrics;
use crate::args::PrecisionArgs;
use crate::classifier::Classifier;
use crate::input::stacked;

/// What a network sees in a picture.
pub struct Seen {
    /// The most probable classes, most probable first.
    pub top: Vec<Prediction>,
    /// Where the first is seen, `[h, w]`.
    pub heat: Option<Tensor>,
}

/// A network and how it is used.
pub struct Network {
    /// The network.
    pub classifier: Arc<Classifier>,
    /// How exactly it computes.
    pub precision: PrecisionArgs,
    /// What is counted of it.
    pub metrics: Arc<ModelMetrics>,
}

impl Network {
    /// Answers pictures, leaving out those that nobody waits for any more; `tell` is told how many were computed at once, and in what time.
    /// Pictures are of one size, unless the model takes any.
    pub fn answer(&self, mut jobs: Vec<Job>, tell: impl Fn(usize, Duration)) {
        jobs.retain(|job| !job.reply.is_closed());
        while let Some(first) = jobs.first() {
            let size = first.input.shape().clone();
            let (same, others) = jobs.into_iter().partition(|job| *job.input.shape() == size);
            self.answer_together(same, &tell);
            jobs = others;
        }
    }

    /// Answers pictures of one size.
    fn answer_together(&self, jobs: Vec<Job>, tell: impl Fn(usize, Duration)) {
        let start = Instant::now();
        let predictions = self.predict(&jobs);
        let time = start.elapsed();
        self.metrics.computed(jobs.len(), time);
        tell(jobs.len(), time);
        match predictions {
            Ok(predictions) => {
                let (drawn, plain): (Vec<_>, Vec<_>) = jobs.into_iter().zip(predictions).partition(|(job, _)| job.cam);
                // Heat maps take longer; the others need not wait for them.
                for (job, top) in plain.into_iter().chain(drawn) {
                    let heat = job.cam.then(|| self.heat(&job.input, &top)).transpose();
                    reply(job, heat.map(|heat| Seen { top, heat }));
                }
            }
            Err(failure) => jobs.into_iter().for_each(|job| reply(job, Err(failure.clone()))),
        }
    }

    /// The most probable classes of each picture, as many as it asks for.
    fn predict(&self, jobs: &[Job]) -> Result<Vec<Vec<Prediction>>, Failure> {
        let images = stacked(jobs.iter().map(|job| &job.input)).map_err(train::Error::from)?;
        let most = jobs.iter().map(|job| job.top_k).max().unwrap_or(0);
        let mut predictions = self.precision.run(|| predict(&*self.classifier.model, &images, most))?;
        predictions.iter_mut().zip(jobs).for_each(|(top, job)| top.truncate(job.top_k));
        Ok(predictions)
    }

    /// Where the most probable class is seen.
    fn heat(&self, input: &Tensor, top: &[Prediction]) -> Result<Tensor, Failure> {
        let class = top.first().map_or(0, |best| best.index);
        Ok(self.precision.run(|| grad_cam(&*self.classifier.model, input, class))?)
    }
}

/// Gives the place free, then the answer, so that whoever has it may ask again.
fn reply(job: Job, answer: Result<Seen, Failure>) {
    drop(job.place);
    // Whoever asked may have left.
    let _ = job.reply.send(answer);
}
