//! Writes a zip `.pth` that `torch.load(path, weights_only=True)` opens.

use std::io::Write;

use rawzip::{Crc32Option, Header, ZipArchiveWriter, extra_fields::ExtraFieldId};

use super::pickle;
use crate::checkpoint::{
    error::Reason,
    metadata::Metadata,
    source::crc32,
    tensor::{TensorInfo, TensorSource},
    writer::checked_data,
};

/// Our own record, which PyTorch passes over.
pub(super) const METADATA_RECORD: &str = "convoy.json";
/// The folder that all records are in; PyTorch takes any.
const FOLDER: &str = "archive";
/// Where a record's data starts: a multiple of this many bytes, as PyTorch does for memory mapping.
const ALIGNMENT: u64 = 64;
/// PyTorch's extra field that pads a record's header up to the alignment.
const PADDING: ExtraFieldId = ExtraFieldId::new(u16::from_le_bytes(*b"FB"));
/// Bytes of a record's header before its name, and of an extra field before its data.
const HEADER_LEN: u64 = 30 + 4;

/// Writes the tensors described by `infos`, asking for their data one at a time.
pub(in crate::checkpoint) fn write(
    file: &mut dyn Write,
    infos: &[TensorInfo],
    source: &dyn TensorSource,
    metadata: &Metadata,
) -> Result<(), Reason> {
    let mut archive = ZipArchiveWriter::new(file);
    record(&mut archive, "data.pkl", &pickle::state_dict(infos))?;
    record(&mut archive, "byteorder", b"little")?;
    for (index, info) in infos.iter().enumerate() {
        record(&mut archive, &format!("data/{index}"), &checked_data(source, index, info)?)?;
    }
    record(&mut archive, "version", b"3\n")?;
    if !metadata.is_empty() {
        record(&mut archive, METADATA_RECORD, metadata.to_json(METADATA_RECORD)?.as_bytes())?;
    }
    archive.finish().map_err(writing)?;
    Ok(())
}

fn record(archive: &mut ZipArchiveWriter<&mut dyn Write>, name: &str, data: &[u8]) -> Result<(), Reason> {
    let name = format!("{FOLDER}/{name}");
    let start = archive.stream_offset() + HEADER_LEN + name.len() as u64;
    let padding = vec![b'Z'; (start.next_multiple_of(ALIGNMENT) - start) as usize];
    let (mut entry, config) = archive
        .new_file(&name)
        .crc32(Crc32Option::Custom(crc32(data)))
        .extra_field(PADDING, &padding, Header::LOCAL)
        .and_then(|builder| builder.start())
        .map_err(writing)?;
    let mut writer = config.wrap(&mut entry);
    writer.write_all(data).map_err(Reason::Write)?;
    let (_, descriptor) = writer.finish().map_err(writing)?;
    entry.finish(descriptor).map_err(writing)?;
    Ok(())
}

fn writing(error: rawzip::Error) -> Reason {
    Reason::Write(match error.into_kind() {
        rawzip::ErrorKind::IO(error) => error,
        kind => std::io::Error::other(rawzip::Error::from(kind)),
    })
}
