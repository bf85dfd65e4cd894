//! What a training needs to be resumed, in one file: a `.pth` of flat names, `model.fc.weight`, `average.fc.weight`,
//! `optimizer.state.0.momentum_buffer`, with the numbers in its metadata.

use std::path::Path;

use layers::{StateDict, optim::PlateauState};
use serde::{Deserialize, Serialize};
use zoo::checkpoint::{Format, Metadata};

use crate::{Error, Result};

/// The metadata entry with the [`Progress`].
const PROGRESS: &str = "training";
/// What the names of each part begin with.
const MODEL: &str = "model.";
const AVERAGE: &str = "average.";
const OPTIMIZER: &str = "optimizer.";

/// How far a training has come.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The epochs that are done.
    pub epochs: usize,
    /// The updates that are done.
    pub updates: u64,
    /// The state of the global generator of random numbers.
    pub rng_state: u64,
    /// The epoch with the most correct pictures, from 1; 0 before the first.
    pub best_epoch: usize,
    /// The correct pictures of that epoch's test.
    pub best_correct: usize,
    /// How long it took so far.
    pub seconds: f64,
    /// What the schedule remembers of the losses, where it goes by them.
    #[serde(default, with = "Plateau")]
    pub plateau: PlateauState,
}

/// How a [`PlateauState`] is written.
#[derive(Serialize, Deserialize)]
#[serde(remote = "PlateauState")]
struct Plateau {
    best: Option<f64>,
    num_bad_epochs: u64,
    cooldown_counter: u64,
    reductions: u64,
}

/// A training between two epochs.
pub(crate) struct State {
    pub model: StateDict,
    pub average: Option<StateDict>,
    pub optimizer: StateDict,
    pub progress: Progress,
}

/// Writes a checkpoint.
pub(crate) fn save(path: &Path, state: &State) -> Result<()> {
    let parts = [(MODEL, Some(&state.model)), (AVERAGE, state.average.as_ref()), (OPTIMIZER, Some(&state.optimizer))];
    let entries = parts.into_iter().filter_map(|(prefix, part)| Some((prefix, part?)));
    let tensors: StateDict =
        entries.flat_map(|(prefix, part)| part.iter().map(move |(name, tensor)| (format!("{prefix}{name}"), tensor.clone()))).collect();
    let mut metadata = Metadata::default();
    let progress = serde_json::to_value(state.progress).map_err(|error| unfit(path, error.to_string()))?;
    metadata.other.insert(PROGRESS.to_owned(), progress);
    Ok(zoo::save_state_dict(path, Format::Pth, &tensors, &metadata)?)
}

/// Reads a checkpoint.
pub(crate) fn load(path: &Path) -> Result<State> {
    let (tensors, metadata) = zoo::load_state_dict(path)?;
    let progress = metadata.other.get(PROGRESS).cloned();
    let progress = progress.ok_or_else(|| unfit(path, "it holds weights alone, no training that could be resumed".to_owned()))?;
    let progress = serde_json::from_value(progress).map_err(|error| unfit(path, error.to_string()))?;
    let part = |prefix: &str| -> StateDict {
        let entries = tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, tensor.clone())));
        entries.collect()
    };
    let average = Some(part(AVERAGE)).filter(|average| !average.is_empty());
    Ok(State { model: part(MODEL), average, optimizer: part(OPTIMIZER), progress })
}

fn unfit(path: &Path, reason: String) -> Error {
    Error::Checkpoint { path: path.to_owned(), reason }
}
