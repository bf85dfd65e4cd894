//! How long each layer of a network takes, pass by pass, and each way that it could be computed.

use std::time::Duration;

use layers::calls;
use tensor::cpu::ConvAlgorithm;
use zoo::Model;

use super::{Input, other, product};
use crate::Result;

/// What a layer does for an inference or in a training step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pass {
    /// The forward pass at inference, with what runs in one pass with it.
    Inference,
    /// The forward pass in training.
    Forward,
    /// In training, the gradient of a product's input.
    GradInput,
    /// In training, the gradient of a product's weight.
    GradWeight,
    /// In training, the gradients of all other layers.
    Backward,
}

/// One way to compute a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The kernels, where there is a choice of them.
    pub algorithm: Option<ConvAlgorithm>,
    /// The median time.
    pub time: Duration,
    /// Whether inference or training takes this one.
    pub picked: bool,
}

/// The numbers of threads that [`LayerPass::scaling`] is told for.
pub const SCALING_THREADS: [usize; 4] = [2, 8, 16, 64];

/// A pass of one layer, or of several that are equal.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerPass {
    /// The layer: class, channels, kernel, size of the input.
    pub layer: String,
    /// How many layers of the network are so.
    pub count: usize,
    /// Which pass.
    pub pass: Pass,
    /// Products and sums of the direct method for one of them, taps in the padding left out; 0 for layers that are no products.
    pub flops: usize,
    /// Bytes that have to be read and written for one of them, each tensor once.
    pub bytes: usize,
    /// Each way to compute it.
    pub candidates: Vec<Candidate>,
    /// How many times as fast as one thread [`SCALING_THREADS`] are at best, as the way that is taken divides the work; empty for
    /// kernels that are not modelled.
    pub scaling: Vec<f64>,
}

impl LayerPass {
    /// The time of the way that is taken, for one layer.
    pub fn picked(&self) -> Option<Candidate> {
        self.candidates.iter().copied().find(|candidate| candidate.picked)
    }

    /// The fastest way whose products are at least as exact as those of the way that is taken, for one layer.
    pub fn fastest(&self) -> Option<Candidate> {
        let is_bf16 = |candidate: &Candidate| candidate.algorithm == Some(ConvAlgorithm::Bf16);
        let may_be_bf16 = is_bf16(&self.picked()?);
        self.candidates.iter().copied().filter(|candidate| may_be_bf16 || !is_bf16(candidate)).min_by_key(|candidate| candidate.time)
    }
}

/// The times of a network's layers, in the network's order, those of inference first.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerTimes {
    /// Convolutions and linear layers.
    pub products: Vec<LayerPass>,
    /// Norms and pooling.
    pub others: Vec<LayerPass>,
}

/// A pass that is to be measured.
pub(super) trait Job {
    /// The ways to compute it.
    fn candidates(&self) -> usize;

    /// Measures each way for about `budget`.
    fn measure(&self, budget: Duration) -> Result<Vec<Candidate>>;

    /// [`LayerPass::scaling`].
    fn scaling(&self) -> Vec<f64> {
        Vec::new()
    }
}

/// A job, and what its [`LayerPass`] says besides times.
pub(super) struct Planned<'a> {
    pub layer: String,
    pub count: usize,
    pub pass: Pass,
    pub flops: usize,
    pub bytes: usize,
    pub job: Box<dyn Job + 'a>,
}

impl Planned<'_> {
    fn measure(self, budget: Duration) -> Result<LayerPass> {
        let Planned { layer, count, pass, flops, bytes, job } = self;
        Ok(LayerPass { layer, count, pass, flops, bytes, candidates: job.measure(budget)?, scaling: job.scaling() })
    }
}

/// Measures each different layer that runs at inference, for about `budget` all together; tensors are where the run before left
/// them, in the cache where they fit. Training gives the first layer's input no gradient; auxiliary classifiers are left out.
///
/// # Errors
/// Where such pictures do not suit the model.
pub fn layer_times(model: &dyn Model, input: Input, budget: Duration) -> Result<LayerTimes> {
    let input = [input.batch, 3, input.size, input.size];
    let calls = calls(model, input)?;
    let (products, others) = (product::plan(&calls, &input)?, other::plan(&calls));
    let candidates: usize = products.iter().chain(&others).map(|planned| planned.job.candidates()).sum();
    let budget = budget / u32::try_from(candidates.max(1)).unwrap_or(u32::MAX);
    let measure = |planned: Vec<Planned<'_>>| planned.into_iter().map(|planned| planned.measure(budget)).collect::<Result<_>>();
    Ok(LayerTimes { products: measure(products)?, others: measure(others)? })
}

/// Equal values brought together: each different one, where it first stood, with its number.
pub(super) fn counted<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Vec<(T, usize)> {
    let mut counted: Vec<(T, usize)> = Vec::new();
    for value in values {
        match counted.iter_mut().find(|(other, _)| *other == value) {
            Some((_, count)) => *count += 1,
            None => counted.push((value, 1)),
        }
    }
    counted
}
