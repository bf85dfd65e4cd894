//! The public API of `hub`, written by `cargo xtask api` and checked by `cargo xtask tidy`.

// hub/src/adopt.rs
pub fn adopt(source: &Path, dest: &Path, checks: &Checks<'_>) -> Result<Outcome, Error>;

// hub/src/cache.rs
pub fn checkpoints_dir() -> Result<PathBuf, Error>;

// hub/src/checks.rs
#[derive(Debug, Clone, Copy, Default)]
pub struct Checks<'a> {
    pub len: Option<u64>,
    pub sha256: Option<&'a str>,
    pub md5: Option<&'a str>,
}
impl Checks<'_> {
    pub fn verify(&self, path: &Path) -> Result<(), Error>;
}

// hub/src/error.rs
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    Offline { path: PathBuf, url: String },
    Address { url: String },
    Status { url: String, status: u16 },
    WebPage { url: String },
    Unreachable { url: String, reason: String },
    Connection { url: String, reason: String },
    TooLong { url: String, limit: u64 },
    Length { file: String, expected: u64, found: u64 },
    Hash { file: String, algorithm: &'static str, expected: String, found: String },
    Io { action: &'static str, path: PathBuf, source: io::Error },
    NoCache,
}

// hub/src/fetch.rs
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Present,
    Fetched,
}
pub fn fetch(
    url: &str,
    dest: &Path,
    checks: &Checks<'_>,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Outcome, Error>;

// hub/src/lib.rs
pub use cache::checkpoints_dir;
pub use checks::Checks;
pub use error::Error;
pub use progress::{Event, Progress, Silent};
pub use published::{Interpolation, Preset, Published, find_published, published};
#[cfg(feature = "network")]
pub use {
    adopt::adopt, fetch::{Outcome, fetch},
    lock::Lock, meter::Meter, options::{Options, file_name},
};

// hub/src/lock.rs
#[derive(Debug)]
pub struct Lock {
    private: (),
}
impl Lock {
    pub fn acquire(dest: &Path, progress: &mut dyn Progress) -> Result<Self, Error>;
    pub fn release(self);
}

// hub/src/meter.rs
#[derive(Debug)]
pub struct Meter<W> {
    private: (),
}
impl<W: Write> Meter<W> {
    pub fn new(out: W, terminal: bool) -> Self;
}
impl<W: Write> Progress for Meter<W>;

// hub/src/options.rs
#[derive(Debug, Clone)]
pub struct Options {
    pub mirror: Option<String>,
    pub offline: bool,
    pub retries: u32,
    pub backoff: Duration,
    pub connect_timeout: Duration,
    pub stall_timeout: Duration,
    pub limit: u64,
}
impl Default for Options;
pub fn file_name(url: &str) -> Option<&str>;

// hub/src/progress.rs
pub trait Progress {
    fn report(&mut self, event: Event<'_>);
}
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    Waiting { path: &'a Path },
    Started { url: &'a str, have: u64, total: Option<u64> },
    Received { have: u64 },
    Retrying { error: &'a Error, pause: Duration },
    Verifying,
    Finished { len: u64 },
}
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;
impl Progress for Silent;

// hub/src/published.rs
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    pub model: &'static str,
    pub weights: &'static str,
    pub default: bool,
    pub file: &'static str,
    pub file_mib: f64,
    pub params: u64,
    pub gflops: f64,
    pub min_size: u32,
    pub preset: Preset,
    pub acc1: Option<f64>,
    pub acc5: Option<f64>,
}
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    pub resize: u32,
    pub crop: u32,
    pub interpolation: Interpolation,
    pub mean: [f64; 3],
    pub std: [f64; 3],
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    Bilinear,
    Bicubic,
}
impl Published {
    pub fn url(&self) -> String;
    pub fn checks(&self) -> Checks<'static>;
}
pub fn published() -> &'static [Published];
pub fn find_published(model: &str, weights: Option<&str>) -> Option<&'static Published>;
