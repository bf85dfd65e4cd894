//! Image data sets, transforms and the batch loader.
//!
//! A [`Dataset`] yields pictures and labels, a [`Compose`](transforms::Compose) turns a picture into a normalised array, and a [`Loader`]
//! makes shuffled batches of them in the background. What a batch holds depends on the seed and the epoch alone.
//!
//! ```
//! use std::sync::Arc;
//! use datasets::transforms::{Compose, Normalize};
//! use datasets::{Digits, Loader, LoaderOptions, Split};
//!
//! let transform = Compose::new().normalize(Normalize::new([0.5; 3], [0.5; 3])?);
//! let options = LoaderOptions { batch_size: 32, shuffle: true, ..LoaderOptions::default() };
//! let loader = Loader::new(Arc::new(Digits::new(Split::Train)?), Arc::new(transform), options)?;
//! for batch in loader.epoch(0)?.take(2) {
//!     assert_eq!(batch?.images.shape(), [32, 3, 32, 32]);
//! }
//! # Ok::<(), datasets::Error>(())
//! ```

mod bytes;
mod error;
mod image;
mod prepared;
mod rng;
pub mod transforms;

mod dataset;

mod cifar;
mod digits;
mod folder;

mod subset;

mod loader;

pub use cifar::{Cifar10, Cifar10Version};
pub use dataset::{Dataset, Split};
pub use digits::Digits;
pub use error::{Error, Result};
pub use folder::{ImageFolder, pictures_under};
pub use image::{Image, MAX_PIXELS, MAX_SIDE};
pub use loader::{Batch, Batches, Loader, LoaderOptions};
pub use rng::Rng;
pub use subset::Subset;
