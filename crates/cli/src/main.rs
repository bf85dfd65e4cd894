//! The `convoy` command: pretrained convolutional networks, from printing one to predicting with it.

mod args;
mod classifier;
mod commands;
mod dashboard;
mod input;
mod names;
mod picture;
mod prefetch;
mod progress;
#[cfg(feature = "serve")]
mod serve;
mod source;
mod stderr;
mod subject;
mod table;

use std::io;
use std::process::ExitCode;

use args::Args;

/// The exit code of a command that was called wrongly.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let args = match Args::read() {
        Ok(args) => args,
        Err(code) => return code,
    };
    if args.quiet {
        stderr::be_quiet();
    }
    if let Err(message) = check_environment() {
        stderr::error(&message);
        return ExitCode::from(USAGE);
    }
    match run(args) {
        Ok(code) => code,
        // Whoever reads the output has enough, as `head` does.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            stderr::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Whether `CONVOY_SIMD`, `CONVOY_WINOGRAD` and `CONVOY_TF32` say something that can be done, which the kernels do not ask again.
fn check_environment() -> Result<(), String> {
    tensor::cpu::forced_level()?;
    tensor::cpu::winograd_switch()?;
    tensor::tf32_switch()?;
    Ok(())
}

fn run(args: Args) -> anyhow::Result<ExitCode> {
    args.device.backend()?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.unwrap_or(0)).build()?;
    // Inside the pool a kernel's fork needs no hand-over from another thread.
    pool.install(|| commands::run(args.command, args.device, &mut io::stdout().lock()))
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
