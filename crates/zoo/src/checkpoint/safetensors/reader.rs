//! Reads and checks a safetensors header.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use super::{FORMAT_ENTRY, MAX_HEADER, METADATA_ENTRY, METADATA_KEY};
use crate::checkpoint::{
    dtype::TorchDtype,
    error::{Reason, quote},
    index::{Index, Located, contiguous_strides},
    metadata::Metadata,
    source::{Blob, Source},
    tensor::TensorInfo,
};

/// Bytes of the header's length, which the file starts with.
const PREFIX: u64 = 8;

/// Reads what a safetensors file holds, without the tensors' data.
pub(in crate::checkpoint) fn read(source: &Source<'_>) -> Result<Index, Reason> {
    let mut prefix = [0; PREFIX as usize];
    source.read_at(0, &mut prefix)?;
    let len = u64::from_le_bytes(prefix);
    if len > MAX_HEADER || len > source.len() - PREFIX {
        return Err(Reason::damaged(format!("its header claims {len} bytes")));
    }
    let mut json = vec![0; len as usize];
    source.read_at(PREFIX, &mut json)?;
    let header: RawHeader = serde_json::from_slice(&json).map_err(|error| Reason::damaged(format!("safetensors header: {error}")))?;
    let tensors = header.tensors.into_iter().map(|(name, tensor)| locate(name, tensor, PREFIX + len)).collect::<Result<Vec<_>, _>>()?;
    check_coverage(&tensors, source.len() - PREFIX - len)?;
    Ok(Index { tensors: tensors.into_iter().map(|(_, tensor)| tensor).collect(), metadata: metadata(header.metadata)?, ..Index::default() })
}

/// A tensor's entry in the header.
#[derive(Deserialize)]
struct RawTensor {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// Places a tensor in the file, whose data starts at `base`; also returns its range of the data.
fn locate(name: String, tensor: RawTensor, base: u64) -> Result<((u64, u64), Located), Reason> {
    let RawTensor { dtype: tag, shape, data_offsets: (start, end) } = tensor;
    let dtype =
        TorchDtype::from_tag(&tag).ok_or_else(|| Reason::Unsupported(format!("tensor `{}` of dtype `{}`", quote(&name), quote(&tag))))?;
    let len = end.checked_sub(start).filter(|&len| dtype.byte_len(&shape).is_some_and(|bytes| bytes as u64 == len));
    let (Some(len), Some(offset)) = (len, base.checked_add(start)) else {
        return Err(Reason::damaged(format!("tensor `{}` has other than the {tag} elements of its shape", quote(&name))));
    };
    let strides = contiguous_strides(&shape);
    let blob = Blob { offset, len, deflated: None, crc: None };
    Ok(((start, end), Located::new(TensorInfo { name, dtype, shape }, blob, 0, strides, false)?))
}

/// Checks that the tensors cover all data, none of it twice.
fn check_coverage(tensors: &[((u64, u64), Located)], data: u64) -> Result<(), Reason> {
    let mut ranges: Vec<_> = tensors.iter().map(|(range, _)| *range).collect();
    ranges.sort_unstable();
    let mut covered = 0;
    for (start, end) in ranges {
        if start != covered {
            return Err(Reason::damaged(format!("its tensors leave a gap or overlap at byte {covered} of the data")));
        }
        covered = end;
    }
    match covered == data {
        true => Ok(()),
        false => Err(Reason::damaged(format!("its header describes {covered} bytes of data, it has {data}"))),
    }
}

fn metadata(mut entries: BTreeMap<String, String>) -> Result<Metadata, Reason> {
    let mut metadata = match entries.remove(METADATA_ENTRY) {
        None => Metadata::default(),
        Some(json) => Metadata::from_json(json.as_bytes(), METADATA_ENTRY)?,
    };
    entries.remove(FORMAT_ENTRY);
    entries.into_iter().for_each(|(key, value)| metadata.keep(key, value));
    Ok(metadata)
}

/// The header as it stands: tensors in the file's order.
#[derive(Default)]
struct RawHeader {
    tensors: Vec<(String, RawTensor)>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = RawHeader;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names to tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
                let mut header = RawHeader::default();
                let mut seen = HashSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !seen.insert(name.clone()) {
                        return Err(A::Error::custom(format!("`{}` stands there twice", quote(&name))));
                    }
                    if name == METADATA_KEY {
                        header.metadata = map.next_value()?;
                    } else {
                        header.tensors.push((name, map.next_value()?));
                    }
                }
                Ok(header)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}
