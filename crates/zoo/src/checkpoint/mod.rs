//! Checkpoints: reads PyTorch's `.pth` (zip and legacy) and safetensors, writes `.pth` and safetensors.
//!
//! Every format is reduced to an index of named tensors and the places of their bytes; data is read straight
//! into its final buffer when it is asked for, so loading takes the tensors' own size and no more.
//! Nothing here depends on a tensor library: tensors are [`RawTensor`]s.

mod dtype;
mod error;
mod index;
mod metadata;
mod pth;
mod reader;
mod safetensors;
mod source;
mod tensor;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;

pub use self::{
    dtype::TorchDtype,
    error::{CheckpointError, Reason},
    metadata::Metadata,
    reader::CheckpointReader,
    tensor::{Checkpoint, RawTensor, TensorInfo, TensorSource},
    writer::{Format, save, save_tensors, write_file},
};

/// Reads a whole checkpoint. [`CheckpointReader`] reads one tensor at a time instead.
///
/// # Errors
/// As [`CheckpointReader::open`] and [`CheckpointReader::read`].
pub fn load(path: impl AsRef<Path>) -> Result<Checkpoint, CheckpointError> {
    CheckpointReader::open(path)?.read_all()
}

/// Reads a whole checkpoint from memory.
///
/// # Errors
/// As [`load`].
pub fn load_bytes(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    CheckpointReader::from_bytes(bytes, "checkpoint in memory")?.read_all()
}

/// Lists the tensors of a checkpoint without reading their data.
///
/// # Errors
/// As [`CheckpointReader::open`].
pub fn inspect(path: impl AsRef<Path>) -> Result<Vec<TensorInfo>, CheckpointError> {
    CheckpointReader::open(path).map(|reader| reader.tensors().to_vec())
}
