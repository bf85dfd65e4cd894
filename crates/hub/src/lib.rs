//! Published weights and how they are had: downloads that resume, check what they got, and share PyTorch's cache folder.
//!
//! [`published`] lists the weights that torchvision publishes.
//! [`fetch`] brings one file to one place: it resumes after a break, retries, refuses what is not the file, and
//! puts it in place only when it is whole. [`checkpoints_dir`] is the folder where PyTorch keeps published weights,
//! so neither fetches what the other has. Without the feature `network` there are the table, the folder and
//! [`Checks`] only. Nothing here prints; [`Progress`] tells the caller what happens.
//!
//! ```no_run
//! use hub::{Options, Silent};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let weights = hub::find_published("resnet18", None).ok_or("no such model")?;
//! let path = hub::checkpoints_dir()?.join(weights.file);
//! hub::fetch(&weights.url(), &path, &weights.checks(), &Options::default(), &mut Silent)?;
//! # Ok(())
//! # }
//! ```

mod cache;
mod checks;
mod error;
mod progress;
mod published;

#[cfg(feature = "network")]
mod adopt;
#[cfg(feature = "network")]
mod claim;
#[cfg(feature = "network")]
mod fetch;
#[cfg(feature = "network")]
mod lock;
#[cfg(feature = "network")]
mod meter;
#[cfg(feature = "network")]
mod options;
#[cfg(feature = "network")]
mod transfer;

pub use cache::checkpoints_dir;
pub use checks::Checks;
pub use error::Error;
pub use progress::{Event, Progress, Silent};
pub use published::{Interpolation, Preset, Published, find_published, published};

#[cfg(feature = "network")]
pub use {
    adopt::adopt,
    fetch::{Outcome, fetch},
    lock::Lock,
    meter::Meter,
    options::{Options, file_name},
};
