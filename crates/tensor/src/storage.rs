//! The memory behind a tensor.

use std::{ptr::NonNull, slice, sync::OnceLock};

use crate::{Device, Element, cpu::alloc};

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

/// The memory of a device.
#[derive(Debug)]
pub(crate) enum Memory {
    /// Main memory.
    Host(Buffer),
    /// A CUDA device's.
    #[cfg(feature = "cuda")]
    Cuda(crate::cuda::Memory),
}

/// A tensor's memory, and what kernels made of its values to use again: gone as soon as they are written to.
#[derive(Debug)]
pub(crate) struct Storage {
    values: Memory,
    derived: OnceLock<Buffer>,
    /// The least and the largest of indices that were brought to a device, so that they need not be brought back to be checked.
    range: Option<(i64, i64)>,
}

impl Storage {
    pub(crate) fn new(values: Buffer) -> Storage {
        Storage { values: Memory::Host(values), derived: OnceLock::new(), range: None }
    }

    #[cfg(feature = "cuda")]
    pub(crate) fn on_device(values: crate::cuda::Memory, range: Option<(i64, i64)>) -> Storage {
        Storage { values: Memory::Cuda(values), derived: OnceLock::new(), range }
    }

    /// The least and the largest of the values where they are indices on a device and nothing was written to them since they came there.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        self.range
    }

    /// Forgets what is known of the values: they are going to be written to.
    #[cfg(feature = "cuda")]
    pub(crate) fn forget(&mut self) {
        self.range = None;
    }

    /// Where the values are.
    pub(crate) fn device(&self) -> Device {
        match &self.values {
            Memory::Host(_) => Device::Cpu,
            #[cfg(feature = "cuda")]
            Memory::Cuda(memory) => memory.context().device(),
        }
    }

    /// The device's memory, where the values are not in main memory.
    #[cfg(feature = "cuda")]
    pub(crate) fn device_memory(&self) -> Option<&crate::cuda::Memory> {
        match &self.values {
            Memory::Host(_) => None,
            Memory::Cuda(memory) => Some(memory),
        }
    }

    /// The values, where they are in main memory.
    pub(crate) fn as_slice<T: Element>(&self) -> Option<&[T]> {
        match &self.values {
            Memory::Host(values) => Some(values.as_slice()),
            #[cfg(feature = "cuda")]
            Memory::Cuda(_) => None,
        }
    }

    /// The values to write to, where they are in main memory.
    pub(crate) fn as_mut_slice<T: Element>(&mut self) -> Option<&mut [T]> {
        self.derived.take();
        match &mut self.values {
            Memory::Host(values) => Some(values.as_mut_slice()),
            #[cfg(feature = "cuda")]
            Memory::Cuda(_) => None,
        }
    }

    /// What `make` makes of the values, made on first use.
    pub(crate) fn derived(&self, make: impl FnOnce() -> Buffer) -> &Buffer {
        self.derived.get_or_init(make)
    }
}
