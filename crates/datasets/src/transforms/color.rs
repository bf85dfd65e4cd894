//! Changes of brightness, colour, contrast, sharpness and levels, value for value as Pillow's `ImageEnhance` and `ImageOps`.

use crate::Image;
use crate::image::CHANNELS;

/// Black where `factor` is 0, the picture where it is 1.
pub(super) fn brightness(image: &Image, factor: f32) -> Image {
    blend(image, factor, &vec![0; image.data().len()])
}

/// Gray where `factor` is 0, the picture where it is 1.
pub(super) fn saturation(image: &Image, factor: f32) -> Image {
    let gray: Vec<u8> = luma(image).flat_map(|value| [value; CHANNELS]).collect();
    blend(image, factor, &gray)
}

/// One gray all over where `factor` is 0, the picture where it is 1.
pub(super) fn contrast(image: &Image, factor: f32) -> Image {
    let sum: u64 = luma(image).map(u64::from).sum();
    let mean = (sum as f64 / (image.width() * image.height()) as f64 + 0.5) as u8;
    blend(image, factor, &vec![mean; image.data().len()])
}

/// Smoothed where `factor` is 0, the picture where it is 1.
pub(super) fn sharpness(image: &Image, factor: f32) -> Image {
    blend(image, factor, &smoothed(image))
}

/// Keeps this many of the highest bits.
pub(super) fn posterize(image: &Image, bits: u32) -> Image {
    let mask = !(0xFFu8.checked_shr(bits).unwrap_or(0));
    mapped(image, [std::array::from_fn(|value| value as u8 & mask); CHANNELS])
}

/// Inverts the values from `threshold` on, which is on a scale up to 255.
pub(super) fn solarize(image: &Image, threshold: f64) -> Image {
    let white = image.max_value();
    let threshold = threshold * f64::from(white) / 255.0;
    let inverted = |value: usize| if (value as f64) < threshold { value as u8 } else { white.saturating_sub(value as u8) };
    mapped(image, [std::array::from_fn(inverted); CHANNELS])
}

/// Stretches each channel's values from its least to its largest over the whole scale.
pub(super) fn autocontrast(image: &Image) -> Image {
    let white = f64::from(image.max_value());
    mapped(
        image,
        histograms(image).map(|counts| {
            let least = counts.iter().position(|&count| count > 0).unwrap_or(0);
            let largest = counts.iter().rposition(|&count| count > 0).unwrap_or(0);
            if largest <= least {
                return IDENTITY;
            }
            let scale = white / (largest - least) as f64;
            let offset = -(least as f64) * scale;
            std::array::from_fn(|value| (value as f64 * scale + offset).trunc().clamp(0.0, white) as u8)
        }),
    )
}

/// Spreads each channel's values so that all are about as frequent.
pub(super) fn equalize(image: &Image) -> Image {
    let white = usize::from(image.max_value());
    mapped(
        image,
        histograms(image).map(|counts| {
            let total: usize = counts.iter().sum();
            let last = counts.iter().rev().find(|&&count| count > 0).copied().unwrap_or(0);
            let step = (total - last) / white;
            if step == 0 {
                return IDENTITY;
            }
            let mut sum = step / 2;
            counts.map(|count| {
                let value = (sum / step).min(white) as u8;
                sum += count;
                value
            })
        }),
    )
}

/// Every value as it is.
const IDENTITY: [u8; 256] = {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 256 {
        table[value] = value as u8;
        value += 1;
    }
    table
};

/// The picture with each channel's values looked up in its table.
fn mapped(image: &Image, tables: [[u8; 256]; CHANNELS]) -> Image {
    let values = image.data().iter().enumerate().map(|(place, &value)| tables[place % CHANNELS][usize::from(value)]);
    like(image, values.collect())
}

/// How often each channel has each value.
fn histograms(image: &Image) -> [[usize; 256]; CHANNELS] {
    let mut counts = [[0; 256]; CHANNELS];
    for (place, &value) in image.data().iter().enumerate() {
        counts[place % CHANNELS][usize::from(value)] += 1;
    }
    counts
}

/// Pillow's `blend`: `other` where `factor` is 0, the picture where it is 1, and on beyond both.
fn blend(image: &Image, factor: f32, other: &[u8]) -> Image {
    let white = f32::from(image.max_value());
    let mixed = |(&value, &other): (&u8, &u8)| {
        let (value, other) = (f32::from(value), f32::from(other));
        (other + factor * (value - other)).clamp(0.0, white) as u8
    };
    like(image, image.data().iter().zip(other).map(mixed).collect())
}

/// The gray of each pixel: Pillow's `convert("L")`.
fn luma(image: &Image) -> impl Iterator<Item = u8> {
    let pixels = image.data().chunks_exact(CHANNELS);
    pixels.map(|pixel| {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        ((red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16) as u8
    })
}

/// Pillow's `SMOOTH` filter: each pixel five times and its neighbours once; those at the edge stay.
fn smoothed(image: &Image) -> Vec<u8> {
    const WEIGHTS: [[f32; 3]; 3] = [[1.0 / 13.0; 3], [1.0 / 13.0, 5.0 / 13.0, 1.0 / 13.0], [1.0 / 13.0; 3]];
    let rows: Vec<&[u8]> = image.rows().collect();
    let mut out = image.data().to_vec();
    let inner = CHANNELS..image.row_len().saturating_sub(CHANNELS).max(CHANNELS);
    for (window, to) in rows.windows(3).zip(out.chunks_exact_mut(image.row_len()).skip(1)) {
        for place in inner.clone() {
            let row = |row: usize, weights: [f32; 3]| {
                let values = [place - CHANNELS, place, place + CHANNELS].map(|place| f32::from(window[row][place]));
                values[0] * weights[0] + values[1] * weights[1] + values[2] * weights[2]
            };
            to[place] = (0.5 + row(2, WEIGHTS[0]) + row(1, WEIGHTS[1]) + row(0, WEIGHTS[2])) as u8;
        }
    }
    out
}

fn like(image: &Image, pixels: Vec<u8>) -> Image {
    Image::from_parts(image.width(), image.height(), pixels).with_max_value(image.max_value())
}
