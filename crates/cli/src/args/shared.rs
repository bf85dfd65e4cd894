//! Arguments that several commands have.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use train::Precision;

use super::{DatasetArg, MAX_SIDE, TrainedOn, named, whole};

/// How exactly to compute.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub struct PrecisionArgs {
    /// What convolutions and linear layers multiply, and activations are stored as: f32, or bf16 (sums, statistics, losses and weights stay f32)
    #[arg(long, value_name = "f32|bf16", default_value = "f32", value_parser = named::<Precision>)]
    pub dtype: Precision,
}

impl PrecisionArgs {
    /// Runs `compute` with this precision.
    pub fn run<R>(self, compute: impl FnOnce() -> R) -> R {
        self.dtype.run(compute)
    }
}

/// What a file that PyTorch wrote does not say about its weights.
#[derive(Debug, ClapArgs)]
pub struct TrainedArgs {
    /// The model that the weights are of [default: what the file says or its tensors tell]
    #[arg(long)]
    pub model: Option<String>,
    /// What the weights were trained on, which decides class names and preprocessing [default: what the file says, its name
    /// MODEL_DATASET_classifier tells, or the number of outputs suggests: 10 for cifar10, 1000 for imagenet]
    #[arg(long, value_name = "DATASET")]
    pub trained_on: Option<TrainedOn>,
    /// Height and width of the pictures as the model gets them, in pixels [default: those that it was trained on]
    #[arg(long, value_name = "N", value_parser = whole::<MAX_SIDE>)]
    pub img_size: Option<usize>,
}

/// Which data set, and where it lies.
#[derive(Debug, ClapArgs)]
pub struct DatasetArgs {
    /// The data set: auto (cifar10 where the data folder has it, else digits), digits (bundled), cifar10 or folder:PATH
    #[arg(long, value_name = "auto|digits|cifar10|folder:PATH", default_value = "auto")]
    pub dataset: DatasetArg,
    /// The folder that holds CIFAR-10: cifar10.convoy, cifar-10-batches-bin or cifar-10-batches-py
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data_dir: PathBuf,
}
