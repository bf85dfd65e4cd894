//! The pooled, 64-byte aligned allocator: a training step at a fixed shape takes every buffer from the pool.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error},
    collections::HashMap,
    ptr::NonNull,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Idle memory beyond this goes back to the system.
const MAX_IDLE_BYTES: usize = 1 << 30;
const ALIGN: usize = 64;

/// What the allocator has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Buffers asked of the system since the program started.
    pub system_allocations: usize,
    /// Bytes in buffers now in use.
    pub bytes_in_use: usize,
    /// Bytes kept for reuse.
    pub bytes_idle: usize,
}

#[derive(Default)]
struct Pool {
    /// Idle buffers by size class, as addresses.
    idle: Option<HashMap<usize, Vec<usize>>>,
    system_allocations: usize,
    bytes_in_use: usize,
    bytes_idle: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { idle: None, system_allocations: 0, bytes_in_use: 0, bytes_idle: 0 });

fn pool() -> MutexGuard<'static, Pool> {
    // A panic cannot leave the pool half changed, so a poisoned lock is sound to use.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the allocator has done so far.
pub fn stats() -> Stats {
    let pool = pool();
    Stats { system_allocations: pool.system_allocations, bytes_in_use: pool.bytes_in_use, bytes_idle: pool.bytes_idle }
}

/// Gives all idle memory back to the system.
pub fn release_idle() {
    let mut pool = pool();
    let idle = pool.idle.take().unwrap_or_default();
    pool.bytes_idle = 0;
    for (class, addresses) in idle {
        for address in addresses {
            // SAFETY: an idle address came from `alloc_zeroed` with this very layout and is in nobody's hands.
            unsafe { dealloc(address as *mut u8, layout(class)) };
        }
    }
}

/// The size that a request is rounded up to: at most an eighth more, so that near sizes share buffers.
fn size_class(bytes: usize) -> usize {
    let step = (bytes.max(ALIGN).next_power_of_two() / 16).max(ALIGN);
    bytes.max(1).next_multiple_of(step)
}

fn layout(class: usize) -> Layout {
    Layout::from_size_align(class, ALIGN).expect("tensor shapes are checked to fit in memory before a buffer is asked for")
}

/// An initialised (not necessarily zero) block of at least `bytes` bytes.
pub(crate) fn take(bytes: usize) -> NonNull<u8> {
    let class = size_class(bytes);
    {
        let mut pool = pool();
        pool.bytes_in_use += class;
        if let Some(address) = pool.idle.get_or_insert_default().get_mut(&class).and_then(Vec::pop) {
            pool.bytes_idle -= class;
            if let Some(ptr) = NonNull::new(address as *mut u8) {
                return ptr;
            }
        }
        pool.system_allocations += 1;
    }
    // SAFETY: the layout has a size above zero.
    NonNull::new(unsafe { alloc_zeroed(layout(class)) }).unwrap_or_else(|| handle_alloc_error(layout(class)))
}

/// Takes back what [`take`] gave for the same number of bytes.
pub(crate) fn give_back(ptr: NonNull<u8>, bytes: usize) {
    let class = size_class(bytes);
    let mut pool = pool();
    pool.bytes_in_use -= class;
    if pool.bytes_idle + class <= MAX_IDLE_BYTES {
        pool.bytes_idle += class;
        pool.idle.get_or_insert_default().entry(class).or_default().push(ptr.as_ptr() as usize);
    } else {
        drop(pool);
        // SAFETY: `take` made this block with this layout, and its owner has given it up.
        unsafe { dealloc(ptr.as_ptr(), layout(class)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_class_holds_the_request_and_wastes_at_most_an_eighth() {
        for bytes in [0, 1, 63, 64, 65, 1000, 4096, 4097, 1 << 20, (1 << 20) + 1, 123_456_789] {
            let class = size_class(bytes);
            assert!(class >= bytes && class.is_multiple_of(ALIGN));
            assert!(class <= bytes + bytes / 8 + ALIGN, "{bytes} -> {class}");
            assert_eq!(size_class(class), class);
        }
    }

    #[test]
    fn a_buffer_given_back_is_used_again() {
        let bytes = 987_654_321 / 16; // a size no other test uses
        let first = take(bytes);
        give_back(first, bytes);
        let before = stats().system_allocations;
        let second = take(bytes - 1);
        assert_eq!(first, second);
        assert_eq!(stats().system_allocations, before);
        give_back(second, bytes - 1);
    }
}
