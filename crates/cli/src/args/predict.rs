//! Arguments of `predict`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{MAX_BATCH, MAX_CLASSES, PrecisionArgs, TrainedArgs, TrainedWeights, whole};

/// Arguments of `predict`.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub struct PredictArgs {
    /// Picture files, folders of them (at any depth), or http(s) addresses of pictures
    #[arg(value_name = "IMAGE|FOLDER|URL", required = true)]
    pub images: Vec<String>,
    /// The trained weights: a .pth or .safetensors FILE, or bundled (SqueezeNet 1.1, trained on ImageNet) [default: bundled; for
    /// another --model its published ones, from PyTorch's cache or fetched to there]
    #[arg(long, value_name = "bundled|FILE")]
    pub weights: Option<TrainedWeights>,
    #[command(flatten)]
    pub trained: TrainedArgs,
    /// The classes to list, most probable first
    #[arg(long, value_name = "K", default_value = "5", value_parser = whole::<MAX_CLASSES>)]
    pub top_k: usize,
    /// Print a JSON object a picture
    #[arg(long)]
    pub json: bool,
    /// Pictures at once
    #[arg(long, value_name = "N", default_value = "32", value_parser = whole::<MAX_BATCH>)]
    pub batch_size: usize,
    /// Draw where a picture shows its class (Grad-CAM): one picture into a .png FILE, several as NAME_cam.png into a FOLDER
    #[arg(long, value_name = "FILE|FOLDER")]
    pub cam: Option<PathBuf>,
    /// The class that --cam is about, by name or number [default: the most probable]
    #[arg(long, value_name = "CLASS", requires = "cam")]
    pub cam_class: Option<String>,
    #[command(flatten)]
    pub precision: PrecisionArgs,
}

const EXAMPLES: &str = "Examples:
  convoy predict cat.jpg                            by the bundled SqueezeNet 1.1
  convoy predict holiday/ --json > answers.jsonl    a folder; a bad picture is said and passed over
  convoy predict cat.jpg --model resnet50           by the published weights of another model
  convoy predict cat.jpg --cam cam.png --cam-class tabby
  convoy predict holiday/ --cam seen/               seen/NAME_cam.png for each picture of the folder
  convoy predict https://example.org/cat.jpg --weights resnet18_cifar10_classifier.pth";
