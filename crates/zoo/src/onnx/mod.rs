//! ONNX: writes a network as a graph of operators that ONNX Runtime, OpenVINO and others run.
//!
//! The network runs once on random numbers while its operations are [recorded](autograd::record), and a second time to see that what
//! was recorded depends neither on the pictures nor on how many they are. Its parameters go straight into the file, tensor by tensor.

mod graph;
mod lower;
mod model_proto;
#[cfg(test)]
mod tests;

use std::path::Path;

use layers::{Mode, Module, ModuleExt};
use tensor::{Tensor, random::Generator};

use crate::{
    Error, Model, Result,
    checkpoint::{Metadata, write_file},
};
use graph::Graph;

/// The bytes that a message of protocol buffers, and so an ONNX file, may have.
const MAX_BYTES: u64 = i32::MAX as u64;

/// Writes a model for pictures of `[height, width]` as ONNX, with its name in the metadata. The input is called `input`,
/// `[N, 3, height, width]` for any `N`, the output `logits`, `[N, num_classes]`, and the parameters as in the state dict.
///
/// ```
/// let model = zoo::build("squeezenet1_1", 10)?;
/// let path = std::env::temp_dir().join(format!("squeezenet-{}.onnx", std::process::id()));
/// zoo::onnx::save(&path, &model, [64, 64], &Default::default())?;
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), zoo::Error>(())
/// ```
///
/// # Errors
/// Where the pictures are too small for the model, or the file cannot be written; an older file of that name is then left as it was.
pub fn save(path: impl AsRef<Path>, model: &(impl Model + ?Sized), [height, width]: [usize; 2], metadata: &Metadata) -> Result<()> {
    let metadata = Metadata { arch: Some(model.arch().to_owned()), ..metadata.clone() };
    save_module(path, model, [3, height, width], &metadata)
}

/// Writes any network of pictures as ONNX, for inputs `[N, channels, height, width]`.
///
/// # Errors
/// As [`save`], and where the network computes what cannot be written: an operation without a counterpart, something that is not
/// computed by the operations of [`Var`](layers::Var), something that depends on the number of pictures, or more than 2 GiB.
pub fn save_module(path: impl AsRef<Path>, module: &(impl Module + ?Sized), input: [usize; 3], metadata: &Metadata) -> Result<()> {
    let graph = graph_of(module, input)?;
    let name = metadata.arch.as_deref().unwrap_or(module.class_name());
    let message = model_proto::model(name, &graph, metadata);
    check_size(message.len()).map_err(|reason| refusal(module, reason))?;
    Ok(write_file(path, |file| message.write(file))?)
}

fn check_size(bytes: u64) -> std::result::Result<(), String> {
    if bytes > MAX_BYTES { Err(format!("the file would have {bytes} bytes, and the format ends at 2 GiB")) } else { Ok(()) }
}

/// The graph of a network, which is that of any batch.
fn graph_of(module: &(impl Module + ?Sized), input: [usize; 3]) -> Result<Graph> {
    let (graph, other) = (graph_of_batch(module, input, 1)?, graph_of_batch(module, input, 2)?);
    match graph.difference(&other) {
        None => Ok(graph),
        Some(node) => {
            let place = format!("the input of an operator {}", node.op_type);
            Err(refusal(module, format!("{place} depends on the number of pictures, or is not computed by the operations of Var")))
        }
    }
}

fn graph_of_batch(module: &(impl Module + ?Sized), [channels, height, width]: [usize; 3], batch: usize) -> Result<Graph> {
    let x = Tensor::normal([batch, channels, height, width], 0.0, 1.0, &mut Generator::new(batch as u64))?;
    let mut sizes = Vec::new();
    let recording = autograd::record(x, |x| {
        let y = module.forward(x, Mode::Eval)?;
        sizes = y.dims().to_vec();
        Ok::<_, layers::Error>(y)
    })?;
    let tensors: Vec<(String, Tensor)> = module.named_tensors().into_iter().map(|(key, slot)| (key, slot.value())).collect();
    let graph = lower::lower(&recording, &tensors).map_err(|reason| refusal(module, reason))?;
    match sizes.split_first() {
        Some((&first, rest)) if first == batch => Ok(Graph { input: vec![channels, height, width], output: rest.to_vec(), ..graph }),
        _ => Err(refusal(module, format!("its output {sizes:?} for {batch} pictures is no batch"))),
    }
}

fn refusal(module: &(impl Module + ?Sized), reason: String) -> Error {
    Error::Onnx { module: module.class_name(), reason }
}
