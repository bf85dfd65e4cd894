//! A device in use: its memory, its kernels and how they are started.

use std::{
    collections::HashMap,
    ffi::c_void,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    driver::{Driver, Failure, Outcome},
    kernels::Program,
};
use crate::{Device, Error, Result, cpu::alloc::size_class};

/// Threads of a block, but where a kernel says otherwise.
pub(super) const THREADS: u32 = 256;
/// Blocks a multiprocessor that go over elements in steps.
const BLOCKS_EACH: u32 = 16;

/// A device in use.
pub(crate) struct Context {
    number: usize,
    driver: Box<dyn Driver>,
    /// Idle memory by its size.
    idle: Mutex<HashMap<usize, Vec<u64>>>,
    /// Kernels by program, width and name.
    functions: Mutex<HashMap<(&'static str, u32, &'static str), usize>>,
}

/// A type that kernels take as it lies in memory.
///
/// # Safety
/// The type has the same size and layout as the parameter that it stands for, without padding.
pub(super) unsafe trait Argument {}

// SAFETY: addresses.
unsafe impl Argument for u64 {}
// SAFETY: C's int.
unsafe impl Argument for i32 {}
// SAFETY: C's long long.
unsafe impl Argument for i64 {}
// SAFETY: C's double.
unsafe impl Argument for f64 {}

/// Arguments of a kernel, in order.
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { &[$(&$argument as &dyn $crate::cuda::context::Argument),*] };
}
pub(super) use arguments;

/// The most arguments of a kernel.
const MOST_ARGUMENTS: usize = 20;

/// A kernel and how many threads of it run.
#[derive(Clone, Copy)]
pub(super) struct Launch {
    pub program: &'static Program,
    /// The bits of a float or the bytes of an element.
    pub width: u32,
    pub kernel: &'static str,
    pub grid: [u32; 3],
    pub block: [u32; 3],
}

impl Context {
    pub(super) fn new(number: usize, driver: Box<dyn Driver>) -> Context {
        Context { number, driver, idle: Mutex::default(), functions: Mutex::default() }
    }

    pub(crate) fn device(&self) -> Device {
        Device::Cuda(self.number)
    }

    pub(super) fn multiprocessors(&self) -> u32 {
        self.driver.multiprocessors()
    }

    pub(super) fn has_tensor_cores(&self) -> bool {
        self.driver.has_tensor_cores()
    }

    pub(super) fn checked<T>(&self, outcome: Outcome<T>) -> Result<T> {
        outcome.map_err(|failure| Error::Device { device: self.device(), reason: failure.text() })
    }

    /// Runs a kernel.
    ///
    /// # Safety
    /// The arguments are what the kernel's parameters are, and what it does with them is within their memory.
    pub(super) unsafe fn launch(&self, launch: Launch, arguments: &[&dyn Argument]) -> Result<()> {
        let function = self.function(launch.program, launch.width, launch.kernel)?;
        let mut addresses = [std::ptr::null::<c_void>(); MOST_ARGUMENTS];
        addresses.iter_mut().zip(arguments).for_each(|(address, &argument)| *address = std::ptr::from_ref(argument).cast());
        let arguments = &addresses[..arguments.len()];
        // SAFETY: the caller's promise.
        self.checked(unsafe { self.driver.launch(function, launch.grid, launch.block, arguments) })
    }

    /// Runs a kernel that goes over `n` elements in steps.
    ///
    /// # Safety
    /// As [`launch`](Context::launch).
    pub(super) unsafe fn over(
        &self,
        program: &'static Program,
        width: u32,
        kernel: &'static str,
        n: usize,
        arguments: &[&dyn Argument],
    ) -> Result<()> {
        if n == 0 {
            return Ok(());
        }
        let blocks = n.div_ceil(THREADS as usize).min((self.multiprocessors() * BLOCKS_EACH) as usize) as u32;
        // SAFETY: the caller's promise.
        unsafe { self.launch(Launch { program, width, kernel, grid: [blocks, 1, 1], block: [THREADS, 1, 1] }, arguments) }
    }

    fn function(&self, program: &'static Program, width: u32, kernel: &'static str) -> Result<usize> {
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (program.name, width, kernel);
        if let Some(&function) = functions.get(&key) {
            return Ok(function);
        }
        let function = self.checked(self.driver.function(program, width, kernel))?;
        functions.insert(key, function);
        Ok(function)
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<usize, Vec<u64>>> {
        // A panic cannot leave the pool half changed, so a poisoned lock is sound to use.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Memory with any contents. Work goes through one stream, so memory that was given back may be used again at once.
    pub(crate) fn alloc(&'static self, bytes: usize) -> Result<Memory> {
        let class = size_class(bytes);
        if let Some(address) = self.idle().get_mut(&class).and_then(Vec::pop) {
            return Ok(Memory { address, bytes, context: self });
        }
        let address = match self.driver.alloc(class) {
            Err(Failure::OutOfMemory) => {
                self.release_idle();
                self.driver.alloc(class)
            }
            other => other,
        };
        Ok(Memory { address: self.checked(address)?, bytes, context: self })
    }

    /// Gives idle memory back to the driver.
    fn release_idle(&self) {
        let shelves = std::mem::take(&mut *self.idle());
        shelves.into_values().flatten().for_each(|address| self.driver.free(address));
    }

    /// Waits until all work is done.
    pub(crate) fn synchronize(&self) -> Result<()> {
        self.checked(self.driver.synchronize())
    }

    pub(crate) fn upload(&'static self, values: &[u8]) -> Result<Memory> {
        let memory = self.alloc(values.len())?;
        if !values.is_empty() {
            self.checked(self.driver.upload(memory.address, values))?;
        }
        Ok(memory)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({})", self.device())
    }
}

/// A block of a device's memory. It goes back to the pool when dropped.
#[derive(Debug)]
pub(crate) struct Memory {
    address: u64,
    bytes: usize,
    context: &'static Context,
}

impl Memory {
    pub(crate) fn context(&self) -> &'static Context {
        self.context
    }

    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    /// Copies the bytes from `start` on to the host.
    pub(crate) fn download(&self, start: usize, to: &mut [u8]) -> Result<()> {
        assert!(start + to.len() <= self.bytes, "a download beyond the memory");
        if to.is_empty() {
            return Ok(());
        }
        self.context.checked(self.context.driver.download(to, self.address + start as u64))
    }

    /// A copy of `bytes` bytes from `start` on.
    pub(crate) fn copied(&self, start: usize, bytes: usize) -> Result<Memory> {
        assert!(start + bytes <= self.bytes, "a copy beyond the memory");
        let copy = self.context.alloc(bytes)?;
        if bytes > 0 {
            self.context.checked(self.context.driver.copy(copy.address, self.address + start as u64, bytes))?;
        }
        Ok(copy)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.context.idle().entry(size_class(self.bytes)).or_default().push(self.address);
    }
}
