//! Runs a program to its end, with the time and the memory that it took.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::parse;

/// Between two looks at a program's memory.
const POLL: Duration = Duration::from_millis(1);

/// A program that ended well.
#[derive(Debug)]
pub struct Ended {
    /// What it printed.
    pub stdout: String,
    /// From start to end, in milliseconds.
    pub ms: f64,
    /// The most memory that it held at once, in MB (resident set); Linux only, where `/proc` tells it.
    pub peak_mb: Option<f64>,
}

/// Runs a program.
///
/// # Errors
/// Where it cannot be started or fails, with its last line.
pub fn run(command: &mut Command) -> Result<Ended> {
    let program = command.get_program().to_string_lossy().into_owned();
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_mb = None;
    let status = loop {
        // The peak never falls, so the last reading is the highest.
        let seen = std::fs::read_to_string(&status_file).ok().as_deref().and_then(parse::peak_mb);
        peak_mb = seen.or(peak_mb);
        match child.try_wait()? {
            Some(status) => break status,
            None => thread::sleep(POLL),
        }
    };
    let ms = started.elapsed().as_secs_f64() * 1e3;
    let (stdout, stderr) = (text(Some(stdout)), text(Some(stderr)));
    if !status.success() {
        bail!("{program} failed ({status}): {}", last_line(&stderr));
    }
    Ok(Ended { stdout, ms, peak_mb })
}

/// The last thing that a program said.
pub fn last_line(stderr: &str) -> &str {
    stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing")
}

/// Reads a pipe to its end beside the program, which would wait if it were full.
pub fn reader(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is all there is.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// What a [`reader`] has read.
pub fn text(reader: Option<JoinHandle<Vec<u8>>>) -> String {
    let bytes = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Ended> {
        run(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn output_time_and_memory_are_the_programs() {
        let ended = shell("echo out; echo err >&2; sleep 0.05").unwrap();
        assert_eq!(ended.stdout, "out\n");
        assert!(ended.ms >= 50.0);
        assert_eq!(ended.peak_mb.is_some(), cfg!(target_os = "linux"));
    }

    #[test]
    fn a_failure_is_its_last_line() {
        let error = shell("echo first >&2; echo last >&2; exit 3").unwrap_err().to_string();
        assert!(error.contains("sh failed") && error.contains('3') && error.ends_with(": last"), "{error}");
        assert!(run(&mut Command::new("no-such-program")).unwrap_err().to_string().contains("cannot run no-such-program"));
    }
}
