//! Development only: the comparison of every operation and model with PyTorch.
//!
//! The cases lie in `golden/`, whose README says what each file holds. `GOLDEN_DIR=DIR cargo test -p op-suite golden` runs the same
//! tests over another such folder; `-- --nocapture` shows each error beside its tolerance.
//! `CONVOY_TEST_DEVICE=cuda` computes on a CUDA device, where the features are on that need it.

pub mod compare;
pub mod det;
mod golden;
pub mod train_step;

pub use golden::Golden;

use tensor::{Device, Tensor};

/// Where the cases are computed: on the device that `CONVOY_TEST_DEVICE` names, else on the CPU.
pub fn device() -> Device {
    std::env::var("CONVOY_TEST_DEVICE").map_or(Device::Cpu, |name| name.parse().unwrap_or_else(|e| panic!("{e}")))
}

/// A tensor brought to where the cases are computed.
pub fn placed(tensor: Tensor) -> Tensor {
    tensor.to_device(device()).unwrap_or_else(|e| panic!("{e}"))
}
