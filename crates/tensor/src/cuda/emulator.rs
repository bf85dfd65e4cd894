//! CUDA devices whose kernels run on the processor: the same sources, compiled as C++ with emulator/emulator.cpp. For tests.

use std::{
    alloc::{self, Layout},
    collections::HashMap,
    env,
    ffi::{CString, c_char, c_int, c_void},
    slice,
    sync::{Mutex, PoisonError},
};

use libloading::Library;

use super::{
    driver::{Driver, Failure, Outcome},
    kernels::Program,
};

/// The variable that names the library.
const VARIABLE: &str = "CONVOY_CUDA_EMULATOR";
const ALIGN: usize = 256;
/// Fresh memory holds these bytes: as floats, numbers that are none.
const POISON: u8 = 0xff;

type Find = unsafe extern "C" fn(*const c_char) -> *const c_void;
type Run = unsafe extern "C" fn(*const c_void, *const c_int, *const c_int, *const *const c_void);

/// The emulated device.
struct Emulator {
    find: Find,
    run: Run,
    /// The size of each block of memory.
    sizes: Mutex<HashMap<u64, usize>>,
    _library: Library,
}

/// Whether the variable names a library.
pub(super) fn is_named() -> bool {
    env::var_os(VARIABLE).is_some()
}

/// The emulated device, where the variable names its library.
pub(super) fn open() -> Result<Option<Box<dyn Driver>>, String> {
    let Some(path) = env::var_os(VARIABLE) else { return Ok(None) };
    // SAFETY: the library is emulator.cpp's, which does nothing when it is loaded but list its kernels; the functions have these types.
    let emulator = unsafe {
        let failed = |error: libloading::Error| format!("{VARIABLE}: {error}");
        let library = Library::new(&path).map_err(failed)?;
        let find = *library.get::<Find>(b"emulator_find").map_err(failed)?;
        let run = *library.get::<Run>(b"emulator_run").map_err(failed)?;
        Emulator { find, run, sizes: Mutex::default(), _library: library }
    };
    Ok(Some(Box::new(emulator)))
}

fn layout(bytes: usize) -> Outcome<Layout> {
    Layout::from_size_align(bytes.max(1), ALIGN).map_err(|_| Failure::OutOfMemory)
}

fn pointer(address: u64) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut(address as usize)
}

impl Driver for Emulator {
    fn multiprocessors(&self) -> u32 {
        4
    }

    fn has_tensor_cores(&self) -> bool {
        true
    }

    fn alloc(&self, bytes: usize) -> Outcome<u64> {
        let layout = layout(bytes)?;
        // SAFETY: the layout has a size; the memory is filled before anybody sees it.
        let address = unsafe {
            let memory = alloc::alloc(layout);
            if memory.is_null() {
                return Err(Failure::OutOfMemory);
            }
            memory.write_bytes(POISON, layout.size());
            memory.expose_provenance() as u64
        };
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).insert(address, bytes);
        Ok(address)
    }

    fn free(&self, address: u64) {
        let bytes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner).remove(&address);
        if let Some(Ok(layout)) = bytes.map(layout) {
            // SAFETY: the memory came from `alloc` with this layout.
            unsafe { alloc::dealloc(pointer(address), layout) };
        }
    }

    fn upload(&self, to: u64, from: &[u8]) -> Outcome<()> {
        // SAFETY: the caller's memory is so long.
        unsafe { slice::from_raw_parts_mut(pointer(to), from.len()) }.copy_from_slice(from);
        Ok(())
    }

    fn download(&self, to: &mut [u8], from: u64) -> Outcome<()> {
        // SAFETY: as above.
        to.copy_from_slice(unsafe { slice::from_raw_parts(pointer(from), to.len()) });
        Ok(())
    }

    fn copy(&self, to: u64, from: u64, bytes: usize) -> Outcome<()> {
        // SAFETY: as above; the two do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(pointer(from), pointer(to), bytes) };
        Ok(())
    }

    fn function(&self, program: &'static Program, width: u32, kernel: &str) -> Outcome<usize> {
        let name = format!("{}/{width}/{kernel}", program.name);
        let text = CString::new(name.as_str()).map_err(|error| Failure::Other(error.to_string()))?;
        // SAFETY: a string that ends.
        let found = unsafe { (self.find)(text.as_ptr()) };
        if found.is_null() { Err(Failure::Other(format!("the emulator has no kernel {name}"))) } else { Ok(found.expose_provenance()) }
    }

    unsafe fn launch(&self, function: usize, grid: [u32; 3], block: [u32; 3], arguments: &[*const c_void]) -> Outcome<()> {
        let (grid, block) = (grid.map(|n| n as c_int), block.map(|n| n as c_int));
        let function = std::ptr::with_exposed_provenance(function);
        // SAFETY: the caller's promise.
        unsafe { (self.run)(function, grid.as_ptr(), block.as_ptr(), arguments.as_ptr()) };
        Ok(())
    }

    fn synchronize(&self) -> Outcome<()> {
        Ok(())
    }
}
