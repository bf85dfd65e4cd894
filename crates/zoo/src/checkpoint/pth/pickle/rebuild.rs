//! What calling the allowed globals makes: PyTorch's `_rebuild_*` functions, without PyTorch.

use std::rc::Rc;

use super::{
    globals::Global,
    value::{Id, Pickle, Storage, Tensor, Value},
};
use crate::checkpoint::error::Reason;

/// PyTorch has no tensors of more dimensions.
const MAX_DIMS: usize = 64;

/// What a call returns.
pub(super) enum Outcome {
    New(Value),
    /// One of the arguments.
    Same(Id),
}

impl Pickle {
    /// What `function(*arguments)` returns.
    pub(super) fn call(&self, function: Id, arguments: Id) -> Result<Outcome, Reason> {
        let arguments = self.tuple(arguments)?;
        let &Value::Global(global) = self.get(function) else {
            return Err(self.get(function).unexpected("a class or function"));
        };
        Ok(Outcome::New(match (global, arguments) {
            (Global::OrderedDict | Global::Dict, []) => Value::Dict(Vec::new()),
            (Global::OrderedDict | Global::Dict, &[pairs]) => self.pairs(pairs)?,
            (Global::Collection, []) => Value::List(Vec::new()),
            (Global::Collection | Global::Size, &[items]) => return Ok(Outcome::Same(items)),
            (Global::RebuildTensor, &[storage, offset, shape, strides, ..]) => self.tensor(storage, offset, shape, strides)?,
            (Global::RebuildParameter | Global::Parameter, &[tensor, ..]) => return Ok(Outcome::Same(tensor)),
            (Global::Parameter | Global::LegacyTensor, _) => Value::EmptyTensor,
            (Global::Opaque, _) => Value::Opaque,
            _ => return Err(Reason::damaged(format!("its pickle calls {global:?} with {} arguments", arguments.len()))),
        }))
    }

    /// What `object` becomes once it is given its state; `None` where it stays.
    pub(super) fn build(&self, object: Id, state: Id) -> Result<Option<Value>, Reason> {
        match self.get(object) {
            // A tensor's hooks and an OrderedDict's `_metadata`: of no use here.
            Value::Tensor(_) | Value::Dict(_) | Value::Opaque => Ok(None),
            Value::EmptyTensor => match *self.tuple(state)? {
                [storage, offset, shape, strides] => self.tensor(storage, offset, shape, strides).map(Some),
                [tensor, _, _, _, _] => match self.get(tensor) {
                    Value::Tensor(tensor) => Ok(Some(Value::Tensor(tensor.clone()))),
                    other => Err(other.unexpected("a tensor")),
                },
                _ => Err(Reason::damaged("its pickle has a tensor without data")),
            },
            other => Err(other.unexpected("an object with a state")),
        }
    }

    /// The storage that a persistent id stands for: `('storage', type, key, location, numel[, view])`.
    pub(super) fn persistent(&self, id: Id) -> Result<Value, Reason> {
        let (tag, fields) = self.tuple(id)?.split_first().ok_or_else(|| Reason::damaged("its pickle has an empty persistent id"))?;
        match (&**self.text(*tag)?, fields) {
            ("storage", &[class, key, _location, numel, ref view @ ..]) => {
                let &Value::Global(Global::Storage(dtype)) = self.get(class) else {
                    return Err(self.get(class).unexpected("a storage type"));
                };
                let mut storage = Storage { dtype, key: self.text(key)?.clone(), start: 0, numel: self.size(numel)? };
                if let Some(&view) = view.first().filter(|&&view| !matches!(self.get(view), Value::None)) {
                    let &[_key, start, numel] = self.tuple(view)? else {
                        return Err(Reason::damaged("its pickle has a malformed storage view"));
                    };
                    (storage.start, storage.numel) = (self.size(start)?, self.size(numel)?);
                }
                Ok(Value::Storage(Rc::new(storage)))
            }
            _ => Err(self.get(*tag).unexpected("a storage")),
        }
    }

    fn tensor(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Result<Value, Reason> {
        let Value::Storage(storage) = self.get(storage) else {
            return Err(self.get(storage).unexpected("a storage"));
        };
        let (shape, strides) = (self.sizes(shape)?, self.sizes(strides)?);
        Ok(Value::Tensor(Rc::new(Tensor { storage: storage.clone(), offset: self.size(offset)?, shape, strides })))
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>, Reason> {
        let sizes = self.tuple(id)?;
        if sizes.len() > MAX_DIMS {
            return Err(Reason::damaged(format!("its pickle has a tensor of {} dimensions", sizes.len())));
        }
        sizes.iter().map(|&id| self.size(id)).collect()
    }

    /// The dict that Python 2 pickled as a list of pairs.
    fn pairs(&self, id: Id) -> Result<Value, Reason> {
        let items = match self.get(id) {
            Value::List(items) => items,
            other => return Err(other.unexpected("a list of pairs")),
        };
        let pair = |&item: &Id| match self.get(item) {
            Value::Tuple(pair) | Value::List(pair) => match **pair {
                [key, value] => Ok((key, value)),
                _ => Err(self.get(item).unexpected("a pair")),
            },
            other => Err(other.unexpected("a pair")),
        };
        items.iter().map(pair).collect::<Result<_, _>>().map(Value::Dict)
    }
}
