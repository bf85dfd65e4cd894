//! The peers of a row: what their script is asked for, and what it says.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::process::{self, Ended};
use super::rows::{self, Dtype, Row, Work};
use super::session::Session;
use super::table::{Measured, Metric};
use super::{or_noted, parse};

/// The most modes of PyTorch that take turns: each holds a network and what its training needs.
pub const FEW: usize = 2;

/// The program of all peers, and the Python that runs it.
pub struct Script {
    pub python: PathBuf,
    pub file: PathBuf,
}

impl Script {
    fn command(&self, args: &[OsString]) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.file).args(args);
        command
    }
}

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
    /// The peers of a row. One that fails, as a compiler that is not installed makes it, is left out with a note. Where there
    /// are more than [`FEW`], all do their work once, and the fastest stay.
    pub fn all(script: &Script, row: &Row, files: Option<&[PathBuf; 2]>, measured: &mut Measured) -> Vec<Peer> {
        let mut peers = row.work.peers(files);
        if peers.len() > FEW {
            let mut time = |(label, args): &(String, Vec<OsString>)| or_noted(row, label, once(label, script.command(args), measured));
            let mut timed: Vec<_> = peers.into_iter().filter_map(|peer| Some((time(&peer)?, peer))).collect();
            timed.sort_by(|a, b| a.0.total_cmp(&b.0));
            timed.iter().skip(FEW).for_each(|(ms, (label, _))| measured.add_once(label, *ms));
            peers = timed.into_iter().take(FEW).map(|(_, peer)| peer).collect();
        }
        let ready = |(label, args): (String, Vec<OsString>)| {
            let way = match row.work {
                Work::Predict => Way::Anew(script.command(&args)),
                _ => {
                    let turns = ["--turns".into(), row.work.seconds().into()];
                    Way::Waiting(or_noted(row, &label, Session::start(script.command(&turns).args(&args)))?)
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

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::super::rows::ROWS;
    use super::super::table;
    use super::*;

    /// What stands in for the peers, by a shell: channels last takes 20 ms alone, the fused optimiser 30, whatever else 50; all take 40 in
    /// turn, and there is no compiler.
    const SCRIPT: &str = "say() { echo \"pytorch train: $1 ms/step, 1 img/s\"; }
case \"$*\" in
    *--turns*) echo ready; while read -r line; do say 40; echo ready; done ;;
    *compile*) echo 'no compiler' >&2; exit 1 ;;
    *+fused) say 30 ;;
    *-cl) say 20 ;;
    *) say 50 ;;
esac
";

    #[test]
    fn the_fastest_modes_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let script = Script { python: "sh".into(), file: folder.path().join("peers.sh") };
        fs::write(&script.file, SCRIPT).unwrap();
        let (row, mut measured) = (&ROWS[0], Measured::default());
        let mut peers = Peer::all(&script, row, None, &mut measured);
        let labels: Vec<_> = peers.iter().map(Peer::label).collect();
        assert_eq!(labels, ["PyTorch fp32-cl", "PyTorch fp32+fused"]);
        peers.iter_mut().for_each(|peer| peer.turn(&row.work, &mut measured).unwrap());
        measured.add_ours(Metric::Time, 10.0);
        let line = "| train resnet18, 32 px, batch 32, f32 | 10.0 ms | 40.0 ms (PyTorch fp32+fused) | 4.00 \
                    | PyTorch fp32-cl 40.0, PyTorch fp32-cl+fused 30.0 (once), PyTorch fp32 50.0 (once) |";
        assert_eq!(table::lines(row, &measured)[0], line);
    }
}
