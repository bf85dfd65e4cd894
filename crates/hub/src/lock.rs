//! One process at a time makes a file.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::{Error, Event, Progress};

/// The exclusive right to make a file, among all that ask for it: a lock on `NAME.lock` beside it.
///
/// Whoever had to wait looks first whether the file is there by now. Dropped, the lock ends and its file stays, which does no harm.
#[derive(Debug)]
pub struct Lock {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
}

impl Lock {
    /// Waits until no other process makes `dest`, whose folder must be there.
    ///
    /// # Errors
    /// [`Error::Io`] where the lock's file cannot be created or locked.
    pub fn acquire(dest: &Path, progress: &mut dyn Progress) -> Result<Self, Error> {
        let path = beside(dest, ".lock");
        let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(Error::io("create", &path))?;
        let locked = match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                progress.report(Event::Waiting { path: dest });
                file.lock()
            }
            Err(TryLockError::Error(error)) => Err(error),
        };
        match locked {
            // Some network file systems have no locks; better unguarded than not at all.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(Error::io("lock", &path)(error)),
            _ => Ok(Self { file, path }),
        }
    }

    /// Ends the lock because `dest` is in place. Whoever waits for it finds `dest` there, so the lock's file can go even while others
    /// hold it open.
    pub fn release(self) {
        // Left behind, the lock's file does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The path of `dest` with `suffix` after its name.
pub(crate) fn beside(dest: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = dest.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
