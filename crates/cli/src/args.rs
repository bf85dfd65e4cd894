//! The command line as it is typed.

mod bench;
mod eval;
mod export;
mod lr_find;
mod predict;
#[cfg(feature = "serve")]
mod serve;
mod shared;
mod train;
mod values;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args as ClapArgs, Parser, Subcommand};
use clap_complete::Shell;
use tensor::Device;

pub use bench::{BenchArgs, BenchCommand, LayersArgs};
pub use eval::EvalArgs;
pub use export::ExportArgs;
pub use lr_find::LrFindArgs;
pub use predict::PredictArgs;
#[cfg(feature = "serve")]
pub use serve::ServeArgs;
pub use shared::{DatasetArgs, PrecisionArgs, TrainedArgs};
pub use train::TrainArgs;
pub use values::{DatasetArg, ExportFormat, InputSize, TrainedOn, TrainedWeights, WeightsArg};
use values::{MAX_BATCH, MAX_CLASSES, MAX_COUNT, MAX_SIDE, MAX_THREADS, named, whole};

use crate::{USAGE, stderr};

/// Pretrained convolutional networks: print, load, fine-tune, save, predict.
#[derive(Debug, Parser)]
#[command(name = "convoy", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Args {
    /// Threads to compute on [default: as many as the processor runs at once]
    #[arg(long, value_name = "N", global = true, value_parser = whole::<MAX_THREADS>)]
    pub threads: Option<usize>,
    /// Where to compute: auto, cpu or cuda:N
    #[arg(long, value_name = "DEVICE", global = true, default_value = "auto")]
    pub device: Device,
    /// Say nothing beside results, warnings and errors: no progress, no remarks
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  convoy predict cat.jpg                   what a picture shows, by the bundled SqueezeNet 1.1
  convoy train --dataset folder:pets       fine-tune ResNet-18 on pictures in a folder for each class
  convoy eval --weights runs/train/weights/best.pth
  convoy help train                        all about a command

Environment:
  NO_COLOR        no colours                TORCH_HOME      where published weights are kept
  CONVOY_MIRROR   another server for them   CONVOY_SIMD, CONVOY_WINOGRAD   which kernels run
  CONVOY_TF32=on  faster, less exact convolutions on CUDA devices";

impl Args {
    /// Reads the command line. Where it asks for help or makes no sense, says so and returns the exit code.
    pub fn read() -> Result<Self, ExitCode> {
        Args::try_parse().map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let _ = error.print();
                ExitCode::from(if error.use_stderr() { USAGE } else { 0 })
            }
            _ => {
                let text = error.to_string();
                let message = text.split("\n\nUsage:").next().unwrap_or(&text);
                stderr::write(message.split("\n\nFor more information").next().unwrap_or(message));
                ExitCode::from(USAGE)
            }
        })
    }
}

/// A command and its arguments.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print a model as PyTorch does
    Show(ShowArgs),
    /// List the tensors of a file or a model: key, element type, shape
    Inspect(InspectArgs),
    /// Show a model's layers with output shapes, parameters and multiply-adds
    Summary(SummaryArgs),
    /// List the models: their published weights, parameters, multiply-adds and accuracies
    #[command(after_help = "Example:\n  convoy models | grep resnet")]
    Models,
    /// Train a model and save it
    Train(Box<TrainArgs>),
    /// Try learning rates, and suggest one
    LrFind(Box<LrFindArgs>),
    /// Measure a saved model's accuracy
    Eval(EvalArgs),
    /// Say what pictures show
    Predict(PredictArgs),
    /// Answer what pictures show over HTTP, with a page for people
    #[cfg(feature = "serve")]
    Serve(ServeArgs),
    /// Write a model with its weights as .pth, .safetensors or .onnx
    Export(ExportArgs),
    /// Measure speed
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Print a shell's completions
    Completions(CompletionsArgs),
    /// Print the manual page, or write those of all commands
    Man(ManArgs),
}

/// Arguments of `show`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:\n  convoy show resnet18")]
pub struct ShowArgs {
    /// The model, such as resnet18
    pub model: String,
}

/// Arguments of `summary`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  convoy summary resnet50\n  convoy summary vgg16 --input-size 3x64x64 --batch 32")]
pub struct SummaryArgs {
    /// The model, such as resnet18
    pub model: String,
    /// Height and width of the pictures in pixels, as 224 or 3x224x224 [default: those of the published weights]
    #[arg(long, value_name = "N|3xHxW")]
    pub input_size: Option<InputSize>,
    /// Pictures at once
    #[arg(long, value_name = "B", default_value = "1", value_parser = whole::<MAX_BATCH>)]
    pub batch: usize,
}

/// Arguments of `inspect`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  convoy inspect resnet18_cifar10_classifier.pth\n  convoy inspect resnet18 | cut -f 1")]
pub struct InspectArgs {
    /// A .pth or .safetensors file, or a model such as resnet18
    #[arg(value_name = "FILE|MODEL")]
    pub subject: String,
}

/// Arguments of `completions`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  convoy completions bash > ~/.local/share/bash-completion/completions/convoy
  convoy completions zsh > ~/.zfunc/_convoy
  convoy completions fish > ~/.config/fish/completions/convoy.fish")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  convoy man | man -l -                    read it
  convoy man ~/.local/share/man/man1       then: man convoy-train")]
pub struct ManArgs {
    /// A folder to write the pages of all commands to: convoy.1, convoy-train.1 and so on
    #[arg(value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }
}
