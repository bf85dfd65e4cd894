//! Fork-join over rayon's threads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The threads that kernels run on.
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Runs `task(0)` to `task(tasks - 1)`, each once, on all threads, and returns when all are done. Tasks must write to places of
/// their own; then results do not depend on which thread runs which task.
pub fn parallel(tasks: usize, task: impl Fn(usize) + Sync) {
    let threads = threads().min(tasks);
    if threads <= 1 {
        (0..tasks).for_each(task);
        return;
    }
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= tasks {
                return;
            }
            task(i);
        }
    };
    rayon::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| work());
        }
        work();
    });
}

/// Runs `task(start, end)` over ranges that cut `0..len` into pieces of at least `grain` elements, in parallel.
pub fn parallel_ranges(len: usize, grain: usize, task: impl Fn(usize, usize) + Sync) {
    let pieces = (len / grain.max(1)).clamp(1, threads());
    let size = len.div_ceil(pieces).next_multiple_of(16);
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
    fn ranges_cover_everything_once() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let mut counts = vec![0u8; len];
            let shared = SharedMut::new(&mut counts);
            // SAFETY: the ranges are disjoint.
            parallel_ranges(len, 7, |a, b| unsafe { shared.slice(a, b - a).iter_mut().for_each(|c| *c += 1) });
            assert!(counts.iter().all(|&c| c == 1));
        }
    }
}
