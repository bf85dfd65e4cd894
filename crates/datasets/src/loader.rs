//! Batches of transformed samples, prepared by background threads in an order that depends on nothing but the seed and the epoch.

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use ndarray::Array4;

use crate::image::CHANNELS;
use crate::transforms::Compose;
use crate::{Dataset, Error, Result, Rng};

/// The most threads that are taken by themselves to decode files.
const MAX_DEFAULT_WORKERS: usize = 4;

/// How a [`Loader`] makes batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderOptions {
    /// Samples in a batch; the last batch of an epoch may have fewer.
    pub batch_size: usize,
    /// Whether each epoch has an order of its own; else it is the data set's.
    pub shuffle: bool,
    /// Decides the orders and the random transforms.
    pub seed: u64,
    /// Whether a last batch with fewer samples is left out.
    pub drop_last: bool,
    /// Threads that prepare batches; by default one for a data set in memory, and up to four, as many as there are cores, where
    /// files are decoded.
    pub workers: Option<usize>,
    /// Batches that each thread prepares ahead.
    pub prefetch: usize,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self { batch_size: 1, shuffle: false, seed: 0, drop_last: false, workers: None, prefetch: 2 }
    }
}

/// Some samples as a network takes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The pictures, of shape (samples, 3, height, width). Their memory is channels-last: permuted to (samples, height, width, 3) they
    /// are contiguous.
    pub images: Array4<f32>,
    /// The class of each sample.
    pub labels: Vec<i64>,
    /// The index of each sample in its data set.
    pub indices: Vec<usize>,
}

/// Makes the batches of a data set, epoch after epoch.
pub struct Loader {
    source: Arc<Source>,
    options: LoaderOptions,
}

/// What the threads share.
struct Source {
    dataset: Arc<dyn Dataset>,
    transform: Arc<Compose>,
    seed: u64,
}

impl Loader {
    /// A loader of transformed samples of `dataset`.
    ///
    /// # Errors
    /// [`Error::Loader`] where the data set is empty, or the size of a batch, the number of workers or of prefetched batches is 0.
    pub fn new(dataset: Arc<dyn Dataset>, transform: Arc<Compose>, options: LoaderOptions) -> Result<Self> {
        let refused = |what: &str| Err(Error::Loader(format!("{what}; it must be at least 1")));
        if dataset.is_empty() {
            return refused("the data set has 0 samples");
        }
        if options.batch_size == 0 {
            return refused("the batch size is 0");
        }
        if options.workers == Some(0) {
            return refused("the number of workers is 0");
        }
        if options.prefetch == 0 {
            return refused("the number of prefetched batches is 0");
        }
        let source = Arc::new(Source { dataset, transform, seed: options.seed });
        Ok(Self { source, options })
    }

    /// Batches in an epoch.
    pub fn len(&self) -> usize {
        let samples = self.source.dataset.len();
        if self.options.drop_last { samples / self.options.batch_size } else { samples.div_ceil(self.options.batch_size) }
    }

    /// Whether an epoch has no batch, as where the only one is too small and dropped.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The data set the batches come from.
    pub fn dataset(&self) -> &dyn Dataset {
        &*self.source.dataset
    }

    /// Starts to prepare the batches of epoch number `epoch`.
    ///
    /// # Errors
    /// [`Error::Loader`] where a thread cannot be started.
    pub fn epoch(&self, epoch: u64) -> Result<Batches> {
        let order = self.order(epoch);
        let batches: Vec<Vec<usize>> = order.chunks(self.options.batch_size).take(self.len()).map(<[_]>::to_vec).collect();
        Batches::start(&self.source, epoch, batches, self.workers(), self.options.prefetch)
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        let samples = self.source.dataset.len();
        if self.options.shuffle { Rng::for_epoch(self.options.seed, epoch).permutation(samples) } else { (0..samples).collect() }
    }

    fn workers(&self) -> usize {
        let default = || {
            if self.source.dataset.in_memory() {
                return 1;
            }
            let cores = thread::available_parallelism().map_or(1, usize::from);
            cores.min(MAX_DEFAULT_WORKERS)
        };
        self.options.workers.unwrap_or_else(default).min(self.len()).max(1)
    }
}

impl Source {
    /// One batch, or nothing where `stop` was set meanwhile.
    fn batch(&self, epoch: u64, indices: Vec<usize>, stop: &AtomicBool) -> Result<Option<Batch>> {
        let mut labels = Vec::with_capacity(indices.len());
        let mut values = Vec::new();
        let mut shape = None;
        for &index in &indices {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let (image, label) = self.dataset.get(index)?;
            labels.push(label);
            let in_sample = |source: Error| Error::Sample { sample: self.dataset.describe(index), source: Box::new(source) };
            let mut rng = Rng::for_sample(self.seed, epoch, index);
            let image = self.transform.apply_steps(image, &mut rng).map_err(in_sample)?;

            let size = (image.height(), image.width());
            let expected = *shape.get_or_insert(size);
            if size != expected {
                return Err(in_sample(Error::Loader(format!(
                    "a picture of {} x {} pixels in a batch of {} x {}; resize or crop all to one size",
                    size.1, size.0, expected.1, expected.0
                ))));
            }
            if values.is_empty() {
                values.reserve_exact(indices.len() * image.data().len());
            }
            self.transform.append_normalized(&image, &mut values);
        }
        let (height, width) = shape.unwrap_or_default();
        let images =
            Array4::from_shape_vec((indices.len(), height, width, CHANNELS), values).expect("every sample has a value for each byte");
        Ok(Some(Batch { images: images.permuted_axes([0, 3, 1, 2]), labels, indices }))
    }
}

/// The batches of one epoch, in order. Dropping it ends its threads.
///
/// A batch with a sample that cannot be read is an error that names the sample; the next ones follow.
pub struct Batches {
    workers: Vec<Worker>,
    stop: Arc<AtomicBool>,
    next: usize,
    len: usize,
}

/// A thread that prepares every so many-th batch, and the channel it sends them by.
struct Worker {
    batches: Receiver<Result<Batch>>,
    thread: JoinHandle<()>,
}

impl Batches {
    fn start(source: &Arc<Source>, epoch: u64, batches: Vec<Vec<usize>>, workers: usize, prefetch: usize) -> Result<Self> {
        let mut this = Self { workers: Vec::with_capacity(workers), stop: Arc::default(), next: 0, len: batches.len() };
        let mut shares = vec![Vec::new(); workers];
        for (number, batch) in batches.into_iter().enumerate() {
            shares[number % workers].push(batch);
        }
        for share in shares {
            let (sender, receiver) = sync_channel(prefetch);
            let (source, stop) = (Arc::clone(source), Arc::clone(&this.stop));
            let thread = thread::Builder::new()
                .name("loader".to_owned())
                .spawn(move || prepare(&source, epoch, share, &sender, &stop))
                .map_err(|error| Error::Loader(format!("cannot start a thread: {error}")))?;
            this.workers.push(Worker { batches: receiver, thread });
        }
        Ok(this)
    }
}

/// A thread's work: prepares `share` until it is done or nobody waits for it.
fn prepare(source: &Source, epoch: u64, share: Vec<Vec<usize>>, sender: &SyncSender<Result<Batch>>, stop: &AtomicBool) {
    for indices in share {
        let Some(batch) = source.batch(epoch, indices, stop).transpose() else {
            return;
        };
        if sender.send(batch).is_err() {
            return;
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.len {
            return None;
        }
        let number = self.next % self.workers.len();
        self.next += 1;
        match self.workers[number].batches.recv() {
            Ok(batch) => Some(batch),
            Err(_) => {
                // The thread ended without its batch: the data set panicked, and so does whoever asked for it.
                self.next = self.len;
                let worker = self.workers.swap_remove(number);
                match worker.thread.join() {
                    Err(payload) => panic::resume_unwind(payload),
                    Ok(()) => None,
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.len - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches {}

impl Drop for Batches {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for Worker { batches, thread } in self.workers.drain(..) {
            // Without a receiver a thread that waits to send goes on, and ends.
            drop(batches);
            // A panic of the thread has been printed, and this may run in another one.
            let _ = thread.join();
        }
    }
}
