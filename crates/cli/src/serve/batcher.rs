//! The thread that a model's pictures go to: it takes those that wait at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ndarray::Array3;
use rayon::ThreadPool;
use tensor::Tensor;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use train::{Prediction, grad_cam, predict};

use super::failure::Failure;
use super::metrics::ModelMetrics;
use crate::args::PrecisionArgs;
use crate::classifier::Classifier;
use crate::input::stacked;

/// A picture for the network.
pub struct Job {
    /// As the network takes it, `[3, H, W]`.
    pub input: Array3<f32>,
    /// How many classes are asked for.
    pub top_k: usize,
    /// Whether a heat map is asked for.
    pub cam: bool,
    /// Who waits for the answer.
    pub reply: oneshot::Sender<Result<Seen, Failure>>,
    /// What it takes up as long as it is not done with.
    pub place: Place,
}

/// What the network sees in a picture.
pub struct Seen {
    /// The most probable classes, most probable first.
    pub top: Vec<Prediction>,
    /// Where the first is seen, `[h, w]`.
    pub heat: Option<Tensor>,
}

/// One of the requests that a model may have before it.
pub struct Place(#[expect(dead_code, reason = "held, not used")] OwnedSemaphorePermit);

/// How many pictures are taken together.
#[derive(Debug, Clone, Copy)]
pub struct Batching {
    /// The most pictures at once.
    pub max_batch: usize,
    /// The longest that a free network waits for pictures that are being decoded.
    pub max_wait: Duration,
}

/// The way to a model.
pub struct Queue {
    jobs: Sender<Job>,
    places: Arc<Semaphore>,
    metrics: Arc<ModelMetrics>,
}

impl Queue {
    /// Takes a place, where there is one.
    pub fn enter(&self) -> Result<Place, Failure> {
        Arc::clone(&self.places).try_acquire_owned().map(Place).map_err(|_| Failure::busy())
    }

    /// Says that a picture is about to come, until the result is dropped.
    pub fn announce(&self) -> Announced {
        self.metrics.decoding.fetch_add(1, Ordering::Relaxed);
        Announced(Arc::clone(&self.metrics))
    }

    /// Lets a picture wait for the network.
    pub fn put(&self, job: Job) -> Result<(), Failure> {
        self.metrics.waiting.fetch_add(1, Ordering::Relaxed);
        self.jobs.send(job).map_err(|_| Failure::internal())
    }
}

/// A picture that is being decoded.
pub struct Announced(Arc<ModelMetrics>);

impl Drop for Announced {
    fn drop(&mut self) {
        self.0.decoding.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A thread that answers pictures as long as somebody may ask.
pub struct Batcher(JoinHandle<()>);

impl Batcher {
    /// Starts one, with a queue of so many places.
    pub fn start(
        name: &str,
        worker: Worker,
        places: usize,
        pool: Arc<ThreadPool>,
        metrics: Arc<ModelMetrics>,
    ) -> std::io::Result<(Self, Queue)> {
        let (jobs, receiver) = mpsc::channel();
        let queue = Queue { jobs, places: Arc::new(Semaphore::new(places)), metrics: Arc::clone(&metrics) };
        let work = move || {
            while let Some(batch) = next_batch(&receiver, worker.batching, &metrics) {
                pool.install(|| worker.answer(batch, &metrics));
            }
        };
        Ok((Batcher(thread::Builder::new().name(name.to_owned()).spawn(work)?), queue))
    }

    /// Waits until all is answered and nobody can ask any more.
    pub fn join(self) {
        // Whoever waited for a thread that panicked was told.
        let _ = self.0.join();
    }
}

/// The pictures that wait, as soon as there is one. A network that has nothing else to do waits a moment for those that are being
/// decoded.
fn next_batch(jobs: &Receiver<Job>, batching: Batching, metrics: &ModelMetrics) -> Option<Vec<Job>> {
    let mut batch = vec![jobs.recv().ok()?];
    let deadline = Instant::now() + batching.max_wait;
    while batch.len() < batching.max_batch {
        let others = metrics.decoding.load(Ordering::Relaxed) > 0;
        let wait = if others { deadline.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
        match jobs.recv_timeout(wait) {
            Ok(job) => batch.push(job),
            Err(_) => break,
        }
    }
    metrics.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
    Some(batch)
}

/// A network and how it is used.
pub struct Worker {
    /// The network.
    pub classifier: Arc<Classifier>,
    /// How exactly it computes.
    pub precision: PrecisionArgs,
    /// How many pictures it takes.
    pub batching: Batching,
}

impl Worker {
    /// Answers a batch, leaving out those that nobody waits for any more. Pictures are of one size, unless the model takes any.
    fn answer(&self, batch: Vec<Job>, metrics: &ModelMetrics) {
        let mut jobs: Vec<Job> = batch.into_iter().filter(|job| !job.reply.is_closed()).collect();
        while let Some(size) = jobs.first().map(|job| job.input.dim()) {
            let (same, others) = jobs.into_iter().partition(|job| job.input.dim() == size);
            self.answer_together(same, metrics);
            jobs = others;
        }
    }

    /// Answers pictures of one size.
    fn answer_together(&self, jobs: Vec<Job>, metrics: &ModelMetrics) {
        let start = Instant::now();
        let predictions = self.predict(&jobs);
        metrics.computed(jobs.len(), start.elapsed());
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
    fn heat(&self, input: &Array3<f32>, top: &[Prediction]) -> Result<Tensor, Failure> {
        let image = stacked([input].into_iter()).map_err(train::Error::from)?;
        let class = top.first().map_or(0, |best| best.index);
        Ok(self.precision.run(|| grad_cam(&*self.classifier.model, &image, class))?)
    }
}

/// Gives the place free, then the answer, so that whoever has it may ask again.
fn reply(job: Job, answer: Result<Seen, Failure>) {
    drop(job.place);
    // Whoever asked may have left.
    let _ = job.reply.send(answer);
}
