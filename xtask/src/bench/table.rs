//! The table: medians, ratios, and its place in the documentation.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::rows::Row;

const HEADER: &str = "| work | Convoy | best peer | ratio | other peers |\n|---|---|---|---|---|";
/// The lines that the table lies between.
const BEGIN: &str = "<!-- written by cargo xtask bench --peers --write: begin -->";
const END: &str = "<!-- written by cargo xtask bench --peers --write: end -->";

/// What is compared; less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// In milliseconds.
    Time,
    /// In MB.
    Memory,
}

/// The figures of all turns.
#[derive(Debug, Default)]
pub struct Measured {
    ours: BTreeMap<Metric, Vec<f64>>,
    peers: BTreeMap<(Metric, String), Vec<f64>>,
    /// The milliseconds of peers that took no turns.
    once: Vec<(String, f64)>,
}

impl Measured {
    /// Adds a figure of ours.
    pub fn add_ours(&mut self, metric: Metric, figure: f64) {
        self.ours.entry(metric).or_default().push(figure);
    }

    /// Adds a figure of a peer's.
    pub fn add_peer(&mut self, metric: Metric, name: &str, figure: f64) {
        self.peers.entry((metric, name.to_owned())).or_default().push(figure);
    }

    /// Adds the milliseconds of a peer that was timed once, and takes no turns: the machine may have had another pace then, so it is never the
    /// best.
    pub fn add_once(&mut self, name: &str, ms: f64) {
        self.once.push((name.to_owned(), ms));
    }

    /// Whether there is something to compare with.
    pub fn has_peer(&self) -> bool {
        !self.peers.is_empty()
    }

    /// The peers' medians, the best first.
    fn peers(&self, metric: Metric) -> Vec<(&str, f64)> {
        let of_metric = self.peers.iter().filter(|((other, _), _)| *other == metric);
        let mut medians: Vec<_> = of_metric.filter_map(|((_, name), figures)| Some((name.as_str(), median(figures)?))).collect();
        medians.sort_by(|a, b| a.1.total_cmp(&b.1));
        medians
    }

    /// A line of the table, where both sides have figures.
    fn line(&self, title: &str, metric: Metric) -> Option<String> {
        let ours = median(self.ours.get(&metric)?)?;
        let peers = self.peers(metric);
        let (&(best, theirs), others) = peers.split_first()?;
        let unit = match metric {
            Metric::Time => "ms",
            Metric::Memory => "MB",
        };
        let once = self.once.iter().filter(|_| metric == Metric::Time).map(|(name, ms)| format!("{name} {} (once)", digits(*ms)));
        let others: Vec<String> = others.iter().map(|(name, figure)| format!("{name} {}", digits(*figure))).chain(once).collect();
        let (ours_text, theirs_text) = (digits(ours), digits(theirs));
        Some(format!("| {title} | {ours_text} {unit} | {theirs_text} {unit} ({best}) | {:.2} | {} |", theirs / ours, others.join(", ")))
    }
}

/// The middle figure, the upper one of an even number.
fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// Three digits, or all before the point.
fn digits(figure: f64) -> String {
    let decimals = match figure {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{figure:.decimals$}")
}

/// The lines of a row.
pub fn lines(row: &Row, measured: &Measured) -> Vec<String> {
    let time = measured.line(&row.title(), Metric::Time);
    let memory = row.memory.then(|| measured.line(&format!("{}: peak memory", row.title()), Metric::Memory)).flatten();
    time.into_iter().chain(memory).collect()
}

/// The whole table below a line on how it was measured.
pub fn text(conditions: &str, lines: &[String]) -> String {
    format!("{conditions}\n\n{HEADER}\n{}\n", lines.join("\n"))
}

/// Puts the table into a file, in place of the one between the markers.
///
/// # Errors
/// Where the file lacks the markers or cannot be read or written.
pub fn write(path: &Path, table: &str) -> Result<()> {
    let document = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let document = replaced(&document, table)
        .with_context(|| format!("{}: the table has no place; put these lines where it belongs: {BEGIN} and {END}", path.display()))?;
    let beside = path.with_extension("md.new");
    std::fs::write(&beside, document)
        .and_then(|()| std::fs::rename(&beside, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn replaced(document: &str, table: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rows::ROWS;

    fn measured() -> Measured {
        let mut measured = Measured::default();
        [13.0, 99.0, 12.5].into_iter().for_each(|ms| measured.add_ours(Metric::Time, ms));
        [45.0, 46.0, 44.0].into_iter().for_each(|ms| measured.add_peer(Metric::Time, "PyTorch fp32", ms));
        [39.0, 38.0, 60.0].into_iter().for_each(|ms| measured.add_peer(Metric::Time, "PyTorch fp32+fused", ms));
        measured
    }

    #[test]
    fn the_ratio_is_of_medians_and_of_the_best_peer() {
        let line = "| train resnet18, 32 px, batch 32, f32 | 13.0 ms | 39.0 ms (PyTorch fp32+fused) | 3.00 | PyTorch fp32 45.0 |";
        assert_eq!(lines(&ROWS[0], &measured()), [line]);
    }

    #[test]
    fn who_took_no_turns_is_not_the_best() {
        let mut measured = measured();
        measured.add_once("PyTorch fp32-cl", 20.0);
        let line = "| train resnet18, 32 px, batch 32, f32 | 13.0 ms | 39.0 ms (PyTorch fp32+fused) | 3.00 \
                    | PyTorch fp32 45.0, PyTorch fp32-cl 20.0 (once) |";
        assert_eq!(lines(&ROWS[0], &measured), [line]);
    }

    #[test]
    fn memory_is_a_line_where_it_is_asked_for_and_known() {
        let mut measured = measured();
        measured.add_ours(Metric::Memory, 171.4);
        assert_eq!(lines(&ROWS[0], &measured).len(), 1, "nothing to compare with");
        measured.add_peer(Metric::Memory, "PyTorch fp32", 961.2);
        let line = "| train resnet18, 32 px, batch 32, f32: peak memory | 171 MB | 961 MB (PyTorch fp32) | 5.61 |  |";
        assert_eq!(lines(&ROWS[0], &measured)[1], line);
        assert_eq!(lines(&ROWS[1], &measured).len(), 1, "not asked for");
    }

    #[test]
    fn only_what_lies_between_the_markers_is_replaced() {
        let table = text("2 threads.", &["| a | 1 | 2 | 2.00 |  |".to_owned()]);
        let document = format!("# Performance\n\n{BEGIN}\nold\n{END}\n\nThe log.\n");
        let once = replaced(&document, &table).unwrap();
        assert!(once.starts_with("# Performance\n\n<!--") && once.ends_with("end -->\n\nThe log.\n") && !once.contains("old"));
        assert!(once.contains("\n\n| work | Convoy |") && once.contains("| a | 1 | 2 | 2.00 |  |\n"));
        assert_eq!(replaced(&once, &table), Some(once.clone()), "writing again changes nothing");
        assert_eq!(replaced("no markers", &table), None);
    }
}
