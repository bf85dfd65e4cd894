//! Writes a checkpoint in the format that its name asks for; a file is never left half written.

use std::{
    borrow::Cow,
    collections::HashSet,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{
    error::{CheckpointError, Reason, quote},
    metadata::Metadata,
    pth, safetensors,
    tensor::{Checkpoint, TensorInfo, TensorSource},
};

/// A format that checkpoints are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// PyTorch's zip archive.
    Pth,
    /// Safetensors.
    Safetensors,
}

impl Format {
    /// The format that a file's extension asks for.
    ///
    /// # Errors
    /// Where the extension is none of `.pth`, `.pt` and `.safetensors`.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let path = path.as_ref();
        match path.extension().map(|extension| extension.to_ascii_lowercase()).as_ref().and_then(|extension| extension.to_str()) {
            Some("pth" | "pt") => Ok(Self::Pth),
            Some("safetensors") => Ok(Self::Safetensors),
            _ => Err(Reason::UnknownExtension.at(path)),
        }
    }
}

/// Writes a checkpoint in the format that the extension asks for.
///
/// # Errors
/// Where the extension is unknown, a tensor's data does not fit its shape, or the file cannot be written;
/// an older file of that name is then left as it was.
pub fn save(path: impl AsRef<Path>, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
    let format = Format::from_path(&path)?;
    save_tensors(path, format, checkpoint, &checkpoint.metadata)
}

/// Writes tensors whose data is asked for one at a time, so that only one needs to be in memory.
///
/// # Errors
/// As [`save`], and where the source fails.
pub fn save_tensors(path: impl AsRef<Path>, format: Format, source: &dyn TensorSource, metadata: &Metadata) -> Result<(), CheckpointError> {
    let path = path.as_ref();
    write_beside(path, |file| write(file, format, source, metadata)).map_err(|reason| reason.at(path))
}

fn write(file: &mut dyn Write, format: Format, source: &dyn TensorSource, metadata: &Metadata) -> Result<(), Reason> {
    let infos = source.infos();
    check_infos(&infos)?;
    match format {
        Format::Pth => pth::write(file, &infos, source, metadata),
        Format::Safetensors => safetensors::write(file, &infos, source, metadata),
    }
}

fn check_infos(infos: &[TensorInfo]) -> Result<(), Reason> {
    let mut names = HashSet::new();
    for info in infos {
        byte_len(info)?;
        if !names.insert(&info.name) {
            return Err(Reason::DuplicateName(quote(&info.name)));
        }
    }
    Ok(())
}

/// Bytes of a tensor that is to be written.
pub(super) fn byte_len(info: &TensorInfo) -> Result<usize, Reason> {
    let overflow = || Reason::DataLength { name: quote(&info.name), expected: "more than fits memory".into(), found: 0 };
    info.dtype.byte_len(&info.shape).ok_or_else(overflow)
}

/// Asks for a tensor's data, and checks that it has the length its shape needs.
pub(super) fn checked_data<'s>(source: &'s dyn TensorSource, index: usize, info: &TensorInfo) -> Result<Cow<'s, [u8]>, Reason> {
    let data = source.data(index).map_err(Reason::Write)?;
    let expected = byte_len(info)?;
    match data.len() == expected {
        true => Ok(data),
        false => Err(Reason::DataLength { name: quote(&info.name), expected: expected.to_string(), found: data.len() }),
    }
}

/// Writes a file of any format, which is never left half written.
///
/// # Errors
/// Where the file cannot be written; an older file of that name is then left as it was.
pub fn write_file(path: impl AsRef<Path>, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CheckpointError> {
    let path = path.as_ref();
    write_beside(path, |file| write(file).map_err(Reason::Write)).map_err(|reason| reason.at(path))
}

/// Writes a file beside `path` and renames it into place once it is complete.
fn write_beside(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<(), Reason>) -> Result<(), Reason> {
    let temporary = Temporary(path.with_file_name(temporary_name(path)));
    let mut file = BufWriter::new(File::create_new(&temporary.0).map_err(Reason::Write)?);
    write(&mut file)?;
    let file = file.into_inner().map_err(|error| Reason::Write(error.into_error()))?;
    file.sync_all().map_err(Reason::Write)?;
    drop(file);
    fs::rename(&temporary.0, path).map_err(Reason::Write)
}

/// A name that no other process or thread picks for its temporary file.
fn temporary_name(path: &Path) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.{}-{}.tmp", process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// A file that is removed unless it was renamed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _gone: io::Result<()> = fs::remove_file(&self.0);
    }
}
