//! `convoy models`: the models, their published weights, and how good those are.

use std::io::Write;

use hub::Published;

use crate::table::{self, grouped};

const HEADER: [&str; 6] = ["Model", "Weights", "Parameters", "GFLOPs", "Top-1", "Top-5"];
/// An accuracy that is not published.
const UNKNOWN: &str = "-";
const REMARK: &str =
    "* the default weights. GFLOPs are multiply-adds; accuracies are in percent on ImageNet, as torchvision publishes them.";

pub fn run(out: &mut dyn Write) -> anyhow::Result<()> {
    let rows = zoo::names().flat_map(|name| hub::published().iter().filter(move |weights| weights.model == name).map(line));
    let lines: Vec<_> = std::iter::once(HEADER.map(str::to_owned)).chain(rows).collect();
    table::write(&lines, 2, out)?;
    Ok(writeln!(out, "\n{REMARK}")?)
}

fn line(weights: &Published) -> [String; 6] {
    let name = format!("{}{}", weights.weights, if weights.default { "*" } else { "" });
    let percent = |accuracy: Option<f64>| accuracy.map_or(UNKNOWN.to_owned(), |accuracy| format!("{accuracy:.3}"));
    let (parameters, gflops) = (grouped(weights.params), format!("{:.3}", weights.gflops));
    [weights.model.to_owned(), name, parameters, gflops, percent(weights.acc1), percent(weights.acc5)]
}
