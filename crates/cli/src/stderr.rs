//! What the program says beside its results: one line each, to the standard error.

use std::fmt::Display;
use std::io::{self, Write};

/// Says why the program fails.
pub fn error(message: &dyn Display) {
    note(&format!("error: {message}"));
}

/// Says something worth knowing.
pub fn note(message: &str) {
    let line = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    // Nobody may be listening, which is no reason to stop.
    let _ = writeln!(io::stderr(), "{line}");
}
