//! The peers of a row: what their script is asked for, and what it says.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::process::{self, Ended};
use super::rows::{self, Dtype, Row, Work};
use super::session::Session;
use super::table::{Measured, Metric};
use super::{or_noted, parse};
use crate::workspace;

/// The most modes of PyTorch that take turns: each holds a network and what its training needs.
pub const FEW: usize = 2;

/// A peer that takes turns with us.
pub struct Peer {
    label: String,
    way: Way,
}

/// How it does its work.
enum Way {
    /// In a process that waits for its turns.
    Waiting(Session),
    /// In a process of its own each time, which is timed as a whole.
    Anew(Command),
}

impl Peer {
    /// The peers of a row, by this Python. One that fails, as a compiler that is not installed makes it, is left out with a note. Where there
    /// are more than [`FEW`], all do their work once, and the fastest stay.
    pub fn all(python: &Path, row: &Row, files: Option<&[PathBuf; 2]>, measured: &mut Measured) -> Vec<Peer> {
        let mut peers = row.work.peers(files);
        if peers.len() > FEW {
            let mut time = |(label, args): &(String, Vec<OsString>)| or_noted(row, label, once(label, script(python, args), measured));
            let mut timed: Vec<_> = peers.into_iter().filter_map(|peer| Some((time(&peer)?, peer))).collect();
            timed.sort_by(|a, b| a.0.total_cmp(&b.0));
            timed.iter().skip(FEW).for_each(|(ms, (label, _))| measured.add_peer(Metric::Time, label, *ms));
            peers = timed.into_iter().take(FEW).map(|(_, peer)| peer).collect();
        }
        let ready = |(label, args): (String, Vec<OsString>)| {
            let way = match row.work {
                Work::Predict => Way::Anew(script(python, &args)),
                _ => {
                    let turns = ["--turns".into(), row.work.seconds().into()];
                    Way::Waiting(or_noted(row, &label, Session::start(script(python, &turns).args(&args)))?)
                }
            };
            Some(Peer { label, way })
        };
        peers.into_iter().filter_map(ready).collect()
    }

    /// Whose figures these are.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Does the work once more, and adds the figures.
    ///
    /// # Errors
    /// Where the program fails, or its output is none that it should have.
    pub fn turn(&mut self, work: &Work, measured: &mut Measured) -> Result<()> {
        let output = match &mut self.way {
            Way::Anew(command) => {
                let ended = process::run(command)?;
                measured.add_peer(Metric::Time, &self.label, ended.ms);
                add_memory(&self.label, &ended, measured);
                return Ok(());
            }
            Way::Waiting(session) => session.turn()?,
        };
        let unread = || format!("it printed {output:?}");
        if let Work::Infer { dtype, .. } = work {
            let engines = parse::engines(&output).with_context(unread)?;
            for (engine, ms) in engines.iter().filter(|(engine, _)| Dtype::of_engine(engine) == Some(*dtype)) {
                measured.add_peer(Metric::Time, &rows::engine_label(engine), *ms);
            }
        } else {
            measured.add_peer(Metric::Time, &self.label, parse::milliseconds(&output).with_context(unread)?);
        }
        Ok(())
    }
}

/// The milliseconds of a process that does its work once. Its memory is a figure of the row.
fn once(label: &str, mut command: Command, measured: &mut Measured) -> Result<f64> {
    let ended = process::run(&mut command)?;
    add_memory(label, &ended, measured);
    parse::milliseconds(&ended.stdout).with_context(|| format!("it printed {:?}", ended.stdout))
}

fn add_memory(label: &str, ended: &Ended, measured: &mut Measured) {
    ended.peak_mb.into_iter().for_each(|mb| measured.add_peer(Metric::Memory, label, mb));
}

fn script(python: &Path, args: &[OsString]) -> Command {
    let mut command = Command::new(python);
    command.arg(workspace::root().join("xtask/peers/peers.py")).args(args);
    command
}
