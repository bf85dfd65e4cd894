//! State of a layer that is kept but not learned.

use autograd::TensorCell;
use tensor::Tensor;

use crate::Result;

/// A named tensor of a layer that is saved with it but not learned, such as a running mean.
#[derive(Debug)]
pub struct Buffer {
    value: TensorCell,
    optional: bool,
}

impl Buffer {
    /// A buffer.
    pub fn new(value: Tensor) -> Self {
        Buffer { value: TensorCell::new(value), optional: false }
    }

    /// A buffer that a state dict may lack: it then keeps its value.
    pub fn optional(value: Tensor) -> Self {
        Buffer { optional: true, ..Buffer::new(value) }
    }

    /// Whether a state dict may lack this buffer.
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// The value (shares the memory; a later update leaves the returned tensor as it is).
    pub fn value(&self) -> Tensor {
        self.value.value()
    }

    /// Replaces the value.
    pub fn set_value(&self, value: Tensor) {
        self.value.set_value(value);
    }

    /// A number that no other buffer has or had.
    pub(crate) fn id(&self) -> u64 {
        self.value.id()
    }

    /// Takes over the values of a tensor of the same shape, in the buffer's own element type and place.
    ///
    /// # Errors
    /// Where the shapes differ.
    pub fn load(&self, value: &Tensor) -> Result<()> {
        let own = self.value();
        if value.shape() != own.shape() {
            return Err(tensor::Error::shapes("load", own.dims(), value.dims(), "the buffer's shape is needed").into());
        }
        self.set_value(value.to_dtype(own.dtype())?.to_device(own.device())?);
        Ok(())
    }

    /// Changes the value in place.
    pub fn update<R>(&self, f: impl FnOnce(&mut Tensor) -> R) -> R {
        self.value.update(f)
    }
}
