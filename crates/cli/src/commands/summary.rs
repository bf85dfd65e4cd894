//! `convoy summary`: a model's layers with shapes, parameters and multiply-adds.

use std::io::{self, Write};

use layers::{ModuleExt, Summary};
use tensor::{DType, Tensor};

use crate::args::{InputSize, SummaryArgs};
use crate::table::{self, grouped};

const HEADER: [&str; 4] = ["Layer (class)", "Output shape", "Parameters", "Multiply-adds"];
/// A layer of an auxiliary classifier, which does not run at inference, has no shape.
const NO_SHAPE: &str = "-";

pub fn run(args: &SummaryArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let model = zoo::build(&args.model, zoo::IMAGENET_CLASSES)?;
    // No value is asked for, and drawing them takes longer than all else.
    for (_, parameter) in model.named_parameters() {
        parameter.load(&Tensor::zeros(parameter.shape(), DType::F32)?)?;
    }
    let side = model.input_size();
    let InputSize { height, width } = args.input_size.unwrap_or(InputSize { height: side, width: side });
    let summary = Summary::of(&*model, [args.batch, 3, height, width])?;
    write_table(&summary, out)?;
    writeln!(out)?;
    Ok(write_totals(&summary, out)?)
}

fn write_table(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = vec![HEADER.map(str::to_owned), line(summary.class.to_owned(), summary)];
    push_children(summary, "", &mut lines);
    table::write(&lines, 2, out)
}

/// Adds the lines of what a module is made of; `indent` stands before each.
fn push_children(summary: &Summary, indent: &str, lines: &mut Vec<[String; 4]>) {
    let last = summary.children.len().saturating_sub(1);
    for (index, child) in summary.children.iter().enumerate() {
        let (branch, below) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        lines.push(line(format!("{indent}{branch}{} ({})", child.name, child.class), child));
        push_children(child, &format!("{indent}{below}"), lines);
    }
}

fn line(label: String, summary: &Summary) -> [String; 4] {
    let shape = summary.output.as_ref().map_or(NO_SHAPE.to_owned(), |shape| format!("{shape:?}"));
    [label, shape, grouped(summary.parameters as u64), grouped(summary.mult_adds)]
}

fn write_totals(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    // Activations are f32.
    let (parameters, activations) = (summary.parameter_bytes as f64 / 1e6, summary.activations as f64 * 4.0 / 1e6);
    writeln!(out, "Parameters: {}", grouped(summary.parameters as u64))?;
    writeln!(out, "GFLOPs (multiply-adds of convolutions and linear layers): {:.3}", summary.mult_adds as f64 / 1e9)?;
    writeln!(out, "Memory of the parameters: {parameters:.2} MB")?;
    writeln!(out, "Memory of the outputs of layers with parameters: {activations:.2} MB")
}
