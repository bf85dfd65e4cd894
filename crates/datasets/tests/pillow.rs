//! Decoding and resizing give Pillow's bytes, as tests/data/make.py recorded them.

mod common;

use std::path::{Path, PathBuf};

use common::{Arrays, read_arrays};
use datasets::transforms::{Interpolation, Resize, Transform};
use datasets::{Image, Rng};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn expected() -> Arrays {
    read_arrays(&data().join("expected.safetensors"))
}

/// The largest difference of two pictures' bytes, which must be equally many.
fn max_difference(ours: &[u8], theirs: &[u8]) -> u8 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn every_format_decodes_to_pillows_pixels() {
    let mut wrong = Vec::new();
    for (name, (shape, bytes)) in expected() {
        if name.starts_with("resize/") {
            continue;
        }
        let image = Image::open(data().join(&name)).unwrap();
        assert_eq!([image.height(), image.width(), 3], shape[..], "{name}");
        // The chroma planes of JPEG files are enlarged with another rounding than libjpeg-turbo's.
        let tolerance = if name.ends_with(".jpg") { 4 } else { 0 };
        let difference = max_difference(image.data(), &bytes);
        if difference > tolerance {
            wrong.push(format!("{name}: off by {difference}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_filter_resizes_to_pillows_pixels() {
    let source = Image::open(data().join("rgba_lossless.webp")).unwrap();
    let mut checked = 0;
    for (name, (shape, bytes)) in expected() {
        let Some(case) = name.strip_prefix("resize/") else {
            continue;
        };
        let interpolation = match case.split('/').next().unwrap() {
            "nearest" => Interpolation::Nearest,
            "bilinear" => Interpolation::Bilinear,
            "bicubic" => Interpolation::Bicubic,
            other => panic!("{other}"),
        };
        let resize = Resize::exact(shape[0], shape[1], interpolation).unwrap();
        let resized = resize.apply(source.clone(), &mut Rng::new(0)).unwrap();
        assert_eq!(max_difference(resized.data(), &bytes), 0, "{name}");
        checked += 1;
    }
    assert_eq!(checked, 21);
}
