//! `--results-file`: a line of results, as timm's `validate.py` writes it.

use std::path::Path;

use anyhow::bail;
use datasets::transforms::Size;
use layers::ModuleExt;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use train::Evaluation;
use train::run::csv_field;
use zoo::checkpoint::write_file;

use crate::classifier::{Classifier, picture_size};
use crate::source::Source;

/// Names and values; timm's come first, in its units: percent, and millions of parameters.
pub struct Results(Vec<(&'static str, Value)>);

impl Results {
    /// The results of a model on the pictures of a source.
    pub fn of(classifier: &Classifier, source: &Source, evaluation: &Evaluation) -> Self {
        let (top1, top5) = (100.0 * evaluation.accuracy(), 100.0 * evaluation.top5_accuracy());
        let preset = &classifier.preset;
        let crop_pct = match (preset.crop, preset.resize) {
            (Some(crop), Some(Size::Shorter(side))) => crop as f64 / side as f64,
            _ => 1.0,
        };
        Results(vec![
            ("model", classifier.model.arch().into()),
            ("top1", rounded(top1, 4)),
            ("top1_err", rounded(100.0 - top1, 4)),
            ("top5", rounded(top5, 4)),
            ("top5_err", rounded(100.0 - top5, 4)),
            ("param_count", rounded(classifier.model.num_parameters() as f64 / 1e6, 2)),
            ("img_size", picture_size(preset).map(|(_, width)| width).into()),
            ("crop_pct", rounded(crop_pct, 4)),
            ("interpolation", json!(preset.interpolation)),
            ("dataset", source.name().into()),
            ("samples", evaluation.samples.into()),
            ("loss", rounded(evaluation.loss(), 6)),
        ])
    }

    /// The names, and below them the values.
    fn to_csv(&self) -> String {
        let value = |(_, value): &(_, Value)| value.as_str().map_or_else(|| value.to_string(), csv_field);
        let join = |fields: Vec<String>| fields.join(",") + "\n";
        join(self.0.iter().map(|(name, _)| name.to_string()).collect()) + &join(self.0.iter().map(value).collect())
    }
}

impl Serialize for Results {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

fn rounded(value: f64, decimals: i32) -> Value {
    let scale = 10f64.powi(decimals);
    ((value * scale).round() / scale).into()
}

/// Whether the name says what to write, which is found out before anything is measured.
pub fn check(path: &Path) -> anyhow::Result<()> {
    if is_csv(path) || path.extension().is_some_and(|extension| extension == "json") {
        return Ok(());
    }
    bail!("--results-file {}: end the name in .csv or .json", path.display());
}

/// Writes the results.
pub fn write(path: &Path, results: &Results) -> anyhow::Result<()> {
    let text = if is_csv(path) { results.to_csv() } else { serde_json::to_string_pretty(results)? + "\n" };
    Ok(write_file(path, |file| file.write_all(text.as_bytes()))?)
}

fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "csv")
}
