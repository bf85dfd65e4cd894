//! What a caller learns while a file is fetched.

use std::path::Path;
use std::time::Duration;

use crate::Error;

/// Receives the events of a [`fetch`](crate::fetch).
pub trait Progress {
    /// Called with each event, on the thread that fetches.
    fn report(&mut self, event: Event<'_>);
}

/// One event.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another process fetches the same file; this one waits for it.
    Waiting {
        /// The file that both want.
        path: &'a Path,
    },
    /// The server sends the file, or the rest of it.
    Started {
        /// The address.
        url: &'a str,
        /// The bytes that were there from an earlier attempt.
        have: u64,
        /// The bytes of the whole file, where the server says so.
        total: Option<u64>,
    },
    /// Some bytes have come.
    Received {
        /// All bytes that are there now.
        have: u64,
    },
    /// An attempt failed; another follows.
    Retrying {
        /// Why it failed.
        error: &'a Error,
        /// How long until the next.
        pause: Duration,
    },
    /// The file is whole; its hash is being computed.
    Verifying,
    /// The file is in its place.
    Finished {
        /// The bytes of the file.
        len: u64,
    },
}

/// Ignores every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&mut self, _: Event<'_>) {}
}
