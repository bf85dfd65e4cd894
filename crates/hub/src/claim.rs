//! One process at a time fetches a file.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Event, Progress};

/// The exclusive right to fetch a file: a lock on `NAME.lock` beside it, which also remembers the version
/// (`ETag` or `Last-Modified`) of the server's file that `NAME.part` is the beginning of.
pub(crate) struct Claim {
    file: File,
    path: PathBuf,
    part: PathBuf,
}

impl Claim {
    /// Waits until no other process fetches `dest`.
    pub(crate) fn acquire(dest: &Path, progress: &mut dyn Progress) -> Result<Self, Error> {
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
            _ => Ok(Self { file, path, part: beside(dest, ".part") }),
        }
    }

    /// The file that receives the bytes.
    pub(crate) fn part(&self) -> &Path {
        &self.part
    }

    /// How many bytes an earlier attempt left.
    pub(crate) fn part_len(&self) -> u64 {
        self.part.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Throws away what an earlier attempt left.
    pub(crate) fn discard_part(&self) -> Result<(), Error> {
        match std::fs::remove_file(&self.part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("delete", &self.part)(error)),
            _ => Ok(()),
        }
    }

    /// Which version of the server's file the part belongs to.
    pub(crate) fn version(&mut self) -> Result<Option<String>, Error> {
        let mut text = String::new();
        self.file.rewind().and_then(|()| (&self.file).take(1024).read_to_string(&mut text)).map_err(Error::io("read", &self.path))?;
        Ok((!text.is_empty()).then_some(text))
    }

    /// Remembers the version before the first byte of it is written.
    pub(crate) fn set_version(&mut self, version: &str) -> Result<(), Error> {
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(version.as_bytes())
        };
        write(&mut self.file).map_err(Error::io("write", &self.path))
    }

    /// Puts the whole part in place and ends the claim. Whoever waits for the lock finds the file there, so the lock's
    /// file can go even while others hold it open.
    pub(crate) fn complete(self, dest: &Path) -> Result<(), Error> {
        let part = File::open(&self.part).and_then(|part| part.sync_all());
        part.map_err(Error::io("write", &self.part))?;
        std::fs::rename(&self.part, dest).map_err(Error::io("create", dest))?;
        self.release();
        Ok(())
    }

    /// Ends the claim because the file is in place already.
    pub(crate) fn release(self) {
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
