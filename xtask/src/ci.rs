//! `cargo xtask ci`: the same script as continuous integration.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::workspace;

/// Runs `.ci/run` at the workspace's root; fails where it fails.
pub fn run() -> Result<ExitCode> {
    let status = Command::new("bash")
        .arg(".ci/run")
        .current_dir(workspace::root())
        .status()
        .context("cannot run `bash .ci/run`: is bash installed?")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
