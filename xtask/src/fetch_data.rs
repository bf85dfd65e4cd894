//! `cargo xtask fetch-data`: published weights and data sets, checked and in their places.

mod archive;
mod cifar10;
mod list;
mod selection;
#[cfg(test)]
mod tests;

use std::io::{IsTerminal, Stderr, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use hub::{Checks, Meter, Options, Outcome};

use selection::Dataset;

/// What to fetch, from where, and where to.
#[derive(clap::Args)]
pub struct Args {
    /// Models whose published weights to get: names, or NAME:WEIGHTS (resnet50:IMAGENET1K_V1), or all, or none.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "resnet18")]
    weights: Vec<String>,
    /// The data set to get.
    #[arg(long, value_enum, default_value_t = Dataset::Cifar10)]
    dataset: Dataset,
    /// Where data sets go. (Weights go to PyTorch's cache, which TORCH_HOME moves.)
    #[arg(long, value_name = "DIR", default_value = "data")]
    data_dir: PathBuf,
    /// The address of a folder that holds the same files, to ask instead of the publishers.
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// A folder with files that are at hand already; what is not there is downloaded.
    #[arg(long, value_name = "DIR")]
    from_dir: Option<PathBuf>,
    /// Download nothing.
    #[arg(long)]
    offline: bool,
    /// List what can be had and what is there, and do nothing.
    #[arg(long)]
    list: bool,
}

/// Fetches what `args` asks for. One file that cannot be had does not keep the others from coming.
pub fn run(args: &Args) -> Result<ExitCode> {
    let cache = hub::checkpoints_dir()?;
    if args.list {
        list::print(&cache, &args.data_dir);
        return Ok(ExitCode::SUCCESS);
    }
    let weights = selection::weights(&args.weights)?;
    let source = Source::new(args);
    let weights = weights.iter().map(|entry| source.obtain(&entry.url(), &cache.join(entry.file), &entry.checks()));
    let dataset = args.dataset.published().into_iter().map(|published| published.obtain(&source, &args.data_dir));
    Ok(conclude(weights.chain(dataset)))
}

/// Reports every failure in a line of its own, and that nothing had to be done.
fn conclude(outcomes: impl Iterator<Item = Result<Outcome>>) -> ExitCode {
    let (mut failures, mut fetched) = (0, 0);
    for outcome in outcomes {
        match outcome {
            Ok(Outcome::Present) => {}
            Ok(Outcome::Fetched) => fetched += 1,
            Err(error) => {
                failures += 1;
                eprintln!("error: {}", one_line(&error));
            }
        }
    }
    if failures > 0 {
        return ExitCode::FAILURE;
    }
    if fetched == 0 {
        println!("Files already downloaded and verified");
    }
    ExitCode::SUCCESS
}

/// An error with its causes, except for those that its message has quoted already.
fn one_line(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |line, cause| match line.as_str() {
        "" => cause,
        line if line.ends_with(&cause) => line.to_owned(),
        line => format!("{line}: {cause}"),
    })
}

/// Where files come from.
struct Source<'a> {
    from_dir: Option<&'a Path>,
    options: Options,
}

impl<'a> Source<'a> {
    fn new(args: &'a Args) -> Self {
        let options = Options { mirror: args.mirror.clone(), offline: args.offline, ..Options::default() };
        Self { from_dir: args.from_dir.as_deref(), options }
    }

    /// Makes sure that the file published at `url` lies at `dest`.
    fn obtain(&self, url: &str, dest: &Path, checks: &Checks<'_>) -> Result<Outcome> {
        let at_hand = self.from_dir.zip(dest.file_name()).map(|(folder, name)| folder.join(name)).filter(|path| path.is_file());
        let outcome = match at_hand {
            Some(path) => hub::adopt(&path, dest, checks)?,
            None => hub::fetch(url, dest, checks, &self.options, &mut meter())?,
        };
        if outcome == Outcome::Fetched {
            println!("{}", dest.display());
        }
        Ok(outcome)
    }
}

/// Progress on the standard error.
fn meter() -> Meter<Stderr> {
    Meter::new(stderr(), stderr().is_terminal())
}
