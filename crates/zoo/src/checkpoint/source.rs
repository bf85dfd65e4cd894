//! Random access to a checkpoint's bytes, on disk or in memory.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
};

use flate2::{Crc, read::DeflateDecoder};
use rawzip::{FileReader, RangeReader, ReaderAt};

use super::error::Reason;

/// A deflated record may claim this many times its compressed size; more is a bomb.
const MAX_INFLATION: u64 = 1032;

/// The bytes of a checkpoint, readable at any offset.
pub(super) struct Source<'a> {
    bytes: Box<dyn ReaderAt + Send + Sync + 'a>,
    len: u64,
}

/// A run of bytes within a source that holds one storage or record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blob {
    /// Where it starts in the source.
    pub(super) offset: u64,
    /// Bytes it holds, once decompressed.
    pub(super) len: u64,
    /// Bytes it takes in the source where it is deflated.
    pub(super) deflated: Option<u64>,
    /// Checksum of all it holds, where the format has one.
    pub(super) crc: Option<u32>,
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<'a> Source<'a> {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Source<'static>, Reason> {
        let file = File::open(path).map_err(Reason::Read)?;
        let info = file.metadata().map_err(Reason::Read)?;
        if info.is_dir() {
            return Err(Reason::Read(io::ErrorKind::IsADirectory.into()));
        }
        Ok(Source { bytes: Box::new(FileReader::from(file)), len: info.len() })
    }

    /// Reads from memory.
    pub(super) fn from_bytes(bytes: &'a [u8]) -> Self {
        Self { len: bytes.len() as u64, bytes: Box::new(bytes) }
    }

    /// Bytes in the source.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes, for a reader of their structure.
    pub(super) fn bytes(&self) -> &(dyn ReaderAt + Send + Sync + 'a) {
        &*self.bytes
    }

    /// A sequential reader of everything from `offset`.
    pub(super) fn reader_from(&self, offset: u64) -> impl Read {
        RangeReader::new(self.bytes(), offset..self.len.max(offset))
    }

    /// Fills `buffer` with the bytes from `offset`.
    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Reason> {
        Ok(self.reader_from(offset).read_exact(buffer)?)
    }

    /// Checks that a blob lies within the source and cannot be a decompression bomb.
    pub(super) fn check(&self, blob: &Blob) -> Result<(), Reason> {
        let stored = blob.deflated.unwrap_or(blob.len);
        if blob.offset.checked_add(stored).is_none_or(|end| end > self.len) {
            return Err(Reason::damaged("it ends too early"));
        }
        if blob.deflated.is_some_and(|packed| blob.len > packed.saturating_mul(MAX_INFLATION)) {
            return Err(Reason::TooLarge { claimed: blob.len, file: self.len });
        }
        Ok(())
    }

    /// Reads `len` bytes of a checked blob from `start`.
    pub(super) fn read(&self, blob: &Blob, start: u64, len: usize) -> Result<Vec<u8>, Reason> {
        self.reader(blob, start)?.read(len)
    }

    /// A sequential reader of a checked blob from `start`.
    pub(super) fn reader(&self, blob: &Blob, start: u64) -> Result<BlobReader<'_>, Reason> {
        let bytes: Box<dyn Read + '_> = match blob.deflated {
            None => Box::new(self.reader_from(blob.offset + start)),
            Some(packed) => {
                let mut inflated = DeflateDecoder::new(RangeReader::new(self.bytes(), blob.offset..blob.offset + packed));
                io::copy(&mut inflated.by_ref().take(start), &mut io::sink())?;
                Box::new(inflated)
            }
        };
        Ok(BlobReader { bytes, left: blob.len.saturating_sub(start), checksum: blob.crc.filter(|_| start == 0), crc: Crc::new() })
    }
}

/// The checksum of zip archives.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Reads a blob from some place on. Where that is all of it, its checksum is compared at the end.
pub(super) struct BlobReader<'s> {
    bytes: Box<dyn Read + 's>,
    /// Bytes of the blob that are still to be read.
    left: u64,
    checksum: Option<u32>,
    crc: Crc,
}

impl BlobReader<'_> {
    /// The next `len` bytes.
    pub(super) fn read(&mut self, len: usize) -> Result<Vec<u8>, Reason> {
        let mut buffer = vec![0; len];
        self.bytes.read_exact(&mut buffer)?;
        self.left = self.left.saturating_sub(len as u64);
        if let Some(checksum) = self.checksum {
            self.crc.update(&buffer);
            if self.left == 0 && self.crc.sum() != checksum {
                return Err(Reason::damaged("a checksum does not match"));
            }
        }
        Ok(buffer)
    }
}
