//! The handwritten digits that come with this crate, for runs without a download.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::dataset::{check_index, owned_names};
use crate::image::CHANNELS;
use crate::transforms::Preset;
use crate::{Dataset, Error, Image, Result, Split};

/// Source and licence: `data/README.md`.
const CSV_GZ: &[u8] = include_bytes!("../data/digits.csv.gz");

const TRAIN_ROWS: usize = 1437;

/// Pixels of a side in the file, and of a side of the pictures.
const SOURCE_SIDE: usize = 8;
const SIDE: usize = 32;
const UPSCALE: usize = SIDE / SOURCE_SIDE;

/// The file counts intensity from 0 to 16; pictures have 15 times that, which leaves filters nearly all levels of a byte.
const SOURCE_MAX: u8 = 16;
const LEVEL: u8 = u8::MAX / SOURCE_MAX;

/// UCI's handwritten digits (1,437 to train, 360 to test) as gray pictures of 32 x 32 pixels: each of the 8 x 8 pixels four times as
/// large.
///
/// A picture's [`max_value`](Image::max_value) is 240, 15 times the file's 16, so that under [`preset`](Self::preset) a value `v` of
/// the file becomes exactly `v / 16 * 2 - 1`.
#[derive(Clone, Debug)]
pub struct Digits {
    samples: Vec<([u8; SOURCE_SIDE * SOURCE_SIDE], u8)>,
    classes: Vec<String>,
}

impl Digits {
    /// Unpacks one part of the digits.
    ///
    /// # Errors
    /// [`Error::Layout`] where the bundled file is not what it was when this crate was made.
    pub fn new(split: Split) -> Result<Self> {
        let mut csv = String::new();
        GzDecoder::new(CSV_GZ).read_to_string(&mut csv).map_err(|source| Error::Io { path: "digits.csv.gz".into(), source })?;
        let rows = csv.lines().enumerate();
        let samples = match split {
            Split::Train => rows.take(TRAIN_ROWS).map(parse_row).collect::<Result<_>>(),
            Split::Test => rows.skip(TRAIN_ROWS).map(parse_row).collect(),
        }?;
        let classes = owned_names(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
        Ok(Self { samples, classes })
    }

    /// How the pictures are prepared: as they are, with values from -1 to 1; other pictures are resized to 32 x 32 first.
    pub fn preset() -> Preset {
        Preset::square(SIDE)
    }
}

/// The pixels and the class of a row `64 pixels, class`.
fn parse_row((row, line): (usize, &str)) -> Result<([u8; SOURCE_SIDE * SOURCE_SIDE], u8)> {
    let fields: Option<Vec<u8>> = line.split(',').map(|field| field.parse().ok()).collect();
    fields
        .as_deref()
        .and_then(|fields| fields.split_last())
        .and_then(|(&label, pixels)| Some((pixels.try_into().ok()?, label)))
        .filter(|(pixels, label): &([u8; _], u8)| *label < 10 && pixels.iter().all(|&value| value <= SOURCE_MAX))
        .ok_or_else(|| Error::Layout { path: "digits.csv.gz".into(), reason: format!("row {row} is not 64 numbers up to 16 and a class") })
}

impl Dataset for Digits {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn get(&self, index: usize) -> Result<(Image, i64)> {
        check_index(index, self.len())?;
        let (pixels, label) = &self.samples[index];
        let mut data = Vec::with_capacity(SIDE * SIDE * CHANNELS);
        for y in 0..SIDE {
            let row = &pixels[y / UPSCALE * SOURCE_SIDE..][..SOURCE_SIDE];
            data.extend(row.iter().flat_map(|&value| [value * LEVEL; UPSCALE * CHANNELS]));
        }
        let image = Image::from_parts(SIDE, SIDE, data).with_max_value(SOURCE_MAX * LEVEL);
        Ok((image, i64::from(*label)))
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn describe(&self, index: usize) -> String {
        format!("digit {index}")
    }

    fn in_memory(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_every_row_once() {
        let (train, test) = (Digits::new(Split::Train).unwrap(), Digits::new(Split::Test).unwrap());
        assert_eq!((train.len(), test.len()), (1437, 360));
        let mut counts = [0; 10];
        for dataset in [&train, &test] {
            for index in 0..dataset.len() {
                counts[dataset.get(index).unwrap().1 as usize] += 1;
            }
        }
        // The class counts that scikit-learn documents.
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }

    #[test]
    fn pixels_become_exactly_what_pytorch_was_given() {
        let (image, label) = Digits::new(Split::Train).unwrap().get(0).unwrap();
        assert_eq!(label, 0);
        let array = Digits::preset().apply(image).unwrap();
        let first_row = [0, 0, 5, 13, 9, 1, 0, 0];
        for channel in 0..3 {
            for x in 0..32 {
                let expected = first_row[x / 4] as f32 / 16.0 * 2.0 - 1.0;
                assert_eq!(array[[channel, 3, x]], expected);
            }
        }
        // The fifth source row starts 0, 5, 8.
        assert_eq!(array[[0, 16, 4]], 5.0 / 16.0 * 2.0 - 1.0);
    }

    #[test]
    fn an_index_beyond_the_end_is_an_error() {
        let error = Digits::new(Split::Test).unwrap().get(360).unwrap_err();
        assert!(error.to_string().contains("360"), "{error}");
    }
}
