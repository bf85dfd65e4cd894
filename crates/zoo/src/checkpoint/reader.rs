//! Opens a checkpoint of any format, lists its tensors, and reads them one at a time.

use std::path::Path;

use serde_json::{Map, Value};

use super::{
    error::{CheckpointError, Reason, quote},
    index::{Index, Located, check_total},
    metadata::Metadata,
    pth, safetensors,
    source::Source,
    tensor::{Checkpoint, RawTensor, TensorInfo},
};

/// What wrappers put before every key of the model they wrap: `DataParallel`, `torch.compile`.
const WRAPPER_PREFIXES: [&str; 2] = ["module.", "_orig_mod."];
/// How much of an unknown file an error message shows, in bytes.
const SHOWN_START: usize = 16;

/// An open checkpoint: its tensors are known, their data is read when asked for.
#[derive(Debug)]
pub struct CheckpointReader<'a> {
    source: Source<'a>,
    index: Index,
    infos: Vec<TensorInfo>,
    origin: String,
}

impl CheckpointReader<'static> {
    /// Opens a file, whatever its name; the content says which format it has.
    ///
    /// # Errors
    /// Where the file cannot be read, is no checkpoint, is damaged, or holds what is not supported.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let path = path.as_ref();
        let source = Source::open(path).map_err(|reason| reason.at(path))?;
        Self::new(source, path.display().to_string())
    }
}

impl<'a> CheckpointReader<'a> {
    /// Opens a checkpoint in memory; `origin` names it in error messages.
    ///
    /// # Errors
    /// As [`open`](CheckpointReader::open).
    pub fn from_bytes(bytes: &'a [u8], origin: impl Into<String>) -> Result<Self, CheckpointError> {
        Self::new(Source::from_bytes(bytes), origin.into())
    }

    fn new(source: Source<'a>, origin: String) -> Result<Self, CheckpointError> {
        match read_index(&source) {
            Ok(index) => {
                let infos = index.tensors.iter().map(|tensor| tensor.info.clone()).collect();
                Ok(Self { source, index, infos, origin })
            }
            Err(reason) => Err(reason.named(origin)),
        }
    }

    /// The file's path, or the name that was given to bytes in memory.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The tensors, in the file's order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.infos
    }

    /// Architecture, classes and preprocessing, where the file has them.
    pub fn metadata(&self) -> &Metadata {
        &self.index.metadata
    }

    /// Numbers and texts that stood beside the state dict, such as `epoch`.
    pub fn extra(&self) -> &Map<String, Value> {
        &self.index.extra
    }

    /// Reads tensor number `index` of [`tensors`](Self::tensors).
    ///
    /// # Errors
    /// Where there is no such tensor, or its data cannot be read or does not match its checksum.
    pub fn read(&self, index: usize) -> Result<RawTensor, CheckpointError> {
        self.located(index).and_then(|tensor| tensor.read(&self.source)).map_err(|reason| reason.named(&*self.origin))
    }

    /// Reads tensor number `index` in pieces of at most `rows` entries of its first dimension, in order, each when it is asked for, so
    /// that a large tensor need never be in memory as a whole. One that does not lie row by row in the file comes as one piece.
    ///
    /// # Errors
    /// As [`read`](Self::read), then or in the pieces; after an error there are none.
    pub fn read_rows(
        &self,
        index: usize,
        rows: usize,
    ) -> Result<impl Iterator<Item = Result<RawTensor, CheckpointError>>, CheckpointError> {
        let pieces =
            self.located(index).and_then(|tensor| tensor.pieces(&self.source, rows)).map_err(|reason| reason.named(&*self.origin))?;
        Ok(pieces.map(|piece| piece.map_err(|reason| reason.named(&*self.origin))))
    }

    fn located(&self, index: usize) -> Result<&Located, Reason> {
        self.index.tensors.get(index).ok_or_else(|| Reason::damaged(format!("it has no tensor number {index}")))
    }

    /// Reads the tensor with this state-dict key; `None` where there is none.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_named(&self, name: &str) -> Option<Result<RawTensor, CheckpointError>> {
        self.infos.iter().position(|info| info.name == name).map(|index| self.read(index))
    }

    /// Reads everything.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_all(&self) -> Result<Checkpoint, CheckpointError> {
        let read = |(index, info): (usize, &TensorInfo)| Ok((info.name.clone(), self.read(index)?));
        let tensors = self.infos.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Checkpoint { tensors, metadata: self.metadata().clone() })
    }
}

fn read_index(source: &Source<'_>) -> Result<Index, Reason> {
    let mut start = [0; SHOWN_START];
    let start = &mut start[..SHOWN_START.min(source.len() as usize)];
    source.read_at(0, start)?;
    let mut index = match start {
        [b'P', b'K', 3, 4, ..] => pth::read_zip(source),
        [0x80, 2..=5, ..] => pth::read_legacy(source),
        [_, _, _, _, _, _, 0, 0, b'{', ..] => safetensors::read(source),
        [] => Err(Reason::damaged("it is empty")),
        _ => Err(Reason::UnknownFormat(quote(&String::from_utf8_lossy(start)))),
    }?;
    check_total(&index.tensors, source)?;
    strip_wrappers(&mut index);
    if index.metadata.arch.is_none() {
        index.metadata.arch = index.extra.get("arch").and_then(Value::as_str).map(str::to_owned);
    }
    Ok(index)
}

/// Takes off a prefix that every key has.
fn strip_wrappers(index: &mut Index) {
    for prefix in WRAPPER_PREFIXES {
        if index.tensors.iter().all(|tensor| tensor.info.name.starts_with(prefix)) {
            index.tensors.iter_mut().for_each(|tensor| drop(tensor.info.name.drain(..prefix.len())));
        }
    }
}
