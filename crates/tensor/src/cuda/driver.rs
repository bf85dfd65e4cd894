//! What the backend needs of a CUDA driver, in the few calls that it makes.

use std::ffi::c_void;

use super::kernels::Program;

/// What is said where the driver sees fewer devices.
pub(super) const NO_SUCH_DEVICE: &str = "the NVIDIA driver sees no device of this number (nvidia-smi lists them); use --device cpu";

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The device has not so much memory.
    OutOfMemory,
    /// Anything else.
    Other(String),
}

/// The result of a call.
pub(super) type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub(super) fn text(self) -> String {
        match self {
            Failure::OutOfMemory => "out of memory; use a smaller batch".to_owned(),
            Failure::Other(text) => text,
        }
    }
}

/// One device. Launches, copies within the device and uploads happen in order, one behind the other, without being waited for.
pub(super) trait Driver: Send + Sync {
    /// The processors that run blocks.
    fn multiprocessors(&self) -> u32;
    /// Whether tensor cores multiply TF32.
    fn has_tensor_cores(&self) -> bool;
    /// Memory with any contents, aligned to 256 bytes.
    fn alloc(&self, bytes: usize) -> Outcome<u64>;
    /// Gives memory back when all work before is done.
    fn free(&self, address: u64);
    /// Copies to the device.
    fn upload(&self, to: u64, from: &[u8]) -> Outcome<()>;
    /// Copies from the device when all work before is done.
    fn download(&self, to: &mut [u8], from: u64) -> Outcome<()>;
    /// Copies within the device.
    fn copy(&self, to: u64, from: u64, bytes: usize) -> Outcome<()>;
    /// A kernel of a program of this width, by a handle.
    fn function(&self, program: &'static Program, width: u32, kernel: &str) -> Outcome<usize>;
    /// Runs a kernel.
    ///
    /// # Safety
    /// The handle is one of [`function`](Driver::function), and the arguments point to what the kernel's parameters are.
    unsafe fn launch(&self, function: usize, grid: [u32; 3], block: [u32; 3], arguments: &[*const c_void]) -> Outcome<()>;
    /// Waits until all work is done.
    fn synchronize(&self) -> Outcome<()>;
}
