//! Unpickled values, in an arena: hostile nesting costs no stack, neither to build nor to drop.

use std::rc::Rc;

use super::globals::Global;
use crate::checkpoint::{
    dtype::TorchDtype,
    error::{Reason, quote},
};

/// More values than any state dict has (about 20 a tensor); a file that makes more is hostile.
pub(super) const MAX_VALUES: usize = 1 << 20;

/// A value's place in its [`Pickle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::checkpoint::pth) struct Id(u32);

/// One Python object.
#[derive(Debug)]
pub(in crate::checkpoint::pth) enum Value {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Rc<str>),
    Tuple(Vec<Id>),
    /// A list or a set.
    List(Vec<Id>),
    /// A dict or an `OrderedDict`: pairs as they were set; of equal keys the last counts.
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Rc<Storage>),
    Tensor(Rc<Tensor>),
    /// A tensor or parameter that its BUILD opcode is to fill, as PyTorch wrote them in 2017.
    EmptyTensor,
    /// Something harmless that a state dict has no use for, such as a device.
    Opaque,
}

/// A typed storage, by the key under which the file keeps its data.
#[derive(Debug)]
pub(in crate::checkpoint::pth) struct Storage {
    pub(in crate::checkpoint::pth) dtype: TorchDtype,
    pub(in crate::checkpoint::pth) key: Rc<str>,
    /// First element, where this is a part of the data under `key`.
    pub(in crate::checkpoint::pth) start: usize,
    /// Number of elements.
    pub(in crate::checkpoint::pth) numel: usize,
}

/// A strided view of a storage; all numbers count elements.
#[derive(Debug)]
pub(in crate::checkpoint::pth) struct Tensor {
    pub(in crate::checkpoint::pth) storage: Rc<Storage>,
    pub(in crate::checkpoint::pth) offset: usize,
    pub(in crate::checkpoint::pth) shape: Vec<usize>,
    pub(in crate::checkpoint::pth) strides: Vec<usize>,
}

/// All values of one pickle, and which of them is its result.
#[derive(Debug, Default)]
pub(in crate::checkpoint::pth) struct Pickle {
    values: Vec<Value>,
    /// Sum of the values' weights.
    weight: usize,
    root: Option<Id>,
}

impl Pickle {
    pub(super) fn add(&mut self, value: Value) -> Result<Id, Reason> {
        self.weight += value.weight();
        if self.weight > MAX_VALUES {
            return Err(Reason::damaged("its pickle has too many values"));
        }
        self.values.push(value);
        // The limit above fits.
        Ok(Id((self.values.len() - 1) as u32))
    }

    pub(super) fn set_root(&mut self, id: Id) {
        self.root = Some(id);
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut Value {
        &mut self.values[id.0 as usize]
    }

    /// The value at `id`.
    pub(in crate::checkpoint::pth) fn get(&self, id: Id) -> &Value {
        &self.values[id.0 as usize]
    }

    /// The pickled object.
    pub(in crate::checkpoint::pth) fn root(&self) -> &Value {
        self.root.map_or(&Value::None, |id| self.get(id))
    }

    /// Every value that was made, in order.
    pub(in crate::checkpoint::pth) fn values(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }

    /// The values of a tuple.
    pub(super) fn tuple(&self, id: Id) -> Result<&[Id], Reason> {
        match self.get(id) {
            Value::Tuple(items) => Ok(items),
            other => Err(other.unexpected("a tuple")),
        }
    }

    /// A text, such as a storage's key.
    pub(in crate::checkpoint::pth) fn text(&self, id: Id) -> Result<&Rc<str>, Reason> {
        match self.get(id) {
            Value::Text(text) => Ok(text),
            other => Err(other.unexpected("a text")),
        }
    }

    /// A size, an offset or a stride.
    pub(super) fn size(&self, id: Id) -> Result<usize, Reason> {
        match self.get(id) {
            Value::Int(size) => {
                usize::try_from(*size).map_err(|_| Reason::damaged(format!("its pickle has {size} where a size should be")))
            }
            other => Err(other.unexpected("a size")),
        }
    }
}

impl Value {
    /// How much of the pickle's memory it takes: what it copies from other values counts.
    fn weight(&self) -> usize {
        match self {
            Self::Dict(pairs) => 1 + pairs.len(),
            Self::Tensor(tensor) => 1 + tensor.shape.len() + tensor.strides.len(),
            _ => 1,
        }
    }

    /// What it is, for an error message.
    pub(in crate::checkpoint::pth) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Text(_) => "a text",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dictionary",
            Self::Global(_) => "a class",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) | Self::EmptyTensor => "a single tensor",
            Self::Opaque => "an object",
        }
    }

    /// The error where something else should be.
    pub(super) fn unexpected(&self, expected: &str) -> Reason {
        let shown = match self {
            Self::Text(text) => format!("`{}`", quote(text)),
            other => other.kind().to_owned(),
        };
        Reason::damaged(format!("its pickle has {shown} where {expected} should be"))
    }
}
