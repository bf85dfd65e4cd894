//! The pictures that a model is trained, validated and tested on.

use std::sync::Arc;

use anyhow::bail;
use datasets::transforms::Preset;
use datasets::{Dataset, Loader, LoaderOptions, Split, Subset};
use train::run::Config;
use train::{Data, Settings};
use zoo::checkpoint::Metadata;

use crate::classifier::{DATASET_KEY, at_size};
use crate::source::Source;

/// Decides which pictures are held back to validate on, the same in every run.
const VAL_SEED: u64 = 0;

/// The pictures of a training.
pub struct Subjects {
    /// What it is trained on, and measured on after each epoch.
    pub data: Data,
    /// What the data set is called.
    pub name: String,
    preset: Preset,
    /// What is measured at the very end, where each epoch is measured on pictures held back from the training.
    test: Option<Arc<dyn Dataset>>,
}

impl Subjects {
    /// Opens the data set.
    pub fn open(source: &Source, config: &Config) -> anyhow::Result<Self> {
        let preset = match config.data.img_size {
            Some(side) => at_size(source.preset(), side),
            None => source.preset(),
        };
        let (train, test) = (source.open(Split::Train)?, source.open(Split::Test)?);
        let (train_transform, transform) = (Arc::new(preset.augmented(&config.data.augment)?), Arc::new(preset.transform()?));
        let data = |train, test| Data { train, test, train_transform, transform };
        let (data, test) = match config.data.val_split {
            None => (data(train, test), None),
            Some(share) if share > 0.0 && share < 1.0 => {
                let (train, val) = Subset::split(&train, share, VAL_SEED)?;
                (data(Arc::new(train), Arc::new(val)), Some(test))
            }
            Some(share) => bail!("validation split is {share}: it must be above 0 and below 1"),
        };
        Ok(Subjects { data, name: source.name(), preset, test })
    }

    /// What the pictures are called that each epoch is measured on.
    pub fn measured(&self) -> &'static str {
        if self.test.is_some() { "Validation" } else { "Test" }
    }

    /// The pictures that an epoch goes through, to learn and to measure.
    pub fn pictures_of_epoch(&self, settings: &Settings) -> usize {
        let Data { train, test, .. } = &self.data;
        let limit = settings.limit_batches.map_or(usize::MAX, |limit| limit.saturating_mul(settings.batch_size));
        train.len().min(limit) + test.len()
    }

    /// The test of the end, where there is one.
    pub fn final_test(&self, batch_size: usize) -> anyhow::Result<Option<Loader>> {
        let Some(test) = &self.test else { return Ok(None) };
        let options = LoaderOptions { batch_size, ..LoaderOptions::default() };
        Ok(Some(Loader::new(Arc::clone(test), Arc::clone(&self.data.transform), options)?))
    }

    /// What rides along in the saved files.
    pub fn metadata(&self, source: &Source) -> anyhow::Result<Metadata> {
        let mut metadata = Metadata {
            classes: Some(self.data.train.classes().to_vec()),
            preprocessing: Some(serde_json::to_value(&self.preset)?),
            ..Metadata::default()
        };
        metadata.other.insert(DATASET_KEY.to_owned(), source.name().into());
        Ok(metadata)
    }
}
