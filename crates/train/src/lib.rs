//! The training loop, evaluation, prediction, explanation and timing. Nothing here prints: an [`Observer`] is told what happens.
//!
//! ```
//! use std::sync::Arc;
//! use datasets::{Digits, Split};
//! use train::{Data, Settings, Silent, fit};
//!
//! tensor::random::manual_seed(0);
//! let model = zoo::build("resnet18", 10)?;
//! let data = Data {
//!     train: Arc::new(Digits::new(Split::Train)?),
//!     test: Arc::new(Digits::new(Split::Test)?),
//!     train_transform: Arc::new(Digits::preset().transform()?),
//!     transform: Arc::new(Digits::preset().transform()?),
//! };
//! let settings = Settings { limit_batches: Some(10), ..Settings::default() };
//! let epochs = fit(&*model, &data, &settings, &mut Silent)?;
//! println!("{:.2}%", 100.0 * epochs[0].accuracy());
//! # assert_eq!(epochs[0].samples, 360);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod event;
mod settings;

mod average;
mod batch;
mod cam;
mod checkpoint;
mod class_report;
mod class_weights;
mod draw;
mod evaluate;
mod fit;
mod layer_groups;
mod lr_find;
mod mix;
mod predict;
mod step;
mod trainer;

pub mod bench;
pub mod run;

pub use cam::{grad_cam, overlay};
pub use class_report::ClassScores;
pub use error::{Error, Result};
pub use evaluate::{ClassCounts, Evaluation, Guess, evaluate};
pub use event::{Event, Observer, Position, Silent};
pub use fit::{Data, fit};
pub use lr_find::{LrFind, LrPoint, LrRange, lr_find};
pub use predict::{Prediction, predict, probabilities};
pub use settings::{Balance, ClassWeights, OptimizerKind, Precision, ScheduleSettings, SchedulerKind, Settings};
pub use step::Stepper;
pub use trainer::{EpochSummary, Trainer};
