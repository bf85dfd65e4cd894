//! Training in one call.

use std::sync::Arc;

use datasets::{Dataset, Loader, LoaderOptions, transforms::Compose};
use zoo::Model;

use crate::{Evaluation, Observer, Result, Settings, Trainer};

/// What a model is trained and tested on.
#[derive(Clone)]
pub struct Data {
    /// The samples to learn from.
    pub train: Arc<dyn Dataset>,
    /// The samples to test with after each epoch.
    pub test: Arc<dyn Dataset>,
    /// How the samples to learn from are prepared, augmentations included.
    pub train_transform: Arc<Compose>,
    /// How the samples to test with are prepared.
    pub transform: Arc<Compose>,
}

impl Data {
    /// The batches to learn from: shuffled anew each epoch.
    pub(crate) fn train_loader(&self, settings: &Settings) -> Result<Loader> {
        let options = LoaderOptions { shuffle: true, seed: settings.seed, ..batches_of(settings.batch_size) };
        Ok(Loader::new(Arc::clone(&self.train), Arc::clone(&self.train_transform), options)?)
    }

    /// The batches to test with, in the data set's order.
    ///
    /// # Errors
    /// Where there are no samples, or the batch size is 0.
    pub fn test_loader(&self, batch_size: usize) -> Result<Loader> {
        Ok(Loader::new(Arc::clone(&self.test), Arc::clone(&self.transform), batches_of(batch_size))?)
    }
}

fn batches_of(batch_size: usize) -> LoaderOptions {
    LoaderOptions { batch_size, ..LoaderOptions::default() }
}

/// Trains a model and tests it after each epoch; returns the results of the tests.
///
/// The losses depend on the model, the data, the settings and the state of [`tensor::random`] alone, bit for bit, not on the number
/// of threads. Where weights are averaged, the model has the averages in the end.
///
/// # Errors
/// Where a setting makes no sense, a sample cannot be had, the data does not suit the model, the loss is no longer finite, or the
/// observer fails.
pub fn fit(model: &dyn Model, data: &Data, settings: &Settings, observer: &mut dyn Observer) -> Result<Vec<Evaluation>> {
    Trainer::new(model, data, settings)?.run(observer)
}
