//! Resizing against the plain definition in floating point, over random sizes, and its limits.

use datasets::transforms::{Interpolation, Resize, Transform};
use datasets::{Error, Image, Rng};

fn random_image(width: usize, height: usize, rng: &mut Rng) -> Image {
    let data = (0..width * height * 3).map(|_| rng.next_u64() as u8).collect();
    Image::from_rgb(width, height, data).unwrap()
}

fn kernel(interpolation: Interpolation, x: f64) -> f64 {
    let x = x.abs();
    match interpolation {
        Interpolation::Bilinear => (1.0 - x).max(0.0),
        Interpolation::Bicubic if x < 1.0 => 1.5 * x.powi(3) - 2.5 * x.powi(2) + 1.0,
        Interpolation::Bicubic if x < 2.0 => -0.5 * x.powi(3) + 2.5 * x.powi(2) - 4.0 * x + 2.0,
        _ => 0.0,
    }
}

/// The weights of all source positions for each target position, which sum to 1.
fn weights(interpolation: Interpolation, source: usize, target: usize) -> Vec<Vec<f64>> {
    let scale = source as f64 / target as f64;
    let row = |i: usize| {
        let center = (i as f64 + 0.5) * scale;
        let weight = |x: usize| kernel(interpolation, (x as f64 + 0.5 - center) / scale.max(1.0));
        let sum: f64 = (0..source).map(weight).sum();
        (0..source).map(|x| weight(x) / sum).collect()
    };
    (0..target).map(row).collect()
}

/// The exact value of a resized pixel's channel, before it is rounded or clipped.
fn exact(image: &Image, columns: &[f64], rows: &[f64], channel: usize) -> f64 {
    let row_value = |y: usize| -> f64 {
        let row = &image.data()[y * image.width() * 3..];
        columns.iter().enumerate().map(|(x, weight)| weight * f64::from(row[x * 3 + channel])).sum()
    };
    rows.iter().enumerate().filter(|(_, weight)| **weight != 0.0).map(|(y, weight)| weight * row_value(y)).sum()
}

#[test]
fn bilinear_is_within_one_level_of_the_definition() {
    let mut rng = Rng::new(1);
    for _ in 0..60 {
        let [width, height, to_width, to_height] = std::array::from_fn(|_| 1 + rng.below(70));
        let image = random_image(width, height, &mut rng);
        let resize = Resize::exact(to_height, to_width, Interpolation::Bilinear).unwrap();
        let resized = resize.apply(image.clone(), &mut rng).unwrap();
        assert_eq!((resized.width(), resized.height()), (to_width, to_height));
        let columns = weights(Interpolation::Bilinear, width, to_width);
        let rows = weights(Interpolation::Bilinear, height, to_height);
        for (at, &byte) in resized.data().iter().enumerate() {
            let (x, y, channel) = (at / 3 % to_width, at / 3 / to_width, at % 3);
            let expected = exact(&image, &columns[x], &rows[y], channel);
            assert!(
                (f64::from(byte) - expected).abs() <= 1.01,
                "{width} x {height} to {to_width} x {to_height} at ({x}, {y}): {byte}, exactly {expected}"
            );
        }
    }
}

#[test]
fn bicubic_along_one_side_is_the_rounded_definition() {
    let mut rng = Rng::new(2);
    for _ in 0..60 {
        let [width, to_width, height] = std::array::from_fn(|_| 1 + rng.below(70));
        let image = random_image(width, height, &mut rng);
        let resize = Resize::exact(height, to_width, Interpolation::Bicubic).unwrap();
        let resized = resize.apply(image.clone(), &mut rng).unwrap();
        let columns = weights(Interpolation::Bicubic, width, to_width);
        for (at, &byte) in resized.data().iter().enumerate() {
            let (x, y, channel) = (at / 3 % to_width, at / 3 / to_width, at % 3);
            let mut only_row = vec![0.0; height];
            only_row[y] = 1.0;
            let expected = exact(&image, &columns[x], &only_row, channel).clamp(0.0, 255.0);
            assert!((f64::from(byte) - expected).abs() <= 0.501, "{byte}, exactly {expected}");
        }
    }
}

#[test]
fn the_longer_side_is_rounded_down() {
    for (width, height, expected) in [(500, 375, (341, 256)), (375, 500, (256, 341)), (300, 300, (256, 256))] {
        let image = Image::from_rgb(width, height, vec![9; width * height * 3]).unwrap();
        let resize = Resize::shorter(256, Interpolation::Bilinear).unwrap();
        let resized = resize.apply(image, &mut Rng::new(0)).unwrap();
        assert_eq!((resized.width(), resized.height()), expected);
        assert!(resized.data().iter().all(|&byte| byte == 9));
    }
}

#[test]
fn a_result_that_fills_the_memory_is_refused() {
    assert!(Resize::shorter(0, Interpolation::Bilinear).is_err());
    assert!(Resize::exact(1 << 20, 1 << 20, Interpolation::Bilinear).is_err());
    let strip = Image::from_rgb(60_000, 1, vec![0; 180_000]).unwrap();
    let resize = Resize::shorter(256, Interpolation::Bilinear).unwrap();
    let error = resize.apply(strip, &mut Rng::new(0)).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}
