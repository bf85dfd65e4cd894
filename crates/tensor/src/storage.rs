//! The memory behind a tensor.

use std::{ptr::NonNull, slice, sync::OnceLock};

use crate::{Element, cpu::alloc};

/// A 64-byte aligned block of main memory from the pooled allocator. It goes back to the pool when dropped.
#[derive(Debug)]
pub(crate) struct Buffer {
    ptr: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a Buffer owns its memory alone; shared references give only shared slices of plain values.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// A buffer of `len` elements with unspecified (but initialised) contents.
    pub(crate) fn uninit<T: Element>(len: usize) -> Buffer {
        let bytes = len * size_of::<T>();
        Buffer { ptr: alloc::take(bytes), bytes }
    }

    /// A buffer of zeros.
    pub(crate) fn zeros<T: Element>(len: usize) -> Buffer {
        let mut buffer = Buffer::uninit::<T>(len);
        buffer.as_mut_slice::<T>().fill(T::default());
        buffer
    }

    pub(crate) fn as_slice<T: Element>(&self) -> &[T] {
        // SAFETY: the memory is `bytes` long, 64-byte aligned, initialised (the allocator zeroes fresh memory), and every
        // bit pattern is a value of an Element.
        unsafe { slice::from_raw_parts(self.ptr.as_ptr().cast(), self.bytes / size_of::<T>()) }
    }

    pub(crate) fn as_mut_slice<T: Element>(&mut self) -> &mut [T] {
        // SAFETY: as in `as_slice`, and `&mut self` makes the access exclusive.
        unsafe { slice::from_raw_parts_mut(self.ptr.as_ptr().cast(), self.bytes / size_of::<T>()) }
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Buffer::uninit::<u8>(self.bytes);
        copy.as_mut_slice::<u8>().copy_from_slice(self.as_slice());
        copy
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        alloc::give_back(self.ptr, self.bytes);
    }
}

/// A tensor's memory, and what kernels made of its values to use again: gone as soon as they are written to.
#[derive(Debug)]
pub(crate) struct Storage {
    values: Buffer,
    derived: OnceLock<Buffer>,
}

impl Storage {
    pub(crate) fn new(values: Buffer) -> Storage {
        Storage { values, derived: OnceLock::new() }
    }

    pub(crate) fn as_slice<T: Element>(&self) -> &[T] {
        self.values.as_slice()
    }

    pub(crate) fn as_mut_slice<T: Element>(&mut self) -> &mut [T] {
        self.derived.take();
        self.values.as_mut_slice()
    }

    /// What `make` makes of the values, made on first use.
    pub(crate) fn derived(&self, make: impl FnOnce() -> Buffer) -> &Buffer {
        self.derived.get_or_init(make)
    }
}
