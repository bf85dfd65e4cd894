//! The values that arguments take.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueEnum;
use layers::suggest::did_you_mean;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use train::run::with_suggestion;

/// The side of the smallest and largest pictures that `--size` and `--img-size` take, in pixels.
pub const MAX_SIDE: usize = 4096;
pub const MAX_BATCH: usize = 1 << 16;
pub const MAX_CLASSES: usize = 1 << 20;
pub const MAX_THREADS: usize = 1024;
pub const MAX_COUNT: usize = u32::MAX as usize;

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// PyTorch's state dict.
    Pth,
    /// Safetensors.
    Safetensors,
    /// A graph for ONNX Runtime, OpenVINO and others.
    Onnx,
}

/// `--input-size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputSize {
    /// In pixels.
    pub height: usize,
    /// In pixels.
    pub width: usize,
}

impl FromStr for InputSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sizes: Result<Vec<usize>, String> = text.split('x').map(whole::<MAX_SIDE>).collect();
        match sizes.as_deref() {
            Ok(&[side]) => Ok(InputSize { height: side, width: side }),
            Ok(&[3, height, width]) => Ok(InputSize { height, width }),
            _ => Err(format!("use N or 3xHxW, with sides from 1 to {MAX_SIDE} pixels")),
        }
    }
}

/// `--weights` of `train`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WeightsArg {
    /// ImageNet's where they are at hand.
    Auto,
    /// Random.
    None,
    /// Those in the program.
    Bundled,
    /// Those of a file.
    File(PathBuf),
}

impl FromStr for WeightsArg {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "auto" => WeightsArg::Auto,
            "none" => WeightsArg::None,
            "bundled" => WeightsArg::Bundled,
            path => WeightsArg::File(path.into()),
        })
    }
}

impl fmt::Display for WeightsArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WeightsArg::Auto => f.write_str("auto"),
            WeightsArg::None => f.write_str("none"),
            WeightsArg::Bundled => f.write_str("bundled"),
            WeightsArg::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// `--weights` of `eval` and `predict`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrainedWeights {
    /// Those in the program.
    Bundled,
    /// Those of a file.
    File(PathBuf),
}

impl FromStr for TrainedWeights {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "bundled" { TrainedWeights::Bundled } else { TrainedWeights::File(text.into()) })
    }
}

/// `--dataset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatasetArg {
    /// CIFAR-10 where it is at hand, else the digits.
    Auto,
    /// The bundled digits.
    Digits,
    /// CIFAR-10.
    Cifar10,
    /// Pictures in a folder for each class.
    Folder(PathBuf),
}

impl FromStr for DatasetArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("folder:")) {
            ("auto", _) => Ok(DatasetArg::Auto),
            ("digits", _) => Ok(DatasetArg::Digits),
            ("cifar10", _) => Ok(DatasetArg::Cifar10),
            (_, Some(path)) if !path.is_empty() => Ok(DatasetArg::Folder(path.into())),
            _ => {
                let hint = did_you_mean(text, ["auto", "digits", "cifar10"]).map(|hint| format!("{hint} "));
                Err(format!("{}use auto, digits, cifar10 or folder:PATH", hint.unwrap_or_default()))
            }
        }
    }
}

impl fmt::Display for DatasetArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatasetArg::Auto => f.write_str("auto"),
            DatasetArg::Digits => f.write_str("digits"),
            DatasetArg::Cifar10 => f.write_str("cifar10"),
            DatasetArg::Folder(path) => write!(f, "folder:{}", path.display()),
        }
    }
}

/// `--trained-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrainedOn {
    /// ImageNet's 1,000 categories.
    Imagenet,
    /// CIFAR-10's ten classes.
    Cifar10,
    /// The ten digits.
    Digits,
}

/// Reads a setting by the name that it has in files.
pub fn named<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let name: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(name).map_err(|error| with_suggestion(&error.to_string()).replace('`', ""))
}

/// Reads a whole number from 1 to `MAX`.
pub fn whole<const MAX: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MAX).contains(number));
    number.ok_or_else(|| format!("a whole number from 1 to {MAX} is needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_set_is_read() {
        let read = str::parse::<DatasetArg>;
        assert_eq!(read("folder:a:b"), Ok(DatasetArg::Folder("a:b".into())));
        assert_eq!(read("cifar10"), Ok(DatasetArg::Cifar10));
        assert!(read("folder:").is_err() && read("mnist").is_err());
        assert!(read("cifar-10").unwrap_err().starts_with("did you mean cifar10? use auto"));
    }

    #[test]
    fn an_input_size_is_read() {
        let read = str::parse::<InputSize>;
        assert_eq!(read("224"), Ok(InputSize { height: 224, width: 224 }));
        assert_eq!(read("3x224x160"), Ok(InputSize { height: 224, width: 160 }));
        assert!(["", "0", "224x224", "1x8x8", "3x8x4097", "3x8x8x8", "3x-8x8"].iter().all(|text| read(text).is_err()));
    }

    #[test]
    fn whole_numbers_have_bounds() {
        let read = whole::<9>;
        assert_eq!(read("9"), Ok(9));
        assert!([read("0"), read("10"), read("-1"), read("1.5"), read("")].iter().all(Result::is_err));
    }
}
