//! What happened, a line of JSON each.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::PathBuf,
};

use serde_json::{Value, json};

use super::write;
use crate::{EpochSummary, Error, Position, Result};

/// A log that lines are added to.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    pub fn create(path: PathBuf) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path);
        match file {
            Ok(file) => Ok(Log { path, file }),
            Err(source) => Err(Error::Io { path, source }),
        }
    }

    /// Goes on after the epochs that are done; lines of later ones, and of one that was cut short, are dropped.
    pub fn resume(path: PathBuf, epochs_done: usize) -> Result<Self> {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(Error::Io { path, source }),
        };
        let epoch = |line: &str| serde_json::from_str::<Value>(line).ok()?.get("epoch")?.as_u64();
        let is_done = |line: &&str| epoch(line).is_some_and(|epoch| epoch <= epochs_done as u64);
        let kept: String = text.lines().filter(is_done).flat_map(|line| [line, "\n"]).collect();
        write(&path, kept.as_bytes())?;
        Self::create(path)
    }

    pub fn running_loss(&mut self, at: &Position, loss: f64, learning_rate: f64) -> Result<()> {
        let Position { epoch, epochs, batch, batches } = *at;
        self.add(&json!({
            "event": "running_loss", "epoch": epoch, "epochs": epochs, "batch": batch, "batches": batches, "loss": loss, "lr": learning_rate,
        }))
    }

    pub fn epoch(&mut self, epoch: usize, summary: &EpochSummary) -> Result<()> {
        let evaluation = &summary.evaluation;
        self.add(&json!({
            "event": "epoch",
            "epoch": epoch,
            "time": summary.elapsed.as_secs_f64(),
            "train": {"samples": summary.samples, "loss": summary.train_loss, "accuracy": summary.train_accuracy,
                "time": summary.train_time.as_secs_f64()},
            "val": {"samples": evaluation.samples, "loss": evaluation.loss(), "correct": evaluation.correct,
                "correct_top5": evaluation.correct_top5},
            "lr": summary.learning_rate,
            "is_best": summary.is_best,
        }))
    }

    /// Adds a line at once, so that whoever follows the file sees it.
    fn add(&mut self, line: &Value) -> Result<()> {
        let Log { path, file } = self;
        file.write_all(format!("{line}\n").as_bytes()).map_err(|source| Error::Io { path: path.clone(), source })
    }
}
