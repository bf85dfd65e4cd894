//! `convoy completions` and `convoy man`: what the command line's definition gives by itself.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use zoo::checkpoint::write_file;

use crate::args::{Args, ManArgs};

pub fn completions(shell: Shell, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "convoy", &mut script);
    Ok(out.write_all(&script)?)
}

pub fn run(args: &ManArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    match &args.folder {
        None => Ok(Man::new(command).render(out)?),
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            write_pages(&command, folder, out)
        }
    }
}

/// Writes the page of a command and those of its subcommands, and lists them.
fn write_pages(command: &Command, folder: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let man = Man::new(command.clone());
    let path = folder.join(man.get_filename());
    write_file(&path, |file| man.render(file))?;
    writeln!(out, "{}", path.display())?;
    command.get_subcommands().filter(|command| command.get_name() != "help").try_for_each(|command| write_pages(command, folder, out))
}
