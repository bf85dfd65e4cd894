//! The public API of `train`, written by `cargo xtask api` and checked by `cargo xtask tidy`.

// train/src/bench/mod.rs
pub use per_layer::{
    Candidate, LayerPass, LayerTimes, Pass, SCALING_THREADS, layer_times,
};
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    pub batch: usize,
    pub size: usize,
}
pub fn train_step(
    model: &dyn Model,
    input: Input,
    budget: Duration,
) -> Result<Duration>;
pub fn inference(
    model: &dyn Module,
    input: Input,
    budget: Duration,
) -> Result<Duration>;
pub fn median_time(
    budget: Duration,
    mut run: impl FnMut() -> Result<()>,
) -> Result<Duration>;

// train/src/bench/per_layer.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pass {
    Inference,
    Forward,
    GradInput,
    GradWeight,
    Backward,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub algorithm: Option<ConvAlgorithm>,
    pub time: Duration,
    pub picked: bool,
}
pub const SCALING_THREADS: [usize; 4] = [2, 8, 16, 64];
#[derive(Debug, Clone, PartialEq)]
pub struct LayerPass {
    pub layer: String,
    pub count: usize,
    pub pass: Pass,
    pub flops: usize,
    pub bytes: usize,
    pub candidates: Vec<Candidate>,
    pub scaling: Vec<f64>,
}
impl LayerPass {
    pub fn picked(&self) -> Option<Candidate>;
    pub fn fastest(&self) -> Option<Candidate>;
}
#[derive(Debug, Clone, PartialEq)]
pub struct LayerTimes {
    pub products: Vec<LayerPass>,
    pub others: Vec<LayerPass>,
}
pub fn layer_times(
    model: &dyn Model,
    input: Input,
    budget: Duration,
) -> Result<LayerTimes>;

// train/src/error.rs
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    Tensor(tensor::Error),
    Layers(layers::Error),
    Datasets(datasets::Error),
    Setting { name: &'static str, value: String, reason: &'static str },
    Frozen,
    Diverged { loss: f64, epoch: usize, batch: usize, learning_rate: f64 },
    OutputNotFinite,
    Observer(io::Error),
}
pub type Result<T, E = Error> = std::result::Result<T, E>;

// train/src/evaluate.rs
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Evaluation {
    pub samples: usize,
    pub correct: usize,
    pub correct_top5: usize,
    pub loss_sum: f64,
}
impl Evaluation {
    pub fn accuracy(&self) -> f64;
    pub fn top5_accuracy(&self) -> f64;
    pub fn loss(&self) -> f64;
}
pub fn evaluate(
    model: &dyn Module,
    loader: &Loader,
    observer: &mut dyn Observer,
) -> Result<Evaluation>;

// train/src/event.rs
pub trait Observer {
    fn report(&mut self, event: &Event<'_>) -> io::Result<()>;
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub epoch: usize,
    pub epochs: usize,
    pub batch: usize,
    pub batches: usize,
}
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    TrainBatch { at: Position, samples: usize, loss: f64 },
    RunningLoss { at: Position, loss: f64 },
    TestBatch { batch: usize, batches: usize, samples: usize },
    EpochFinished {
        at: Position,
        samples: usize,
        time: Duration,
        evaluation: &'a Evaluation,
    },
}
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;
impl Observer for Silent;

// train/src/fit.rs
#[derive(Clone)]
pub struct Data {
    pub train: Arc<dyn Dataset>,
    pub test: Arc<dyn Dataset>,
    pub transform: Arc<Compose>,
}
impl Data {
    pub fn test_loader(&self, batch_size: usize) -> Result<Loader>;
}
pub fn fit(
    model: &dyn Model,
    data: &Data,
    settings: &Settings,
    observer: &mut dyn Observer,
) -> Result<Vec<Evaluation>>;

// train/src/lib.rs
pub mod bench;
pub use error::{Error, Result};
pub use evaluate::{Evaluation, evaluate};
pub use event::{Event, Observer, Position, Silent};
pub use fit::{Data, fit};
pub use predict::{Prediction, predict, probabilities};
pub use settings::{OptimizerKind, Settings};
pub use step::Stepper;

// train/src/predict.rs
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    pub index: usize,
    pub probability: f32,
}
pub fn probabilities(model: &dyn Module, images: &Tensor) -> Result<Tensor>;
pub fn predict(
    model: &dyn Module,
    images: &Tensor,
    k: usize,
) -> Result<Vec<Vec<Prediction>>>;

// train/src/settings.rs
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub epochs: usize,
    pub batch_size: usize,
    pub optimizer: OptimizerKind,
    pub learning_rate: f64,
    pub momentum: f64,
    pub weight_decay: f64,
    pub seed: u64,
    pub print_freq: usize,
    pub limit_batches: Option<usize>,
}
impl Default for Settings;
impl Settings {
    pub fn check(&self) -> Result<()>;
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptimizerKind {
    Sgd,
    Adam,
    AdamW,
    RmsProp,
}

// train/src/step.rs
pub struct Stepper<'a> {
    private: (),
}
impl<'a> Stepper<'a> {
    pub fn new(model: &'a dyn Model, settings: &Settings) -> Result<Self>;
    pub fn step(&mut self, images: &Tensor, labels: &Tensor) -> Result<f64>;
}
