//! `cargo xtask bench --peers`: Convoy and its peers in turn, on the work that the project is measured on.

mod parse;
mod peer;
mod process;
mod rows;
pub mod serve;
mod session;
mod table;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

use crate::workspace;
use peer::{FEW, Peer, Script};
use rows::{ROWS, Row, Work};
use table::{Measured, Metric};

/// Where `xtask/peers/setup.sh` puts Python.
const PYTHON: &str = "target/peers/bin/python";
/// The picture of the prediction.
const PICTURE: &str = "crates/zoo/data/photos/chelsea.png";
/// What the versions in the table are of.
const VERSIONS: &str = "import torch, torchvision, onnxruntime, openvino\n\
    print(f'PyTorch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}, OpenVINO {openvino.__version__.split(\"-\")[0]}')";

/// What to compare, and where the result goes.
#[derive(clap::Args)]
pub struct Args {
    /// Compare with PyTorch, ONNX Runtime and OpenVINO
    #[arg(long, required = true)]
    peers: bool,
    /// The Python that has them [default: target/peers/bin/python, which xtask/peers/setup.sh makes]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Only rows whose name contains this; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How often each is timed, ours and the peers in turn
    #[arg(long, value_name = "N", default_value = "9")]
    turns: NonZeroUsize,
    /// Put the table into docs/performance.md
    #[arg(long, conflicts_with = "only")]
    write: bool,
    /// Print the names of the rows, and do nothing
    #[arg(long)]
    list: bool,
}

/// Measures, and prints or writes the table.
pub fn run(args: &Args) -> Result<ExitCode> {
    let rows: Vec<&Row> =
        ROWS.iter().filter(|row| args.only.is_empty() || args.only.iter().any(|part| row.name().contains(part))).collect();
    ensure!(!rows.is_empty(), "--only {}: no row has such a name; --list shows them", args.only.join(" "));
    if args.list {
        rows.iter().for_each(|row| println!("{}", row.name()));
        return Ok(ExitCode::SUCCESS);
    }
    let programs = Programs::ready(args.python.as_deref())?;
    let mut lines = Vec::new();
    for row in rows {
        let measured = programs.measure(row, args.turns.get())?;
        for line in table::lines(row, &measured) {
            println!("{line}");
            lines.push(line);
        }
    }
    let text = table::text(&programs.conditions(args.turns.get()), &lines);
    println!("\n{text}");
    if args.write {
        table::write(&workspace::root().join("docs/performance.md"), &text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is compared, ready to run.
struct Programs {
    convoy: PathBuf,
    peers: Script,
    /// The peers' names and versions.
    versions: String,
}

impl Programs {
    /// Builds ours and checks the peers.
    fn ready(python: Option<&Path>) -> Result<Self> {
        let root = workspace::root();
        let python = python.map_or_else(|| root.join(PYTHON), Path::to_path_buf);
        ensure!(
            python.is_file(),
            "{}: no such Python; `bash xtask/peers/setup.sh` makes one with the peers (2 minutes, 6 GB), or name one by --python PATH",
            python.display()
        );
        let versions = process::run(Command::new(&python).args(["-c", VERSIONS])).context("the peers cannot be imported")?.stdout;
        let peers = Script { python, file: root.join("xtask/peers/peers.py") };
        Ok(Programs { convoy: build()?, peers, versions: versions.trim().to_owned() })
    }

    /// What was compared, and where.
    fn conditions(&self, turns: usize) -> String {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let cpu = std::fs::read_to_string("/proc/cpuinfo")
            .ok()
            .as_deref()
            .and_then(parse::cpu_model)
            .map_or(String::new(), |model| format!(", {model}"));
        format!(
            "{threads} threads{cpu}; {}; ours and the peers in turn, medians of {turns} short turns. Of more than {FEW} modes of PyTorch all are \
             timed once first, and the {FEW} fastest then in turn.",
            self.versions
        )
    }

    /// Each program's figures for a row.
    fn measure(&self, row: &Row, turns: usize) -> Result<Measured> {
        let weights = match row.work {
            Work::Predict => Some(self.weights()?),
            _ => None,
        };
        let files = weights.as_deref().map(|weights| [weights.to_path_buf(), workspace::root().join(PICTURE)]);
        let mut measured = Measured::default();
        let mut peers = Peer::all(&self.peers, row, files.as_ref(), &mut measured);
        for turn in 1..=turns {
            eprintln!("{}: turn {turn} of {turns}", row.name());
            self.ours(row, files.as_ref(), &mut measured)?;
            peers.retain_mut(|peer| {
                let result = peer.turn(&row.work, &mut measured);
                or_noted(row, peer.label(), result).is_some()
            });
        }
        ensure!(measured.has_peer(), "{}: no peer could be measured", row.name());
        Ok(measured)
    }

    fn ours(&self, row: &Row, files: Option<&[PathBuf; 2]>, measured: &mut Measured) -> Result<()> {
        let ended = process::run(Command::new(&self.convoy).args(row.work.ours(files)))?;
        let ms = match row.work {
            Work::Predict => ended.ms,
            _ => parse::milliseconds(&ended.stdout).with_context(|| format!("convoy printed {:?}", ended.stdout))?,
        };
        measured.add_ours(Metric::Time, ms);
        ended.peak_mb.into_iter().for_each(|mb| measured.add_ours(Metric::Memory, mb));
        Ok(())
    }

    /// A file of ResNet-18's weights, as PyTorch saves them; made by one step of training, as it does not matter what they say.
    fn weights(&self) -> Result<PathBuf> {
        let path = release_folder()?.join("peers-resnet18.pth");
        if !path.is_file() {
            let mut train = Command::new(&self.convoy);
            train.args(["train", "--model", "resnet18", "--weights", "none", "--dataset", "digits", "--num-classes", "1000"]);
            train.args(["--limit-batches", "1", "--out"]).arg(&path);
            process::run(&mut train).context("cannot make weights for the prediction")?;
        }
        Ok(path)
    }
}

/// What there is, or nothing and a note that a peer is left out.
fn or_noted<T>(row: &Row, label: &str, result: Result<T>) -> Option<T> {
    result.inspect_err(|error| eprintln!("note: {}: {label} is left out: {error:#}", row.name())).ok()
}

/// Builds ours, and returns where it is.
fn build() -> Result<PathBuf> {
    let status = Command::new("cargo").args(["build", "--release", "--package", "cli"]).current_dir(workspace::root()).status();
    ensure!(status.context("cannot run cargo")?.success(), "convoy does not build");
    Ok(release_folder()?.join("convoy"))
}

/// Where cargo puts release builds: beside the folder that this program is in.
fn release_folder() -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    match program.ancestors().nth(2) {
        Some(target) => Ok(target.join("release")),
        None => bail!("{}: not in a target folder", program.display()),
    }
}
