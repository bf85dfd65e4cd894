//! Arguments of `lr-find`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use train::LrRange;
use train::run::Config;

use super::train::{FreezingArgs, RegularizationArgs, RuleArgs, WhatArgs};
use super::{MAX_COUNT, whole};

/// Arguments of `lr-find`.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub struct LrFindArgs {
    /// Settings to start from, such as runs/train/config.toml; other options override them
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The first learning rate [default: 1e-7]
    #[arg(long, value_name = "X")]
    start_lr: Option<f64>,
    /// The last learning rate [default: 10]
    #[arg(long, value_name = "X")]
    end_lr: Option<f64>,
    /// Batches to try rates on; it ends before where the loss is four times the least [default: 100]
    #[arg(long, value_name = "N", value_parser = whole::<MAX_COUNT>)]
    steps: Option<usize>,
    /// The table of rates and losses to write
    #[arg(long, value_name = "FILE", default_value = "lr_find.csv")]
    pub csv: PathBuf,
    /// The curve to draw
    #[arg(long, value_name = "FILE", default_value = "lr_find.png")]
    pub plot: PathBuf,
    #[command(flatten)]
    what: WhatArgs,
    #[command(flatten)]
    rule: RuleArgs,
    #[command(flatten)]
    regularization: RegularizationArgs,
    #[command(flatten)]
    freezing: FreezingArgs,
}

const EXAMPLES: &str = "Examples:
  convoy lr-find --dataset folder:pets
  convoy lr-find --model squeezenet1_1 --weights bundled --optimizer adamw --weight-decay 0.01
  convoy lr-find --config runs/train/config.toml --plot curve.png";

impl LrFindArgs {
    /// Puts what the command line says over the settings.
    pub fn apply(&self, config: &mut Config) {
        self.what.apply(config);
        self.rule.apply(config);
        self.regularization.apply(config);
        self.freezing.apply(config);
    }

    /// The rates to try.
    pub fn range(&self) -> LrRange {
        let default = LrRange::default();
        LrRange {
            start: self.start_lr.unwrap_or(default.start),
            end: self.end_lr.unwrap_or(default.end),
            steps: self.steps.unwrap_or(default.steps),
        }
    }
}
