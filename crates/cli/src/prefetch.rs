//! Work done ahead of its use by threads of its own.

use std::sync::mpsc::sync_channel;
use std::thread;

/// Calls `work` on each item in `threads` threads, up to `ahead` items of each thread in advance, and `take` with the results here, in the
/// order of the items. Ends at the first error of `take`.
pub fn in_order<T: Sync, R: Send, E>(
    items: &[T],
    threads: usize,
    ahead: usize,
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(&T, R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = threads.min(items.len()).max(1);
    thread::scope(|scope| {
        let start = |first| {
            let (sender, receiver) = sync_channel(ahead);
            let work = &work;
            // A thread ends where nobody takes its results any more.
            scope.spawn(move || items.iter().skip(first).step_by(threads).all(|item| sender.send(work(item)).is_ok()));
            receiver
        };
        let receivers: Vec<_> = (0..threads).map(start).collect();
        items.iter().zip(receivers.iter().cycle()).try_for_each(|(item, receiver)| match receiver.recv() {
            Ok(result) => take(item, result),
            // The thread has panicked, as the scope will tell.
            Err(_) => Ok(()),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..50).collect();
        for threads in [1, 3, 100] {
            let mut taken = Vec::new();
            let work = |&item: &u64| {
                thread::sleep(Duration::from_micros(item * 7919 % 500));
                item * item
            };
            let take = |&item: &u64, square| {
                taken.push((item, square));
                Ok::<(), ()>(())
            };
            in_order(&items, threads, 2, work, take).unwrap();
            assert_eq!(taken, items.iter().map(|&item| (item, item * item)).collect::<Vec<_>>());
        }
        in_order(&[], 4, 1, |_: &u64| (), |_, ()| Err(())).unwrap();
    }

    #[test]
    fn no_more_is_done_after_an_error_than_was_ahead() {
        let done = AtomicUsize::new(0);
        let work = |&item: &usize| {
            done.fetch_add(1, Ordering::Relaxed);
            item
        };
        let items: Vec<usize> = (0..1000).collect();
        let result = in_order(&items, 2, 3, work, |&item, _| if item == 10 { Err("stop") } else { Ok(()) });
        assert_eq!(result, Err("stop"));
        // Of each thread, what was taken, three that waited and one that was held out.
        assert!(done.into_inner() <= 11 + 2 * 4 + 1);
    }
}
