//! Threads that wait a moment for the next operation. A network's layers follow each other within microseconds; waking a sleeping
//! thread for each takes longer than a small layer.
//!
//! After an operation some of rayon's threads look for the next in a slot of their own, and go back to rayon where none comes.

use std::{
    hint, panic,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The most threads that wait; the others are woken by rayon.
const MOST_HELPERS: usize = 255;

/// How long a thread waits for the next operation when none runs.
const PATIENCE: Duration = Duration::from_micros(100);

/// Looks at a slot between two looks at the clock.
const LOOKS: usize = 256;

/// The states of a slot: nobody is there, somebody is called, somebody waits. Any other value is the address of a [`Job`].
const ABSENT: usize = 0;
const CALLED: usize = 1;
const WAITING: usize = 2;

static SLOTS: [Line; MOST_HELPERS] = [const { Line(AtomicUsize::new(ABSENT)) }; MOST_HELPERS];

/// A number on a line of the cache of its own, with the one that is fetched beside it: who waits for it is not disturbed by others.
#[repr(align(128))]
struct Line(AtomicUsize);

thread_local! {
    /// How many operations this thread has shared. A helper that is done with its share of one waits for its end, however long that
    /// is: had it left, the next operation would start without it, end its share sooner again, and so on.
    static SHARED: Arc<Line> = Arc::new(Line(AtomicUsize::new(0)));
}

/// What helpers take part in.
struct Job<'a> {
    /// Does a share of the work as the thread of this number.
    work: &'a (dyn Fn(usize) + Sync),
    /// The operations that the caller has shared, and the number of this one: when they differ, it has ended.
    shared: &'a Arc<Line>,
    number: usize,
    finished: AtomicUsize,
    panicked: AtomicBool,
}

impl Job<'_> {
    fn take_part(&self, number: usize) {
        if panic::catch_unwind(panic::AssertUnwindSafe(|| (self.work)(number))).is_err() {
            self.panicked.store(true, Ordering::Relaxed);
        }
    }
}

/// Runs `work(0)` here and `work(i + 1)` on those of the first `helpers` helpers that wait, `i` being their place, and returns when all
/// are done. A helper keeps its place, so a thread has the same number from operation to operation. Where nobody waits it does nothing
/// and returns false.
pub(super) fn share(helpers: usize, work: &(dyn Fn(usize) + Sync)) -> bool {
    let shared = SHARED.with(Arc::clone);
    let number = shared.0.load(Ordering::Relaxed);
    let job = Job { work, shared: &shared, number, finished: AtomicUsize::new(0), panicked: AtomicBool::new(false) };
    let slots = &SLOTS[..helpers.min(MOST_HELPERS)];
    let address = &raw const job as usize;
    let takes = |slot: &&Line| slot.0.compare_exchange(WAITING, address, Ordering::AcqRel, Ordering::Relaxed).is_ok();
    let joined = slots.iter().filter(takes).count();
    if joined > 0 {
        // Waits also where the work panics here: helpers use what lies on this stack.
        let _wait = WaitFor { job: &job, joined };
        work(0);
    }
    assert!(!job.panicked.load(Ordering::Relaxed), "a helper's share of the work panicked");
    joined > 0
}

/// Calls threads to those of the first `helpers` slots where nobody is.
pub(super) fn call(helpers: usize) {
    for (place, slot) in SLOTS[..helpers.min(MOST_HELPERS)].iter().enumerate() {
        if slot.0.compare_exchange(ABSENT, CALLED, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            rayon::spawn(move || wait_at(place));
        }
    }
}

struct WaitFor<'a> {
    job: &'a Job<'a>,
    joined: usize,
}

impl Drop for WaitFor<'_> {
    fn drop(&mut self) {
        let mut looks = 0;
        while self.job.finished.load(Ordering::Acquire) < self.joined {
            pause(&mut looks);
        }
        self.job.shared.0.store(self.job.number + 1, Ordering::Relaxed);
    }
}

/// Spins; now and then lets another thread run, where there are more of them than cores. True where it did.
fn pause(looks: &mut usize) -> bool {
    *looks += 1;
    hint::spin_loop();
    let often = looks.is_multiple_of(LOOKS);
    if often {
        thread::yield_now();
    }
    often
}

/// Takes part in the jobs that come to a slot until none comes for a while.
fn wait_at(place: usize) {
    let slot = &SLOTS[place].0;
    slot.store(WAITING, Ordering::Release);
    let (mut since, mut looks) = (Instant::now(), 0);
    let mut last: Option<(Arc<Line>, usize)> = None;
    loop {
        let state = slot.load(Ordering::Acquire);
        if state != WAITING {
            // SAFETY: `share` put the address of its job here, which it keeps until `finished` has counted this thread: the last
            // that is done with the job.
            let job = unsafe { &*(state as *const Job<'_>) };
            job.take_part(place + 1);
            last = Some((job.shared.clone(), job.number));
            slot.store(WAITING, Ordering::Release);
            job.finished.fetch_add(1, Ordering::Release);
            since = Instant::now();
        } else if pause(&mut looks) {
            if last.as_ref().is_some_and(|(shared, number)| shared.0.load(Ordering::Relaxed) == *number) {
                since = Instant::now();
            } else if since.elapsed() > PATIENCE && slot.compare_exchange(WAITING, ABSENT, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::pool::parallel;

    #[test]
    fn every_task_of_many_short_operations_runs_once_from_several_threads_at_once() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        thread::scope(|scope| {
            for caller in 0..3 {
                let pool = &pool;
                scope.spawn(move || {
                    for round in 0..2000 {
                        let counts: Vec<AtomicUsize> = (0..1 + (round + caller) % 7).map(|_| AtomicUsize::new(0)).collect();
                        let run = || parallel(counts.len(), |i| _ = counts[i].fetch_add(1, Ordering::Relaxed));
                        if caller == 0 {
                            run()
                        } else {
                            pool.install(run)
                        }
                        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
                        if round % 500 == 0 {
                            thread::sleep(3 * PATIENCE); // helpers leave and come again
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_helpers_live_on() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        for _ in 0..20 {
            let panicking = || parallel(8, |i| assert!(i != 5, "task 5"));
            assert!(panic::catch_unwind(panic::AssertUnwindSafe(|| pool.install(panicking))).is_err());
            let sum = AtomicUsize::new(0);
            pool.install(|| parallel(8, |i| _ = sum.fetch_add(i, Ordering::Relaxed)));
            assert_eq!(sum.into_inner(), 28);
        }
    }
}
