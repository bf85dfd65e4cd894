//! Pictures as Pillow decodes and resizes them, and as torchvision's presets prepare them: equal to the bit.

use datasets::{
    Image, Rng,
    transforms::{Interpolation, Preset, Resize, Transform},
};
use op_suite::Golden;
use tensor::{DType, Tensor};

#[test]
fn golden_images() {
    let golden = Golden::open();
    let expected = golden.tensors("images.safetensors");
    assert!(!expected.is_empty());
    for (name, expected) in expected {
        let (picture, case) = name.split_once('/').unwrap_or_else(|| panic!("{name}: not PICTURE/CASE"));
        let image = Image::open(golden.path("images").join(picture)).unwrap_or_else(|e| panic!("{e}"));
        let found = compute(image, case).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(found.shape(), expected.shape(), "{name}");
        let same = match expected.dtype() {
            DType::U8 => found.to_vec::<u8>().ok() == expected.to_vec::<u8>().ok(),
            _ => found.to_vec::<f32>().ok() == expected.to_vec::<f32>().ok(),
        };
        assert!(same, "{name}: a value differs");
    }
}

fn compute(image: Image, case: &str) -> datasets::Result<Tensor> {
    let resized = |resize: datasets::Result<Resize>| Ok(pixels(&resize?.apply(image.clone(), &mut Rng::new(0))?));
    let prepared = |preset: Preset| Ok(Tensor::from_array(&preset.apply(image.clone())?).expect("a small array"));
    match case {
        "decoded" => Ok(pixels(&image)),
        "resize_shorter_48_bilinear" => resized(Resize::shorter(48, Interpolation::Bilinear)),
        "resize_shorter_48_bicubic" => resized(Resize::shorter(48, Interpolation::Bicubic)),
        "imagenet_preset_resize48_crop32" => prepared(Preset::image_classification(32, 48)),
        "seed_transform_32" => prepared(Preset::square(32)),
        _ => {
            let size = case.strip_prefix("resize_bilinear_").and_then(|size| size.split_once('x'));
            let (height, width) = size.unwrap_or_else(|| panic!("no test knows the case {case}"));
            let side = |text: &str| text.parse().expect("a number of pixels");
            resized(Resize::exact(side(height), side(width), Interpolation::Bilinear))
        }
    }
}

fn pixels(image: &Image) -> Tensor {
    Tensor::from_slice(image.data(), [image.height(), image.width(), 3]).expect("three bytes a pixel")
}
