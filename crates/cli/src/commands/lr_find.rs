//! `convoy lr-find`: which learning rates are worth trying.

use std::io::Write;

use ::train::run::Config;
use layers::ModuleExt;
use tensor::Device;
use tensor::random::manual_seed;
use zoo::checkpoint::write_file;

use super::train::{Subjects, source, starting_model};
use crate::args::LrFindArgs;
use crate::{progress, stderr};

pub fn run(args: &LrFindArgs, device: Device, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut config = args.config.as_ref().map_or_else(|| Ok(Config::default()), Config::load)?;
    args.apply(&mut config);
    config.training.check()?;
    let source = source(&config)?;
    let subjects = Subjects::open(&source, &config)?;
    manual_seed(config.training.seed);
    let model = starting_model(&mut config, &subjects, false)?;
    model.to_device(device)?;

    let range = args.range();
    let bar = progress::bar(range.steps * config.training.batch_size);
    let find = ::train::lr_find(&*model, &subjects.data, &config.training, &range, |point| {
        bar.set_prefix(format!("rate {:.1e}, loss {:.4}", point.learning_rate, point.smoothed_loss));
        bar.inc(config.training.batch_size as u64);
        Ok(())
    })?;
    bar.finish_and_clear();

    let png = find.picture()?.to_png()?;
    write_file(&args.csv, |file| file.write_all(find.to_csv().as_bytes()))?;
    write_file(&args.plot, |file| file.write_all(&png))?;
    stderr::note(&format!("{} rates in {}, drawn in {}", find.points.len(), args.csv.display(), args.plot.display()));
    for (name, learning_rate) in [("valley", find.valley()), ("steepest", find.steepest())] {
        match learning_rate {
            Some(learning_rate) => writeln!(out, "Learning Rate ({name}): {learning_rate:.2e}")?,
            None => stderr::warn(&format!(
                "no {name} learning rate: the loss of {} rates does not fall, or they are too few",
                find.points.len()
            )),
        }
    }
    Ok(())
}
