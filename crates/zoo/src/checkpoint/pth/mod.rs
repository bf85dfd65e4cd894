//! PyTorch's `.pth`: pickled state dicts, in a zip archive or, before 2020, one after the other.
//!
//! A pickle is a program. This reader executes only what builds plain values and tensors, and refuses any
//! Python name that a state dict has no use for, so no file can run code.

mod archive;
mod legacy;
mod pickle;
mod state_dict;
mod writer;

pub(super) use self::{archive::read as read_zip, legacy::read as read_legacy, state_dict::NESTED_KEYS, writer::write};
