//! The ImageNet weights that torchvision publishes.

use std::sync::LazyLock;

use crate::Checks;

/// Where torchvision's files lie.
const BASE: &str = "https://download.pytorch.org/models/";

/// One published set of weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// torchvision's name of the model, such as `resnet50`.
    pub model: &'static str,
    /// torchvision's name of the weights, such as `IMAGENET1K_V2`.
    pub weights: &'static str,
    /// Whether these are the model's `DEFAULT`.
    pub default: bool,
    /// The file's name, which ends in the first digits of its SHA-256.
    pub file: &'static str,
    /// The file's size in MiB.
    pub file_mib: f64,
    /// The number of parameters.
    pub params: u64,
    /// Multiply-adds of one picture, in 10⁹.
    pub gflops: f64,
    /// The least height and width of a picture, in pixels.
    pub min_size: u32,
    /// How a picture becomes the model's input.
    pub preset: Preset,
    /// Top-1 accuracy on ImageNet's validation set, in percent; none for weights without a classifier.
    pub acc1: Option<f64>,
    /// Top-5 accuracy there, in percent.
    pub acc5: Option<f64>,
}

/// torchvision's preprocessing for classification: resize (antialiased), centre crop, scale to 0..1, normalise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// The shorter side after resizing, in pixels.
    pub resize: u32,
    /// Height and width of the centre crop, in pixels.
    pub crop: u32,
    /// How pictures are resized.
    pub interpolation: Interpolation,
    /// Subtracted from the red, green and blue channel.
    pub mean: [f64; 3],
    /// What the difference is divided by.
    pub std: [f64; 3],
}

/// A resampling filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// Pillow's `BILINEAR`.
    Bilinear,
    /// Pillow's `BICUBIC`.
    Bicubic,
}

impl Published {
    /// The file's address.
    pub fn url(&self) -> String {
        format!("{BASE}{}", self.file)
    }

    /// What the file's name says of its contents.
    pub fn checks(&self) -> Checks<'static> {
        let digits = self.file.rsplit_once('-').and_then(|(_, end)| end.strip_suffix(".pth"));
        Checks { sha256: digits, ..Checks::default() }
    }
}

/// Every published set, model by model, in the order of torchvision's releases.
pub fn published() -> &'static [Published] {
    static TABLE: LazyLock<Vec<Published>> = LazyLock::new(|| rows().filter_map(parse).collect());
    &TABLE
}

/// The set of a model by its name, or the model's default.
pub fn find_published(model: &str, weights: Option<&str>) -> Option<&'static Published> {
    let mut of_model = published().iter().filter(|entry| entry.model == model);
    match weights {
        None | Some("DEFAULT") => of_model.find(|entry| entry.default),
        Some(name) => of_model.find(|entry| entry.weights == name),
    }
}

/// The table's lines below its heading.
fn rows() -> impl Iterator<Item = &'static str> {
    include_str!("published.tsv").lines().skip(1)
}

/// Reads one line; its columns are named in the table's heading.
fn parse(row: &'static str) -> Option<Published> {
    let mut columns = row.split('\t');
    let mut next = || columns.next();
    let (model, weights, default, file) = (next()?, next()?, next()? == "True", next()?);
    let (params, gflops, file_mib) = (next()?.parse().ok()?, next()?.parse().ok()?, next()?.parse().ok()?);
    let (crop, resize) = (next()?.parse().ok()?, next()?.parse().ok()?);
    let interpolation = match next()? {
        "bilinear" => Interpolation::Bilinear,
        "bicubic" => Interpolation::Bicubic,
        _ => return None,
    };
    let preset = Preset { resize, crop, interpolation, mean: channels(next()?)?, std: channels(next()?)? };
    let (acc1, acc5, min_size) = (percent(next()?)?, percent(next()?)?, next()?.parse().ok()?);
    Some(Published { model, weights, default, file, file_mib, params, gflops, min_size, preset, acc1, acc5 })
}

/// Reads an accuracy, which may be `nan`.
fn percent(text: &str) -> Option<Option<f64>> {
    let value: f64 = text.parse().ok()?;
    Some((!value.is_nan()).then_some(value))
}

/// Reads `[0.485, 0.456, 0.406]`.
fn channels(text: &str) -> Option<[f64; 3]> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let numbers: Vec<f64> = inner.split(", ").map(str::parse).collect::<Result<_, _>>().ok()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_golden_one() {
        let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../op-suite/golden");
        let folder = std::env::var("GOLDEN_DIR").unwrap_or_else(|_| default.to_owned());
        let golden = std::fs::read_to_string(format!("{folder}/torchvision_weights.tsv")).unwrap();
        assert!(golden == include_str!("published.tsv"), "crates/hub/src/published.tsv differs from {folder}");
    }

    #[test]
    fn every_row_is_read_and_names_its_hash() {
        assert_eq!(published().len(), rows().count());
        for entry in published() {
            let digits = entry.checks().sha256.unwrap();
            assert!(digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", entry.file);
        }
    }

    #[test]
    fn every_model_has_one_default() {
        for entry in published() {
            let defaults = published().iter().filter(|other| other.model == entry.model && other.default);
            assert_eq!(defaults.count(), 1, "{}", entry.model);
        }
    }

    #[test]
    fn weights_are_found_by_name_or_by_default() {
        let v1 = find_published("resnet50", Some("IMAGENET1K_V1")).unwrap();
        assert_eq!((v1.file, v1.default), ("resnet50-0676ba61.pth", false));
        assert_eq!(find_published("resnet50", None).unwrap().file, "resnet50-11ad3fa6.pth");
        assert_eq!(find_published("resnet50", Some("DEFAULT")), find_published("resnet50", None));
        assert_eq!(find_published("resnet50", Some("IMAGENET1K_V9")), None);
        assert_eq!(find_published("resnet19", None), None);
    }

    #[test]
    fn an_entry_has_its_columns_in_place() {
        let entry = find_published("inception_v3", None).unwrap();
        assert_eq!(entry.url(), "https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth");
        assert_eq!((entry.params, entry.gflops, entry.file_mib), (27_161_264, 5.713, 103.903));
        assert_eq!((entry.preset.crop, entry.preset.resize, entry.min_size), (299, 342, 75));
        assert_eq!(entry.preset.mean, [0.485, 0.456, 0.406]);
        assert_eq!((entry.acc1, entry.acc5), (Some(77.294), Some(93.45)));
        assert_eq!(find_published("vgg16", Some("IMAGENET1K_FEATURES")).unwrap().acc1, None);
        assert_eq!(find_published("efficientnet_b0", None).unwrap().preset.interpolation, Interpolation::Bicubic);
    }
}
