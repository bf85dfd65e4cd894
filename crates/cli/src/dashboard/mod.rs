//! `--tui`: curves, rates and the time left of a training, redrawn in place below the results.

mod screen;
mod view;

use std::io::Write;
use std::time::{Duration, Instant};

use train::{Event, Observer};

use crate::progress;
use screen::Screen;

/// The time between two pictures of the dashboard.
const REFRESH: Duration = Duration::from_millis(100);
/// The most points of a curve; where there are more, every second one goes.
const MAX_POINTS: usize = 512;

/// A dashboard of a training.
pub struct Dashboard<'a> {
    out: &'a mut dyn Write,
    measured: &'static str,
    screen: Screen,
    state: State,
    drawn: Option<Instant>,
}

/// What the dashboard shows.
struct State {
    title: String,
    /// The epoch, and all of them.
    epochs: (usize, usize),
    /// What is being done: training, or what the test is called.
    phase: &'static str,
    /// The pictures of an epoch, and those done in this one.
    pictures: (usize, usize),
    /// The epochs done since the program started, and when it did.
    epochs_here: usize,
    started: Instant,
    /// When the epoch began, and the pictures that it has learned from since.
    epoch_started: Instant,
    learned: usize,
    learning_rate: f64,
    /// The loss of batches, by the epochs that have passed.
    losses: Curve,
    /// After each epoch: the loss and the accuracy of the test, and the accuracy of the training.
    test_losses: Vec<(f64, f64)>,
    test_accuracies: Vec<(f64, f64)>,
    train_accuracies: Vec<(f64, f64)>,
    /// What the last test gave, and the best epoch.
    last: String,
    best: String,
}

/// Points of a curve that does not grow without end.
#[derive(Default)]
struct Curve {
    points: Vec<(f64, f64)>,
    /// Each point stands for so many batches.
    every: usize,
    /// The sum and the number of batches since the last point.
    pending: (f64, usize),
}

impl Curve {
    fn add(&mut self, x: f64, y: f64) {
        self.pending = (self.pending.0 + y, self.pending.1 + 1);
        if self.pending.1 < self.every.max(1) {
            return;
        }
        self.points.push((x, self.pending.0 / self.pending.1 as f64));
        self.pending = (0.0, 0);
        if self.points.len() > MAX_POINTS {
            let mut number = 0;
            self.points.retain(|_| {
                number += 1;
                number % 2 == 0
            });
            self.every = self.every.max(1) * 2;
        }
    }
}

impl<'a> Dashboard<'a> {
    /// A dashboard of a training called `title`, whose epochs go through so many pictures; results go to `out`.
    pub fn new(out: &'a mut dyn Write, title: String, pictures: usize, measured: &'static str) -> Self {
        let now = Instant::now();
        let state = State {
            title,
            epochs: (0, 0),
            phase: "Training",
            pictures: (pictures, 0),
            epochs_here: 0,
            started: now,
            epoch_started: now,
            learned: 0,
            learning_rate: 0.0,
            losses: Curve::default(),
            test_losses: Vec::new(),
            test_accuracies: Vec::new(),
            train_accuracies: Vec::new(),
            last: String::new(),
            best: String::new(),
        };
        Dashboard { out, measured, screen: Screen::default(), state, drawn: None }
    }

    /// Draws, unless that was done a moment ago.
    fn refresh(&mut self) {
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= REFRESH) {
            self.drawn = Some(Instant::now());
            self.screen.draw(|size| view::render(&self.state, size));
        }
    }
}

impl Observer for Dashboard<'_> {
    fn report(&mut self, event: &Event<'_>) -> train::Result<()> {
        self.state.update(event, self.measured);
        if let Some(line) = progress::result_line(event, self.measured) {
            self.screen.clear();
            writeln!(self.out, "{line}")?;
            self.drawn = None;
        }
        self.refresh();
        Ok(())
    }
}

impl State {
    fn update(&mut self, event: &Event<'_>, measured: &'static str) {
        match *event {
            Event::TrainBatch { at, samples, loss, learning_rate } => {
                if at.batch == 1 {
                    (self.epoch_started, self.learned, self.pictures.1) = (Instant::now(), 0, 0);
                }
                (self.epochs, self.phase, self.learning_rate) = ((at.epoch, at.epochs), "Training", learning_rate);
                self.learned += samples;
                self.pictures.1 += samples;
                self.losses.add((at.epoch - 1) as f64 + at.batch as f64 / at.batches as f64, loss);
            }
            Event::TestBatch { samples, .. } => {
                self.phase = measured;
                self.pictures.1 += samples;
            }
            Event::EpochFinished { at, summary, .. } => {
                let (x, evaluation) = (at.epoch as f64, &summary.evaluation);
                let (top1, top5) = (100.0 * evaluation.accuracy(), 100.0 * evaluation.top5_accuracy());
                self.test_losses.push((x, evaluation.loss()));
                self.test_accuracies.push((x, top1));
                self.train_accuracies.push((x, 100.0 * summary.train_accuracy));
                self.last = format!("top-1 {top1:.2}%, top-5 {top5:.2}%, loss {:.4}", evaluation.loss());
                if summary.is_best {
                    self.best = format!("{top1:.2}% in epoch {}", at.epoch);
                }
                self.epochs_here += 1;
            }
            _ => {}
        }
    }

    /// The share of the epoch that is done, from 0 to 1.
    fn epoch_done(&self) -> f64 {
        (self.pictures.1 as f64 / self.pictures.0.max(1) as f64).min(1.0)
    }

    /// Pictures learned from a second.
    fn rate(&self) -> f64 {
        self.learned as f64 / self.epoch_started.elapsed().as_secs_f64().max(1e-3)
    }

    /// How long the rest of the training takes, told by what is done.
    fn time_left(&self) -> Option<Duration> {
        let (epoch, epochs) = self.epochs;
        if epoch == 0 {
            return None;
        }
        let last_finished = self.test_losses.last().map_or(0.0, |&(epoch, _)| epoch);
        let in_epoch = if epoch as f64 > last_finished { self.epoch_done() } else { 1.0 };
        let finished_before = if in_epoch < 1.0 { self.epochs_here } else { self.epochs_here.saturating_sub(1) };
        let (done, left) = (finished_before as f64 + in_epoch, (epochs - epoch) as f64 + 1.0 - in_epoch);
        Duration::try_from_secs_f64(self.started.elapsed().as_secs_f64() / done * left).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_by_what_is_done() {
        let mut out = Vec::new();
        let mut dashboard = Dashboard::new(&mut out, String::new(), 100, "Test");
        let state = &mut dashboard.state;
        let left = |state: &State| state.time_left().map(|time| (time.as_secs_f64() / 10.0).round());
        assert_eq!(left(state), None, "nothing is done");
        let Some(started) = Instant::now().checked_sub(Duration::from_secs(60)) else { return };
        // Resumed after four of ten epochs, and half through the second since.
        (state.started, state.epochs, state.pictures) = (started, (6, 10), (100, 50));
        (state.epochs_here, state.test_losses) = (1, vec![(5.0, 1.0)]);
        assert_eq!(left(state), Some(18.0), "4.5 epochs at 40 s each");
        (state.epochs_here, state.test_losses, state.pictures) = (2, vec![(6.0, 1.0)], (100, 100));
        assert_eq!(left(state), Some(12.0), "4 epochs at 30 s each");
    }

    #[test]
    fn a_curve_keeps_its_shape_and_stays_short() {
        let mut curve = Curve::default();
        for i in 0..100_000 {
            curve.add(f64::from(i), f64::from(i) * 2.0);
        }
        assert!((MAX_POINTS / 4..=MAX_POINTS).contains(&curve.points.len()), "{}", curve.points.len());
        assert!(curve.points.iter().all(|(x, y)| (y - 2.0 * x).abs() < 4000.0) && curve.points.is_sorted_by(|a, b| a.0 < b.0));
    }
}
