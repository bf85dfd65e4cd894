//! The real driver, through cudarc.

use std::{
    collections::HashMap,
    ffi::{CString, c_void},
    fmt::Display,
    ptr,
    sync::{Mutex, PoisonError},
};

use cudarc::{
    driver::{
        result::{self, DriverError, stream::StreamKind},
        sys::{self, CUdevice_attribute as Attribute},
    },
    nvrtc,
};

use super::{
    compile,
    driver::{Driver, Failure, Outcome},
    kernels::Program,
};

/// How many devices there are, or why none can be used.
pub(super) fn count() -> Result<usize, String> {
    // SAFETY: loads the library to see whether it is there.
    if !unsafe { sys::is_culib_present() } {
        return Err("there is no NVIDIA driver here (libcuda is not found); use --device cpu".to_owned());
    }
    let count = result::init().and_then(|()| result::device::get_count());
    count.map(|count| count as usize).map_err(|error| format!("the NVIDIA driver does not work: {}; use --device cpu", text(error)))
}

/// Whether kernels can be compiled.
pub(super) fn has_compiler() -> bool {
    // SAFETY: loads the library to see whether it is there.
    unsafe { nvrtc::sys::is_culib_present() }
}

fn text(error: DriverError) -> String {
    let described = error.error_string().ok().map(|text| text.to_string_lossy().into_owned());
    described.unwrap_or_else(|| format!("error {:?}", error.0))
}

fn failure(what: impl Display) -> impl FnOnce(DriverError) -> Failure {
    move |error| match error.0 {
        sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => Failure::OutOfMemory,
        _ => Failure::Other(format!("{what}: {}", text(error))),
    }
}

/// A device, its primary context and the one stream that all work goes through.
pub(super) struct Gpu {
    context: sys::CUcontext,
    stream: sys::CUstream,
    multiprocessors: u32,
    has_tensor_cores: bool,
    /// As NVRTC names it: `sm_90`.
    architecture: String,
    modules: Mutex<HashMap<(&'static str, u32), Module>>,
}

#[derive(Clone, Copy)]
struct Module(sys::CUmodule);

// SAFETY: the driver's handles may be used from any thread to which the context is bound, which `bind` sees to.
unsafe impl Send for Gpu {}
// SAFETY: as above; the driver does its own locking.
unsafe impl Sync for Gpu {}
// SAFETY: as above.
unsafe impl Send for Module {}

impl Gpu {
    /// The device of this number, below [`count`]. It is never given back.
    pub(super) fn open(number: usize) -> Outcome<Gpu> {
        let fail = || failure("it cannot be opened");
        let device = result::device::get(number as i32).map_err(fail())?;
        // SAFETY: the device exists; the context stays for as long as the program runs.
        unsafe {
            let attribute = |which| result::device::get_attribute(device, which).map_err(fail());
            let context = result::primary_ctx::retain(device).map_err(fail())?;
            result::ctx::set_current(context).map_err(fail())?;
            let major = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
            let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
            Ok(Gpu {
                context,
                stream: result::stream::create(StreamKind::NonBlocking).map_err(fail())?,
                multiprocessors: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)? as u32,
                has_tensor_cores: major >= 8,
                architecture: format!("sm_{major}{minor}"),
                modules: Mutex::default(),
            })
        }
    }

    /// Makes this device the calling thread's.
    fn bind(&self) -> Outcome<()> {
        // SAFETY: the context is never given back.
        unsafe { result::ctx::set_current(self.context) }.map_err(failure("its context is lost"))
    }

    fn module(&self, program: &'static Program, width: u32) -> Outcome<Module> {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&module) = modules.get(&(program.name, width)) {
            return Ok(module);
        }
        let binary = compile::binary(program, width, &self.architecture).map_err(Failure::Other)?;
        // SAFETY: the binary is a whole one that NVRTC made.
        let module = unsafe { result::module::load_data(binary.as_ptr().cast()) };
        let module = Module(module.map_err(failure(format!("its kernels ({}) cannot be loaded", program.name)))?);
        modules.insert((program.name, width), module);
        Ok(module)
    }
}

impl Driver for Gpu {
    fn multiprocessors(&self) -> u32 {
        self.multiprocessors
    }

    fn has_tensor_cores(&self) -> bool {
        self.has_tensor_cores
    }

    fn alloc(&self, bytes: usize) -> Outcome<u64> {
        self.bind()?;
        // SAFETY: the memory is the caller's to give back.
        unsafe { result::malloc_sync(bytes) }.map_err(failure("memory cannot be had"))
    }

    fn free(&self, address: u64) {
        // SAFETY: the address came from `alloc`. The driver waits for work on it. An error has been seen by the work itself.
        let _ = self.bind().map(|()| unsafe { result::free_sync(address) });
    }

    fn upload(&self, to: u64, from: &[u8]) -> Outcome<()> {
        self.bind()?;
        // SAFETY: both ends are as long; pageable memory has been read when the call returns.
        unsafe { result::memcpy_htod_async(to, from, self.stream) }.map_err(failure("copying to it failed"))
    }

    fn download(&self, to: &mut [u8], from: u64) -> Outcome<()> {
        self.bind()?;
        // SAFETY: both ends are as long, and the copy is waited for.
        let copied = unsafe { result::memcpy_dtoh_async(to, from, self.stream).and_then(|()| result::stream::synchronize(self.stream)) };
        copied.map_err(failure("work on it failed"))
    }

    fn copy(&self, to: u64, from: u64, bytes: usize) -> Outcome<()> {
        self.bind()?;
        // SAFETY: both ends are as long.
        unsafe { result::memcpy_dtod_async(to, from, bytes, self.stream) }.map_err(failure("copying on it failed"))
    }

    fn function(&self, program: &'static Program, width: u32, kernel: &str) -> Outcome<usize> {
        self.bind()?;
        let module = self.module(program, width)?;
        let name = CString::new(kernel).map_err(|error| Failure::Other(error.to_string()))?;
        // SAFETY: modules are never unloaded.
        let function = unsafe { result::module::get_function(module.0, name) };
        Ok(function.map_err(failure(format!("kernel {kernel}")))? as usize)
    }

    unsafe fn launch(&self, function: usize, grid: [u32; 3], block: [u32; 3], arguments: &[*const c_void]) -> Outcome<()> {
        self.bind()?;
        // SAFETY: the caller's promise; the driver reads the arguments before it returns.
        let launched = unsafe {
            sys::cuLaunchKernel(
                ptr::with_exposed_provenance_mut(function),
                grid[0],
                grid[1],
                grid[2],
                block[0],
                block[1],
                block[2],
                0,
                self.stream,
                arguments.as_ptr().cast_mut().cast(),
                ptr::null_mut(),
            )
        };
        launched.result().map_err(failure("a kernel cannot be started"))
    }

    fn synchronize(&self) -> Outcome<()> {
        self.bind()?;
        // SAFETY: the stream is never destroyed.
        unsafe { result::stream::synchronize(self.stream) }.map_err(failure("work on it failed"))
    }
}
