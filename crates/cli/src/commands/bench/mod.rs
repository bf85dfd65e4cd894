//! `convoy bench`: how fast a model trains and predicts.

mod layers;

use std::io::Write;
use std::time::Duration;

use ::layers::ModuleExt;
use ::train::bench::{Input, inference, train_step};
use tensor::Device;
use zoo::Model;

use crate::args::BenchArgs;

pub use layers::layers;

pub fn train(args: &BenchArgs, device: Device, out: &mut dyn Write) -> anyhow::Result<()> {
    let (model, input, budget) = prepare(args, device)?;
    let seconds = args.precision.run(|| train_step(&*model, input, budget))?.as_secs_f64();
    let Input { batch, size } = input;
    let (ms, rate, dtype) = (seconds * 1e3, batch as f64 / seconds, args.precision.dtype);
    Ok(writeln!(out, "convoy train {} {size}px batch {batch} {dtype}: {ms:.2} ms/step, {rate:.1} img/s", args.model)?)
}

pub fn infer(args: &BenchArgs, device: Device, out: &mut dyn Write) -> anyhow::Result<()> {
    let (model, input, budget) = prepare(args, device)?;
    let ms = args.precision.run(|| inference(&*model, input, budget))?.as_secs_f64() * 1e3;
    // The peers' lines name no size, which is that of the published weights.
    let size = if input.size == model.input_size() { String::new() } else { format!(" {}px", input.size) };
    Ok(writeln!(out, "convoy infer {}{size} batch {} {}: {ms:.2} ms", args.model, input.batch, args.precision.dtype)?)
}

fn prepare(args: &BenchArgs, device: Device) -> anyhow::Result<(Box<dyn Model>, Input, Duration)> {
    let model = zoo::build(&args.model, zoo::IMAGENET_CLASSES)?;
    model.to_device(device)?;
    let input = Input { batch: args.batch, size: args.size.unwrap_or_else(|| model.input_size()) };
    Ok((model, input, Duration::from_secs(args.seconds as u64)))
}
