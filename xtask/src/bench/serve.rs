//! `cargo xtask bench-serve`: what `convoy serve` answers under load, beside what `convoy bench infer` computes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use datasets::Image;

use super::{build, parse, process};

/// The side of the picture: that to which pictures are scaled before the middle is cut out, so that scaling takes no time.
const SIDE: usize = 256;

/// How long a server is asked before its answers count.
const WARM_UP: Duration = Duration::from_secs(5);

/// What to measure.
#[derive(clap::Args)]
pub struct Args {
    /// The models, with random weights
    #[arg(long, value_name = "NAME", default_values = ["squeezenet1_1", "resnet18", "resnet50"])]
    model: Vec<String>,
    /// Pictures at once in `bench infer`
    #[arg(long, value_name = "N", default_value = "8")]
    batch: NonZeroUsize,
    /// The most pictures that the server takes at once [default: its own]
    #[arg(long, value_name = "N")]
    max_batch: Option<NonZeroUsize>,
    /// Connections, each of which has one request under way at all times
    #[arg(long, value_name = "N", default_value = "64")]
    connections: NonZeroUsize,
    /// Threads that the networks compute on [default: all]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// How long to measure each, in seconds
    #[arg(long, value_name = "N", default_value = "5")]
    seconds: NonZeroUsize,
    /// How often, in turn
    #[arg(long, value_name = "N", default_value = "5")]
    rounds: NonZeroUsize,
    /// The program [default: built anew]
    #[arg(long, value_name = "PATH")]
    convoy: Option<PathBuf>,
}

/// Measures, and prints a line for each model.
pub fn run(args: &Args) -> Result<()> {
    let convoy = args.convoy.clone().map_or_else(build, Ok)?;
    let folder = convoy.parent().context("the program is in no folder")?.to_owned();
    for model in &args.model {
        let file = folder.join(format!("serve-{model}.safetensors"));
        let export = ["export", model, "--weights", "none", "--output"];
        process::run(Command::new(&convoy).args(export).arg(&file))?;
        let (mut computed, mut answered) = (Vec::new(), Vec::new());
        for _ in 0..args.rounds.get() {
            computed.push(args.computed(&convoy, model)?);
            answered.push(args.answered(&convoy, &file)?);
        }
        std::fs::remove_file(&file)?;
        let (computed, answered) = (median(computed), median(answered));
        let ratio = answered / computed;
        println!("{model}, batch {}: bench infer {computed:.1} img/s, serve {answered:.1} img/s, ratio {ratio:.2}", args.batch);
    }
    Ok(())
}

impl Args {
    fn threads(&self) -> Vec<String> {
        self.threads.map_or(Vec::new(), |threads| vec!["--threads".to_owned(), threads.to_string()])
    }

    /// The pictures a second of `convoy bench infer`.
    fn computed(&self, convoy: &Path, model: &str) -> Result<f64> {
        let (batch, seconds) = (self.batch.to_string(), self.seconds.to_string());
        let bench = ["bench", "infer", "--model", model, "--batch", &batch, "--seconds", &seconds];
        let ended = process::run(Command::new(convoy).args(bench).args(self.threads()))?;
        let ms = parse::milliseconds(&ended.stdout).with_context(|| format!("convoy printed {:?}", ended.stdout))?;
        Ok(self.batch.get() as f64 / ms * 1e3)
    }

    /// The answers a second of `convoy serve`.
    fn answered(&self, convoy: &Path, weights: &Path) -> Result<f64> {
        let mut command = Command::new(convoy);
        command.args(["--quiet", "serve", "--port", "0", "--timeout", "600", "--weights"]).arg(weights);
        if let Some(max_batch) = self.max_batch {
            command.args(["--max-batch", &max_batch.to_string()]);
        }
        let server = Server::start(command.args(self.threads()))?;
        let request = request()?;
        // The first answers are slower, and the server finds out how many pictures to take at once.
        self.load(&server, &request, WARM_UP)?;
        let start = Instant::now();
        let answers = self.load(&server, &request, Duration::from_secs(self.seconds.get() as u64))?;
        Ok(answers as f64 / start.elapsed().as_secs_f64())
    }

    /// Asks on all connections for a while, and returns how many answers came.
    fn load(&self, server: &Server, request: &[u8], time: Duration) -> Result<usize> {
        let end = Instant::now() + time;
        thread::scope(|scope| {
            let clients: Vec<_> = (0..self.connections.get()).map(|_| scope.spawn(|| client(&server.address, request, end))).collect();
            clients.into_iter().map(|client| client.join().expect("a client does not panic")).sum()
        })
    }
}

/// A running server, which ends with this.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(command: &mut Command) -> Result<Self> {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("no output")?).read_line(&mut line)?;
        let server = Server { process, address: line.trim().rsplit("//").next().unwrap_or_default().to_owned() };
        ensure!(!server.address.is_empty(), "convoy does not serve");
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A request with a picture of gentle colours, whose file is small and quick to read.
fn request() -> Result<Vec<u8>> {
    let pixels = (0..SIDE * SIDE).flat_map(|i| [i % SIDE, i / SIDE, (i % SIDE + i / SIDE) / 2].map(|value| value as u8));
    let picture = Image::from_rgb(SIDE, SIDE, pixels.collect())?.to_png()?;
    let head = format!("POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", picture.len());
    Ok([head.into_bytes(), picture].concat())
}

/// Asks on one connection until the end, and returns how many answers came.
fn client(address: &str, request: &[u8], end: Instant) -> Result<usize> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut answers = 0;
    while Instant::now() < end {
        stream.get_mut().write_all(request)?;
        let (mut line, mut length) = (String::new(), 0);
        stream.read_line(&mut line)?;
        ensure!(line.starts_with("HTTP/1.1 200"), "the server answers {line:?}");
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line)?;
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse()?;
            }
        }
        stream.read_exact(&mut vec![0; length])?;
        answers += 1;
    }
    Ok(answers)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
