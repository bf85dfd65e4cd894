//! Arguments of `export`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{ExportFormat, InputSize, WeightsArg};

/// Arguments of `export`.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// A model such as resnet18, or a .pth or .safetensors file
    #[arg(value_name = "MODEL|FILE")]
    pub subject: String,
    /// What to write [default: what the output's name ends in]
    #[arg(long, required_unless_present = "output")]
    pub format: Option<ExportFormat>,
    /// The file to write [default: the model's name with the format as its ending]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// A model's weights: auto (ImageNet's: bundled, or from PyTorch's cache, or fetched to there), none (random), bundled
    /// (ImageNet's of squeezenet1_1) or a FILE [default: auto]
    #[arg(long, value_name = "auto|none|bundled|FILE")]
    pub weights: Option<WeightsArg>,
    /// The model that a file's weights are of [default: what the file says or its tensors tell]
    #[arg(long)]
    pub model: Option<String>,
    /// For onnx: height and width of the pictures in pixels, as 224 or 3x224x224 [default: those that the model was trained on]
    #[arg(long, value_name = "N|3xHxW")]
    pub input_size: Option<InputSize>,
    /// Decides random weights
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
}

const EXAMPLES: &str = "Examples:
  convoy export squeezenet1_1 --format onnx             the bundled network for ONNX Runtime
  convoy export resnet50 --output resnet50.safetensors
  convoy export mine.pth --format onnx --input-size 3x64x64";
