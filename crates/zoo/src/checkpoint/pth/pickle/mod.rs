//! Python pickles: a reader that builds plain values and never runs code, and a writer of state dicts.

mod globals;
mod opcode;
mod rebuild;
mod unpickler;
mod value;
mod writer;

pub(super) use self::{
    unpickler::{Bytes, unpickle},
    value::{Pickle, Storage, Tensor, Value},
    writer::state_dict,
};
