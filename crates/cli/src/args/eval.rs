//! Arguments of `eval`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{DatasetArgs, MAX_BATCH, PrecisionArgs, TrainedArgs, TrainedWeights, whole};

/// Arguments of `eval`.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub struct EvalArgs {
    /// The trained weights: a .pth or .safetensors FILE, or bundled (SqueezeNet 1.1, trained on ImageNet)
    #[arg(long, value_name = "bundled|FILE")]
    pub weights: TrainedWeights,
    #[command(flatten)]
    pub trained: TrainedArgs,
    #[command(flatten)]
    pub dataset: DatasetArgs,
    /// Pictures at once
    #[arg(long, value_name = "N", default_value = "32", value_parser = whole::<MAX_BATCH>)]
    pub batch_size: usize,
    /// Print precision, recall, F1 and support of each class [default: where there are at most 20]
    #[arg(long)]
    pub per_class: bool,
    /// Draw labels and guesses as a picture, .png
    #[arg(long, value_name = "FILE")]
    pub confusion_matrix: Option<PathBuf>,
    /// Also write the results as timm's validate.py does: a line with a header where the name ends in .csv, else .json
    #[arg(long, value_name = "FILE")]
    pub results_file: Option<PathBuf>,
    #[command(flatten)]
    pub precision: PrecisionArgs,
}

const EXAMPLES: &str = "Examples:
  convoy eval --weights resnet18_cifar10_classifier.pth
  convoy eval --weights runs/train/weights/best.pth --confusion-matrix confusion.png --results-file results.csv
  convoy eval --weights bundled --dataset folder:imagenet --per-class";
