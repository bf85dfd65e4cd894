//! `cargo xtask fetch-data`: published weights and data sets, checked and in their places.

mod archive;
mod list;
mod selection;

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use hub::{Checks, Meter, Options, Outcome};

use archive::Archive;
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
    let dataset = args.dataset.archive().map(|archive| source.obtain_archive(&archive, &args.data_dir));
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
                eprintln!("error: {error:#}");
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
            None => hub::fetch(url, dest, checks, &self.options, &mut Meter::new(stderr(), stderr().is_terminal()))?,
        };
        if outcome == Outcome::Fetched {
            println!("{}", dest.display());
        }
        Ok(outcome)
    }

    /// Makes sure that the archive lies in `data_dir`, and its files below it.
    fn obtain_archive(&self, archive: &Archive, data_dir: &Path) -> Result<Outcome> {
        let path = data_dir.join(archive.file_name());
        let obtained = self.obtain(archive.url, &path, &archive.checks)?;
        let unpacked = archive.unpack(&path, data_dir).with_context(|| format!("cannot unpack {}", path.display()))?;
        if unpacked == Outcome::Fetched {
            println!("{}", data_dir.join(archive.folder).display());
            return Ok(unpacked);
        }
        Ok(obtained)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(from_dir: Option<&Path>) -> Source<'_> {
        Source { from_dir, options: Options { offline: true, ..Options::default() } }
    }

    #[test]
    fn files_at_hand_are_taken_over_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let dest = folder.path().join("cache/a.pth");
        std::fs::write(folder.path().join("a.pth"), "abc").unwrap();
        let url = "https://example.org/a.pth";
        let good = Checks { sha256: Some("ba7816bf"), ..Checks::default() };
        assert_eq!(source(Some(folder.path())).obtain(url, &dest, &good).unwrap(), Outcome::Fetched);
        assert_eq!(source(None).obtain(url, &dest, &good).unwrap(), Outcome::Present);

        let other = Checks { sha256: Some("00000000"), ..Checks::default() };
        let error = source(Some(folder.path())).obtain(url, &dest, &other).unwrap_err();
        assert!(error.to_string().contains("its SHA-256 is ba7816bf"), "{error}");
    }

    #[test]
    fn offline_a_missing_file_says_where_it_belongs() {
        let folder = tempfile::tempdir().unwrap();
        let dest = folder.path().join("a.pth");
        let error = source(Some(folder.path())).obtain("https://example.org/a.pth", &dest, &Checks::default()).unwrap_err();
        assert!(error.to_string().contains("get https://example.org/a.pth and put it there"), "{error}");
    }
}
