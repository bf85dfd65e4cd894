//! A program that gets ready, and then does its work once whenever it is asked to.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};

use super::process;

/// The line that says that it waits to be asked.
const READY: &str = "ready";

/// A program that waits for its next turn. It is stopped when this is dropped.
pub struct Session {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Session {
    /// Starts a program, and waits until it is ready.
    ///
    /// # Errors
    /// Where it cannot be started or ends before, with its last line.
    pub fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().to_string_lossy()))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else { bail!("a pipe is missing") };
        let stderr = Some(process::reader(child.stderr.take()));
        let mut session = Session { child, stdin, stdout: BufReader::new(stdout), stderr };
        session.until_ready()?;
        Ok(session)
    }

    /// Lets it do its work once, and returns what it printed.
    ///
    /// # Errors
    /// Where it ends, with its last line.
    pub fn turn(&mut self) -> Result<String> {
        // A program that has ended says why below.
        let _ = self.stdin.write_all(b"\n").and_then(|()| self.stdin.flush());
        self.until_ready()
    }

    fn until_ready(&mut self) -> Result<String> {
        let mut output = String::new();
        loop {
            let start = output.len();
            if self.stdout.read_line(&mut output)? == 0 {
                bail!("it ended: {}", process::last_line(&process::text(self.stderr.take())));
            }
            if output[start..].trim_end() == READY {
                output.truncate(start);
                return Ok(output);
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Session> {
        Session::start(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn each_turn_is_what_was_printed_in_it() {
        let mut session = shell("echo loading; echo ready; while read line; do i=x$i; echo turn $i; echo ready; done").unwrap();
        assert_eq!(session.turn().unwrap(), "turn x\n");
        assert_eq!(session.turn().unwrap(), "turn xx\n");
    }

    #[test]
    fn one_that_ends_says_why() {
        let error = |script: &str| shell(script).and_then(|mut session| session.turn()).unwrap_err().to_string();
        assert_eq!(error("echo first >&2; echo last >&2"), "it ended: last");
        assert_eq!(error("echo ready; read line; echo no more >&2"), "it ended: no more");
        assert_eq!(error("echo ready"), "it ended: it said nothing");
        assert!(Session::start(&mut Command::new("no-such-program")).is_err_and(|e| e.to_string() == "cannot run no-such-program"));
    }
}
