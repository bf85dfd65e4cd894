//! Arguments of `serve`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args as ClapArgs;

use super::{MAX_BATCH, MAX_SIDE, PrecisionArgs, TrainedArgs, TrainedOn, TrainedWeights, whole};

/// The most seconds that an answer may take.
const MAX_SECONDS: usize = 3600;
/// The most milliseconds that a picture may wait for company.
const MAX_MILLISECONDS: usize = 10_000;
/// The most MiB of a request, and the most millions of pixels of a picture.
const MAX_MILLIONS: usize = 1024;

/// Arguments of `serve`.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// Trained weights to serve, may be given several times: a .pth or .safetensors FILE, or bundled (SqueezeNet 1.1, trained on
    /// ImageNet) [default: bundled, or the published ones of each --model]
    #[arg(long, value_name = "bundled|FILE")]
    pub weights: Vec<TrainedWeights>,
    /// A model to serve with its published weights, may be given several times; beside --weights as many of them, in the same
    /// order: the models that the weights are of
    #[arg(long)]
    pub model: Vec<String>,
    /// What the weights were trained on, which decides class names and preprocessing [default: as for predict]
    #[arg(long, value_name = "DATASET")]
    pub trained_on: Option<TrainedOn>,
    /// Height and width of the pictures as the models get them, in pixels [default: those that they were trained on]
    #[arg(long, value_name = "N", value_parser = whole::<MAX_SIDE>)]
    pub img_size: Option<usize>,
    /// The address to listen on; 0.0.0.0 or :: lets other machines in, without encryption or passwords
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// The port to listen on; 0 takes a free one
    #[arg(long, value_name = "N", default_value = "8080")]
    pub port: u16,
    /// The most pictures that a network takes at once; how many is the fastest, it finds out
    #[arg(long, value_name = "N", default_value = "32", value_parser = whole::<MAX_BATCH>)]
    pub max_batch: usize,
    /// How long a free network waits for pictures that are being decoded, in milliseconds
    #[arg(long, value_name = "MS", default_value = "2", value_parser = whole::<MAX_MILLISECONDS>)]
    pub max_wait: usize,
    /// The most requests that a model may have before it, in all stages; others are told to come again
    #[arg(long, value_name = "N", default_value = "256", value_parser = whole::<MAX_BATCH>)]
    pub queue: usize,
    /// The longest request, in MiB
    #[arg(long, value_name = "MIB", default_value = "16", value_parser = whole::<MAX_MILLIONS>)]
    pub max_body: usize,
    /// The largest picture, in millions of pixels
    #[arg(long, value_name = "N", default_value = "50", value_parser = whole::<MAX_MILLIONS>)]
    pub max_pixels: usize,
    /// The longest that an answer may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = whole::<MAX_SECONDS>)]
    pub timeout: usize,
    #[command(flatten)]
    pub precision: PrecisionArgs,
}

const EXAMPLES: &str = "Examples:
  convoy serve                                                  the bundled SqueezeNet 1.1, on http://127.0.0.1:8080
  convoy serve --weights runs/train/weights/best.pth --port 9000
  convoy serve --model resnet18 --model resnet50                side by side on the page
  curl -F image=@cat.jpg 'http://127.0.0.1:8080/v1/predict?top=3'";

impl ServeArgs {
    /// The weights to load, each with what its file does not say.
    pub fn subjects(&self) -> Result<Vec<(Option<&TrainedWeights>, TrainedArgs)>, String> {
        let (weights, models) = (self.weights.len(), self.model.len());
        if weights > 0 && models > 0 && weights != models {
            return Err(format!("{weights} --weights and {models} --model: give as many of both, or one kind alone"));
        }
        let subject = |i| {
            let trained = TrainedArgs { model: self.model.get(i).cloned(), trained_on: self.trained_on, img_size: self.img_size };
            (self.weights.get(i), trained)
        };
        Ok((0..weights.max(models).max(1)).map(subject).collect())
    }

    /// Where to listen.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// The longest request, in bytes.
    pub fn max_body_bytes(&self) -> usize {
        self.max_body << 20
    }

    /// The largest picture, in pixels.
    pub fn max_picture_pixels(&self) -> usize {
        self.max_pixels * 1_000_000
    }

    /// The longest that an answer may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout as u64)
    }

    /// The longest that a network waits for company.
    pub fn max_wait(&self) -> Duration {
        Duration::from_millis(self.max_wait as u64)
    }
}
