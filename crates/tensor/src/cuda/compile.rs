//! Kernels compiled by NVRTC when they are first used, and kept on disk.

use std::{
    env,
    ffi::{CString, c_char},
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process,
};

use cudarc::nvrtc::{
    result::{self, NvrtcError},
    sys::{self, nvrtcProgram},
};

use super::{gpu, kernels::Program};

/// The machine code of a program for an architecture such as `sm_90`: from the user's cache, else compiled and put there.
pub(super) fn binary(program: &Program, width: u32, architecture: &str) -> Result<Vec<u8>, String> {
    let source = program.source.concat();
    let options = options(program, width, architecture);
    let cached = cache_folder().map(|folder| folder.join(file_name(program, width, architecture, &source, &options)));
    if let Some(binary) = cached.as_ref().and_then(|path| fs::read(path).ok()).filter(|binary| is_whole(binary)) {
        return Ok(binary);
    }
    let binary = compile(program.name, &source, &options)?;
    if let Some(path) = cached {
        // What cannot be kept is compiled again next time.
        let _ = keep(&path, &binary);
    }
    Ok(binary)
}

fn options(program: &Program, width: u32, architecture: &str) -> Vec<String> {
    let own = [format!("--gpu-architecture={architecture}"), "--std=c++17".to_owned(), format!("-D{}={width}", program.width)];
    own.into_iter().chain(program.options.iter().map(|&option| option.to_owned())).collect()
}

/// Where the user's programs keep what they can make again.
fn cache_folder() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CACHE_HOME")
        .or_else(|| set("LOCALAPPDATA"))
        .or_else(|| set("HOME").map(|home| home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" })))?;
    Some(folder.join("convoy").join("kernels"))
}

fn file_name(program: &Program, width: u32, architecture: &str, source: &str, options: &[String]) -> String {
    let mut hasher = DefaultHasher::new();
    (source, options).hash(&mut hasher);
    format!("{}-{width}-{architecture}-{:016x}.cubin", program.name, hasher.finish())
}

/// Whether this is an ELF file at all, and not an empty one of a full disk.
fn is_whole(binary: &[u8]) -> bool {
    binary.starts_with(b"\x7fELF")
}

/// Writes a file beside its place and renames it, so that nobody reads half of it.
fn keep(path: &Path, binary: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    let beside = path.with_extension(format!("{}.tmp", process::id()));
    fs::write(&beside, binary)?;
    fs::rename(&beside, path)
}

/// Compiles a source to machine code.
pub(super) fn compile(name: &str, source: &str, options: &[String]) -> Result<Vec<u8>, String> {
    if !gpu::has_compiler() {
        let reason = "CUDA's compiler library NVRTC (libnvrtc) is not found: it comes with the CUDA toolkit and as the Python package \
                      nvidia-cuda-nvrtc; put its folder into LD_LIBRARY_PATH";
        return Err(reason.to_owned());
    }
    let source = CString::new(source).map_err(|error| error.to_string())?;
    let program = result::create_program(&source, None).map_err(|error| format!("NVRTC: {error}"))?;
    // SAFETY: the program was made above and is destroyed below.
    let compiled = unsafe { result::compile_program(program, options) };
    let binary = match compiled {
        Ok(()) => binary_of(program).map_err(|error| format!("NVRTC: {error}")),
        Err(error) => Err(format!("NVRTC cannot compile {name}: {error} {}", log_of(program))),
    };
    // SAFETY: as above; nothing uses it any more.
    let _ = unsafe { result::destroy_program(program) };
    binary
}

fn binary_of(program: nvrtcProgram) -> Result<Vec<u8>, NvrtcError> {
    let mut size = 0;
    // SAFETY: the program has been compiled for an architecture, and the buffer is as long as NVRTC says.
    unsafe {
        sys::nvrtcGetCUBINSize(program, &raw mut size).result()?;
        let mut binary = vec![0u8; size];
        sys::nvrtcGetCUBIN(program, binary.as_mut_ptr().cast::<c_char>()).result()?;
        Ok(binary)
    }
}

/// What the compiler said, on one line.
fn log_of(program: nvrtcProgram) -> String {
    // SAFETY: the program has been compiled.
    let log = unsafe { result::get_program_log(program) }.unwrap_or_default();
    let text: Vec<u8> = log.into_iter().map(|c| c as u8).take_while(|&c| c != 0).collect();
    String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuda::kernels::ALL;

    #[test]
    fn a_file_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernels/a.cubin");
        keep(&path, b"\x7fELF...").unwrap();
        assert!(is_whole(&fs::read(&path).unwrap()));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(!is_whole(b""));
    }

    /// Needs NVRTC, no device: `.ci/run` gets it from PyPI, and sets the variable.
    #[test]
    fn every_kernel_compiles_for_every_width() {
        if !gpu::has_compiler() && env::var_os("CONVOY_TEST_NVRTC").is_none() {
            assert!(compile("none", "", &[]).unwrap_err().contains("LD_LIBRARY_PATH"));
            return;
        }
        for architecture in ["sm_80", "sm_90"] {
            for &(program, widths) in ALL {
                for &width in widths {
                    let compiled = compile(program.name, &program.source.concat(), &options(program, width, architecture));
                    assert!(compiled.is_ok_and(|binary| is_whole(&binary)), "{} {width} {architecture}", program.name);
                }
            }
        }
    }
}
