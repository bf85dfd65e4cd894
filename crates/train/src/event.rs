//! What a caller learns while a model is trained or evaluated.

use crate::{EpochSummary, Result, Trainer};

/// Receives the events of [`fit`](crate::fit) and [`evaluate`](crate::evaluate).
pub trait Observer {
    /// Called with each event, on the thread that trains.
    ///
    /// # Errors
    /// Any error ends the training, which returns it.
    fn report(&mut self, event: &Event<'_>) -> Result<()>;
}

/// Where a training stands. Everything counts from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The epoch.
    pub epoch: usize,
    /// The epochs of the training.
    pub epochs: usize,
    /// The batch of the epoch.
    pub batch: usize,
    /// The batches of the epoch.
    pub batches: usize,
}

/// One event.
#[non_exhaustive]
pub enum Event<'a> {
    /// The model has learned from a batch.
    TrainBatch {
        /// Which one.
        at: Position,
        /// The pictures in it.
        samples: usize,
        /// Its loss, before the update.
        loss: f64,
        /// The learning rate of the update.
        learning_rate: f64,
    },
    /// So many batches are done that the loss is due.
    RunningLoss {
        /// The last batch.
        at: Position,
        /// The mean loss of the batches since the last such event of the epoch.
        loss: f64,
        /// The learning rate of the last update.
        learning_rate: f64,
    },
    /// The model was tested on a batch.
    TestBatch {
        /// Which one, from 1.
        batch: usize,
        /// The batches of the test.
        batches: usize,
        /// The pictures in it.
        samples: usize,
    },
    /// An epoch, and the test at its end, are done.
    EpochFinished {
        /// The last batch.
        at: Position,
        /// What it came to.
        summary: &'a EpochSummary,
        /// The training, to be saved.
        trainer: &'a Trainer<'a>,
    },
}

/// Ignores every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn report(&mut self, _: &Event<'_>) -> Result<()> {
        Ok(())
    }
}

/// Tells the first and then the second.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn report(&mut self, event: &Event<'_>) -> Result<()> {
        self.0.report(event)?;
        self.1.report(event)
    }
}
