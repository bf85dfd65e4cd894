//! What the program says beside its results: one line each, to the standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// `--quiet`.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Leaves out notes and progress from now on.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether notes and progress are left out.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Whether progress can be drawn over.
pub fn is_live() -> bool {
    !is_quiet() && io::stderr().is_terminal()
}

/// Where the progress of downloads is written.
pub fn progress() -> Box<dyn Write> {
    if is_quiet() { Box::new(io::sink()) } else { Box::new(io::stderr()) }
}

/// Says why the program fails, or does not do a part of what was asked for.
pub fn error(message: &dyn Display) {
    write(&format!("error: {message}"));
}

/// Says what may not be meant so.
pub fn warn(message: &str) {
    write(&format!("warning: {message}"));
}

/// Says something worth knowing.
pub fn note(message: &str) {
    if !is_quiet() {
        write(message);
    }
}

/// Writes one line.
pub fn write(message: &str) {
    let line = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    // Nobody may be listening, which is no reason to stop.
    let _ = writeln!(io::stderr(), "{line}");
}
