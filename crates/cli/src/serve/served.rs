//! The models that are served.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use datasets::transforms::Compose;
use layers::ModuleExt;
use tensor::Device;

use super::batcher::{Batcher, Batching, Queue};
use super::metrics::ModelMetrics;
use super::network::Network;
use crate::args::{ServeArgs, TrainedWeights};
use crate::classifier::Classifier;
use crate::names::free_name;

/// A model, ready to answer.
pub struct Served {
    /// What requests call it.
    pub name: String,
    /// The network and its classes.
    pub classifier: Arc<Classifier>,
    /// How a picture becomes its input.
    pub transform: Compose,
    /// The way to it.
    pub queue: Queue,
    /// What is counted of it.
    pub metrics: Arc<ModelMetrics>,
}

/// Loads the models and starts the threads that compute.
pub fn load(args: &ServeArgs, device: Device, threads: NonZeroUsize) -> anyhow::Result<(Vec<Arc<Served>>, Batcher)> {
    let mut names: Vec<String> = Vec::new();
    let mut networks = Vec::new();
    for (weights, trained) in args.subjects().map_err(|message| anyhow!(message))? {
        let classifier = Arc::new(Classifier::load(weights, &trained)?);
        classifier.model.to_device(device)?;
        names.push(free_name(&name(weights, &classifier), |name| names.iter().any(|taken| taken == name)));
        networks.push(Network { classifier, precision: args.precision, metrics: Arc::default() });
    }
    let parts: Vec<_> = networks.iter().map(|network| (Arc::clone(&network.classifier), Arc::clone(&network.metrics))).collect();
    let batching = Batching { max_batch: args.max_batch, max_wait: args.max_wait(), places: args.queue };
    let (batcher, queues) = Batcher::start(networks, batching, threads)?;
    let served = names.into_iter().zip(parts).zip(queues).map(|((name, (classifier, metrics)), queue)| {
        let transform = classifier.preset.transform()?;
        Ok(Arc::new(Served { name, classifier, transform, queue, metrics }))
    });
    Ok((served.collect::<datasets::Result<_>>()?, batcher))
}

/// The name of a file without its ending; without a file the network's.
fn name(weights: Option<&TrainedWeights>, classifier: &Classifier) -> String {
    let stem = match weights {
        Some(TrainedWeights::File(path)) => path.file_stem().map(Path::new),
        _ => None,
    };
    stem.map_or_else(|| classifier.model.arch().to_owned(), |stem| stem.display().to_string())
}
