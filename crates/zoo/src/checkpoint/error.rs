//! What can be wrong with a checkpoint.

use std::{io, path::Path};

/// Longest piece of a file's own text that an error message repeats, in characters.
const LONGEST_QUOTE: usize = 80;

/// A checkpoint that could not be read or written: which one, and why.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {reason}")]
pub struct CheckpointError {
    /// The file's path, or a name for bytes that came from no file.
    pub origin: String,
    /// What is wrong, and what to do about it.
    pub reason: Reason,
}

/// Why a checkpoint could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The operating system refused to read the file.
    #[error("cannot be read: {0}")]
    Read(io::Error),
    /// The operating system refused to write the file.
    #[error("cannot be written: {0}")]
    Write(io::Error),
    /// The content is none of the known formats. Holds how the file starts.
    #[error(
        "is no checkpoint: it starts with `{0}`; expected what torch.save writes \
         (.pth, zip or legacy) or a safetensors file"
    )]
    UnknownFormat(String),
    /// The file's name does not say which format to write.
    #[error("does not say which format to write: end the name in .pth, .pt or .safetensors")]
    UnknownExtension,
    /// The content contradicts its own format. Holds what was found.
    #[error("is damaged or incomplete ({0}): download or save it again")]
    Damaged(String),
    /// A pickle refers to Python code that is not part of a state dict. Holds its dotted name.
    #[error(
        "refers to the Python object `{0}`, which is never loaded because it could run code: \
         the file holds more than weights (a whole module, perhaps); in Python, save only the weights \
         with torch.save(model.state_dict(), \"weights.pth\")"
    )]
    ForbiddenGlobal(String),
    /// A well-formed file uses a feature that is not supported. Holds the feature.
    #[error("holds {0}, which is not supported")]
    Unsupported(String),
    /// No dictionary of tensors was found. Holds what was found in its place.
    #[error(
        "holds no state dict: found {0}; expected tensors by name, at the top or under one of {expected}",
        expected = super::pth::NESTED_KEYS.join(", ")
    )]
    NoStateDict(String),
    /// The tensors would need far more memory than the file can account for.
    #[error("claims tensors of {claimed} bytes, yet the whole file has {file}: refused")]
    TooLarge {
        /// Bytes of all tensors, or of the one that was too large.
        claimed: u64,
        /// Bytes of the file.
        file: u64,
    },
    /// A tensor to be written has data that does not fit its dtype and shape.
    #[error("tensor `{name}` has {found} bytes of data, its dtype and shape need {expected}")]
    DataLength {
        /// The tensor's name.
        name: String,
        /// Bytes that dtype and shape ask for.
        expected: String,
        /// Bytes that were given.
        found: usize,
    },
    /// Two tensors to be written have one name.
    #[error("has two tensors named `{0}`")]
    DuplicateName(String),
    /// The record of architecture, classes and preprocessing is not what was written there.
    #[error("has an unreadable `{record}` record: {source}")]
    Metadata {
        /// Name of the zip record or safetensors metadata entry.
        record: &'static str,
        /// What the JSON parser objects to.
        source: serde_json::Error,
    },
}

impl Reason {
    /// Says that the file contradicts its format.
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    /// Names the file at fault.
    pub(super) fn at(self, path: &Path) -> CheckpointError {
        self.named(path.display().to_string())
    }

    /// Names the bytes at fault.
    pub(super) fn named(self, origin: impl Into<String>) -> CheckpointError {
        CheckpointError { origin: origin.into(), reason: self }
    }
}

/// Reading past the end means a damaged file, anything else a failing disk.
impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::damaged("it ends too early"),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => Self::damaged(error.to_string()),
            _ => Self::Read(error),
        }
    }
}

/// Text of an untrusted file, fit for one line of an error message.
pub(super) fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().take(LONGEST_QUOTE).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST_QUOTE).is_some() {
        quoted.push('…');
    }
    quoted
}
