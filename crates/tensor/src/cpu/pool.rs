//! Fork-join over rayon's threads.

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::helpers;
use crate::storage::Buffer;

/// The threads that kernels run on.
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Runs `task(0)` to `task(tasks - 1)`, each once, on all threads, and returns when all are done. Tasks must write to places of
/// their own; then results do not depend on which thread runs which task.
pub fn parallel(tasks: usize, task: impl Fn(usize) + Sync) {
    share_out(tasks, &|_, _, i| task(i));
}

/// [`parallel`] where each thread has `len` values for its tasks to work in; they hold whatever a task before left there. They are
/// taken before the tasks start, so what an operation takes from the pool does not depend on which thread runs which task.
pub(crate) fn parallel_with_scratch(tasks: usize, len: usize, task: impl Fn(usize, &mut [f32]) + Sync) {
    parallel_keeping_scratch(tasks, len, |_, i, scratch| task(i, scratch));
}

/// [`parallel_with_scratch`] whose tasks are also told the one, if any, that has left in the scratch what is there.
pub(crate) fn parallel_keeping_scratch(tasks: usize, len: usize, task: impl Fn(Option<usize>, usize, &mut [f32]) + Sync) {
    let stride = len.next_multiple_of(16); // whole cache lines
    let mut scratch = Buffer::uninit::<f32>(threads().min(tasks) * stride);
    let scratch = SharedMut::new(scratch.as_mut_slice());
    // SAFETY: each thread has its own stretch, of which there are as many as threads, and runs its tasks one after the other.
    share_out(tasks, &|thread, before, i| task(before, i, unsafe { scratch.slice(thread * stride, len) }));
}

/// The tasks of one thread, which others take too when they are done with theirs. A line of the cache each.
#[repr(align(64))]
struct Queue {
    next: AtomicUsize,
    end: usize,
    /// Whether a thread has come that these are the own tasks of.
    claimed: AtomicBool,
}

/// Threads whose queues lie on the stack.
const FEW: usize = 8;

impl Queue {
    fn take(&self) -> Option<usize> {
        let task = self.next.fetch_add(1, Ordering::Relaxed);
        (task < self.end).then_some(task)
    }
}

/// The tasks that each of so many threads starts with: neighbours, as many for each, so that in operation after operation a thread
/// works at the same part of a picture, which is in its cache.
pub(super) fn own_tasks(tasks: usize, threads: usize, thread: usize) -> Range<usize> {
    thread * tasks / threads..(thread + 1) * tasks / threads
}

/// Runs `task(thread, before, i)` for each `i` below `tasks`; `thread` counts from 0, below the number of tasks and of threads, no two
/// tasks of one `thread` run at once, and `before` is the one that it has run last. Not generic: it is compiled once, and not anew for
/// each kernel.
fn share_out(tasks: usize, task: &(dyn Fn(usize, Option<usize>, usize) + Sync)) {
    let threads = threads().min(tasks);
    if threads <= 1 {
        (0..tasks).for_each(|i| task(0, i.checked_sub(1), i));
        return;
    }
    let queue = |thread| {
        let Range { start, end } = own_tasks(tasks, threads, thread);
        Queue { next: AtomicUsize::new(start), end, claimed: AtomicBool::new(false) }
    };
    let (few, many): ([Queue; FEW], Vec<Queue>);
    let queues = if threads <= FEW {
        few = std::array::from_fn(queue);
        &few[..threads]
    } else {
        many = (0..threads).map(queue).collect();
        &many[..]
    };
    let work = |thread: usize| {
        if queues[thread].claimed.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut before = None;
        for queue in queues[thread..].iter().chain(&queues[..thread]) {
            while let Some(i) = queue.take() {
                task(thread, before.replace(i), i);
            }
        }
    };
    helpers::share(threads - 1, &work);
}

/// Runs `task(start, end)` over ranges that cut `0..len` into pieces of at least `grain` elements, in parallel. Many small elements are cut
/// between cache lines; few large ones anywhere, so that each thread gets some.
pub fn parallel_ranges(len: usize, grain: usize, task: impl Fn(usize, usize) + Sync) {
    let grain = grain.max(1);
    let pieces = (len / grain).clamp(1, threads());
    let size = len.div_ceil(pieces).next_multiple_of(grain.min(16));
    parallel(len.div_ceil(size.max(1)), |i| task(i * size, ((i + 1) * size).min(len)));
}

/// A pointer that tasks may share to write to disjoint places behind it.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut<T>(*mut T);

// SAFETY: the pointer is only used through `slice` and `get`, whose callers promise disjoint places.
unsafe impl<T: Send> Send for SharedMut<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedMut<T> {}

impl<T> SharedMut<T> {
    pub(crate) fn new(slice: &mut [T]) -> Self {
        SharedMut(slice.as_mut_ptr())
    }

    /// The pointer itself.
    pub(crate) fn get(self) -> *mut T {
        self.0
    }

    /// Elements `start..start + len`.
    ///
    /// # Safety
    /// The range lies in the slice this was made of, which outlives the use, and no other task touches it meanwhile.
    pub(crate) unsafe fn slice<'a>(self, start: usize, len: usize) -> &'a mut [T] {
        // SAFETY: what the caller promises.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once() {
        let mut counts = vec![0u8; 1000];
        let shared = SharedMut::new(&mut counts);
        // SAFETY: each task has its own element.
        parallel(1000, |i| unsafe { shared.slice(i, 1)[0] += 1 });
        assert!(counts.iter().all(|&c| c == 1));
    }

    #[test]
    fn scratch_is_each_threads_own() {
        let mut sums = vec![0.0f32; 200];
        let shared = SharedMut::new(&mut sums);
        parallel_with_scratch(200, 37, |i, scratch| {
            scratch.fill(i as f32);
            std::thread::yield_now();
            // SAFETY: each task has its own element.
            unsafe { shared.slice(i, 1)[0] = scratch.iter().sum() };
        });
        assert!(sums.iter().enumerate().all(|(i, &sum)| sum == 37.0 * i as f32));
    }

    #[test]
    fn ranges_cover_everything_once() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let mut counts = vec![0u8; len];
            let shared = SharedMut::new(&mut counts);
            // SAFETY: the ranges are disjoint.
            parallel_ranges(len, 7, |a, b| unsafe { shared.slice(a, b - a).iter_mut().for_each(|c| *c += 1) });
            assert!(counts.iter().all(|&c| c == 1));
        }
    }

    #[test]
    fn few_large_elements_go_to_all_threads() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let ranges = std::sync::Mutex::new(vec![]);
        pool.install(|| parallel_ranges(5, 1, |start, end| ranges.lock().unwrap().push(start..end)));
        let mut ranges = ranges.into_inner().unwrap();
        ranges.sort_by_key(|range| range.start);
        assert_eq!(ranges, [0..3, 3..5]);
    }
}
