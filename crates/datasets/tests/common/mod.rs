//! The recorded arrays that the tests compare with.

use std::collections::HashMap;
use std::path::Path;

use safetensors::SafeTensors;

/// Arrays by name: their shape and their bytes.
pub type Arrays = HashMap<String, (Vec<usize>, Vec<u8>)>;

/// The arrays of a safetensors file.
pub fn read_arrays(path: &Path) -> Arrays {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let array = |(name, view): (String, safetensors::tensor::TensorView<'_>)| (name, (view.shape().to_vec(), view.data().to_vec()));
    tensors.tensors().into_iter().map(array).collect()
}
