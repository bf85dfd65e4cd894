//! Development tasks: `cargo xtask tidy`, `cargo xtask ci`, `cargo xtask fetch-data`, `cargo xtask bench`, `cargo xtask bench-serve`.

mod bench;
mod ci;
mod fetch_data;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Development tasks of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the invariants of the architecture; one line per violation.
    Tidy,
    /// Write docs/api, the listings of the public API, anew.
    Api,
    /// Run what continuous integration runs (.ci/run).
    Ci,
    /// Download published weights and CIFAR-10, check them, and prepare the data set.
    FetchData(fetch_data::Args),
    /// Time Convoy and its peers in turn, and print the table of ratios.
    Bench(bench::Args),
    /// Compare what `convoy serve` answers under load with what `convoy bench infer` computes.
    BenchServe(bench::serve::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Tidy => tidy::run(),
        Command::Api => tidy::write_api(),
        Command::Ci => ci::run(),
        Command::FetchData(args) => fetch_data::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::BenchServe(args) => bench::serve::run(&args).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
