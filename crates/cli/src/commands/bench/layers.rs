//! `convoy bench layers`: each layer and pass of a network against what the machine can do at most.

use std::io::{self, Write};

use ::train::bench::{Candidate, LayerPass, Pass, SCALING_THREADS, layer_times};
use tensor::Device;
use tensor::cpu::{ConvAlgorithm, Roofline};

use super::prepare;
use crate::args::LayersArgs;

const HEADER: [&str; 10] = ["n", "layer", "pass", "", "algorithm", "ms", "GFLOP/s", "of peak", "GB/s", "of memory"];
/// The columns that are text, and begin on the left.
const TEXT: [usize; 4] = [1, 2, 3, 4];
/// The kinds of pass that totals are given for.
const PASSES: [Pass; 5] = [Pass::Inference, Pass::Forward, Pass::GradInput, Pass::GradWeight, Pass::Backward];
/// Stands where kernels have no model of how they divide.
const NOT_MODELLED: &str = "-";
/// Stands before the algorithm that is taken.
const PICK: &str = "*";

pub fn layers(args: &LayersArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let LayersArgs { bench: args, scaling } = args;
    // The processor's kernels are what is measured, whatever other device there is.
    let (model, input, budget) = prepare(args, Device::Cpu)?;
    let roofline = Roofline::measure();
    let times = args.precision.run(|| layer_times(&*model, input, budget))?;
    write_roofline(&roofline, out)?;
    let title = format!("{} {}px batch {} {}", args.model, input.size, input.batch, args.precision.dtype);
    writeln!(out, "\n{title}: convolutions and linear layers; {PICK} marks the algorithm that is taken")?;
    write_table(&times.products, &roofline, out)?;
    writeln!(out, "\n{title}: norms and pooling")?;
    write_table(&times.others, &roofline, out)?;
    if *scaling {
        writeln!(out, "\n{title}: speed-up at best, as the tasks of the algorithms that are taken divide the multiply-adds")?;
        write_scaling(&times.products, out)?;
    }
    Ok(())
}

fn write_roofline(roofline: &Roofline, out: &mut dyn Write) -> io::Result<()> {
    let Roofline { threads, level, .. } = roofline;
    let rates = [roofline.f32_flops, roofline.bf16_flops, roofline.read_bandwidth, roofline.triad_bandwidth];
    let [f32_flops, bf16_flops, read, triad] = rates.map(|rate| rate / 1e9);
    writeln!(out, "Peak on {threads} threads, {level}: {f32_flops:.0} GFLOP/s f32, {bf16_flops:.0} GFLOP/s bf16")?;
    writeln!(out, "Memory: {read:.1} GB/s read, {triad:.1} GB/s triad")
}

/// A line for each way to compute each pass, then the totals of each kind of pass.
fn write_table(passes: &[LayerPass], roofline: &Roofline, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = vec![HEADER.map(str::to_owned)];
    lines.extend(passes.iter().flat_map(|pass| pass_lines(pass, roofline)));
    lines.extend(PASSES.into_iter().flat_map(|kind| total_lines(kind, passes, roofline)));
    write_aligned(&lines, &TEXT, out)
}

/// Lines of cells; the columns of `text` begin on the left, the others end on the right.
fn write_aligned<const N: usize>(lines: &[[String; N]], text: &[usize], out: &mut dyn Write) -> io::Result<()> {
    let widths: Vec<usize> = (0..N).map(|i| lines.iter().map(|line| line[i].chars().count()).max().unwrap_or(0)).collect();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate();
        let cells = cells.map(|(i, (cell, &width))| if text.contains(&i) { format!("{cell:width$}") } else { format!("{cell:>width$}") });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// The predicted speed-ups of each pass, and of all of a kind together, which multiply-adds are the weights of.
fn write_scaling(passes: &[LayerPass], out: &mut dyn Write) -> io::Result<()> {
    let line = |count: String, layer: &str, pass: Pass, speedups: [String; SCALING_THREADS.len()]| {
        let [a, b, c, d] = speedups;
        [count, layer.to_owned(), pass_name(pass).to_owned(), a, b, c, d]
    };
    let [a, b, c, d] = SCALING_THREADS.map(|threads| format!("{threads} threads"));
    let mut lines = vec![["n".to_owned(), "layer".to_owned(), "pass".to_owned(), a, b, c, d]];
    for pass in passes {
        let speedup = |i: usize| pass.scaling.get(i).map_or(NOT_MODELLED.to_owned(), |speedup| format!("{speedup:.2}"));
        lines.push(line(pass.count.to_string(), &pass.layer, pass.pass, std::array::from_fn(speedup)));
    }
    for kind in PASSES {
        let total = |i: usize| total_speedup(passes.iter().filter(|pass| pass.pass == kind), i);
        if let [Some(a), Some(b), Some(c), Some(d)] = std::array::from_fn(total) {
            lines.push(line(String::new(), "total", kind, [a, b, c, d].map(|speedup| format!("{speedup:.2}"))));
        }
    }
    write_aligned(&lines, &[1, 2], out)
}

/// The speed-up of all passes that are modelled, one after the other.
fn total_speedup<'a>(passes: impl Iterator<Item = &'a LayerPass>, index: usize) -> Option<f64> {
    let parts = passes.filter_map(|pass| Some(((pass.count * pass.flops) as f64, *pass.scaling.get(index)?)));
    let (all, busiest) = parts.fold((0.0, 0.0), |(all, busiest), (flops, speedup)| (all + flops, busiest + flops / speedup));
    (busiest > 0.0).then(|| all / busiest)
}

fn pass_lines(pass: &LayerPass, roofline: &Roofline) -> Vec<[String; HEADER.len()]> {
    let line = |(index, candidate): (usize, &Candidate)| {
        let [count, layer, name] = match index {
            0 => [pass.count.to_string(), pass.layer.clone(), pass_name(pass.pass).to_owned()],
            _ => [const { String::new() }; 3],
        };
        let mark = if candidate.picked && candidate.algorithm.is_some() { PICK } else { "" };
        let algorithm = candidate.algorithm.map_or(String::new(), |algorithm| algorithm.to_string());
        Figures::of(pass, candidate, roofline).line([count, layer, name, mark.to_owned(), algorithm], roofline)
    };
    pass.candidates.iter().enumerate().map(line).collect()
}

/// What all passes of a kind take together: by the algorithms that are taken, and by the fastest of as exact ones where that differs.
fn total_lines(kind: Pass, passes: &[LayerPass], roofline: &Roofline) -> Vec<[String; HEADER.len()]> {
    let of_kind = || passes.iter().filter(|pass| pass.pass == kind);
    let total = |choice: fn(&LayerPass) -> Option<Candidate>| {
        let figures = of_kind().filter_map(|pass| Some(Figures::of(pass, &choice(pass)?, roofline).times(pass.count)));
        figures.fold(Figures::default(), Figures::plus)
    };
    let (picked, fastest) = (total(LayerPass::picked), total(LayerPass::fastest));
    let line =
        |figures: &Figures, mark: &str, what: &str| figures.line(["", "total", pass_name(kind), mark, what].map(str::to_owned), roofline);
    let count = of_kind().count();
    let taken = (count > 0).then(|| line(&picked, PICK, "taken"));
    let better = (fastest.seconds < picked.seconds).then(|| line(&fastest, "", "fastest"));
    taken.into_iter().chain(better).collect()
}

fn pass_name(pass: Pass) -> &'static str {
    match pass {
        Pass::Inference => "inference",
        Pass::Forward => "forward",
        Pass::GradInput => "input gradient",
        Pass::GradWeight => "weight gradient",
        Pass::Backward => "backward",
    }
}

/// Time and work, of one or of several passes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Figures {
    seconds: f64,
    flops: f64,
    bytes: f64,
    /// What the work takes at the peak rate of its kind of products.
    seconds_at_peak: f64,
}

impl Figures {
    fn of(pass: &LayerPass, candidate: &Candidate, roofline: &Roofline) -> Self {
        let peak = if candidate.algorithm == Some(ConvAlgorithm::Bf16) { roofline.bf16_flops } else { roofline.f32_flops };
        let flops = pass.flops as f64;
        Figures { seconds: candidate.time.as_secs_f64(), flops, bytes: pass.bytes as f64, seconds_at_peak: flops / peak }
    }

    fn times(self, count: usize) -> Self {
        let [seconds, flops, bytes, seconds_at_peak] =
            [self.seconds, self.flops, self.bytes, self.seconds_at_peak].map(|figure| figure * count as f64);
        Figures { seconds, flops, bytes, seconds_at_peak }
    }

    fn plus(self, other: Self) -> Self {
        Figures {
            seconds: self.seconds + other.seconds,
            flops: self.flops + other.flops,
            bytes: self.bytes + other.bytes,
            seconds_at_peak: self.seconds_at_peak + other.seconds_at_peak,
        }
    }

    /// A line of the table that begins with `text`.
    fn line(&self, text: [String; 5], roofline: &Roofline) -> [String; HEADER.len()] {
        let [count, layer, pass, mark, algorithm] = text;
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        let bandwidth = self.bytes / self.seconds;
        let (rate, of_peak) = match self.flops {
            0.0 => Default::default(),
            flops => (format!("{:.0}", flops / self.seconds / 1e9), percent(self.seconds_at_peak / self.seconds)),
        };
        let ms = format!("{:.3}", 1e3 * self.seconds);
        let of_memory = percent(bandwidth / roofline.read_bandwidth);
        [count, layer, pass, mark, algorithm, ms, rate, of_peak, format!("{:.1}", bandwidth / 1e9), of_memory]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tensor::cpu::SimdLevel;

    use super::*;

    const ROOFLINE: Roofline = Roofline {
        threads: 2,
        level: SimdLevel::Generic,
        f32_flops: 100e9,
        bf16_flops: 200e9,
        read_bandwidth: 40e9,
        triad_bandwidth: 30e9,
    };

    fn candidate(algorithm: ConvAlgorithm, ms: u64, picked: bool) -> Candidate {
        Candidate { algorithm: Some(algorithm), time: Duration::from_millis(ms), picked }
    }

    #[test]
    fn shares_are_of_the_peak_of_the_products_and_totals_count_layers() {
        let candidates = [(ConvAlgorithm::Direct, 2, true), (ConvAlgorithm::Winograd, 1, false), (ConvAlgorithm::Bf16, 1, false)];
        let candidates = candidates.map(|(algorithm, ms, picked)| candidate(algorithm, ms, picked)).to_vec();
        let pass = LayerPass {
            layer: "Conv2d".into(),
            count: 3,
            pass: Pass::Forward,
            flops: 100_000_000,
            bytes: 20_000_000,
            candidates,
            scaling: vec![],
        };
        let mut out = Vec::new();
        write_table(&[pass], &ROOFLINE, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = text.lines().skip(1).map(words).collect();
        let expected = [
            "3 Conv2d forward * direct 2.000 50 50 % 10.0 25 %",
            "winograd 1.000 100 100 % 20.0 50 %",
            "bf16 1.000 100 50 % 20.0 50 %",
            "total forward * taken 6.000 50 50 % 10.0 25 %",
            "total forward fastest 3.000 100 100 % 20.0 50 %",
        ];
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn the_speed_up_of_all_is_weighted_by_their_work() {
        let pass = |count, flops, scaling: &[f64]| LayerPass {
            layer: "Conv2d".into(),
            count,
            pass: Pass::Forward,
            flops,
            bytes: 1,
            candidates: Vec::new(),
            scaling: scaling.to_vec(),
        };
        let passes = [pass(3, 100, &[2.0, 6.0, 12.0, 30.0]), pass(1, 100, &[1.0, 2.0, 4.0, 10.0]), pass(1, 900, &[])];
        assert_eq!(total_speedup(passes.iter(), 1), Some(4.0));
        assert_eq!(total_speedup(passes[2..].iter(), 1), None);
        let mut out = Vec::new();
        write_scaling(&passes, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("12.00") && text.lines().nth(3).unwrap().ends_with('-') && text.lines().count() == 5, "{text}");
    }
}
