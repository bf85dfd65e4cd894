//! `convoy models`: the models by name.

use std::io::Write;

pub fn run(out: &mut dyn Write) -> anyhow::Result<()> {
    for name in zoo::names() {
        writeln!(out, "{name}")?;
    }
    Ok(())
}
