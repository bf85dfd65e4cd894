//! Files that are no pictures, damaged ones, and ones that claim to be huge.

use std::fs;
use std::path::{Path, PathBuf};

use datasets::{Error, Image};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn decode_error(bytes: &[u8]) -> Error {
    Image::decode(bytes).unwrap_err()
}

#[test]
fn what_is_no_picture_is_one_line_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("page.png");
    for contents in [&b""[..], b"\x89P", b"<html>404</html>", b"II*\0 a TIFF"] {
        fs::write(&path, contents).unwrap();
        let error = Image::open(&path).unwrap_err().to_string();
        assert!(error.ends_with("page.png: not a PNG, JPEG, WebP, BMP or GIF picture"), "{error}");
    }
    let error = Image::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("not a picture file"), "{error}");
    let error = Image::open(dir.path().join("missing.png")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("missing.png"));
}

#[test]
fn half_a_picture_is_an_error_in_every_format() {
    for name in ["rgb16.png", "420.jpg", "progressive420.jpg", "rgba_lossless.webp", "lossy.webp", "rgba.bmp", "animated.gif"] {
        let bytes = fs::read(data(name)).unwrap();
        let error = decode_error(&bytes[..bytes.len() / 3]);
        assert!(matches!(error, Error::Picture { .. }), "{name}: {error}");
        assert_eq!(error.to_string().lines().count(), 1, "{name}: {error}");
    }
}

#[test]
fn the_end_of_a_jpeg_is_required() {
    let bytes = fs::read(data("420.jpg")).unwrap();
    let error = decode_error(&bytes[..bytes.len() - 2]).to_string();
    assert!(error.contains("truncated"), "{error}");
}

#[test]
fn damaged_bytes_never_panic() {
    for name in [
        "rgb16.png",
        "palette_alpha.png",
        "420.jpg",
        "progressive420.jpg",
        "cmyk.jpg",
        "three_scans.jpg",
        "rgba_lossless.webp",
        "lossy.webp",
        "animated_alpha.webp",
        "palette.bmp",
        "animated.gif",
    ] {
        let bytes = fs::read(data(name)).unwrap();
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 300) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            let _ = Image::decode(&damaged);
        }
    }
}

#[test]
fn scans_finer_than_the_first_are_refused() {
    let bytes = fs::read(data("three_scans.jpg")).unwrap();
    let frame = bytes.windows(2).position(|marker| marker == b"\xff\xc0").unwrap();
    for channel in [1, 2] {
        let mut damaged = bytes.clone();
        let sampling = &mut damaged[frame + 11 + 3 * channel];
        assert_eq!(*sampling, 0x11);
        *sampling = 0x22;
        assert!(decode_error(&damaged).to_string().contains("finer than its first"));
    }
}

#[test]
fn a_frame_of_another_size_than_its_animation_says_is_refused() {
    let mut bytes = fs::read(data("animated_alpha.webp")).unwrap();
    let width = bytes.windows(4).position(|kind| kind == b"ANMF").unwrap() + 14;
    assert_eq!(bytes[width], 18);
    bytes[width] = 17;
    assert!(decode_error(&bytes).to_string().contains("first frame has two sizes"));
}

#[test]
fn a_decompression_bomb_is_refused_before_it_unfolds() {
    let mut bomb = fs::read(data("gray1.png")).unwrap();
    bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let checksum = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&checksum.to_be_bytes());
    let error = decode_error(&bomb);
    assert!(matches!(error, Error::TooLarge { width: 60_000, height: 60_000, .. }), "{error}");

    let mut bomb = fs::read(data("inset.gif")).unwrap();
    bomb[6..10].copy_from_slice(&[0xff; 4]);
    assert!(matches!(decode_error(&bomb), Error::TooLarge { width: 65_535, .. }));
}

#[test]
fn a_picture_over_the_callers_limit_is_refused_by_its_header() {
    for name in ["gray1.png", "420.jpg", "lossy.webp", "rgba.bmp", "inset.gif"] {
        let bytes = fs::read(data(name)).unwrap();
        let pixels = Image::decode(&bytes).map(|image| image.width() * image.height()).unwrap();
        assert!(Image::decode_within(&bytes, pixels).is_ok(), "{name}");
        let error = Image::decode_within(&bytes, pixels - 1).unwrap_err();
        assert!(error.to_string().contains(&format!("more than the limit of {} pixels", pixels - 1)), "{name}: {error}");
    }
}

#[test]
fn a_bitmap_that_contradicts_itself_is_refused() {
    let error = |name: &str, at: usize, value: &[u8]| {
        let mut bytes = fs::read(data(name)).unwrap();
        bytes[at..at + value.len()].copy_from_slice(value);
        decode_error(&bytes).to_string()
    };
    assert!(error("palette.bmp", 10, &[0xff; 4]).contains("truncated"));
    assert!(error("palette.bmp", 14, &[41]).contains("no header of 41 bytes"));
    assert!(error("palette.bmp", 18, &[0xff; 4]).contains("4294967295 x 13 pixels are more than the limit"));
    assert!(error("palette.bmp", 22, &[0; 4]).contains("19 x 0 pixels make no picture"));
    assert!(error("palette.bmp", 28, &[16]).ends_with("the BMP file is truncated"));
    assert!(error("palette.bmp", 30, &[4]).contains("compression 4 has no pixels of 8 bits"));
    assert!(error("palette.bmp", 46, &[1, 1]).contains("more colours than its pixels can name"));
    assert!(error("rgba.bmp", 30, &[3]).contains("masks"));
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn pixels_must_fill_the_size() {
    assert!(Image::from_rgb(2, 2, vec![0; 12]).is_ok());
    assert!(Image::from_rgb(2, 2, vec![0; 11]).is_err());
    assert!(Image::from_rgb(0, 2, Vec::new()).is_err());
    assert!(matches!(Image::from_rgb(usize::MAX, 2, Vec::new()), Err(Error::TooLarge { .. })));
}
