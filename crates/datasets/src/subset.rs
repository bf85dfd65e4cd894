//! Some samples of a data set.

use std::sync::Arc;

use crate::{Dataset, Error, Image, Result, Rng, dataset::check_index};

/// The samples of a data set at given indices: PyTorch's `Subset`.
#[derive(Clone)]
pub struct Subset {
    dataset: Arc<dyn Dataset>,
    indices: Vec<usize>,
}

impl Subset {
    /// The samples at `indices`, in that order.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] where an index is beyond the data set.
    pub fn new(dataset: Arc<dyn Dataset>, indices: Vec<usize>) -> Result<Self> {
        indices.iter().try_for_each(|&index| check_index(index, dataset.len()))?;
        Ok(Self { dataset, indices })
    }

    /// Two parts of a data set, the second with a random `share` of its samples, the same for the same `seed`: PyTorch's
    /// `random_split`. Each keeps the data set's order.
    ///
    /// # Errors
    /// [`Error::Loader`] where the share leaves one part empty.
    pub fn split(dataset: &Arc<dyn Dataset>, share: f64, seed: u64) -> Result<(Self, Self)> {
        let count = (dataset.len() as f64 * share).round() as usize;
        if count == 0 || count >= dataset.len() {
            return Err(Error::Loader(format!("a share of {share} of {} samples leaves one part empty", dataset.len())));
        }
        let order = Rng::new(seed).permutation(dataset.len());
        let part = |indices: &[usize]| {
            let mut indices = indices.to_vec();
            indices.sort_unstable();
            Self::new(Arc::clone(dataset), indices)
        };
        let (second, first) = order.split_at(count);
        Ok((part(first)?, part(second)?))
    }

    fn index(&self, index: usize) -> Result<usize> {
        check_index(index, self.len())?;
        Ok(self.indices[index])
    }
}

impl Dataset for Subset {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn get(&self, index: usize) -> Result<(Image, i64)> {
        self.dataset.get(self.index(index)?)
    }

    fn label(&self, index: usize) -> Result<i64> {
        self.dataset.label(self.index(index)?)
    }

    fn classes(&self) -> &[String] {
        self.dataset.classes()
    }

    fn describe(&self, index: usize) -> String {
        self.index(index).map_or_else(|_| format!("sample {index}"), |index| self.dataset.describe(index))
    }

    fn in_memory(&self) -> bool {
        self.dataset.in_memory()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Digits, Split};

    fn digits() -> Arc<dyn Dataset> {
        Arc::new(Digits::new(Split::Test).unwrap())
    }

    #[test]
    fn a_split_has_every_sample_once() {
        let (train, val) = Subset::split(&digits(), 0.25, 3).unwrap();
        assert_eq!((train.len(), val.len()), (270, 90));
        let mut all = [train.indices.clone(), val.indices.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..360).collect::<Vec<_>>());
        assert_eq!(val.indices, Subset::split(&digits(), 0.25, 3).unwrap().1.indices);
        assert_ne!(val.indices, Subset::split(&digits(), 0.25, 4).unwrap().1.indices);
        assert!(Subset::split(&digits(), 0.001, 0).is_err() && Subset::split(&digits(), 1.0, 0).is_err());
    }

    #[test]
    fn samples_are_those_of_the_whole() {
        let whole = digits();
        let subset = Subset::new(Arc::clone(&whole), vec![7, 3]).unwrap();
        assert_eq!(subset.get(1).unwrap(), whole.get(3).unwrap());
        assert_eq!(subset.label(0).unwrap(), whole.label(7).unwrap());
        assert_eq!((subset.describe(0), subset.describe(9)), ("digit 7".to_owned(), "sample 9".to_owned()));
        assert!(subset.get(2).is_err() && Subset::new(whole, vec![360]).is_err());
    }
}
