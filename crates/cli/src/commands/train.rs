//! `convoy train`: fine-tunes a model, keeps its run folder, and saves it.

use std::io::Write;
use std::path::{Path, PathBuf};

use ::train::run::{Config, Environment, RunFolder};
use ::train::{Trainer, evaluate};
use layers::ModuleExt;
use tensor::Device;
use tensor::random::manual_seed;
use zoo::Model;

use crate::args::{DatasetArg, TrainArgs};
use crate::dashboard::Dashboard;
use crate::progress::Report;
use crate::source::Source;
use crate::stderr;

pub use start::starting_model;
pub use subjects::Subjects;

use start::check_writable;

mod start;
mod subjects;

pub fn run(args: &TrainArgs, device: Device, out: &mut dyn Write) -> anyhow::Result<()> {
    let resumed = resumed_run(args)?;
    let mut config = config(args, resumed.as_deref())?;
    config.training.check()?;
    let source = source(&config)?;
    let subjects = Subjects::open(&source, &config)?;
    manual_seed(config.training.seed);
    let model = starting_model(&mut config, &subjects, resumed.is_some())?;
    model.to_device(device)?;
    config.data.dataset = source.arg().to_string();
    config.environment = Some(Environment::detect(std::env::args().collect(), device));
    let path = args.run.out.clone().unwrap_or_else(|| default_path(&*model, &source));
    check_writable(&path)?;

    let mut trainer = Trainer::new(&*model, &subjects.data, &config.training)?;
    let metadata = subjects.metadata(&source)?;
    let folder = match &resumed {
        Some(run) => {
            trainer.resume(RunFolder::checkpoint_of(run))?;
            stderr::note(&format!("going on after epoch {} of {}", trainer.epochs_done(), config.training.epochs));
            RunFolder::resume(run, trainer.epochs_done(), &config, metadata.clone())?
        }
        None => RunFolder::create(&args.run.output_dir, &args.run.name, &config, metadata.clone())?,
    };
    stderr::note(&format!("run folder: {}", folder.path().display()));
    let (pictures, measured) = (subjects.pictures_of_epoch(&config.training), subjects.measured());
    if args.run.tui && stderr::is_live() {
        let title = format!("{} on {}", model.arch(), source.name());
        trainer.run(&mut (folder, Dashboard::new(out, title, pictures, measured)))?;
    } else {
        trainer.run(&mut (folder, Report::new(out, pictures, measured)))?;
    }
    zoo::save(&path, &*model, &metadata)?;
    if let Some(test) = subjects.final_test(config.training.batch_size)? {
        let pictures = test.dataset().len();
        let precision = config.training.precision;
        let evaluation = precision.run(|| evaluate(&*model, &test, &mut Report::new(out, pictures, "Test")))?;
        writeln!(out, "Test Accuracy: {:.2}%", 100.0 * evaluation.accuracy())?;
    }
    Ok(writeln!(out, "Model saved: {}", path.display())?)
}

/// The run that is to be gone on with, if one is.
fn resumed_run(args: &TrainArgs) -> anyhow::Result<Option<PathBuf>> {
    Ok(match &args.run.resume {
        None => None,
        Some(Some(run)) => Some(run.clone()),
        Some(None) => Some(RunFolder::latest(&args.run.output_dir, &args.run.name)?),
    })
}

/// The settings: those of the file or of the run that is resumed, and over them what the command line says.
fn config(args: &TrainArgs, resumed: Option<&Path>) -> anyhow::Result<Config> {
    let file = args.run.config.clone().or_else(|| resumed.map(RunFolder::config_of));
    let mut config = file.map_or_else(|| Ok(Config::default()), Config::load)?;
    args.apply(&mut config);
    Ok(config)
}

/// The data set that is meant.
pub fn source(config: &Config) -> anyhow::Result<Source> {
    let name = &config.data.dataset;
    let dataset: DatasetArg = name.parse().map_err(|hint| anyhow::anyhow!("dataset {name:?}: {hint}"))?;
    Ok(Source::choose(&dataset, &config.data.data_dir))
}

fn default_path(model: &dyn Model, source: &Source) -> PathBuf {
    format!("{}_{}_classifier.pth", model.arch(), source.name()).into()
}
