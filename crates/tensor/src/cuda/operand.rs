//! Tensors as kernels take them: addresses, and results to be written.

use super::{Context, Memory};
use crate::{DType, Device, Error, Layout, Result, Shape, Tensor};

impl Tensor {
    /// The device's memory with the elements.
    fn on(&self) -> Result<(&Memory, usize)> {
        let reason = "an operand is in main memory; bring it to the device with to_device".to_owned();
        self.device_memory().ok_or(Error::Device { device: Device::Cpu, reason })
    }

    /// The device that this tensor is on.
    pub(super) fn context(&self) -> Result<&'static Context> {
        Ok(self.on()?.0.context())
    }

    /// Where the elements begin.
    pub(super) fn address(&self) -> Result<u64> {
        let (memory, start) = self.on()?;
        Ok(memory.address() + start as u64)
    }

    /// Where the elements begin, to write to; copied first where another tensor shares them.
    pub(super) fn address_mut(&mut self) -> Result<u64> {
        self.device_memory_mut()?;
        self.address()
    }

    /// The elements in memory.
    pub(super) fn stored(&self) -> usize {
        self.stored_bytes() / self.dtype().size()
    }
}

/// The address of an operand that may be left out: 0 then.
pub(super) fn optional(t: Option<&Tensor>) -> Result<u64> {
    t.map_or(Ok(0), Tensor::address)
}

/// The address of a tensor to write to that may be left out: 0 then.
pub(super) fn optional_mut(t: Option<&mut Tensor>) -> Result<u64> {
    t.map_or(Ok(0), Tensor::address_mut)
}

/// The bits of a float type that kernels compute in, or an error that names `op`.
pub(super) fn float_width(op: &'static str, t: &Tensor) -> Result<u32> {
    match t.dtype() {
        DType::F32 => Ok(32),
        DType::F64 => Ok(64),
        found => Err(Error::DType { op, expected: "float32 or float64".into(), found }),
    }
}

impl Context {
    /// A tensor whose elements are still to be written.
    pub(super) fn uninit(&'static self, shape: impl Into<Shape>, dtype: DType, layout: Layout) -> Result<Tensor> {
        let shape = shape.into();
        shape.checked_elements("tensor")?;
        let memory = self.alloc(layout.stored_elements(&shape) * dtype.size())?;
        Ok(Tensor::on_device(memory, shape, dtype, layout))
    }

    /// A tensor like `t` whose elements are still to be written.
    pub(super) fn like(&'static self, t: &Tensor) -> Result<Tensor> {
        self.uninit(t.shape().clone(), t.dtype(), t.layout())
    }
}
