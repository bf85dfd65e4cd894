//! What can go wrong, in one line each.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Downloads are switched off and the file is not there.
    #[error("{}: not there, and downloads are off; get {url} and put it there", path.display())]
    Offline {
        /// Where the file should be.
        path: PathBuf,
        /// Where it can be had.
        url: String,
    },
    /// The address does not end in a file's name.
    #[error("`{url}` is no address of a file")]
    Address {
        /// The address as given.
        url: String,
    },
    /// The server answered, but not with the file.
    #[error("{url}: the server answers {status}{}", meaning(*status))]
    Status {
        /// The address asked.
        url: String,
        /// The HTTP status code.
        status: u16,
    },
    /// A web page came where a file was asked for, as from a login or an error page.
    #[error("{url}: a web page came instead of the file; open the address in a browser to see what it says")]
    WebPage {
        /// The address asked.
        url: String,
    },
    /// No server answers at the address.
    #[error("{url} cannot be reached ({reason}); check the network, or use a mirror or a file at hand")]
    Unreachable {
        /// The address asked.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The connection stalled or broke off.
    #[error("{url}: {reason}")]
    Connection {
        /// The address asked.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The file is longer than the caller accepts.
    #[error("{url}: more than the {limit} bytes accepted")]
    TooLong {
        /// The address asked.
        url: String,
        /// The most bytes accepted.
        limit: u64,
    },
    /// The file has another length than the published one.
    #[error("{file}: {found} bytes, not the published {expected}; it is incomplete or another file")]
    Length {
        /// The file's path or address.
        file: String,
        /// The published length in bytes.
        expected: u64,
        /// Its length in bytes.
        found: u64,
    },
    /// The file has another hash than the published one.
    #[error("{file}: its {algorithm} is {found}, not the published {expected}; it is damaged or another file")]
    Hash {
        /// The file's path or address.
        file: String,
        /// `SHA-256` or `MD5`.
        algorithm: &'static str,
        /// The published hash, or its beginning, in hexadecimal.
        expected: String,
        /// As much of the file's hash.
        found: String,
    },
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as in "cannot … PATH".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is neither a cache folder in the environment nor a home folder.
    #[error("no cache folder is known; set TORCH_HOME")]
    NoCache,
}

impl Error {
    /// An [`Error::Io`] maker for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

#[cfg(feature = "network")]
impl Error {
    /// Whether the same request may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Connection { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 416 | 425 | 429 | 500..),
            _ => false,
        }
    }

    /// Whether there is little hope that another attempt fares better soon.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Whether the bytes at hand are not those published.
    pub(crate) fn is_mismatch(&self) -> bool {
        matches!(self, Self::Length { .. } | Self::Hash { .. })
    }
}

/// What the usual status codes mean, to follow the number.
fn meaning(status: u16) -> &'static str {
    match status {
        401 | 403 | 407 => " (access refused)",
        404 | 410 => " (no such file there)",
        429 => " (too many requests)",
        500.. => " (the server's own trouble)",
        _ => "",
    }
}
