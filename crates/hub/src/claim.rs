//! A download that one process at a time works on.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::lock::{Lock, beside};
use crate::{Error, Progress};

/// The exclusive right to fetch a file. The lock's file also remembers the version (`ETag` or `Last-Modified`) of the server's file
/// that `NAME.part` is the beginning of.
pub(crate) struct Claim {
    lock: Lock,
    part: PathBuf,
}

impl Claim {
    /// Waits until no other process fetches `dest`.
    pub(crate) fn acquire(dest: &Path, progress: &mut dyn Progress) -> Result<Self, Error> {
        Ok(Self { lock: Lock::acquire(dest, progress)?, part: beside(dest, ".part") })
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
        self.lock
            .file
            .rewind()
            .and_then(|()| (&self.lock.file).take(1024).read_to_string(&mut text))
            .map_err(Error::io("read", &self.lock.path))?;
        Ok((!text.is_empty()).then_some(text))
    }

    /// Remembers the version before the first byte of it is written.
    pub(crate) fn set_version(&mut self, version: &str) -> Result<(), Error> {
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(version.as_bytes())
        };
        write(&mut self.lock.file).map_err(Error::io("write", &self.lock.path))
    }

    /// Puts the whole part in place and ends the claim.
    pub(crate) fn complete(self, dest: &Path) -> Result<(), Error> {
        let part = File::open(&self.part).and_then(|part| part.sync_all());
        part.map_err(Error::io("write", &self.part))?;
        std::fs::rename(&self.part, dest).map_err(Error::io("create", dest))?;
        self.release();
        Ok(())
    }

    /// Ends the claim because the file is in place already.
    pub(crate) fn release(self) {
        self.lock.release();
    }
}
