//! What every data set offers to the loader.

use crate::{Error, Image, Result};

/// Labelled pictures that can be read in any order, from several threads.
pub trait Dataset: Send + Sync {
    /// How many samples there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The picture of sample `index` and its class, an index into [`classes`](Self::classes).
    ///
    /// # Errors
    /// [`Error::OutOfRange`], or an error that names the file where it cannot be read.
    fn get(&self, index: usize) -> Result<(Image, i64)>;

    /// The class of sample `index`, without its picture where that can be.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    fn label(&self, index: usize) -> Result<i64> {
        self.get(index).map(|(_, label)| label)
    }

    /// The names of the classes, in the order of their labels.
    fn classes(&self) -> &[String];

    /// What sample `index` is called in an error.
    fn describe(&self, index: usize) -> String {
        format!("sample {index}")
    }

    /// Whether [`get`](Self::get) only copies pixels, so that one thread prepares batches faster than any training uses them.
    fn in_memory(&self) -> bool {
        false
    }
}

/// The part of a data set to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// The samples to learn from.
    Train,
    /// The samples to measure with.
    Test,
}

/// An error unless a data set of `len` samples has sample `index`.
pub(crate) fn check_index(index: usize, len: usize) -> Result<()> {
    if index < len { Ok(()) } else { Err(Error::OutOfRange { index, len }) }
}

/// Class names as a data set keeps them.
pub(crate) fn owned_names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}
