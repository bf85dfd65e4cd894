//! The safetensors format: a length, a JSON header, and the tensors' data.
//!
//! The `safetensors` crate parses a header only together with all the data in one slice, which takes a memory
//! map (`unsafe`) or a copy of the file in memory. These two files read and write one tensor at a time instead.

mod reader;
mod writer;

pub(super) use self::{reader::read, writer::write};

/// Key of the metadata, among the tensors' names.
const METADATA_KEY: &str = "__metadata__";
/// Our entry in the metadata, whose values have to be texts.
const METADATA_ENTRY: &str = "convoy";
/// The entry by which other programs know for which framework the file was written.
const FORMAT_ENTRY: &str = "format";
/// Largest header that any reader accepts, in bytes.
const MAX_HEADER: u64 = 100_000_000;
