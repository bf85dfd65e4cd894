//! Progress as text: a bar that is drawn over on a terminal, a line now and then elsewhere.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::{Event, Progress, file_name};

const WIDTH: usize = 24;

/// Writes the progress of downloads to `W`, which is usually the standard error.
#[derive(Debug)]
pub struct Meter<W> {
    out: W,
    terminal: bool,
    name: String,
    total: Option<u64>,
    have_at_start: u64,
    started: Instant,
    written: Option<Instant>,
}

impl<W: Write> Meter<W> {
    /// A meter that writes to `out`; `terminal` says whether a line there can be drawn over.
    pub fn new(out: W, terminal: bool) -> Self {
        Self { out, terminal, name: String::new(), total: None, have_at_start: 0, started: Instant::now(), written: None }
    }

    fn start(&mut self, url: &str, have: u64, total: Option<u64>) {
        self.name = file_name(url).unwrap_or(url).to_owned();
        self.total = total;
        self.have_at_start = have;
        self.started = Instant::now();
        self.written = None;
        self.draw(have);
    }

    /// Writes the state, unless that was done a moment ago.
    fn draw(&mut self, have: u64) {
        let interval = if self.terminal { Duration::from_millis(100) } else { Duration::from_secs(10) };
        if self.written.is_some_and(|written| written.elapsed() < interval) {
            return;
        }
        self.written = Some(Instant::now());
        let received = have.saturating_sub(self.have_at_start);
        let state = describe(have, self.total, received as f64, self.started.elapsed().as_secs_f64());
        let bar = if self.terminal { bar(have, self.total) } else { String::new() };
        self.line(&format!("{}: {bar}{state}", self.name), self.terminal);
    }

    /// Writes a line, which the next one draws over where it is `passing`.
    fn line(&mut self, text: &str, passing: bool) {
        let (before, after) = match (self.terminal, passing) {
            (true, true) => ("\r\x1b[2K", ""),
            (true, false) => ("\r\x1b[2K", "\n"),
            (false, _) => ("", "\n"),
        };
        // Progress is not worth failing for.
        let _ = write!(self.out, "{before}{text}{after}").and_then(|()| self.out.flush());
    }
}

impl<W: Write> Progress for Meter<W> {
    fn report(&mut self, event: Event<'_>) {
        match event {
            Event::Waiting { path } => self.line(&format!("{}: another process fetches it; waiting", path.display()), false),
            Event::Started { url, have, total } => self.start(url, have, total),
            Event::Received { have } => self.draw(have),
            Event::Retrying { error, pause } => self.line(&format!("{error}; trying again in {} s", pause.as_secs_f32()), false),
            Event::Verifying if self.terminal => self.line(&format!("{}: verifying", self.name), true),
            Event::Verifying => {}
            Event::Finished { len } => {
                let name = std::mem::take(&mut self.name);
                self.line(&format!("{name}: {} downloaded and verified", megabytes(len)), false);
            }
        }
    }
}

/// `12.3 of 44.7 MB (27 %), 5.1 MB/s, 0:06 left`, as far as it is known. `seconds` is the time `received` bytes took.
fn describe(have: u64, total: Option<u64>, received: f64, seconds: f64) -> String {
    let mut text = match total {
        Some(total) => format!("{:.1} of {} ({:.0} %)", have as f64 / 1e6, megabytes(total), 100.0 * share(have, total)),
        None => megabytes(have),
    };
    if received > 0.0 && seconds > 0.0 {
        let rate = received / seconds;
        text += &format!(", {:.1} MB/s", rate / 1e6);
        if let Some(total) = total {
            let left = (total.saturating_sub(have) as f64 / rate).ceil() as u64;
            text += &format!(", {}:{:02} left", left / 60, left % 60);
        }
    }
    text
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn share(have: u64, total: u64) -> f64 {
    if total == 0 { 1.0 } else { (have as f64 / total as f64).min(1.0) }
}

fn bar(have: u64, total: Option<u64>) -> String {
    let Some(total) = total else {
        return String::new();
    };
    let full = (share(have, total) * WIDTH as f64) as usize;
    format!("[{}{}] ", "#".repeat(full), " ".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_remaining_time_are_those_of_this_attempt() {
        assert_eq!(describe(30_000_000, Some(50_000_000), 20e6, 4.0), "30.0 of 50.0 MB (60 %), 5.0 MB/s, 0:04 left");
        assert_eq!(describe(1_500_000, None, 1_500_000.0, 1.0), "1.5 MB, 1.5 MB/s");
        assert_eq!(describe(0, Some(0), 0.0, 0.0), "0.0 of 0.0 MB (100 %)");
        assert_eq!(bar(1, Some(2)), format!("[{}{}] ", "#".repeat(12), " ".repeat(12)));
    }

    fn written(terminal: bool) -> String {
        let mut meter = Meter::new(Vec::new(), terminal);
        meter.report(Event::Started { url: "http://host/a.pth", have: 0, total: Some(10) });
        meter.report(Event::Received { have: 5 });
        meter.report(Event::Verifying);
        meter.report(Event::Finished { len: 10 });
        String::from_utf8(meter.out).unwrap()
    }

    #[test]
    fn elsewhere_than_on_a_terminal_lines_are_plain_and_few() {
        assert_eq!(written(false), "a.pth: 0.0 of 0.0 MB (0 %)\na.pth: 0.0 MB downloaded and verified\n");
    }

    #[test]
    fn a_terminals_line_is_drawn_over() {
        let text = written(true);
        assert_eq!(text.matches('\n').count(), 1);
        assert!(text.contains("\r\x1b[2Ka.pth: ["), "{text:?}");
    }
}
