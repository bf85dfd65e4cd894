//! `convoy inspect`: the tensors of a file or a model.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use layers::{ModuleExt, Slot};
use tensor::DType;
use zoo::checkpoint;

use crate::args::InspectArgs;
use crate::subject::Subject;

pub fn run(args: &InspectArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    match Subject::of(&args.subject) {
        Subject::File(path) => inspect_file(path, out),
        Subject::Model(name) => inspect_model(name, out),
    }
}

fn inspect_file(path: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    for info in checkpoint::inspect(path)? {
        write_line(out, &info.name, &info.dtype, &info.shape)?;
    }
    Ok(())
}

fn inspect_model(name: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let model = zoo::build(name, zoo::IMAGENET_CLASSES)?;
    for (key, slot) in model.named_tensors() {
        match slot {
            // A new model's parameters are f32; asking for their values would draw them.
            Slot::Parameter(parameter) => write_line(out, &key, &DType::F32, &parameter.shape())?,
            Slot::Buffer(buffer) => write_line(out, &key, &buffer.value().dtype(), buffer.value().dims())?,
        }
    }
    Ok(())
}

/// A key may hold anything, so what would break the line is escaped.
fn write_line(out: &mut dyn Write, key: &str, dtype: &dyn Display, shape: &[usize]) -> io::Result<()> {
    let key: String = key.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect();
    let sizes = shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
    let shape = if shape.is_empty() { "scalar" } else { &sizes };
    writeln!(out, "{key}\t{dtype}\t{shape}")
}
