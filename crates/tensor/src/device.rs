//! Where a tensor lives.

use std::{fmt, str::FromStr};

use crate::{Backend, Error, Result, cpu::Cpu};

/// A place that holds tensors and computes on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Device {
    /// The processor and main memory.
    #[default]
    Cpu,
    /// The CUDA device of this number.
    Cuda(usize),
}

impl Device {
    /// The best device that this build and machine have.
    pub fn best() -> Device {
        #[cfg(feature = "cuda")]
        if crate::cuda::is_available() {
            return Device::Cuda(0);
        }
        Device::Cpu
    }

    /// What computes on this device, or why it cannot be used.
    pub fn backend(self) -> Result<&'static dyn Backend> {
        match self {
            Device::Cpu => Ok(&Cpu),
            #[cfg(feature = "cuda")]
            Device::Cuda(number) => crate::cuda::backend(number),
            #[cfg(not(feature = "cuda"))]
            Device::Cuda(_) => {
                let reason = "this program was built without CUDA (the feature `cuda`); use --device cpu";
                Err(crate::Error::Device { device: self, reason: reason.to_owned() })
            }
        }
    }

    /// Waits until all work on this device is done: for benchmarks, since what a tensor on a CUDA device holds may still be computed.
    ///
    /// # Errors
    /// Where the device cannot be used, or the work failed.
    pub fn synchronize(self) -> Result<()> {
        match self {
            Device::Cpu => Ok(()),
            #[cfg(feature = "cuda")]
            Device::Cuda(number) => crate::cuda::synchronize(number),
            #[cfg(not(feature = "cuda"))]
            Device::Cuda(_) => self.backend().map(drop),
        }
    }
}

/// What `CONVOY_TF32` says, `on` or `off` (the default): whether CUDA devices may round operands of convolutions and linear layers to TF32,
/// which has 10 bits behind the point. Tensor cores multiply it several times as fast as `f32`. PyTorch does so for convolutions by default.
///
/// # Errors
/// Where it says something else.
pub fn tf32_switch() -> std::result::Result<bool, String> {
    let Some(value) = std::env::var_os("CONVOY_TF32") else { return Ok(false) };
    match value.to_str() {
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        _ => Err(format!("CONVOY_TF32={}: use on or off", value.to_string_lossy())),
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => write!(f, "cpu"),
            Device::Cuda(n) => write!(f, "cuda:{n}"),
        }
    }
}

impl FromStr for Device {
    type Err = Error;

    /// Reads `auto`, `cpu`, `cuda` or `cuda:N`.
    fn from_str(text: &str) -> Result<Device> {
        let number = |n: &str| n.parse().map(Device::Cuda).ok();
        match text {
            "auto" => Some(Device::best()),
            "cpu" => Some(Device::Cpu),
            "cuda" => Some(Device::Cuda(0)),
            _ => text.strip_prefix("cuda:").and_then(number),
        }
        .ok_or_else(|| Error::argument("device", format!("unknown device {text:?}: use auto, cpu, cuda or cuda:N")))
    }
}
