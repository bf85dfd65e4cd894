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
        Device::Cpu
    }

    /// What computes on this device, or why it cannot be used.
    pub fn backend(self) -> Result<&'static dyn Backend> {
        match self {
            Device::Cpu => Ok(&Cpu),
            Device::Cuda(_) => Err(Error::Device { device: self, reason: "this version computes on the CPU only; use --device cpu" }),
        }
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
