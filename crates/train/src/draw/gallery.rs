//! The pictures with the largest losses.

use datasets::{
    Dataset, Image, Rng,
    transforms::{Interpolation, Resize, Transform},
};

use super::canvas::{Align, BLACK, Canvas, fitting};
use crate::{Guess, Result};

const COLUMNS: usize = 4;
/// The side of the square that a picture is fitted into, in pixels.
const SIDE: usize = 192;
const GAP: usize = 24;
/// Room for the lines below each picture.
const CAPTION: usize = 56;
const LINE: f64 = 16.0;
const TEXT: f64 = 12.0;

/// Each picture with what it was taken for, its label, its loss and the probability of the guess.
pub fn gallery(guesses: &[Guess], dataset: &dyn Dataset) -> Result<Image> {
    let rows = guesses.len().div_ceil(COLUMNS).max(1);
    let mut canvas = Canvas::new(GAP + COLUMNS * (SIDE + GAP), GAP + rows * (SIDE + CAPTION));
    let name = |class: usize| dataset.classes().get(class).map_or_else(|| class.to_string(), Clone::clone);
    for (number, guess) in guesses.iter().enumerate() {
        let (left, top) = (GAP + number % COLUMNS * (SIDE + GAP), GAP + number / COLUMNS * (SIDE + CAPTION));
        let image = fitted(dataset.get(guess.index)?.0)?;
        canvas.image((left + (SIDE - image.width()) / 2, top + (SIDE - image.height()) / 2), &image);
        let lines = [
            format!("predicted {}", name(guess.guess)),
            format!("label {}", name(guess.label)),
            format!("loss {:.2}, probability {:.2}", guess.loss, guess.probability),
        ];
        for (number, line) in lines.iter().enumerate() {
            let baseline = (top + SIDE) as f64 + LINE * (number + 1) as f64 - 2.0;
            canvas.text((left as f64, baseline), TEXT, Align::Start, BLACK, &fitting(TEXT, line, SIDE as f64));
        }
    }
    canvas.into_image()
}

/// The picture as large as it fits into the square; small ones keep their pixels visible.
fn fitted(image: Image) -> Result<Image> {
    let longer = image.width().max(image.height());
    let scaled = |side: usize| (side * SIDE / longer).max(1);
    let interpolation = if longer <= SIDE / 2 { Interpolation::Nearest } else { Interpolation::Bilinear };
    let resize = Resize::exact(scaled(image.height()), scaled(image.width()), interpolation)?;
    Ok(resize.apply(image, &mut Rng::new(0))?)
}

#[cfg(test)]
mod tests {
    use datasets::{Digits, Split};

    use super::*;

    #[test]
    fn every_picture_has_its_place() {
        let digits = Digits::new(Split::Test).unwrap();
        let guess = |index| Guess { index, label: 1, guess: 11, probability: 0.5, loss: 2.0 };
        let guesses: Vec<Guess> = (0..5).map(guess).collect();
        let image = gallery(&guesses, &digits).unwrap();
        assert_eq!((image.width(), image.height()), (888, 520));
        // The digit of the second row is there, six times as large.
        let (left, top) = (GAP, GAP + SIDE + CAPTION);
        let digit = digits.get(4).unwrap().0;
        for (x, y) in [(3, 3), (13, 12), (16, 16), (20, 9)] {
            let expected = u32::from(digit.data()[3 * (y * 32 + x)]) * 255 / 240;
            let found = image.data()[3 * ((top + 6 * y + 2) * image.width() + left + 6 * x + 2)];
            assert!(u32::from(found).abs_diff(expected) <= 1, "{found} {expected}");
        }
        assert!(gallery(&[guess(360)], &digits).is_err());
    }

    #[test]
    fn pictures_of_any_shape_are_fitted() {
        for (width, height, expected) in [(1000, 500, (192, 96)), (1, 400, (1, 192)), (20, 10, (192, 96))] {
            let image = fitted(Image::from_rgb(width, height, vec![9; 3 * width * height]).unwrap()).unwrap();
            assert_eq!((image.width(), image.height()), expected);
        }
    }
}
