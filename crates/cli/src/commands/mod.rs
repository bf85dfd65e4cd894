//! What each command does. Results go to `out`; everything else goes to the standard error.

mod bench;
mod eval;
mod export;
mod inspect;
mod lr_find;
mod man;
mod models;
mod predict;
mod show;
mod summary;
mod train;

use std::io::Write;
use std::process::ExitCode;

use tensor::Device;

use crate::args::{BenchCommand, Command};
#[cfg(feature = "serve")]
use crate::serve;

/// Carries out a command, with networks on this device.
pub fn run(command: Command, device: Device, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Show(args) => show::run(&args, out)?,
        Command::Inspect(args) => inspect::run(&args, out)?,
        Command::Summary(args) => summary::run(&args, out)?,
        Command::Models => models::run(out)?,
        Command::Train(args) => train::run(&args, device, out)?,
        Command::LrFind(args) => lr_find::run(&args, device, out)?,
        Command::Eval(args) => eval::run(&args, device, out)?,
        Command::Predict(args) => return predict::run(&args, device, out),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(&args, device, out)?,
        Command::Export(args) => export::run(&args, out)?,
        Command::Bench(BenchCommand::Train(args)) => bench::train(&args, device, out)?,
        Command::Bench(BenchCommand::Infer(args)) => bench::infer(&args, device, out)?,
        Command::Bench(BenchCommand::Layers(args)) => bench::layers(&args, out)?,
        Command::Completions(args) => man::completions(args.shell, out)?,
        Command::Man(args) => man::run(&args, out)?,
    }
    Ok(ExitCode::SUCCESS)
}
