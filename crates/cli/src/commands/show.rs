//! `convoy show`: a model as PyTorch prints it.

use std::io::Write;

use layers::ModuleExt;

use crate::args::ShowArgs;

pub fn run(args: &ShowArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let model = zoo::build(&args.model, zoo::IMAGENET_CLASSES)?;
    Ok(writeln!(out, "{}", model.repr())?)
}
