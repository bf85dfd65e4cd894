//! The run folder: everything that is kept of a training, written as it goes.

mod config;
mod environment;
mod log;
mod results;
mod tensorboard;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use zoo::checkpoint::{Metadata, write_file};

pub use config::{Config, DataConfig, ModelConfig, with_suggestion};
pub use environment::Environment;
pub use results::{COLUMNS, csv_field};

use crate::{EpochSummary, Error, Event, Observer, Result, Trainer, draw};
use log::Log;
use results::Results;
use tensorboard::EventFile;

const CONFIG: &str = "config.toml";
const CHECKPOINT: &str = "checkpoint";
const RESULTS: &str = "results.csv";
const PER_CLASS: &str = "per_class.csv";
const LOG: &str = "log.jsonl";
const CURVES: &str = "results.png";
const CONFUSION: &str = "confusion_matrix.png";
const CONFUSION_NORMALIZED: &str = "confusion_matrix_normalized.png";
const TOP_LOSSES: &str = "top_losses.png";
const WEIGHTS: &str = "weights";
const BEST: &str = "best.pth";
const LAST: &str = "last.pth";

/// The most folders of one name that are counted up to.
const MAX_RUNS: usize = 100_000;

/// A folder that holds one training, and follows it as an [`Observer`]:
///
/// | file | holds |
/// |---|---|
/// | `config.toml` | all settings, versions, seed and hardware; [`Config::load`] reads it |
/// | `results.csv` | a line an epoch, with the [`COLUMNS`] |
/// | `results.png` | the same as curves |
/// | `per_class.csv` | a line a class: the counts of the last test |
/// | `confusion_matrix.png`, `confusion_matrix_normalized.png` | labels and guesses of the last test, counted and as shares |
/// | `top_losses.png` | the pictures of the last test with the largest losses |
/// | `events.out.tfevents.…` | losses, accuracies, rates and the confusion matrix, for TensorBoard |
/// | `log.jsonl` | a line an event: running losses and epochs |
/// | `weights/best.pth`, `weights/last.pth` | the model after its best and its last epoch |
/// | `checkpoint` | what [`Trainer::resume`] needs |
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    metadata: Metadata,
    classes: Vec<String>,
    results: Results,
    log: Log,
    events: EventFile,
}

impl RunFolder {
    /// Makes `parent/name`, or `parent/name2`, `parent/name3` and so on where that is there already. The weights that are saved have
    /// this metadata.
    ///
    /// # Errors
    /// Where the name is not that of a folder, or nothing can be written there.
    pub fn create(parent: impl AsRef<Path>, name: &str, config: &Config, metadata: Metadata) -> Result<Self> {
        let path = make_folder(parent.as_ref(), name)?;
        let weights = path.join(WEIGHTS);
        fs::create_dir(&weights).map_err(|source| Error::Io { path: weights, source })?;
        config.save(path.join(CONFIG))?;
        let log = Log::create(path.join(LOG))?;
        Self::new(path, metadata, Results::default(), log)
    }

    /// Goes on with a folder whose training has been resumed after `epochs_done` epochs; what it wrote after them is dropped.
    ///
    /// # Errors
    /// Where a file of the folder cannot be read or written.
    pub fn resume(path: impl Into<PathBuf>, epochs_done: usize, config: &Config, metadata: Metadata) -> Result<Self> {
        let path = path.into();
        config.save(path.join(CONFIG))?;
        let results = Results::load(&path.join(RESULTS), epochs_done)?;
        let log = Log::resume(path.join(LOG), epochs_done)?;
        Self::new(path, metadata, results, log)
    }

    fn new(path: PathBuf, metadata: Metadata, results: Results, log: Log) -> Result<Self> {
        let classes = metadata.classes.clone().unwrap_or_default();
        let events = EventFile::create(&path)?;
        Ok(RunFolder { path, metadata, classes, results, log, events })
    }

    /// The folder among `parent/name`, `parent/name2` and so on whose checkpoint is the newest.
    ///
    /// # Errors
    /// Where none has a checkpoint.
    pub fn latest(parent: impl AsRef<Path>, name: &str) -> Result<PathBuf> {
        let parent = parent.as_ref();
        let is_counted = |folder: &str| folder.strip_prefix(name).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
        let entries = fs::read_dir(parent).map_err(|source| Error::Io { path: parent.to_owned(), source })?;
        let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let runs = folders.filter(|path| path.file_name().is_some_and(|folder| is_counted(&folder.to_string_lossy())));
        let saved = runs.filter_map(|run| Some((fs::metadata(run.join(CHECKPOINT)).ok()?.modified().ok()?, run)));
        let newest = saved.max_by(|(a, _), (b, _)| a.cmp(b));
        newest.map(|(_, run)| run).ok_or_else(|| Error::NoRun { parent: parent.to_owned(), name: name.to_owned() })
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The settings of the run in a folder.
    pub fn config_of(run: impl AsRef<Path>) -> PathBuf {
        run.as_ref().join(CONFIG)
    }

    /// What the run in a folder is resumed from.
    pub fn checkpoint_of(run: impl AsRef<Path>) -> PathBuf {
        run.as_ref().join(CHECKPOINT)
    }

    /// Writes what an epoch has changed. The checkpoint comes last: where the program ends before, the epoch has not been.
    fn finish_epoch(&mut self, epoch: usize, summary: &EpochSummary, trainer: &Trainer<'_>) -> Result<()> {
        self.save_weights(summary.is_best, trainer)?;
        self.results.add(epoch, summary);
        self.write(RESULTS, self.results.to_csv().as_bytes())?;
        self.write(PER_CLASS, results::per_class(&summary.evaluation, &self.classes).as_bytes())?;
        self.log.epoch(epoch, summary)?;
        self.events.scalars(epoch, self.results.last())?;
        self.draw(epoch, summary, trainer)?;
        trainer.save(self.path.join(CHECKPOINT))
    }

    /// Draws the results so far and the last test.
    fn draw(&mut self, epoch: usize, summary: &EpochSummary, trainer: &Trainer<'_>) -> Result<()> {
        let evaluation = &summary.evaluation;
        self.write(CURVES, &draw::curves(self.results.rows())?.to_png()?)?;
        self.write(CONFUSION, &evaluation.confusion_matrix(&self.classes, false)?.to_png()?)?;
        self.write(TOP_LOSSES, &draw::gallery(&evaluation.hardest, &*trainer.data().test)?.to_png()?)?;
        let normalized = evaluation.confusion_matrix(&self.classes, true)?;
        let png = normalized.to_png()?;
        self.write(CONFUSION_NORMALIZED, &png)?;
        self.events.picture(epoch, "confusion_matrix", (normalized.width(), normalized.height()), &png)
    }

    /// The best weights share the file of the last ones until there are newer ones.
    fn save_weights(&self, is_best: bool, trainer: &Trainer<'_>) -> Result<()> {
        let folder = self.path.join(WEIGHTS);
        let (last, best) = (folder.join(LAST), folder.join(BEST));
        zoo::save(&last, trainer.model(), &self.metadata)?;
        if is_best {
            replace_by_link(&last, &best).map_err(|source| Error::Io { path: best, source })?;
        }
        Ok(())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write(&self.path.join(name), bytes)
    }
}

impl Observer for RunFolder {
    fn report(&mut self, event: &Event<'_>) -> Result<()> {
        match event {
            Event::RunningLoss { at, loss, learning_rate } => self.log.running_loss(at, *loss, *learning_rate),
            Event::EpochFinished { at, summary, trainer } => self.finish_epoch(at.epoch, summary, trainer),
            _ => Ok(()),
        }
    }
}

/// Makes the first folder of the name, or of the name with a number, that is not there yet.
fn make_folder(parent: &Path, name: &str) -> Result<PathBuf> {
    let one_folder = Path::new(name).file_name().is_some_and(|file| file == name);
    if !one_folder {
        return Err(Error::Setting { name: "name of the run", value: format!("{name:?}"), reason: "it must be that of one folder" });
    }
    fs::create_dir_all(parent).map_err(|source| Error::Io { path: parent.to_owned(), source })?;
    for number in 1..=MAX_RUNS {
        let path = parent.join(if number == 1 { name.to_owned() } else { format!("{name}{number}") });
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(Error::Io { path, source }),
        }
    }
    Err(Error::Io { path: parent.join(name), source: io::ErrorKind::AlreadyExists.into() })
}

/// Makes `to` another name of the file `from`, or a copy where the file system has no links.
fn replace_by_link(from: &Path, to: &Path) -> io::Result<()> {
    let beside = to.with_extension("tmp");
    let _ = fs::remove_file(&beside); // of a run that was killed here
    fs::hard_link(from, &beside).or_else(|_| fs::copy(from, &beside).map(drop))?;
    fs::rename(&beside, to)
}

/// Writes a file that is never left half written.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(write_file(path, |file| file.write_all(bytes)).map_err(zoo::Error::from)?)
}
