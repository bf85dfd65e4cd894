//! Between checkpoints and modules: loading, saving, and the element types of both.

use std::{borrow::Cow, io, path::Path};

use layers::{LoadReport, Module, ModuleExt, Slot, StateDict};
use serde_json::Value;
use tensor::{BLOCK, DType, Element, Tensor, bf16, with_dtype};

use crate::{
    Error, Model, Result,
    checkpoint::{self, CheckpointReader, Format, Metadata, RawTensor, TensorInfo, TensorSource, TorchDtype, save_tensors},
    densenet::modern_key,
    key_layout::{identify, is_below},
};

/// Whether every key of a checkpoint and of a module must fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// They must, and nothing is loaded where one does not: PyTorch's `strict=True`.
    #[default]
    Strict,
    /// What fits is loaded, and the rest reported.
    Partial,
}

/// Loads a checkpoint into a module, one tensor at a time, in the module's element types.
///
/// # Errors
/// Where the checkpoint cannot be read or does not fit, as `strictness` has it.
pub fn load_into(module: &(impl Module + ?Sized), checkpoint: &CheckpointReader<'_>, strictness: Strictness) -> Result<LoadReport> {
    let infos = infos(checkpoint);
    let matching = module.match_state(infos.iter().map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice())));
    let report = &matching.report;
    if matching.pairs.is_empty() || (strictness == Strictness::Strict && !report.fits()) {
        let source = layers::Error::StateDict { module: module.class_name(), report: report.clone() };
        return Err(Error::Misfit { origin: checkpoint.origin().to_string(), source });
    }
    for (slot, index) in matching.pairs {
        slot.load(&read(checkpoint, index, &slot)?)?;
    }
    Ok(matching.report)
}

/// How much of a large tensor is read at once, in bytes.
const PIECE_BYTES: usize = 1 << 18;

/// A checkpoint's tensor in the element type and memory order that a slot keeps. It is converted piece by piece on its way from the
/// file, so nothing but a piece is in memory twice.
fn read(checkpoint: &CheckpointReader<'_>, index: usize, slot: &Slot<'_>) -> Result<Tensor> {
    let (shape, dtype, layout) = (slot.shape(), slot.dtype(), slot.layout());
    let row = shape.iter().skip(1).product::<usize>();
    // Every memory order keeps so many rows together.
    let rows = (PIECE_BYTES / dtype.size() / row.max(1)).max(1).next_multiple_of(BLOCK);
    let mut tensor = Tensor::zeros_in(shape, dtype, layout)?;
    let mut at = 0;
    for piece in checkpoint.read_rows(index, rows)? {
        let piece = to_tensor(&piece?)?.to_dtype(dtype)?.to_layout(layout)?;
        at += with_dtype!(dtype, T => {
            let values = piece.data::<T>()?;
            tensor.data_mut::<T>()?[at..][..values.len()].copy_from_slice(values);
            values.len()
        });
    }
    Ok(tensor)
}

/// The tensors of a checkpoint under the keys that torchvision gives them today.
pub(crate) fn infos(checkpoint: &CheckpointReader<'_>) -> Vec<TensorInfo> {
    let modern = |info: &TensorInfo| TensorInfo { name: modern_key(&info.name).into_owned(), ..info.clone() };
    checkpoint.tensors().iter().map(modern).collect()
}

/// The model that a checkpoint is of, with its weights. Which model that is, is told by its metadata, else by its keys and shapes.
///
/// # Errors
/// Where the checkpoint cannot be read, or is of no model of the registry.
pub fn from_checkpoint(checkpoint: &CheckpointReader<'_>) -> Result<Box<dyn Model>> {
    let (entry, num_classes) = identify(checkpoint)?;
    let mut model = entry.build(num_classes)?;
    load_whole(&mut model, checkpoint)?;
    Ok(model)
}

/// Loads a checkpoint into a fresh model of its kind, without auxiliary classifiers where it has none, and sets what it says or what
/// torchvision sets for it.
pub(crate) fn load_whole(model: &mut impl Model, checkpoint: &CheckpointReader<'_>) -> Result<()> {
    let is_auxiliary = |tensor: &TensorInfo| model.auxiliary().iter().any(|name| is_below(&tensor.name, name));
    if !checkpoint.tensors().iter().any(is_auxiliary) {
        model.remove_auxiliary();
    }
    load_into(model, checkpoint, Strictness::Strict)?;
    if is_published(checkpoint) {
        model.adapt_to_published();
    }
    restore_settings(model, checkpoint.metadata());
    Ok(())
}

/// Whether a checkpoint is a file that torchvision publishes, told by its name.
fn is_published(checkpoint: &CheckpointReader<'_>) -> bool {
    let name = Path::new(checkpoint.origin()).file_name();
    name.is_some_and(|name| hub::published().iter().any(|published| name == published.file))
}

/// The model in a file, with its weights, and what else the file says of it.
///
/// # Errors
/// As [`from_checkpoint`].
pub fn load(path: impl AsRef<Path>) -> Result<(Box<dyn Model>, Metadata)> {
    let checkpoint = CheckpointReader::open(path)?;
    Ok((from_checkpoint(&checkpoint)?, checkpoint.metadata().clone()))
}

/// Saves a model as `.pth` (or `.pt`) or `.safetensors`, with its name in the metadata.
///
/// # Errors
/// Where the extension is another, or the file cannot be written; an older file of that name is then left as it was.
pub fn save(path: impl AsRef<Path>, model: &(impl Model + ?Sized), metadata: &Metadata) -> Result<()> {
    let format = Format::from_path(&path)?;
    save_as(path, format, model, metadata)
}

/// As [`save`], in a format that the extension need not tell.
///
/// # Errors
/// Where the file cannot be written; an older file of that name is then left as it was.
pub fn save_as(path: impl AsRef<Path>, format: Format, model: &(impl Model + ?Sized), metadata: &Metadata) -> Result<()> {
    let mut metadata = Metadata { arch: Some(model.arch().to_string()), ..metadata.clone() };
    if model.transform_input() {
        metadata.other.insert(TRANSFORM_INPUT.to_string(), true.into());
    }
    save_state(path, format, model, &metadata)
}

/// The metadata entry of a model that transforms its input.
const TRANSFORM_INPUT: &str = "transform_input";

/// Restores what [`save`] keeps of a model beside its tensors.
fn restore_settings(model: &mut impl Model, metadata: &Metadata) {
    if let Some(Value::Bool(on)) = metadata.other.get(TRANSFORM_INPUT) {
        model.set_transform_input(*on);
    }
}

/// Saves the state dict of any module as `.pth` (or `.pt`) or `.safetensors`.
///
/// # Errors
/// As [`save`].
pub fn save_module(path: impl AsRef<Path>, module: &(impl Module + ?Sized), metadata: &Metadata) -> Result<()> {
    let format = Format::from_path(&path)?;
    save_state(path, format, module, metadata)
}

/// Saves tensors by name, in a format that the extension need not tell.
///
/// # Errors
/// Where the file cannot be written; an older file of that name is then left as it was.
pub fn save_state_dict(path: impl AsRef<Path>, format: Format, state: &StateDict, metadata: &Metadata) -> Result<()> {
    Ok(save_tensors(path, format, &Entries(state), metadata)?)
}

/// All tensors of a checkpoint by name, and what else it says.
///
/// # Errors
/// Where the file cannot be read.
pub fn load_state_dict(path: impl AsRef<Path>) -> Result<(StateDict, Metadata)> {
    let checkpoint = checkpoint::load(path)?;
    let tensors = checkpoint.tensors.iter().map(|(name, raw)| Ok((name.as_str(), to_tensor(raw)?)));
    Ok((tensors.collect::<Result<StateDict>>()?, checkpoint.metadata))
}

fn save_state(path: impl AsRef<Path>, format: Format, module: &(impl Module + ?Sized), metadata: &Metadata) -> Result<()> {
    Ok(save_tensors(path, format, &State(module.named_tensors()), metadata)?)
}

/// A module's tensors as what a checkpoint is written from.
struct State<'a>(Vec<(String, Slot<'a>)>);

impl TensorSource for State<'_> {
    fn infos(&self) -> Vec<TensorInfo> {
        let info = |(name, slot): &(String, Slot<'_>)| TensorInfo {
            name: name.clone(),
            dtype: torch_dtype(slot.dtype()),
            shape: slot.shape().to_vec(),
        };
        self.0.iter().map(info).collect()
    }

    fn data(&self, index: usize) -> io::Result<Cow<'_, [u8]>> {
        let (_, slot) = self.0.get(index).ok_or(io::ErrorKind::InvalidInput)?;
        let raw = from_tensor(&slot.value()).map_err(io::Error::other)?;
        Ok(Cow::Owned(raw.data))
    }
}

/// A state dict as what a checkpoint is written from.
struct Entries<'a>(&'a StateDict);

impl TensorSource for Entries<'_> {
    fn infos(&self) -> Vec<TensorInfo> {
        let info = |(name, tensor): (&str, &Tensor)| TensorInfo {
            name: name.to_string(),
            dtype: torch_dtype(tensor.dtype()),
            shape: tensor.dims().to_vec(),
        };
        self.0.iter().map(info).collect()
    }

    fn data(&self, index: usize) -> io::Result<Cow<'_, [u8]>> {
        let (_, tensor) = self.0.iter().nth(index).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Cow::Owned(from_tensor(tensor).map_err(io::Error::other)?.data))
    }
}

/// A checkpoint's tensor as one to compute with: half precision becomes `f32`, small integers `i64`, booleans bytes.
///
/// # Errors
/// Where the data does not fit the shape.
pub fn to_tensor(raw: &RawTensor) -> Result<Tensor> {
    let shape = raw.shape.as_slice();
    let tensor = match raw.dtype {
        TorchDtype::F64 => elements(raw, shape, f64::from_le_bytes),
        TorchDtype::F32 => elements(raw, shape, f32::from_le_bytes),
        TorchDtype::F16 => elements(raw, shape, |bytes| half::f16::from_le_bytes(bytes).to_f32()),
        TorchDtype::BF16 => elements(raw, shape, bf16::from_le_bytes),
        TorchDtype::I64 => elements(raw, shape, i64::from_le_bytes),
        TorchDtype::I32 => elements(raw, shape, |bytes| i64::from(i32::from_le_bytes(bytes))),
        TorchDtype::I16 => elements(raw, shape, |bytes| i64::from(i16::from_le_bytes(bytes))),
        TorchDtype::I8 => elements(raw, shape, |bytes| i64::from(i8::from_le_bytes(bytes))),
        TorchDtype::U8 | TorchDtype::Bool => elements(raw, shape, |[byte]| byte),
    };
    Ok(tensor?)
}

fn elements<const SIZE: usize, T: Element>(raw: &RawTensor, shape: &[usize], read: impl Fn([u8; SIZE]) -> T) -> tensor::Result<Tensor> {
    let (values, rest) = raw.data.as_chunks::<SIZE>();
    if !rest.is_empty() {
        return Err(tensor::Error::shape("to_tensor", shape, format!("{} bytes are no whole number of elements", raw.data.len())));
    }
    let mut tensor = Tensor::zeros(shape, T::DTYPE)?;
    if tensor.elements() != values.len() {
        return Err(tensor::Error::shape("to_tensor", shape, format!("does not hold {} elements", values.len())));
    }
    tensor.data_mut::<T>()?.iter_mut().zip(values).for_each(|(element, &bytes)| *element = read(bytes));
    Ok(tensor)
}

/// A tensor as a checkpoint holds it: row-major, little-endian.
///
/// # Errors
/// Where the tensor cannot be brought into row-major order.
pub fn from_tensor(tensor: &Tensor) -> Result<RawTensor> {
    let data = match tensor.dtype() {
        DType::F32 => bytes(tensor, f32::to_le_bytes),
        DType::F64 => bytes(tensor, f64::to_le_bytes),
        DType::Bf16 => bytes(tensor, bf16::to_le_bytes),
        DType::I64 => bytes(tensor, i64::to_le_bytes),
        DType::U8 => bytes(tensor, u8::to_le_bytes),
    };
    Ok(RawTensor { dtype: torch_dtype(tensor.dtype()), shape: tensor.dims().to_vec(), data: data? })
}

fn bytes<const SIZE: usize, T: Element>(tensor: &Tensor, write: impl Fn(T) -> [u8; SIZE]) -> tensor::Result<Vec<u8>> {
    Ok(tensor.contiguous()?.to_host()?.data::<T>()?.iter().flat_map(|&x| write(x)).collect())
}

fn torch_dtype(dtype: DType) -> TorchDtype {
    match dtype {
        DType::F32 => TorchDtype::F32,
        DType::F64 => TorchDtype::F64,
        DType::Bf16 => TorchDtype::BF16,
        DType::I64 => TorchDtype::I64,
        DType::U8 => TorchDtype::U8,
    }
}
