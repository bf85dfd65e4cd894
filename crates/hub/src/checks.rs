//! What is known of a file before it is fetched, and whether a file agrees.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::Error;

/// What is published about a file. An empty set accepts every file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checks<'a> {
    /// The length in bytes.
    pub len: Option<u64>,
    /// The SHA-256 in hexadecimal, or its beginning, as in the names of PyTorch's files.
    pub sha256: Option<&'a str>,
    /// The MD5 in hexadecimal.
    pub md5: Option<&'a str>,
}

impl Checks<'_> {
    /// Reads the file at `path` once and compares.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::Hash`] where it differs, [`Error::Io`] where it cannot be read.
    pub fn verify(&self, path: &Path) -> Result<(), Error> {
        self.verify_as(&path.display().to_string(), path)
    }

    /// Like [`Checks::verify`], with another `name` for the file in errors.
    pub(crate) fn verify_as(&self, name: &str, path: &Path) -> Result<(), Error> {
        let mut file = File::open(path).map_err(Error::io("open", path))?;
        let found = file.metadata().map_err(Error::io("read", path))?.len();
        self.check_len(name, found)?;
        if !self.has_hash() {
            return Ok(());
        }
        let (mut sha256, mut md5) = (Sha256::new(), Md5::new());
        let mut buffer = vec![0; 1 << 18];
        loop {
            let count = file.read(&mut buffer).map_err(Error::io("read", path))?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            if self.sha256.is_some() {
                sha256.update(bytes);
            }
            if self.md5.is_some() {
                md5.update(bytes);
            }
        }
        check_hash(name, "SHA-256", self.sha256, &sha256.finalize())?;
        check_hash(name, "MD5", self.md5, &md5.finalize())
    }

    /// Compares a length that is known already.
    pub(crate) fn check_len(&self, name: &str, found: u64) -> Result<(), Error> {
        match self.len {
            Some(expected) if expected != found => Err(Error::Length { file: name.to_owned(), expected, found }),
            _ => Ok(()),
        }
    }

    /// Whether the contents are known, not just the length.
    pub(crate) fn has_hash(&self) -> bool {
        self.sha256.is_some() || self.md5.is_some()
    }
}

fn check_hash(name: &str, algorithm: &'static str, expected: Option<&str>, digest: &[u8]) -> Result<(), Error> {
    let Some(expected) = expected else {
        return Ok(());
    };
    let mut found: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if found.starts_with(&expected.to_ascii_lowercase()) {
        return Ok(());
    }
    found.truncate(expected.len());
    Err(Error::Hash { file: name.to_owned(), algorithm, expected: expected.to_owned(), found })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256_OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const MD5_OF_ABC: &str = "900150983cd24fb0d6963f7d28e17f72";

    fn abc() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        file
    }

    #[test]
    fn the_published_file_passes() {
        let checks = Checks { len: Some(3), sha256: Some(SHA256_OF_ABC), md5: Some(MD5_OF_ABC) };
        checks.verify(abc().path()).unwrap();
        Checks { sha256: Some("BA7816BF"), ..Checks::default() }.verify(abc().path()).unwrap();
    }

    #[test]
    fn each_difference_is_named() {
        let message = |checks: Checks<'_>| checks.verify(abc().path()).unwrap_err().to_string();
        assert!(message(Checks { len: Some(4), ..Checks::default() }).contains("3 bytes, not the published 4"));
        let sha256 = message(Checks { sha256: Some("00000000"), ..Checks::default() });
        assert!(sha256.contains("its SHA-256 is ba7816bf, not the published 00000000"), "{sha256}");
        let md5 = message(Checks { sha256: Some(SHA256_OF_ABC), md5: Some("00"), ..Checks::default() });
        assert!(md5.contains("its MD5 is 90, not"), "{md5}");
    }
}
