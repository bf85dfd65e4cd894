//! Writes a safetensors file.

use std::{
    cmp::Reverse,
    io::{self, Write},
};

use serde_json::{Map, Value, json};

use super::{FORMAT_ENTRY, METADATA_ENTRY, METADATA_KEY};
use crate::checkpoint::{
    error::Reason,
    metadata::Metadata,
    tensor::{TensorInfo, TensorSource},
    writer::{byte_len, checked_data},
};

/// The data starts at a multiple of this many bytes, so that every element is aligned.
const ALIGNMENT: usize = 8;

/// Writes the tensors described by `infos`, asking for their data one at a time.
pub(in crate::checkpoint) fn write(
    file: &mut dyn Write,
    infos: &[TensorInfo],
    source: &dyn TensorSource,
    metadata: &Metadata,
) -> Result<(), Reason> {
    // Wide elements first, as the reference implementation does: then each is aligned.
    let mut order: Vec<usize> = (0..infos.len()).collect();
    order.sort_by_key(|&index| Reverse(infos[index].dtype.size()));
    let mut header = header(infos, &order, metadata)?.into_bytes();
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    file.write_all(&(header.len() as u64).to_le_bytes()).map_err(Reason::Write)?;
    file.write_all(&header).map_err(Reason::Write)?;
    for index in order {
        file.write_all(&checked_data(source, index, &infos[index])?).map_err(Reason::Write)?;
    }
    Ok(())
}

/// The header lists tensors in the given order, their data lies in that of `order`.
fn header(infos: &[TensorInfo], order: &[usize], metadata: &Metadata) -> Result<String, Reason> {
    let mut ranges = vec![(0, 0); infos.len()];
    let mut end = 0u64;
    for &index in order {
        let start = end;
        end += byte_len(&infos[index])? as u64;
        ranges[index] = (start, end);
    }
    let mut entries = vec![(METADATA_KEY, metadata_entry(metadata)?)];
    entries.extend(
        infos.iter().zip(ranges).map(|(info, range)| {
            (&*info.name, json!({"dtype": info.dtype.tag(), "shape": info.shape, "data_offsets": [range.0, range.1]}))
        }),
    );
    ordered_object(&entries).map_err(Reason::Write)
}

fn metadata_entry(metadata: &Metadata) -> Result<Value, Reason> {
    let mut entry = Map::from_iter([(FORMAT_ENTRY.to_owned(), "pt".into())]);
    if !metadata.is_empty() {
        entry.insert(METADATA_ENTRY.to_owned(), metadata.to_json(METADATA_ENTRY)?.into());
    }
    Ok(entry.into())
}

/// A JSON object whose keys stay in order, which those of `serde_json::Map` need not.
fn ordered_object(entries: &[(&str, Value)]) -> io::Result<String> {
    let entries: Vec<String> =
        entries.iter().map(|(key, value)| Ok(format!("{}:{value}", serde_json::to_string(key)?))).collect::<io::Result<_>>()?;
    Ok(format!("{{{}}}", entries.join(",")))
}
