//! What can go wrong while pictures are read, transformed and batched.

use std::path::PathBuf;

/// An error of this crate; each prints as one line that names the file or the sample.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A picture is not one, is damaged, or has no pixels.
    #[error("{picture}: {reason}")]
    Picture {
        /// The path of the picture, or what else it is known by.
        picture: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A picture would take more memory than any real one does.
    #[error("{picture}: {width} x {height} pixels are more than the limit of {max_pixels} pixels and {} a side", crate::image::MAX_SIDE)]
    TooLarge {
        /// The path of the picture, or the step that would make it.
        picture: String,
        /// Width in pixels.
        width: u64,
        /// Height in pixels.
        height: u64,
        /// The most pixels there may be.
        max_pixels: usize,
    },
    /// A transform was given values it cannot work with, or a picture it cannot be applied to.
    #[error("{transform}: {reason}")]
    Transform {
        /// The transform.
        transform: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The files of a data set are not laid out as they must be.
    #[error("{}: {reason}", path.display())]
    Layout {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A file of a data set was cut short or is another file.
    #[error(
        "{}: expected {expected} bytes, found {found}; the file is incomplete or another one, fetch it again",
        path.display()
    )]
    FileSize {
        /// The file.
        path: PathBuf,
        /// The size of the published file, in bytes.
        expected: u64,
        /// The size found, in bytes.
        found: u64,
    },
    /// A sample was asked for that the data set does not have.
    #[error("sample {index} of a data set of {len}: indices run from 0")]
    OutOfRange {
        /// The index asked for.
        index: usize,
        /// How many samples there are.
        len: usize,
    },
    /// One sample of a batch could not be prepared.
    #[error("{sample}: {source}")]
    Sample {
        /// The sample, as its data set describes it.
        sample: String,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// A loader was asked for something that makes no batches.
    #[error("loader: {0}")]
    Loader(String),
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;
