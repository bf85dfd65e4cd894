//! The threads that compute, and what waits for them.
//!
//! Where fewer pictures wait than there are threads, all threads compute them together, as one batch. Where more wait, each thread computes
//! batches of its own: then no thread waits for another between two layers.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};
use tensor::Tensor;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::failure::Failure;
use super::metrics::ModelMetrics;
use super::network::{Network, Seen};
use super::pace::Pace;

/// A picture for the network.
pub struct Job {
    /// As the network takes it, `[1, 3, H, W]`.
    pub input: Tensor,
    /// How many classes are asked for.
    pub top_k: usize,
    /// Whether a heat map is asked for.
    pub cam: bool,
    /// Who waits for the answer.
    pub reply: oneshot::Sender<Result<Seen, Failure>>,
    /// What it takes up as long as it is not done with.
    pub place: Place,
}

/// One of the requests that a model may have before it.
pub struct Place(#[expect(dead_code, reason = "held, not used")] OwnedSemaphorePermit);

/// How many pictures are taken together.
#[derive(Debug, Clone, Copy)]
pub struct Batching {
    /// The most pictures at once.
    pub max_batch: usize,
    /// The longest that free threads wait for pictures that are being decoded.
    pub max_wait: Duration,
    /// The requests that each model may have before it.
    pub places: usize,
}

/// The way to a model. When all of them are gone, the threads end.
pub struct Queue {
    board: Arc<Board>,
    model: usize,
    places: Arc<Semaphore>,
}

impl Queue {
    /// Takes a place, where there is one.
    pub fn enter(&self) -> Result<Place, Failure> {
        Arc::clone(&self.places).try_acquire_owned().map(Place).map_err(|_| Failure::busy())
    }

    /// Says that a picture is about to come, until the result is used or dropped.
    pub fn announce(&self) -> Announced {
        self.board.state().decoding += 1;
        Announced { board: Arc::clone(&self.board), model: self.model }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.board.state().queues -= 1;
        self.board.changed.notify_all();
    }
}

/// A picture that is being decoded.
pub struct Announced {
    board: Arc<Board>,
    model: usize,
}

impl Announced {
    /// Lets it wait for the network.
    pub fn put(self, job: Job) {
        self.board.state().put(self.model, job);
        // Whoever is woken sees that no more is coming.
        let board = Arc::clone(&self.board);
        drop(self);
        board.changed.notify_one();
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        self.board.state().decoding -= 1;
    }
}

/// What waits, and who computes.
struct Board {
    state: Mutex<State>,
    changed: Condvar,
    batching: Batching,
    threads: usize,
}

struct State {
    models: Vec<Waiting>,
    /// Pictures that are being decoded.
    decoding: usize,
    /// Pictures that have come so far.
    arrivals: u64,
    /// Threads that compute.
    busy: usize,
    /// The queues that are not gone yet.
    queues: usize,
}

impl State {
    fn put(&mut self, model: usize, job: Job) {
        self.models[model].jobs.push_back((self.arrivals, job));
        self.arrivals += 1;
        self.models[model].tell();
    }

    /// Pictures that wait for any model.
    fn waiting(&self) -> usize {
        self.models.iter().map(|model| model.jobs.len()).sum()
    }

    /// The model of the picture that has waited longest, so that none is forgotten over a busier one.
    fn longest(&self) -> Option<usize> {
        let first = |model: usize| Some((self.models[model].jobs.front()?.0, model));
        (0..self.models.len()).filter_map(first).min().map(|(_, model)| model)
    }
}

/// What waits for a model.
struct Waiting {
    /// With the number of each.
    jobs: VecDeque<(u64, Job)>,
    /// How many pictures a thread computes at once.
    pace: Pace,
    metrics: Arc<ModelMetrics>,
}

impl Waiting {
    fn take(&mut self, most: usize) -> Vec<Job> {
        let jobs = self.jobs.drain(..most.min(self.jobs.len())).map(|(_, job)| job).collect();
        self.tell();
        jobs
    }

    fn tell(&self) {
        self.metrics.waiting.store(self.jobs.len(), Ordering::Relaxed);
    }
}

/// Pictures that one thread computes, or all threads together.
struct Batch {
    model: usize,
    jobs: Vec<Job>,
    threads: usize,
}

impl Board {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it changes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to compute; nothing where nobody can ask any more.
    fn next(&self) -> Option<Batch> {
        let mut state = self.state();
        let mut deadline = None;
        loop {
            let Some(model) = state.longest().filter(|_| state.busy < self.threads) else {
                if state.queues == 0 && state.waiting() == 0 {
                    // And so on: nobody else would wake the next one.
                    self.changed.notify_one();
                    return None;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                deadline = None;
                continue;
            };
            let together = state.busy == 0 && state.waiting() < self.threads;
            let patience =
                deadline.get_or_insert_with(|| Instant::now() + self.batching.max_wait).saturating_duration_since(Instant::now());
            if together && state.decoding > 0 && !patience.is_zero() {
                state = self.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            return Some(self.take(&mut state, model, together));
        }
    }

    /// Takes what waits for a model: all of it for all threads, or this thread's share.
    fn take(&self, state: &mut State, model: usize, together: bool) -> Batch {
        let threads = if together { self.threads } else { 1 };
        let free = self.threads - state.busy;
        state.busy += threads;
        let waiting = &mut state.models[model];
        let share = waiting.jobs.len().div_ceil(free).min(self.batching.max_batch);
        let most = if together { self.batching.max_batch } else { waiting.pace.size(share) };
        let batch = Batch { model, jobs: waiting.take(most), threads };
        if state.waiting() > 0 {
            self.changed.notify_one();
        }
        batch
    }

    /// Computes what waits, as long as somebody may ask: alone, or together with the other threads in their pool.
    fn work(&self, networks: &[Network], together: &ThreadPool) {
        while let Some(Batch { model, jobs, threads }) = self.next() {
            let network = &networks[model];
            let answer = || {
                network.answer(jobs, |pictures, time| {
                    if threads == 1 {
                        self.state().models[model].pace.learn(pictures, time);
                    }
                });
            };
            // A panic costs these pictures their answers, as whoever waits is told; the next ones are computed.
            let _ = catch_unwind(AssertUnwindSafe(|| if threads == 1 { answer() } else { together.install(answer) }));
            self.state().busy -= threads;
            self.changed.notify_one();
        }
    }
}

/// Threads that answer pictures as long as somebody may ask.
pub struct Batcher(Vec<JoinHandle<()>>);

impl Batcher {
    /// Starts so many threads for these networks, and gives the way to each.
    pub fn start(networks: Vec<Network>, batching: Batching, threads: NonZeroUsize) -> anyhow::Result<(Self, Vec<Queue>)> {
        let threads = threads.get();
        let waiting = |network: &Network| Waiting { jobs: VecDeque::new(), pace: Pace::default(), metrics: Arc::clone(&network.metrics) };
        let models: Vec<Waiting> = networks.iter().map(waiting).collect();
        let queues = models.len();
        let state = Mutex::new(State { models, decoding: 0, arrivals: 0, busy: 0, queues });
        let board = Arc::new(Board { state, changed: Condvar::new(), batching, threads });
        let queue = |model| Queue { board: Arc::clone(&board), model, places: Arc::new(Semaphore::new(batching.places)) };
        let queues = (0..queues).map(queue).collect();

        let (networks, together) = (Arc::new(networks), Arc::new(ThreadPoolBuilder::new().num_threads(threads).build()?));
        let start = |_| {
            let (board, networks, together) = (Arc::clone(&board), Arc::clone(&networks), Arc::clone(&together));
            thread::Builder::new().name("batcher".to_owned()).spawn(move || alone(|| board.work(&networks, &together)))
        };
        Ok((Batcher((0..threads).map(start).collect::<Result<_, _>>()?), queues))
    }

    /// Waits until all is answered and nobody can ask any more.
    pub fn join(self) {
        for thread in self.0 {
            // Whoever waited for a thread that panicked was told.
            let _ = thread.join();
        }
    }
}

/// Does `work` in a pool that this thread is all of, so that what is computed in it is not shared out.
fn alone(work: impl FnOnce()) {
    // It fails only in a thread that is part of a pool already.
    let _pool = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    work();
}

#[cfg(test)]
mod tests;
