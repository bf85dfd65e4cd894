//! Reads the index of a zip `.pth`: `NAME/data.pkl`, and a record `NAME/data/KEY` for each storage.

use std::collections::HashMap;

use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipArchiveEntryWayfinder};

use super::{
    pickle::{Bytes, Pickle, unpickle},
    state_dict::StateDict,
    writer::METADATA_RECORD,
};
use crate::checkpoint::{
    error::{Reason, quote},
    index::Index,
    metadata::Metadata,
    source::{Blob, Source},
};

/// The record that every archive of `torch.save` has.
const PICKLE_RECORD: &str = "data.pkl";
/// Only TorchScript archives have this one.
const TORCHSCRIPT_RECORD: &str = "constants.pkl";
/// Largest pickle or metadata record that is read into memory, in bytes.
const MAX_RECORD: u64 = 64 << 20;
/// More records than any checkpoint has.
const MAX_RECORDS: usize = 1 << 20;

impl From<rawzip::Error> for Reason {
    fn from(error: rawzip::Error) -> Self {
        match error.into_kind() {
            rawzip::ErrorKind::IO(error) => error.into(),
            rawzip::ErrorKind::MissingEndOfCentralDirectory => Self::damaged("the zip archive's directory, at its end, is missing"),
            kind => Self::damaged(format!("zip archive: {}", rawzip::Error::from(kind))),
        }
    }
}

/// Reads what a zip `.pth` holds, without the tensors' data.
pub(in crate::checkpoint) fn read(source: &Source<'_>) -> Result<Index, Reason> {
    let archive = Archive::open(source)?;
    if archive.records.contains_key(TORCHSCRIPT_RECORD) {
        return Err(Reason::Unsupported(
            "a TorchScript program (in Python, save the weights with torch.save(model.state_dict(), …))".into(),
        ));
    }
    let big_endian = archive.is_big_endian()?;
    let metadata = archive.metadata()?;
    let state_dict = StateDict::find(&archive.pickle()?)?;
    let tensors = state_dict.locate(big_endian, |storage| archive.record(&format!("data/{}", storage.key)))?;
    Ok(Index { tensors, metadata, extra: state_dict.extra })
}

struct Archive<'s> {
    source: &'s Source<'s>,
    /// By name, without the folder that all are in.
    records: HashMap<String, Blob>,
}

impl<'s> Archive<'s> {
    fn open(source: &'s Source<'_>) -> Result<Self, Reason> {
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let zip = ZipArchive::with_max_search_space(RECOMMENDED_BUFFER_SIZE as u64)
            .locate_in_reader(source.bytes(), &mut buffer, source.len())
            .map_err(|(_, error)| error)?;
        let mut listed = Vec::new();
        let mut entries = zip.entries(&mut buffer);
        while let Some(entry) = entries.next_entry()? {
            if listed.len() >= MAX_RECORDS {
                return Err(Reason::damaged("the zip archive has too many records"));
            }
            let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
            listed.push((name, entry.compression_method(), entry.crc32(), entry.wayfinder()));
        }
        let folder = listed
            .iter()
            .find_map(|(name, ..)| name.strip_suffix(PICKLE_RECORD).filter(|folder| folder.matches('/').count() <= 1))
            .ok_or_else(|| Reason::Unsupported("a zip archive without data.pkl (torch.save always writes one)".into()))?
            .to_owned();
        let mut records = HashMap::new();
        for (name, method, crc, wayfinder) in listed {
            if let Some(name) = name.strip_prefix(&folder) {
                records.insert(name.to_owned(), blob(&zip, name, method, crc, wayfinder)?);
            }
        }
        for blob in records.values() {
            source.check(blob)?;
        }
        Ok(Self { source, records })
    }

    fn record(&self, name: &str) -> Result<Blob, Reason> {
        self.records.get(name).copied().ok_or_else(|| Reason::damaged(format!("the zip archive has no record `{}`", quote(name))))
    }

    /// The whole of a small record, or `None` where there is none.
    fn contents(&self, name: &str) -> Result<Option<Vec<u8>>, Reason> {
        match self.records.get(name) {
            None => Ok(None),
            Some(blob) if blob.len > MAX_RECORD => Err(Reason::TooLarge { claimed: blob.len, file: self.source.len() }),
            Some(blob) => self.source.read(blob, 0, blob.len as usize).map(Some),
        }
    }

    fn pickle(&self) -> Result<Pickle, Reason> {
        let pickle = self.contents(PICKLE_RECORD)?.unwrap_or_default();
        unpickle(&mut Bytes::new(&*pickle))
    }

    fn is_big_endian(&self) -> Result<bool, Reason> {
        match self.contents("byteorder")?.as_deref() {
            None | Some(b"little") => Ok(false),
            Some(b"big") => Ok(true),
            Some(other) => Err(Reason::damaged(format!("unknown byte order `{}`", quote(&String::from_utf8_lossy(other))))),
        }
    }

    fn metadata(&self) -> Result<Metadata, Reason> {
        match self.contents(METADATA_RECORD)? {
            None => Ok(Metadata::default()),
            Some(json) => Metadata::from_json(&json, METADATA_RECORD),
        }
    }
}

/// Finds where a record's bytes are.
fn blob<R: rawzip::ReaderAt>(
    zip: &ZipArchive<R>,
    name: &str,
    method: CompressionMethod,
    crc: u32,
    wayfinder: ZipArchiveEntryWayfinder,
) -> Result<Blob, Reason> {
    let (start, end) = zip.get_entry(wayfinder)?.compressed_data_range();
    let len = wayfinder.uncompressed_size_hint();
    let stored = end.saturating_sub(start);
    let deflated = match method {
        CompressionMethod::STORE if stored == len => None,
        CompressionMethod::STORE => return Err(Reason::damaged(format!("record `{}` has two sizes", quote(name)))),
        CompressionMethod::DEFLATE => Some(stored),
        _ => return Err(Reason::Unsupported(format!("a zip record (`{}`) of an unusual compression", quote(name)))),
    };
    Ok(Blob { offset: start, len, deflated, crc: Some(crc) })
}
