//! Where tensors live, and how they get from one device to another.

#[cfg(feature = "cuda")]
use std::sync::Arc;

use super::Tensor;
#[cfg(feature = "cuda")]
use crate::{
    DType, Layout, Shape,
    storage::{Buffer, Storage},
};
use crate::{Device, Error, Result};

impl Tensor {
    /// Where the tensor lives.
    pub fn device(&self) -> Device {
        self.storage.device()
    }

    /// An error unless the others live where this does.
    pub(crate) fn check_same_device<'a>(&self, op: &'static str, others: impl IntoIterator<Item = &'a Tensor>) -> Result<()> {
        let lhs = self.device();
        match others.into_iter().map(Tensor::device).find(|&rhs| rhs != lhs) {
            Some(rhs) => Err(Error::Devices { op, lhs, rhs }),
            None => Ok(()),
        }
    }

    /// The least and the largest of indices on a device, where they are known.
    pub(crate) fn known_range(&self) -> Option<(i64, i64)> {
        self.storage.range()
    }

    /// The same elements on this device; shares the memory where they are there already. What is copied to a device or from it has been
    /// computed when this returns.
    ///
    /// # Errors
    /// Where the device cannot be used, or what was to be computed there failed.
    pub fn to_device(&self, device: Device) -> Result<Tensor> {
        if device == self.device() {
            return Ok(self.clone());
        }
        self.moved(device)
    }

    #[cfg(feature = "cuda")]
    fn moved(&self, device: Device) -> Result<Tensor> {
        match device {
            Device::Cpu => self.downloaded(),
            Device::Cuda(number) => crate::cuda::upload(number, &self.to_host()?),
        }
    }

    #[cfg(not(feature = "cuda"))]
    fn moved(&self, device: Device) -> Result<Tensor> {
        device.backend().map(|_| self.clone())
    }

    /// The same elements in main memory.
    ///
    /// # Errors
    /// Where what was to be computed on the device failed.
    pub fn to_host(&self) -> Result<Tensor> {
        self.to_device(Device::Cpu)
    }

    /// The stored elements of a tensor on a device, brought to main memory.
    #[cfg(feature = "cuda")]
    fn downloaded(&self) -> Result<Tensor> {
        let Some((memory, start)) = self.device_memory() else { return Ok(self.clone()) };
        let mut values = Buffer::uninit::<u8>(self.stored_bytes());
        memory.download(start, values.as_mut_slice())?;
        Ok(Tensor { storage: Arc::new(Storage::new(values)), offset: 0, ..self.clone() })
    }

    /// A tensor whose stored elements are `memory`.
    #[cfg(feature = "cuda")]
    pub(crate) fn on_device(memory: crate::cuda::Memory, shape: Shape, dtype: DType, layout: Layout) -> Tensor {
        Tensor { storage: Arc::new(Storage::on_device(memory, None)), offset: 0, shape, dtype, layout, zero_taps: None }
    }

    /// A copy of this tensor, of main memory, whose stored elements are `memory`.
    #[cfg(feature = "cuda")]
    pub(crate) fn uploaded(&self, memory: crate::cuda::Memory) -> Tensor {
        let indices = if self.dtype == DType::I64 { self.data::<i64>().ok() } else { None };
        let range = indices.and_then(|indices| indices.iter().min().copied().zip(indices.iter().max().copied()));
        Tensor { storage: Arc::new(Storage::on_device(memory, range)), offset: 0, ..self.clone() }
    }

    /// The bytes that the elements take in memory.
    #[cfg(feature = "cuda")]
    pub(crate) fn stored_bytes(&self) -> usize {
        self.stored_range().len() * self.dtype.size()
    }

    /// The stored elements as bytes in main memory.
    #[cfg(feature = "cuda")]
    pub(crate) fn bytes(&self) -> Result<&[u8]> {
        let stored = self.storage.as_slice::<u8>().ok_or_else(|| self.not_on_host())?;
        Ok(&stored[self.offset * self.dtype.size()..][..self.stored_bytes()])
    }

    /// The device's memory that holds the elements, and the first byte of them; none in main memory.
    #[cfg(feature = "cuda")]
    pub(crate) fn device_memory(&self) -> Option<(&crate::cuda::Memory, usize)> {
        Some((self.storage.device_memory()?, self.offset * self.dtype.size()))
    }

    /// As [`device_memory`](Tensor::device_memory), to write to. Copies the memory first where it is shared.
    #[cfg(feature = "cuda")]
    pub(crate) fn device_memory_mut(&mut self) -> Result<Option<(&crate::cuda::Memory, usize)>> {
        self.zero_taps = None;
        if Arc::get_mut(&mut self.storage).is_none()
            && let Some((memory, start)) = self.device_memory()
        {
            let own = memory.copied(start, self.stored_bytes())?;
            self.storage = Arc::new(Storage::on_device(own, None));
            self.offset = 0;
        }
        if let Some(storage) = Arc::get_mut(&mut self.storage) {
            storage.forget();
        }
        Ok(self.device_memory())
    }
}
