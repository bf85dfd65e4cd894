//! The arguments of `bench`.

use clap::{Args as ClapArgs, Subcommand};

use super::{MAX_BATCH, MAX_SIDE, PrecisionArgs, whole};

/// The longest benchmark, in seconds.
const MAX_SECONDS: usize = 3600;

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// The time of a training step
    #[command(after_help = "Example:\n  convoy bench train --model resnet18 --size 32 --batch 32")]
    Train(BenchArgs),
    /// The time of an inference
    #[command(after_help = "Example:\n  convoy bench infer --model mobilenet_v2 --batch 1 --threads 1")]
    Infer(BenchArgs),
    /// The machine's peak rates, and the time and the share of them of each layer and pass, for every algorithm
    Layers(LayersArgs),
}

/// Arguments of `bench layers`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:\n  convoy bench layers --model resnet50 --batch 8 --scaling")]
pub struct LayersArgs {
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Also tell how well the work divides among 2, 8, 16 and 64 threads, which this machine need not have
    #[arg(long)]
    pub scaling: bool,
}

/// Arguments of all of `bench`.
#[derive(Debug, ClapArgs)]
pub struct BenchArgs {
    /// The model
    #[arg(long, default_value = "resnet18")]
    pub model: String,
    /// Height and width of the pictures, in pixels [default: those of the published weights]
    #[arg(long, value_name = "S", value_parser = whole::<MAX_SIDE>)]
    pub size: Option<usize>,
    /// Pictures at once
    #[arg(long, value_name = "B", default_value = "1", value_parser = whole::<MAX_BATCH>)]
    pub batch: usize,
    /// How long to measure
    #[arg(long, value_name = "N", default_value = "5", value_parser = whole::<MAX_SECONDS>)]
    pub seconds: usize,
    #[command(flatten)]
    pub precision: PrecisionArgs,
}
