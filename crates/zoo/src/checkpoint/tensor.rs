//! Tensors as a checkpoint holds them: a dtype, a shape and bytes.

use std::{borrow::Cow, io};

use super::{dtype::TorchDtype, metadata::Metadata};

/// A tensor's description without its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// State-dict key, such as `layer1.0.conv1.weight`.
    pub name: String,
    /// Element type.
    pub dtype: TorchDtype,
    /// Extents; empty for a scalar.
    pub shape: Vec<usize>,
}

/// A tensor's data, independent of any tensor library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawTensor {
    /// Element type.
    pub dtype: TorchDtype,
    /// Extents; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements: little-endian, contiguous, row-major.
    pub data: Vec<u8>,
}

/// A whole checkpoint in memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checkpoint {
    /// The tensors by state-dict key, in the file's order.
    pub tensors: Vec<(String, RawTensor)>,
    /// What else the file says about them.
    pub metadata: Metadata,
}

impl Checkpoint {
    /// The tensor with this state-dict key.
    pub fn get(&self, name: &str) -> Option<&RawTensor> {
        self.tensors.iter().find(|(key, _)| key == name).map(|(_, tensor)| tensor)
    }
}

/// Tensors to be written, whose data is asked for one at a time.
pub trait TensorSource {
    /// The tensors, in the order in which they are to be listed.
    fn infos(&self) -> Vec<TensorInfo>;

    /// Data of tensor number `index` of [`infos`](Self::infos): little-endian, contiguous, row-major.
    fn data(&self, index: usize) -> io::Result<Cow<'_, [u8]>>;
}

impl TensorSource for Checkpoint {
    fn infos(&self) -> Vec<TensorInfo> {
        let info =
            |(name, tensor): &(String, RawTensor)| TensorInfo { name: name.clone(), dtype: tensor.dtype, shape: tensor.shape.clone() };
        self.tensors.iter().map(info).collect()
    }

    fn data(&self, index: usize) -> io::Result<Cow<'_, [u8]>> {
        let (_, tensor) = self.tensors.get(index).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Cow::Borrowed(&tensor.data))
    }
}
