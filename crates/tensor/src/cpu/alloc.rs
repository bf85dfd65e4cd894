//! The pooled, 64-byte aligned allocator: a training step at a fixed shape takes every buffer from the pool.
//!
//! Memory stays for reuse: giving it back and asking for it again would cost a step more than its sums, since the system clears each page
//! anew. A buffer serves its own size class alone, so a step needs the sum of what each class has in use at most: more than what
//! all of them have in use at one time, and no more than twice as much in the networks that were tried. What is kept beyond twice as much
//! goes when memory is asked of the system, the sizes that were asked for longest ago first.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error},
    ptr::NonNull,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// So much is kept in any case, idle and in use.
const LEAST_KEPT_BYTES: usize = 1 << 30;

/// What each block's address is a multiple of: a line of the cache.
pub(super) const ALIGN: usize = 64;

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

struct Pool {
    /// By the number of the size class.
    shelves: [Shelf; CLASSES],
    /// How often a buffer was asked for.
    requests: u64,
    system_allocations: usize,
    bytes_in_use: usize,
    /// The most bytes that were in use at one time.
    most_bytes_in_use: usize,
    bytes_idle: usize,
}

/// The idle buffers of one size class.
struct Shelf {
    addresses: Vec<usize>,
    /// The number of the last request for this class.
    last_request: u64,
}

static POOL: Mutex<Pool> = Mutex::new(Pool::EMPTY);

impl Shelf {
    const EMPTY: Shelf = Shelf { addresses: Vec::new(), last_request: 0 };
}

impl Pool {
    const EMPTY: Pool =
        Pool { shelves: [Shelf::EMPTY; CLASSES], requests: 0, system_allocations: 0, bytes_in_use: 0, most_bytes_in_use: 0, bytes_idle: 0 };

    /// An idle buffer of this class, if there is one; counts a buffer as in use in either case.
    fn take(&mut self, class: usize) -> Option<NonNull<u8>> {
        self.requests += 1;
        self.bytes_in_use += class;
        self.most_bytes_in_use = self.most_bytes_in_use.max(self.bytes_in_use);
        let shelf = &mut self.shelves[class_number(class)];
        shelf.last_request = self.requests;
        let address = shelf.addresses.pop()?;
        self.bytes_idle -= class;
        NonNull::new(address as *mut u8)
    }

    /// Puts a buffer that was in use on its shelf.
    fn keep(&mut self, class: usize, ptr: NonNull<u8>) {
        self.bytes_in_use -= class;
        self.bytes_idle += class;
        self.shelves[class_number(class)].addresses.push(ptr.as_ptr() as usize);
    }

    /// Takes idle buffers off the shelves until no more is kept than is to be; they are the caller's to free.
    fn surplus(&mut self) -> Vec<(usize, usize)> {
        let limit = (2 * self.most_bytes_in_use).max(LEAST_KEPT_BYTES);
        let mut surplus = Vec::new();
        while self.bytes_in_use + self.bytes_idle > limit {
            let shelves = self.shelves.iter_mut().enumerate().filter(|(_, shelf)| !shelf.addresses.is_empty());
            let Some((number, shelf)) = shelves.min_by_key(|(_, shelf)| shelf.last_request) else { break };
            let class = numbered_class(number);
            surplus.extend(shelf.addresses.pop().map(|address| (class, address)));
            self.bytes_idle -= class;
        }
        surplus
    }
}

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
    let shelves = pool.shelves.iter_mut().map(|shelf| std::mem::take(&mut shelf.addresses));
    let shelves: Vec<_> = shelves.enumerate().filter(|(_, addresses)| !addresses.is_empty()).collect();
    (pool.bytes_idle, pool.most_bytes_in_use) = (0, pool.bytes_in_use);
    drop(pool);
    free(shelves.into_iter().flat_map(|(number, addresses)| addresses.into_iter().map(move |address| (numbered_class(number), address))));
}

/// Frees buffers that were taken off the shelves.
fn free(buffers: impl IntoIterator<Item = (usize, usize)>) {
    for (class, address) in buffers {
        // SAFETY: an address on a shelf came from `ask` for this very class, which left the gap before it, and is in nobody's hands.
        unsafe {
            let block = address as *mut u8;
            dealloc(block.sub(usize::from(*block.sub(1))), layout(class));
        }
    }
}

/// Size classes up to a power of two and above half of it.
const CLASSES_OF_A_POWER: usize = 16;

/// All size classes.
const CLASSES: usize = usize::BITS as usize * CLASSES_OF_A_POWER;

/// What size classes up to this power of two are multiples of.
fn class_step(power: usize) -> usize {
    (power / CLASSES_OF_A_POWER).max(ALIGN)
}

/// The size that a request is rounded up to: at most an eighth more, so that near sizes share buffers.
pub(crate) fn size_class(bytes: usize) -> usize {
    bytes.max(1).next_multiple_of(class_step(bytes.next_power_of_two()))
}

/// A number below [`CLASSES`] that a size class has alone.
fn class_number(class: usize) -> usize {
    let power = class.next_power_of_two();
    power.trailing_zeros() as usize * CLASSES_OF_A_POWER + class / class_step(power) - 1
}

/// The size class of a number that [`class_number`] gave.
fn numbered_class(number: usize) -> usize {
    (number % CLASSES_OF_A_POWER + 1) * class_step(1 << (number / CLASSES_OF_A_POWER))
}

/// A block of a size class with room to align it. It asks for no more alignment than the system's allocator has by itself: that one would
/// clear a block that it aligns byte by byte, where it gives others as they come from the system, cleared page by page when they are
/// first used.
fn layout(class: usize) -> Layout {
    Layout::from_size_align(class + ALIGN, align_of::<u64>())
        .expect("tensor shapes are checked to fit in memory before a buffer is asked for")
}

/// An aligned block of zeros, asked of the system. The byte before it says how far the system's block starts before it.
fn ask(class: usize) -> NonNull<u8> {
    let layout = layout(class);
    // SAFETY: the layout has a size above zero.
    let block = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
    let gap = ALIGN - block.addr().get() % ALIGN;
    // SAFETY: the gap is between 1 and ALIGN, by which the block is longer than its class.
    unsafe {
        let aligned = block.add(gap);
        aligned.sub(1).write(gap as u8);
        aligned
    }
}

/// An initialised (not necessarily zero) block of at least `bytes` bytes.
pub(crate) fn take(bytes: usize) -> NonNull<u8> {
    let class = size_class(bytes);
    let mut pool = pool();
    if let Some(ptr) = pool.take(class) {
        return ptr;
    }
    pool.system_allocations += 1;
    let surplus = pool.surplus();
    drop(pool);
    free(surplus);
    ask(class)
}

/// Takes back what [`take`] gave for the same number of bytes.
pub(crate) fn give_back(ptr: NonNull<u8>, bytes: usize) {
    pool().keep(size_class(bytes), ptr);
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
            assert!(class_number(class) < CLASSES);
            assert_eq!(numbered_class(class_number(class)), class);
            assert_ne!(class_number(size_class(class + 1)), class_number(class));
        }
    }

    #[test]
    fn a_step_whose_sizes_are_in_use_at_different_times_keeps_them_all() {
        let mut pool = Pool::EMPTY;
        let (small, large) = (LEAST_KEPT_BYTES, LEAST_KEPT_BYTES + class_step(2 * LEAST_KEPT_BYTES));
        for step in 0..3 {
            // Four buffers in all, two at a time.
            for class in [small, large] {
                for _ in 0..2 {
                    assert_eq!(pool.take(class).is_some(), step > 0);
                    assert_eq!(pool.surplus(), []);
                }
                (0..2).for_each(|_| pool.keep(class, NonNull::dangling()));
            }
        }
        assert_eq!((pool.bytes_in_use, pool.bytes_idle), (0, 2 * (small + large)));
    }

    #[test]
    fn beyond_twice_what_is_in_use_the_sizes_asked_for_longest_ago_go_first() {
        let mut pool = Pool::EMPTY;
        let step = class_step(2 * LEAST_KEPT_BYTES);
        let classes = [1, 2, 3].map(|n| LEAST_KEPT_BYTES + n * step);
        for class in classes {
            // A training of other sizes, which finds nothing of its own.
            assert!(pool.take(class).is_none());
            let surplus: Vec<usize> = pool.surplus().into_iter().map(|(class, _)| class).collect();
            assert_eq!(surplus, if class == classes[2] { vec![classes[0]] } else { vec![] });
            pool.keep(class, NonNull::dangling());
        }
        assert_eq!(pool.bytes_idle, classes[1] + classes[2]);
        assert!(pool.take(classes[0]).is_none() && pool.take(classes[2]).is_some());
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
