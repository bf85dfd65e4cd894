//! The models that are served.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use datasets::transforms::Compose;
use rayon::ThreadPool;

use super::batcher::{Batcher, Batching, Queue, Worker};
use super::metrics::ModelMetrics;
use crate::args::{ServeArgs, TrainedWeights};
use crate::classifier::Classifier;

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

/// Loads the models and starts their batchers, which compute in the pool.
pub fn load(args: &ServeArgs, pool: &Arc<ThreadPool>) -> anyhow::Result<(Vec<Arc<Served>>, Vec<Batcher>)> {
    let mut models: Vec<Arc<Served>> = Vec::new();
    let mut batchers = Vec::new();
    for (weights, trained) in args.subjects().map_err(|message| anyhow!(message))? {
        let classifier = Arc::new(Classifier::load(weights, &trained)?);
        let name = free_name(&name(weights, &classifier), |name| models.iter().any(|model| model.name == name));
        let batching = Batching { max_batch: args.max_batch, max_wait: args.max_wait() };
        let worker = Worker { classifier: Arc::clone(&classifier), precision: args.precision, batching };
        let metrics = Arc::new(ModelMetrics::default());
        let (batcher, queue) = Batcher::start(&name, worker, args.queue, Arc::clone(pool), Arc::clone(&metrics))?;
        let transform = classifier.preset.transform()?;
        models.push(Arc::new(Served { name, classifier, transform, queue, metrics }));
        batchers.push(batcher);
    }
    Ok((models, batchers))
}

/// The name of a file without its ending; without a file the network's.
fn name(weights: Option<&TrainedWeights>, classifier: &Classifier) -> String {
    let stem = match weights {
        Some(TrainedWeights::File(path)) => path.file_stem().map(Path::new),
        _ => None,
    };
    stem.map_or_else(|| classifier.model.arch().to_owned(), |stem| stem.display().to_string())
}

/// The name, with a number where it is taken.
fn free_name(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    [name.to_owned()].into_iter().chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_once() {
        assert_eq!(free_name("a", |_| false), "a");
        assert_eq!(free_name("a", |name| ["a", "a-2"].contains(&name)), "a-3");
    }
}
