//! Pictures, resizing and presets give what Pillow and torchvision gave for the golden folder.

mod common;

use std::path::{Path, PathBuf};

use common::{Arrays, read_arrays};
use datasets::transforms::{Interpolation, Preset, Resize, Transform};
use datasets::{Image, Rng};

/// The folder of what PyTorch and torchvision compute.
fn golden() -> PathBuf {
    match std::env::var_os("GOLDEN_DIR") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../op-suite/golden"),
    }
}

fn expected() -> Arrays {
    read_arrays(&golden().join("images.safetensors"))
}

fn open(name: &str) -> Image {
    Image::open(golden().join("images").join(name)).unwrap()
}

/// What the case `name` of a picture gives here, as bytes.
fn compute(picture: &str, case: &str) -> Vec<u8> {
    let image = open(picture);
    let resized = |resize: Resize| resize.apply(image.clone(), &mut Rng::new(0)).unwrap().data().to_vec();
    let preset = |preset: Preset| {
        let array = preset.apply(image.clone()).unwrap();
        array.iter().flat_map(|value| value.to_le_bytes()).collect()
    };
    match case {
        "decoded" => image.data().to_vec(),
        "resize_shorter_48_bilinear" => resized(Resize::shorter(48, Interpolation::Bilinear).unwrap()),
        "resize_shorter_48_bicubic" => resized(Resize::shorter(48, Interpolation::Bicubic).unwrap()),
        "imagenet_preset_resize48_crop32" => preset(Preset::image_classification(32, 48)),
        "seed_transform_32" => preset(Preset::square(32)),
        _ => {
            let size = case.strip_prefix("resize_bilinear_").unwrap_or_else(|| panic!("{case}"));
            let (height, width) = size.split_once('x').unwrap();
            let (height, width) = (height.parse().unwrap(), width.parse().unwrap());
            resized(Resize::exact(height, width, Interpolation::Bilinear).unwrap())
        }
    }
}

#[test]
fn every_recorded_array_is_equal_to_the_bit() {
    let expected = expected();
    assert!(!expected.is_empty());
    for (name, (_, bytes)) in expected {
        let (picture, case) = name.split_once('/').unwrap();
        assert!(compute(picture, case) == bytes, "{name}");
    }
}

#[test]
fn other_encodings_hold_the_same_picture() {
    let png = open("rgb.png");
    // The mean difference from the lossless picture, in levels; Pillow's is 8 to 10 for these.
    for (name, tolerance) in [
        ("rgb.webp", 0.0),
        ("rgb.bmp", 0.0),
        ("rgba.png", 0.0),
        ("rgb.jpg", 10.0),
        ("progressive.jpg", 10.0),
        ("exif_rotate6.jpg", 10.0),
        ("cmyk.jpg", 4.0),
        ("rgb.gif", 12.0),
    ] {
        let image = open(name);
        assert_eq!((image.width(), image.height()), (png.width(), png.height()), "{name}");
        let difference = mean_difference(image.data(), png.data());
        assert!(difference <= tolerance, "{name}: off by {difference}");
    }
}

fn mean_difference(ours: &[u8], theirs: &[u8]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let sum: f64 = ours.iter().zip(theirs).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
    sum / ours.len() as f64
}

#[test]
fn sixteen_bits_of_gray_are_clipped_as_in_pillow() {
    // The picture's value in column x is 700 x.
    let image = open("gray16.png");
    for (x, pixel) in image.data().chunks_exact(3).take(image.width()).enumerate() {
        assert_eq!(pixel, [(700 * x).min(255) as u8; 3]);
    }
}
