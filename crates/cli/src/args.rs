//! The command line as it is typed.

mod bench;
mod train;

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use ::train::Precision;
use clap::error::ErrorKind;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use tensor::Device;

pub use bench::{BenchArgs, BenchCommand, LayersArgs};
pub use train::TrainArgs;

use crate::{USAGE, stderr};

/// The side of the smallest and largest pictures that `--size` and `--img-size` take, in pixels.
const MAX_SIDE: usize = 4096;
const MAX_BATCH: usize = 1 << 16;
const MAX_CLASSES: usize = 1 << 20;
const MAX_THREADS: usize = 1024;
const MAX_COUNT: usize = u32::MAX as usize;

/// Pretrained convolutional networks: print, load, fine-tune, save, predict.
#[derive(Debug, Parser)]
#[command(name = "convoy", version, max_term_width = 100)]
pub struct Args {
    /// Threads to compute on [default: as many as the processor runs at once]
    #[arg(long, value_name = "N", global = true, value_parser = whole::<MAX_THREADS>)]
    pub threads: Option<usize>,
    /// Where to compute: auto, cpu or cuda:N
    #[arg(long, value_name = "DEVICE", global = true, default_value = "auto")]
    pub device: Device,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

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
                stderr::note(message.split("\n\nFor more information").next().unwrap_or(message));
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
    /// List the models
    Models,
    /// Train a model and save it
    Train(Box<TrainArgs>),
    /// Measure a saved model's accuracy
    Eval(EvalArgs),
    /// Say what pictures show
    Predict(PredictArgs),
    /// Write a model with its weights as .pth, .safetensors or .onnx
    Export(ExportArgs),
    /// Measure speed
    #[command(subcommand)]
    Bench(BenchCommand),
}

/// Arguments of `show`.
#[derive(Debug, ClapArgs)]
pub struct ShowArgs {
    /// The model, such as resnet18
    pub model: String,
}

/// Arguments of `summary`.
#[derive(Debug, ClapArgs)]
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
pub struct InspectArgs {
    /// A .pth or .safetensors file, or a model such as resnet18
    #[arg(value_name = "FILE|MODEL")]
    pub subject: String,
}

/// Arguments of `eval`.
#[derive(Debug, ClapArgs)]
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
    #[command(flatten)]
    pub precision: PrecisionArgs,
}

/// Arguments of `predict`.
#[derive(Debug, ClapArgs)]
pub struct PredictArgs {
    /// Picture files, or http(s) addresses of pictures
    #[arg(value_name = "IMAGE|URL", required = true)]
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
    #[command(flatten)]
    pub precision: PrecisionArgs,
}

/// How exactly to compute.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub struct PrecisionArgs {
    /// What convolutions and linear layers multiply: f32, or bf16 (sums, norms, losses and weights stay f32)
    #[arg(long, value_name = "f32|bf16", default_value = "f32", value_parser = named::<Precision>)]
    pub dtype: Precision,
}

impl PrecisionArgs {
    /// Runs `compute` with this precision.
    pub fn run<R>(self, compute: impl FnOnce() -> R) -> R {
        self.dtype.run(compute)
    }
}

/// Arguments of `export`.
#[derive(Debug, ClapArgs)]
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

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// PyTorch's state dict.
    Pth,
    /// Safetensors.
    Safetensors,
    /// A graph for ONNX Runtime, OpenVINO and others.
    Onnx,
}

/// `--input-size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputSize {
    /// In pixels.
    pub height: usize,
    /// In pixels.
    pub width: usize,
}

impl FromStr for InputSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sizes: Result<Vec<usize>, String> = text.split('x').map(whole::<MAX_SIDE>).collect();
        match sizes.as_deref() {
            Ok(&[side]) => Ok(InputSize { height: side, width: side }),
            Ok(&[3, height, width]) => Ok(InputSize { height, width }),
            _ => Err(format!("use N or 3xHxW, with sides from 1 to {MAX_SIDE} pixels")),
        }
    }
}

/// `--weights` of `train`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WeightsArg {
    /// ImageNet's where they are at hand.
    Auto,
    /// Random.
    None,
    /// Those in the program.
    Bundled,
    /// Those of a file.
    File(PathBuf),
}

impl FromStr for WeightsArg {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "auto" => WeightsArg::Auto,
            "none" => WeightsArg::None,
            "bundled" => WeightsArg::Bundled,
            path => WeightsArg::File(path.into()),
        })
    }
}

impl fmt::Display for WeightsArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WeightsArg::Auto => f.write_str("auto"),
            WeightsArg::None => f.write_str("none"),
            WeightsArg::Bundled => f.write_str("bundled"),
            WeightsArg::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// `--weights` of `eval` and `predict`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrainedWeights {
    /// Those in the program.
    Bundled,
    /// Those of a file.
    File(PathBuf),
}

impl FromStr for TrainedWeights {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "bundled" { TrainedWeights::Bundled } else { TrainedWeights::File(text.into()) })
    }
}

/// `--dataset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatasetArg {
    /// CIFAR-10 where it is at hand, else the digits.
    Auto,
    /// The bundled digits.
    Digits,
    /// CIFAR-10.
    Cifar10,
    /// Pictures in a folder for each class.
    Folder(PathBuf),
}

impl FromStr for DatasetArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("folder:")) {
            ("auto", _) => Ok(DatasetArg::Auto),
            ("digits", _) => Ok(DatasetArg::Digits),
            ("cifar10", _) => Ok(DatasetArg::Cifar10),
            (_, Some(path)) if !path.is_empty() => Ok(DatasetArg::Folder(path.into())),
            _ => Err("use auto, digits, cifar10 or folder:PATH".to_owned()),
        }
    }
}

impl fmt::Display for DatasetArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatasetArg::Auto => f.write_str("auto"),
            DatasetArg::Digits => f.write_str("digits"),
            DatasetArg::Cifar10 => f.write_str("cifar10"),
            DatasetArg::Folder(path) => write!(f, "folder:{}", path.display()),
        }
    }
}

/// `--trained-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrainedOn {
    /// ImageNet's 1,000 categories.
    Imagenet,
    /// CIFAR-10's ten classes.
    Cifar10,
    /// The ten digits.
    Digits,
}

/// Reads a setting by the name that it has in files.
fn named<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let name: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(name).map_err(|error| error.to_string().replace('`', ""))
}

/// Reads a whole number from 1 to `MAX`.
fn whole<const MAX: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MAX).contains(number));
    number.ok_or_else(|| format!("a whole number from 1 to {MAX} is needed"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_data_set_is_read() {
        let read = str::parse::<DatasetArg>;
        assert_eq!(read("folder:a:b"), Ok(DatasetArg::Folder("a:b".into())));
        assert_eq!(read("cifar10"), Ok(DatasetArg::Cifar10));
        assert!(read("folder:").is_err() && read("mnist").is_err());
    }

    #[test]
    fn an_input_size_is_read() {
        let read = str::parse::<InputSize>;
        assert_eq!(read("224"), Ok(InputSize { height: 224, width: 224 }));
        assert_eq!(read("3x224x160"), Ok(InputSize { height: 224, width: 160 }));
        assert!(["", "0", "224x224", "1x8x8", "3x8x4097", "3x8x8x8", "3x-8x8"].iter().all(|text| read(text).is_err()));
    }

    #[test]
    fn whole_numbers_have_bounds() {
        let read = whole::<9>;
        assert_eq!(read("9"), Ok(9));
        assert!([read("0"), read("10"), read("-1"), read("1.5"), read("")].iter().all(Result::is_err));
    }
}
