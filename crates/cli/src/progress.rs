//! The progress of training and testing: results to the output, a bar with rate and remaining time to a terminal.

use std::fmt;
use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use train::{Event, Observer, Position};

use crate::stderr;

const TEMPLATE: &str = "{prefix} [{bar:24}] {pos}/{len} pictures, {rate}, {eta} left";

/// Reports a training, or a test on its own.
pub struct Report<'a> {
    out: &'a mut dyn Write,
    /// What an epoch is measured on.
    measured: &'static str,
    /// Pictures of an epoch's training and test, and how many of them are done. Hidden where there is no terminal.
    bar: ProgressBar,
}

impl<'a> Report<'a> {
    /// A report to `out` of passes over so many pictures; epochs are measured on the pictures called `measured`.
    pub fn new(out: &'a mut dyn Write, pictures: usize, measured: &'static str) -> Self {
        Report { out, measured, bar: bar(pictures) }
    }

    /// Writes a line of the results, around which the bar is taken away.
    fn line(&mut self, line: &str) -> io::Result<()> {
        let Report { out, bar, .. } = self;
        bar.suspend(|| writeln!(out, "{line}"))
    }
}

/// A bar for so many pictures, hidden where there is no terminal or nothing is to be said.
pub fn bar(pictures: usize) -> ProgressBar {
    if stderr::is_quiet() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(pictures as u64);
    // The template is a constant that a test reads; without it the bar has indicatif's style.
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style.with_key("rate", rate).progress_chars("##-"));
    }
    bar
}

/// Pictures a second.
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // A bar is not worth failing for.
    let _ = write!(out, "{:.0} img/s", state.per_sec());
}

/// The line that an event adds to the results, as the tutorial prints it.
pub fn result_line(event: &Event<'_>, measured: &str) -> Option<String> {
    match *event {
        Event::RunningLoss { at: Position { epoch, epochs, batch, batches }, loss, .. } => {
            Some(format!("Epoch [{epoch}/{epochs}], Batch [{batch}/{batches}], Loss: {loss:.4}"))
        }
        Event::EpochFinished { at: Position { epoch, epochs, .. }, summary, .. } => {
            let accuracy = 100.0 * summary.evaluation.accuracy();
            Some(format!("Epoch [{epoch}/{epochs}], {measured} Accuracy: {accuracy:.2}%"))
        }
        _ => None,
    }
}

impl Observer for Report<'_> {
    fn report(&mut self, event: &Event<'_>) -> train::Result<()> {
        if let Some(line) = result_line(event, self.measured) {
            self.line(&line)?;
        }
        match *event {
            Event::TrainBatch { at, samples, loss, .. } => {
                self.bar.set_prefix(format!("Epoch {}/{}, loss {loss:.4}", at.epoch, at.epochs));
                self.bar.inc(samples as u64);
            }
            Event::TestBatch { samples, .. } => {
                self.bar.set_prefix(self.measured);
                self.bar.inc(samples as u64);
            }
            Event::EpochFinished { at, summary, .. } => {
                let (epoch, epochs, samples) = (at.epoch, at.epochs, summary.samples);
                let seconds = summary.train_time.as_secs_f64();
                let rate = samples as f64 / seconds;
                self.bar
                    .suspend(|| stderr::note(&format!("epoch {epoch}/{epochs}: {samples} pictures in {seconds:.1} s, {rate:.0} img/s")));
                self.bar.reset();
            }
            _ => {}
        }
        Ok(())
    }
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_one() {
        ProgressStyle::with_template(TEMPLATE).unwrap();
    }
}
