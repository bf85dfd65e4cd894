//! CIFAR-10: what is published, and its way from the archive to one prepared file.

use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Context, Result};
use datasets::{Cifar10, Cifar10Version, Split};
use hub::{Checks, Lock, Outcome};

use super::Source;
use super::archive::Archive;

/// One form in which CIFAR-10 is published.
pub struct Published<'a> {
    /// The archive.
    pub archive: Archive<'a>,
    /// What its files are.
    pub version: Cifar10Version,
    /// The pictures in each of them.
    pub batch_len: u16,
}

/// 10,000 pictures of a label and 3x32x32 bytes.
const BATCH: RangeInclusive<u64> = 30_730_000..=30_730_000;
/// The same pictures as a Python pickle, with their file names.
const PICKLED_BATCH: RangeInclusive<u64> = 30_730_000..=32_000_000;
const NOTE: RangeInclusive<u64> = 1..=65_536;

/// The binary version.
pub const BINARY: Published<'static> = Published {
    archive: Archive {
        url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        checks: Checks {
            len: Some(170_052_171),
            sha256: Some("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),
            md5: Some("c32a1d4ab5d03f1284b67883e8d87530"),
        },
        folder: "cifar-10-batches-bin",
        members: &[
            ("batches.meta.txt", NOTE),
            ("data_batch_1.bin", BATCH),
            ("data_batch_2.bin", BATCH),
            ("data_batch_3.bin", BATCH),
            ("data_batch_4.bin", BATCH),
            ("data_batch_5.bin", BATCH),
            ("readme.html", NOTE),
            ("test_batch.bin", BATCH),
        ],
    },
    version: Cifar10Version::Binary,
    batch_len: Cifar10::BATCH_LEN,
};

/// The version for Python.
pub const PYTHON: Published<'static> = Published {
    archive: Archive {
        url: "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        checks: Checks {
            len: Some(170_498_071),
            sha256: Some("6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"),
            md5: Some("c58f30108f718f92721af3b95e74349a"),
        },
        folder: "cifar-10-batches-py",
        members: &[
            ("batches.meta", NOTE),
            ("data_batch_1", PICKLED_BATCH),
            ("data_batch_2", PICKLED_BATCH),
            ("data_batch_3", PICKLED_BATCH),
            ("data_batch_4", PICKLED_BATCH),
            ("data_batch_5", PICKLED_BATCH),
            ("readme.html", NOTE),
            ("test_batch", PICKLED_BATCH),
        ],
    },
    version: Cifar10Version::Python,
    batch_len: Cifar10::BATCH_LEN,
};

impl Published<'_> {
    /// Makes sure that the archive lies in `data_dir`, its files in their folder there, and the prepared file beside them. An archive
    /// that was deleted is not fetched again where the prepared file is good.
    pub fn obtain(&self, source: &Source<'_>, data_dir: &Path) -> Result<Outcome> {
        let archive = data_dir.join(self.archive.file_name());
        if !archive.exists() && check_prepared(data_dir).is_ok() {
            return Ok(Outcome::Present);
        }
        let obtained = source.obtain(self.archive.url, &archive, &self.archive.checks)?;
        let prepared = Cifar10::prepared_path(data_dir);
        let lock = Lock::acquire(&prepared, &mut super::meter())?;
        let made = self.unpack_and_prepare(&archive, data_dir)?;
        lock.release();
        if made == Outcome::Fetched {
            println!("{}", prepared.display());
            return Ok(made);
        }
        Ok(obtained)
    }

    /// What `obtain` does under the lock. The prepared file is always made from files that come fresh out of the archive.
    fn unpack_and_prepare(&self, archive: &Path, data_dir: &Path) -> Result<Outcome> {
        let prepared = Cifar10::prepared_path(data_dir);
        let checked = check_prepared(data_dir);
        if checked.is_ok() && self.archive.is_unpacked(data_dir) {
            return Ok(Outcome::Present);
        }
        eprintln!("{}: unpacking", archive.display());
        self.archive.unpack(archive, data_dir).with_context(|| format!("cannot unpack {}", archive.display()))?;
        if let Err(error) = checked {
            if prepared.exists() {
                eprintln!("{error}");
            }
            eprintln!("{}: preparing", prepared.display());
            Cifar10::prepare(data_dir, self.version, self.batch_len).context("cannot prepare CIFAR-10")?;
        }
        Ok(Outcome::Fetched)
    }
}

/// An error unless the prepared file is there and both its parts agree with their checksums.
fn check_prepared(data_dir: &Path) -> datasets::Result<()> {
    [Split::Train, Split::Test].into_iter().try_for_each(|split| Cifar10::open_prepared(data_dir, split).map(drop))
}
