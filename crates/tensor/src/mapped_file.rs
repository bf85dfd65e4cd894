//! A file as a slice of bytes: the system reads its pages when they are first touched, and may forget them again.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

/// A file mapped into memory for reading, which dereferences to its bytes.
///
/// The contract: nobody changes the file where it lies while it is mapped. Deleting it, or renaming another file over it, is fine:
/// the mapping keeps the old one. Whoever cuts it short meanwhile ends this process with SIGBUS at the next touch of a lost page, and
/// whoever writes into it changes bytes that the program takes for constant.
///
/// ```
/// let file = tempfile::NamedTempFile::new()?;
/// std::fs::write(file.path(), "abc")?;
/// assert_eq!(tensor::MappedFile::open(file.path())?[1..], *b"bc");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct MappedFile {
    map: Mmap,
}

impl MappedFile {
    /// Maps the whole file at `path`, which may be empty.
    ///
    /// # Errors
    /// What the system says where the file cannot be opened or mapped; [`io::ErrorKind::InvalidInput`] where it is no regular file.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        // Before it is opened: opening a pipe would wait for its other end.
        if !path.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let file = File::open(path)?;
        // SAFETY: `Mmap::map` asks that nothing changes the file while it is mapped. Neither the type system nor the operating system
        // can promise that: another process with the right to write could change a byte behind a shared reference, which the language
        // leaves undefined, or cut the file short, which ends this process with SIGBUS. It is a contract with the file's owner, stated
        // above, and the files that this is for keep it: everything of ours that writes one does so beside its place and renames it
        // there when it is whole, so that a mapped file is replaced or deleted, never changed. The mapping is read-only.
        let map = unsafe { Mmap::map(&file) }?;
        Ok(Self { map })
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn holds_the_bytes_of_the_file_for_any_thread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bytes");
        let contents: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
        fs::write(&path, &contents).unwrap();
        let mapped = MappedFile::open(&path).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(*mapped, *contents));
        });
    }

    #[test]
    fn an_empty_file_is_an_empty_slice() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(MappedFile::open(file.path()).unwrap().is_empty());
    }

    #[test]
    fn a_file_that_is_replaced_or_deleted_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&path, "old").unwrap();
        fs::write(&other, "other").unwrap();
        let mapped = MappedFile::open(&path).unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(*mapped, *b"old");
        assert_eq!(*MappedFile::open(&path).unwrap(), *b"other");
        fs::remove_file(&path).unwrap();
        assert_eq!(*mapped, *b"old");
    }

    #[test]
    fn what_is_no_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(MappedFile::open(folder.path()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(MappedFile::open(folder.path().join("nowhere")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
