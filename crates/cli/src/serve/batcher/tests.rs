//! Who computes what, and what a panic costs.

use datasets::transforms::Preset;
use layers::{Mode, Module, Var, children};
use tensor::DType;
use train::Precision;
use zoo::Model;

use super::*;
use crate::args::PrecisionArgs;
use crate::classifier::Classifier;

/// Sees class 0 in pictures of one pixel, and panics at others.
struct Delicate;

impl Module for Delicate {
    children!(Delicate {});

    fn forward(&self, x: &Var, _: Mode) -> layers::Result<Var> {
        assert_eq!(x.dims()[2..], [1, 1], "a picture of another size");
        Ok(x.flatten(1, -1)?)
    }
}

impl Model for Delicate {
    fn arch(&self) -> &'static str {
        "delicate"
    }
    fn num_classes(&self) -> usize {
        3
    }
    fn reset_classifier(&mut self, _: usize) {}
}

fn network() -> Network {
    let classifier = Classifier { model: Box::new(Delicate), classes: Vec::new(), preset: Preset::square(1), dataset: None };
    Network { classifier: Arc::new(classifier), precision: PrecisionArgs { dtype: Precision::F32 }, metrics: Arc::default() }
}

const BATCHING: Batching = Batching { max_batch: 4, max_wait: Duration::ZERO, places: 64 };

/// A picture of so many pixels a side, and who waits for its answer.
fn job(queue: &Queue, side: usize) -> (Job, oneshot::Receiver<Result<Seen, Failure>>) {
    let (reply, seen) = oneshot::channel();
    let input = Tensor::ones([1, 3, side, side], DType::F32).unwrap();
    let place = queue.enter().unwrap_or_else(|_| panic!("there are places"));
    (Job { input, top_k: 1, cam: false, reply, place }, seen)
}

fn ask(queue: &Queue, side: usize) -> oneshot::Receiver<Result<Seen, Failure>> {
    let (job, seen) = job(queue, side);
    queue.announce().put(job);
    seen
}

#[test]
fn a_panic_costs_its_pictures_an_answer_and_the_next_ones_are_computed() {
    for threads in [1, 3] {
        let (batcher, queues) = Batcher::start(vec![network()], BATCHING, NonZeroUsize::new(threads).unwrap()).unwrap();
        let queue = &queues[0];
        for _ in 0..5 {
            assert!(ask(queue, 2).blocking_recv().is_err(), "nobody answers");
            let seen = ask(queue, 1).blocking_recv().expect("the thread lives").unwrap_or_else(|_| panic!("an answer"));
            assert_eq!(seen.top[0].index, 0);
        }
        // Every place is free again.
        assert!((0..BATCHING.places).map(|_| queue.enter()).collect::<Vec<_>>().iter().all(Result::is_ok));
        drop(queues);
        batcher.join();
    }
}

#[test]
fn all_that_waits_is_answered_before_the_end() {
    let networks = vec![network(), network()];
    let metrics: Vec<_> = networks.iter().map(|network| Arc::clone(&network.metrics)).collect();
    let (batcher, queues) = Batcher::start(networks, BATCHING, NonZeroUsize::new(2).unwrap()).unwrap();
    let waiting: Vec<_> = (0..60).map(|i| ask(&queues[i % 2], 1)).collect();
    drop(queues);
    batcher.join();
    assert!(waiting.into_iter().all(|mut seen| seen.try_recv().is_ok_and(|seen| seen.is_ok())));
    assert!(metrics.iter().all(|metrics| metrics.waiting.load(Ordering::Relaxed) == 0));
}

/// A board of four threads with so many pictures waiting for each of two models.
fn board(waiting: [usize; 2]) -> (Board, Queue) {
    let models = [(); 2].map(|()| Waiting { jobs: VecDeque::new(), pace: Pace::default(), metrics: Arc::default() });
    let state = |models| Mutex::new(State { models, decoding: 0, arrivals: 0, busy: 0, queues: 1 });
    let board = Board { state: state(models.into()), changed: Condvar::new(), batching: BATCHING, threads: 4 };
    let other = Arc::new(Board { state: state(Vec::new()), changed: Condvar::new(), batching: BATCHING, threads: 4 });
    let queue = Queue { board: other, model: 0, places: Arc::new(Semaphore::new(BATCHING.places)) };
    for (model, waiting) in waiting.into_iter().enumerate() {
        (0..waiting).for_each(|_| board.state().put(model, job(&queue, 1).0));
    }
    (board, queue)
}

/// The model, the pictures and the threads of what is computed next.
fn next(board: &Board) -> (usize, usize, usize) {
    board.next().map(|batch| (batch.model, batch.jobs.len(), batch.threads)).unwrap()
}

#[test]
fn few_pictures_are_computed_by_all_threads_and_many_by_each_its_own() {
    let (board, _queue) = board([0, 3]);
    assert_eq!(next(&board), (1, 3, 4));

    // Of twelve pictures a fourth each: of those three, two; of eight a third, of six a half, and then the rest.
    let (board, _queue) = self::board([12, 1]);
    assert_eq!([next(&board), next(&board), next(&board), next(&board)], [(0, 2, 1), (0, 4, 1), (0, 2, 1), (0, 4, 1)]);
}

#[test]
fn a_busy_model_does_not_keep_another_ones_picture_waiting() {
    let (mut board, queue) = board([3, 1]);
    board.threads = 1;
    for _ in 0..3 {
        board.state().put(0, job(&queue, 1).0);
    }
    let taken = || {
        board.state().busy = 0;
        next(&board).0
    };
    assert_eq!([taken(), taken(), taken()], [0, 1, 0]);
}

#[test]
fn what_comes_while_others_compute_is_one_threads() {
    let (board, _queue) = board([1, 0]);
    board.state().busy = 2;
    assert_eq!(next(&board), (0, 1, 1));
}

#[test]
fn pictures_that_are_being_decoded_are_waited_for_a_moment() {
    let (mut board, _queue) = board([1, 0]);
    board.batching.max_wait = Duration::from_millis(50);
    board.state().decoding = 1;
    let start = Instant::now();
    assert_eq!(next(&board), (0, 1, 4));
    assert!(start.elapsed() >= board.batching.max_wait);
}
