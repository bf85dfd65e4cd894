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

// train/src/cam.rs
pub fn grad_cam(model: &dyn Module, image: &Tensor, class: usize) -> Result<Tensor>;
pub fn overlay(image: &Image, heat: &Tensor) -> Result<Image>;

// train/src/class_report.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassScores {
    pub support: usize,
    pub predicted: usize,
    pub correct: usize,
}
impl ClassScores {
    pub fn precision(&self) -> f64;
    pub fn recall(&self) -> f64;
    pub fn f1(&self) -> f64;
}
impl Evaluation {
    pub fn class_scores(&self, classes: usize) -> Vec<ClassScores>;
    pub fn confusion_matrix(&self, names: &[String], normalized: bool) -> Result<Image>;
}

// train/src/draw/canvas.rs
pub type Color = [u8; 3];
pub const WHITE: Color = [255; 3];
pub const BLACK: Color = [34, 34, 34];
pub const GRAY: Color = [221; 3];
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Start,
    Middle,
    End,
}
pub struct Canvas {
    private: (),
}
impl Canvas {
    pub fn new(width: usize, height: usize) -> Self;
    pub fn into_image(self) -> Result<Image>;
    pub fn fill(
        &mut self,
        (left, top): (usize, usize),
        (width, height): (usize, usize),
        color: Color,
    );
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, color: Color);
    pub fn polyline(&mut self, points: &[(f64, f64)], width: f64, color: Color);
    pub fn text(
        &mut self,
        (x, y): (f64, f64),
        size: f64,
        align: Align,
        color: Color,
        text: &str,
    );
    pub fn text_up(
        &mut self,
        (x, y): (f64, f64),
        size: f64,
        align: Align,
        color: Color,
        text: &str,
    );
    pub fn image(&mut self, (left, top): (usize, usize), image: &Image);
}
pub fn text_width(size: f64, text: &str) -> f64;
pub fn fitting(size: f64, text: &str, width: f64) -> String;

// train/src/draw/chart.rs
pub fn curves(rows: &[[f64; COLUMNS.len()]]) -> Result<Image>;

// train/src/draw/gallery.rs
pub fn gallery(guesses: &[Guess], dataset: &dyn Dataset) -> Result<Image>;

// train/src/draw/lr_chart.rs
pub fn lr_chart(find: &LrFind) -> Result<Image>;

// train/src/draw/matrix.rs
pub fn confusion_matrix(
    counts: &BTreeMap<(usize, usize), usize>,
    names: &[String],
    normalized: bool,
) -> Result<Image>;

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
    Checkpoint { path: PathBuf, reason: String },
    Io { path: PathBuf, source: io::Error },
    Config { path: PathBuf, line: usize, reason: String },
    NoRun { parent: PathBuf, name: String },
    Zoo(zoo::Error),
    OutputNotFinite,
    NoSpatialMap { class_name: &'static str },
    Observer(io::Error),
}
pub type Result<T, E = Error> = std::result::Result<T, E>;

// train/src/evaluate.rs
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    pub samples: usize,
    pub correct: usize,
    pub correct_top5: usize,
    pub loss_sum: f64,
    pub classes: BTreeMap<usize, ClassCounts>,
    pub confusion: BTreeMap<(usize, usize), usize>,
    pub hardest: Vec<Guess>,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassCounts {
    pub samples: usize,
    pub correct: usize,
    pub correct_top5: usize,
}
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess {
    pub index: usize,
    pub label: usize,
    pub guess: usize,
    pub probability: f64,
    pub loss: f64,
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
    fn report(&mut self, event: &Event<'_>) -> Result<()>;
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub epoch: usize,
    pub epochs: usize,
    pub batch: usize,
    pub batches: usize,
}
#[non_exhaustive]
pub enum Event<'a> {
    TrainBatch { at: Position, samples: usize, loss: f64, learning_rate: f64 },
    RunningLoss { at: Position, loss: f64, learning_rate: f64 },
    TestBatch { batch: usize, batches: usize, samples: usize },
    EpochFinished { at: Position, summary: &'a EpochSummary, trainer: &'a Trainer<'a> },
}
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;
impl Observer for Silent;

// train/src/fit.rs
#[derive(Clone)]
pub struct Data {
    pub train: Arc<dyn Dataset>,
    pub test: Arc<dyn Dataset>,
    pub train_transform: Arc<Compose>,
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
pub mod run;
pub use cam::{grad_cam, overlay};
pub use class_report::ClassScores;
pub use error::{Error, Result};
pub use evaluate::{ClassCounts, Evaluation, Guess, evaluate};
pub use event::{Event, Observer, Position, Silent};
pub use fit::{Data, fit};
pub use lr_find::{LrFind, LrPoint, LrRange, lr_find};
pub use predict::{Prediction, predict, probabilities};
pub use settings::{
    Balance, ClassWeights, OptimizerKind, Precision, ScheduleSettings, SchedulerKind,
    Settings,
};
pub use step::Stepper;
pub use trainer::{EpochSummary, Trainer};

// train/src/lr_find.rs
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LrRange {
    pub start: f64,
    pub end: f64,
    pub steps: usize,
}
impl Default for LrRange;
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LrPoint {
    pub learning_rate: f64,
    pub loss: f64,
    pub smoothed_loss: f64,
}
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LrFind {
    pub points: Vec<LrPoint>,
    pub steps: usize,
}
pub fn lr_find(
    model: &dyn Model,
    data: &Data,
    settings: &Settings,
    range: &LrRange,
    report: impl FnMut(&LrPoint) -> Result<()>,
) -> Result<LrFind>;
impl LrFind {
    pub fn valley(&self) -> Option<f64>;
    pub fn steepest(&self) -> Option<f64>;
    pub fn to_csv(&self) -> String;
    pub fn picture(&self) -> Result<Image>;
}

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

// train/src/run/config.rs
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Config {
    pub model: ModelConfig,
    pub data: DataConfig,
    pub training: Settings,
    pub environment: Option<Environment>,
}
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelConfig {
    pub name: Option<String>,
    pub weights: String,
    pub num_classes: Option<usize>,
}
impl Default for ModelConfig;
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataConfig {
    pub dataset: String,
    pub data_dir: PathBuf,
    pub img_size: Option<usize>,
    pub augment: Vec<Augmentation>,
    pub val_split: Option<f64>,
}
impl Default for DataConfig;
impl Config {
    pub fn load(path: impl AsRef<Path>) -> Result<Self>;
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()>;
}
pub fn with_suggestion(message: &str) -> String;

// train/src/run/environment.rs
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Environment {
    pub convoy: String,
    pub command: Vec<String>,
    pub started: String,
    pub system: String,
    pub processor: String,
    pub cores: usize,
    pub threads: usize,
    pub instructions: String,
    pub device: String,
}
impl Environment {
    pub fn detect(command: Vec<String>, device: Device) -> Self;
}

// train/src/run/mod.rs
pub use config::{Config, DataConfig, ModelConfig, with_suggestion};
pub use environment::Environment;
pub use results::{COLUMNS, csv_field};
#[derive(Debug)]
pub struct RunFolder {
    private: (),
}
impl RunFolder {
    pub fn create(
        parent: impl AsRef<Path>,
        name: &str,
        config: &Config,
        metadata: Metadata,
    ) -> Result<Self>;
    pub fn resume(
        path: impl Into<PathBuf>,
        epochs_done: usize,
        config: &Config,
        metadata: Metadata,
    ) -> Result<Self>;
    pub fn latest(parent: impl AsRef<Path>, name: &str) -> Result<PathBuf>;
    pub fn path(&self) -> &Path;
    pub fn config_of(run: impl AsRef<Path>) -> PathBuf;
    pub fn checkpoint_of(run: impl AsRef<Path>) -> PathBuf;
}
impl Observer for RunFolder;

// train/src/run/results.rs
pub const COLUMNS: [&str; 9] = [
    "epoch",
    "time",
    "train/loss",
    "train/accuracy",
    "val/loss",
    "val/accuracy_top1",
    "val/accuracy_top5",
    "lr",
    "images_per_second",
];
pub fn csv_field(field: &str) -> String;

// train/src/settings/kind.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OptimizerKind {
    Sgd,
    Adam,
    AdamW,
    RmsProp,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Precision {
    F32,
    Bf16,
}
impl fmt::Display for Precision;
impl Precision {
    pub fn run<R>(self, compute: impl FnOnce() -> R) -> R;
}
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ClassWeights {
    By(Balance),
    Given(Vec<f64>),
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Balance {
    Balanced,
}

// train/src/settings/mod.rs
pub use kind::{Balance, ClassWeights, OptimizerKind, Precision};
pub use schedule::{ScheduleSettings, SchedulerKind};
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub epochs: usize,
    pub batch_size: usize,
    pub accumulate: usize,
    pub optimizer: OptimizerKind,
    pub learning_rate: f64,
    pub momentum: f64,
    pub weight_decay: f64,
    pub clip_grad_norm: Option<f64>,
    pub label_smoothing: f64,
    pub class_weights: Option<ClassWeights>,
    pub mixup_alpha: f64,
    pub cutmix_alpha: f64,
    pub ema_decay: Option<f64>,
    pub freeze: Vec<String>,
    pub unfreeze_after: Option<usize>,
    pub early_lr: Option<f64>,
    pub patience: Option<usize>,
    pub precision: Precision,
    pub seed: u64,
    pub print_freq: usize,
    pub limit_batches: Option<usize>,
    pub schedule: ScheduleSettings,
}
impl Default for Settings;
impl Settings {
    pub fn check(&self) -> Result<()>;
}

// train/src/settings/schedule.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SchedulerKind {
    None,
    Step,
    MultiStep,
    Exponential,
    Cosine,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
}
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleSettings {
    pub scheduler: SchedulerKind,
    pub warmup_epochs: usize,
    pub step_size: usize,
    pub milestones: Vec<usize>,
    pub gamma: f64,
    pub min_lr: f64,
    pub power: f64,
    pub patience: usize,
    pub threshold: f64,
    pub cooldown: usize,
}
impl Default for ScheduleSettings;

// train/src/step.rs
pub struct Stepper<'a> {
    private: (),
}
impl<'a> Stepper<'a> {
    pub fn new(model: &'a dyn Model, settings: &Settings) -> Result<Self>;
    pub fn step(&mut self, images: &Tensor, labels: &Tensor) -> Result<f64>;
}

// train/src/trainer.rs
#[derive(Debug, Clone)]
pub struct EpochSummary {
    pub train_loss: f64,
    pub train_accuracy: f64,
    pub samples: usize,
    pub train_time: Duration,
    pub elapsed: Duration,
    pub learning_rate: f64,
    pub evaluation: Evaluation,
    pub is_best: bool,
}
pub struct Trainer<'a> {
    private: (),
}
impl<'a> Trainer<'a> {
    pub fn new(
        model: &'a dyn Model,
        data: &'a Data,
        settings: &'a Settings,
    ) -> Result<Self>;
    pub fn resume(&mut self, checkpoint: impl AsRef<Path>) -> Result<()>;
    pub fn save(&self, checkpoint: impl AsRef<Path>) -> Result<()>;
    pub fn model(&self) -> &'a dyn Model;
    pub fn data(&self) -> &'a Data;
    pub fn epochs_done(&self) -> usize;
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<Vec<Evaluation>>;
}
