//! Shears, translations and rotations, pixel for pixel as Pillow's nearest-neighbour `transform`.

use crate::Image;
use crate::image::CHANNELS;

/// From a place in the result to one in the source: x = a x' + b y' + c and y = d x' + e y' + f.
struct Inverse {
    a: f64,
    b: f64,
    c: f64,
    d: f64,
    e: f64,
    f: f64,
}

/// Moves each row to the left by `amount` times its distance from the top.
pub(super) fn shear_x(image: &Image, amount: f64) -> Image {
    transform(image, &Inverse { a: 1.0, b: amount, c: 0.0, d: 0.0, e: 1.0, f: 0.0 })
}

/// Moves each column up by `amount` times its distance from the left.
pub(super) fn shear_y(image: &Image, amount: f64) -> Image {
    transform(image, &Inverse { a: 1.0, b: 0.0, c: 0.0, d: amount, e: 1.0, f: 0.0 })
}

/// Moves a picture by whole pixels to the right and down.
pub(super) fn translate(image: &Image, right: f64, down: f64) -> Image {
    transform(image, &Inverse { a: 1.0, b: 0.0, c: -right.trunc(), d: 0.0, e: 1.0, f: -down.trunc() })
}

/// Turns a picture about its middle, counter-clockwise.
pub(super) fn rotate(image: &Image, degrees: f64) -> Image {
    // Pillow rounds so that quarter turns are exact.
    let rounded = |value: f64| (value * 1e15).round() / 1e15;
    let angle = -degrees.rem_euclid(360.0).to_radians();
    let (cos, sin) = (rounded(angle.cos()), rounded(angle.sin()));
    let (x, y) = (image.width() as f64 / 2.0, image.height() as f64 / 2.0);
    transform(image, &Inverse { a: cos, b: sin, c: cos * -x + sin * -y + x, d: -sin, e: cos, f: -sin * -x + cos * -y + y })
}

/// The picture whose pixels lie at these places of the source; black where that has none. In Pillow's 16.16 fixed-point numbers.
fn transform(image: &Image, inverse: &Inverse) -> Image {
    const BITS: u32 = 16;
    let fixed = |value: f64| (value * f64::from(1 << BITS) + 0.5).floor() as i64;
    let &Inverse { a, b, c, d, e, f } = inverse;
    let (along, down) = ((fixed(a), fixed(d)), (fixed(b), fixed(e)));
    let mut row = (fixed(c + a * 0.5 + b * 0.5), fixed(f + d * 0.5 + e * 0.5));

    let source: Vec<&[u8]> = image.rows().collect();
    let mut pixels = vec![0; image.data().len()];
    for to in pixels.chunks_exact_mut(image.row_len()) {
        let mut place = row;
        for pixel in to.chunks_exact_mut(CHANNELS) {
            let (x, y) = (place.0 >> BITS, place.1 >> BITS);
            let from = usize::try_from(y).ok().and_then(|y| source.get(y)).zip(usize::try_from(x).ok());
            if let Some(from) = from.and_then(|(row, x)| row.get(x * CHANNELS..(x + 1) * CHANNELS)) {
                pixel.copy_from_slice(from);
            }
            place = (place.0 + along.0, place.1 + along.1);
        }
        row = (row.0 + down.0, row.1 + down.1);
    }
    Image::from_parts(image.width(), image.height(), pixels).with_max_value(image.max_value())
}
