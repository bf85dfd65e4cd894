//! Threads that wait a moment for the next operation. A network's layers follow each other within microseconds; waking a sleeping
//! thread for each takes longer than a small layer.
//!
//! An operation calls some of rayon's threads to slots of their own, where they look for this operation and the next ones, and go back to
//! rayon where none comes. It is offered at each slot whose thread is there or on its way, and taken back from those that have not
//! begun when it is done.

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

/// The states of a slot: nobody is there, somebody is called, somebody waits. Any other value is the address of a [`Job`], offered to somebody
/// who waits, with [`ON_ITS_WAY`] to somebody who is called, and with [`AT_WORK`] while somebody takes part in it.
const ABSENT: usize = 0;
const CALLED: usize = 1;
const WAITING: usize = 2;

/// The lowest bits of an address, which is a multiple of eight.
const ON_ITS_WAY: usize = 1;
const AT_WORK: usize = 2;

static SLOTS: [Line; MOST_HELPERS] = [const { Line(AtomicUsize::new(ABSENT)) }; MOST_HELPERS];

/// A number on a line of the cache of its own, with the one that is fetched beside it: who waits for it is not disturbed by others.
#[repr(align(128))]
struct Line(AtomicUsize);

impl Line {
    /// Replaces one state by another; whether it was that one.
    fn change(&self, from: usize, to: usize) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

thread_local! {
    /// How many operations this thread has shared. A helper that is done with its share of one waits for its end, however long that
    /// is: had it left, the next operation would start without it, end its share sooner again, and so on.
    static SHARED: Arc<Line> = Arc::new(Line(AtomicUsize::new(0)));
}

/// What helpers take part in.
#[repr(align(8))]
struct Job<'a> {
    /// Does a share of the work as the thread of this number.
    work: &'a (dyn Fn(usize) + Sync),
    /// The operations that the caller has shared, and the number of this one: when they differ, it has ended.
    shared: &'a Arc<Line>,
    number: usize,
    panicked: AtomicBool,
}

impl Job<'_> {
    fn address(&self) -> usize {
        &raw const *self as usize
    }

    fn take_part(&self, number: usize) {
        if panic::catch_unwind(panic::AssertUnwindSafe(|| (self.work)(number))).is_err() {
            self.panicked.store(true, Ordering::Relaxed);
        }
    }

    /// Offers it at these slots; whether there is one whose thread waits.
    fn offer(&self, slots: &[Line]) -> bool {
        let to_waiting = |slot: &Line| slot.change(WAITING, self.address());
        let mut any_waits = false;
        for slot in slots {
            // It may come between the two looks.
            any_waits |= to_waiting(slot) || (!slot.change(CALLED, self.address() | ON_ITS_WAY) && to_waiting(slot));
        }
        any_waits
    }

    /// Takes it back from a slot whose thread has not begun. What a thread has written to its slot is only looked at: to change it would
    /// take the line from the thread.
    fn withdraw(&self, slot: &Line) {
        let (offered, on_its_way) = (self.address(), self.address() | ON_ITS_WAY);
        match slot.0.load(Ordering::Relaxed) {
            state if state == offered => _ = slot.change(offered, WAITING),
            state if state == on_its_way => _ = slot.change(on_its_way, CALLED),
            _ => {}
        }
    }
}

/// Runs `work(0)` here and `work(1)` to `work(helpers)` on other threads, as many as come before all is done, and returns when all that
/// have come are done. `work` may be called twice with a number, from two threads. A thread that waits has the number of its slot, the
/// same from operation to operation.
pub(super) fn share(helpers: usize, work: &(dyn Fn(usize) + Sync)) {
    let shared = SHARED.with(Arc::clone);
    let number = shared.0.load(Ordering::Relaxed);
    let job = Job { work, shared: &shared, number, panicked: AtomicBool::new(false) };
    let slots = &SLOTS[..helpers.min(MOST_HELPERS)];
    let any_waits = job.offer(slots);
    // Waits also where the work panics here: helpers use what lies on this stack.
    let end = End { job: &job, slots };
    if any_waits {
        work(0);
    } else {
        rayon::scope(|scope| {
            for thread in 1..=helpers {
                scope.spawn(move |_| work(thread));
            }
            work(0);
        });
    }
    drop(end);
    assert!(!job.panicked.load(Ordering::Relaxed), "a helper's share of the work panicked");
    call(helpers);
}

/// Calls threads to those of the first `helpers` slots where nobody is.
fn call(helpers: usize) {
    for (place, slot) in SLOTS[..helpers.min(MOST_HELPERS)].iter().enumerate() {
        if slot.change(ABSENT, CALLED) {
            rayon::spawn(move || wait_at(place));
        }
    }
}

/// The end of an operation.
struct End<'a> {
    job: &'a Job<'a>,
    slots: &'a [Line],
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.slots.iter().for_each(|slot| self.job.withdraw(slot));
        let (at_work, mut looks) = (self.job.address() | AT_WORK, 0);
        for slot in self.slots {
            while slot.0.load(Ordering::Acquire) == at_work {
                pause(&mut looks);
            }
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
    let slot = &SLOTS[place];
    // Where it fails, a job is there already.
    slot.change(CALLED, WAITING);
    let (mut since, mut looks) = (Instant::now(), 0);
    let mut last: Option<(Arc<Line>, usize)> = None;
    loop {
        let state = slot.0.load(Ordering::Relaxed);
        if state == WAITING {
            if !pause(&mut looks) {
                continue;
            }
            if last.as_ref().is_some_and(|(shared, number)| shared.0.load(Ordering::Relaxed) == *number) {
                since = Instant::now();
            } else if since.elapsed() > PATIENCE && slot.change(WAITING, ABSENT) {
                return;
            }
        } else if state == CALLED {
            // Withdrawn before this thread came.
            slot.change(CALLED, WAITING);
        } else if slot.change(state, state & !ON_ITS_WAY | AT_WORK) {
            // SAFETY: `share` put the address of its job here, and keeps it until this thread writes another state: it can no longer
            // withdraw it.
            let job = unsafe { &*((state & !ON_ITS_WAY) as *const Job<'_>) };
            match &mut last {
                Some((shared, number)) if Arc::ptr_eq(shared, job.shared) => *number = job.number,
                _ => last = Some((job.shared.clone(), job.number)),
            }
            job.take_part(place + 1);
            slot.0.store(WAITING, Ordering::Release);
            since = Instant::now();
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
