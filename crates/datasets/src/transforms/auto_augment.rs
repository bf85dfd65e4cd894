//! Augmentations without settings: torchvision's `TrivialAugmentWide` and `RandAugment`.

use super::{Transform, affine, color};
use crate::{Image, Result, Rng};

/// The strengths that an operation may have.
const BINS: usize = 31;
/// How often `RandAugment` changes a picture, and how strongly: torchvision's defaults.
const OPERATIONS: usize = 2;
const MAGNITUDE: usize = 9;

/// What may be done to a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
}

use Operation::*;

const ALL: [Operation; 14] = [
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
];

/// How strong the operations get.
#[derive(Clone, Copy, Debug)]
struct Strengths {
    shear: f32,
    /// In pixels across and down.
    translate: (f32, f32),
    degrees: f32,
    enhance: f32,
    /// Bits that are taken away.
    posterize: f32,
}

impl Operation {
    /// Whether it goes in two directions.
    fn is_signed(self) -> bool {
        matches!(self, ShearX | ShearY | TranslateX | TranslateY | Rotate | Brightness | Color | Contrast | Sharpness)
    }

    /// Its strength in this bin.
    fn magnitude(self, strengths: &Strengths, bin: usize) -> f64 {
        let up_to = |end: f32| f64::from(linspace(end, bin));
        match self {
            ShearX | ShearY => up_to(strengths.shear),
            TranslateX => up_to(strengths.translate.0),
            TranslateY => up_to(strengths.translate.1),
            Rotate => up_to(strengths.degrees),
            Brightness | Color | Contrast | Sharpness => up_to(strengths.enhance),
            Posterize => 8.0 - f64::from((bin as f32 / ((BINS - 1) as f32 / strengths.posterize)).round_ties_even()),
            Solarize => 255.0 - up_to(255.0),
            Identity | AutoContrast | Equalize => 0.0,
        }
    }

    fn apply(self, image: Image, magnitude: f64) -> Image {
        let factor = (1.0 + magnitude) as f32;
        match self {
            Identity => image,
            ShearX => affine::shear_x(&image, magnitude),
            ShearY => affine::shear_y(&image, magnitude),
            TranslateX => affine::translate(&image, magnitude, 0.0),
            TranslateY => affine::translate(&image, 0.0, magnitude),
            Rotate => affine::rotate(&image, magnitude),
            Brightness => color::brightness(&image, factor),
            Color => color::saturation(&image, factor),
            Contrast => color::contrast(&image, factor),
            Sharpness => color::sharpness(&image, factor),
            Posterize => color::posterize(&image, magnitude as u32),
            Solarize => color::solarize(&image, magnitude),
            AutoContrast => color::autocontrast(&image),
            Equalize => color::equalize(&image),
        }
    }

    /// Applies it in a random direction, where it has two.
    fn apply_either_way(self, image: Image, magnitude: f64, rng: &mut Rng) -> Image {
        let backwards = self.is_signed() && rng.below(2) == 1;
        self.apply(image, if backwards { -magnitude } else { magnitude })
    }
}

/// PyTorch's `linspace(0, end, BINS)` at one place.
fn linspace(end: f32, bin: usize) -> f32 {
    let step = end / (BINS - 1) as f32;
    if bin < BINS / 2 { step * bin as f32 } else { end - step * (BINS - 1 - bin) as f32 }
}

/// One random operation of a random strength (Müller and Hutter, "TrivialAugment", 2021): torchvision's `TrivialAugmentWide`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrivialAugmentWide;

impl Transform for TrivialAugmentWide {
    fn apply(&self, image: Image, rng: &mut Rng) -> Result<Image> {
        const STRENGTHS: Strengths = Strengths { shear: 0.99, translate: (32.0, 32.0), degrees: 135.0, enhance: 0.99, posterize: 6.0 };
        let operation = ALL[rng.below(ALL.len())];
        let magnitude = operation.magnitude(&STRENGTHS, rng.below(BINS));
        Ok(operation.apply_either_way(image, magnitude, rng))
    }
}

/// Two random operations of moderate strength (Cubuk et al., "RandAugment", 2020): torchvision's `RandAugment` with its defaults.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandAugment;

impl Transform for RandAugment {
    fn apply(&self, image: Image, rng: &mut Rng) -> Result<Image> {
        let share = |side: usize| 150.0 / 331.0 * side as f32;
        let translate = (share(image.width()), share(image.height()));
        let strengths = Strengths { shear: 0.3, translate, degrees: 30.0, enhance: 0.9, posterize: 4.0 };
        Ok((0..OPERATIONS).fold(image, |image, _| {
            let operation = ALL[rng.below(ALL.len())];
            operation.apply_either_way(image, operation.magnitude(&strengths, MAGNITUDE), rng)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The operations with the names and pictures of `tests/data/make_augment.py`.
    #[test]
    fn every_operation_is_torchvisions_to_the_byte() {
        let text = include_str!("../../tests/data/augment.txt");
        let mut lines = text.lines();
        let mut picture = |name: &str| {
            let (found, hex) = lines.next().unwrap().split_once('\t').unwrap();
            assert_eq!(found, name);
            let bytes = hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
            Image::from_rgb(11, 8, bytes.collect()).unwrap()
        };
        let source = picture("source");
        for operation in ALL {
            for magnitude in [0.3, -0.7, 6.0, 90.0, -130.5] {
                let fits = match operation {
                    Identity | AutoContrast | Equalize => magnitude == 6.0,
                    Posterize | TranslateX | TranslateY => magnitude == 6.0,
                    Solarize => magnitude == 90.0,
                    Rotate => true,
                    _ => (-1.0..1.0).contains(&magnitude),
                };
                if fits {
                    let expected = picture(&format!("{operation:?} {magnitude}"));
                    let found = operation.apply(source.clone(), magnitude);
                    assert!(found == expected, "{operation:?} {magnitude}\n{:?}\n{:?}", found.data(), expected.data());
                }
            }
        }
        assert_eq!(lines.next(), None, "every recorded picture is compared");
    }

    #[test]
    fn strengths_are_torchvisions() {
        let strengths = Strengths { shear: 0.99, translate: (32.0, 32.0), degrees: 135.0, enhance: 0.99, posterize: 6.0 };
        let all = |operation: Operation| (0..BINS).map(|bin| operation.magnitude(&strengths, bin)).collect::<Vec<_>>();
        assert_eq!(all(Rotate)[20], 90.0);
        assert_eq!((all(Solarize)[0], all(Solarize)[30]), (255.0, 0.0));
        let bits = all(Posterize);
        assert_eq!((bits[0], bits[2], bits[3], bits[15], bits[30]), (8.0, 8.0, 7.0, 5.0, 2.0));
    }

    #[test]
    fn pictures_on_another_scale_stay_on_it() {
        let image = Image::from_rgb(9, 9, (0..243).map(|i| (i % 17) as u8 * 15).collect()).unwrap().with_max_value(240);
        for i in 0..300 {
            for step in [&TrivialAugmentWide as &dyn Transform, &RandAugment] {
                let changed = step.apply(image.clone(), &mut Rng::for_sample(0, 0, i)).unwrap();
                assert!(changed.max_value() == 240 && changed.data().iter().all(|&value| value <= 240));
                assert_eq!((changed.width(), changed.height()), (9, 9));
            }
        }
    }

    #[test]
    fn pictures_of_one_pixel_survive() {
        let dot = Image::from_rgb(1, 1, vec![1, 2, 3]).unwrap();
        for operation in ALL {
            operation.apply(dot.clone(), 0.5);
        }
    }
}
