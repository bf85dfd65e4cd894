//! Grad-CAM of the models of the zoo.

use datasets::{Image, transforms::Preset};
use layers::ModuleExt;
use tensor::{DType, Tensor};
use train::grad_cam;

const WEIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../zoo/data/squeezenet1_1_imagenet.safetensors");
const CHELSEA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../zoo/data/photos/chelsea.png");
const TABBY: usize = 281;

/// The middle of a map's heat, as shares of its height and width.
fn center(heat: &Tensor) -> (f64, f64) {
    let (height, width) = (heat.dims()[0], heat.dims()[1]);
    let values = heat.to_f64_vec().unwrap();
    let sum: f64 = values.iter().sum();
    let moment = |place: &dyn Fn(usize) -> f64| values.iter().enumerate().map(|(i, heat)| heat * place(i)).sum::<f64>() / sum;
    let down = moment(&|i| ((i / width) as f64 + 0.5) / height as f64);
    (down, moment(&|i| ((i % width) as f64 + 0.5) / width as f64))
}

#[test]
fn the_cat_is_where_the_cat_is() {
    let (model, _) = zoo::load(WEIGHTS).unwrap();
    let photo = Image::open(CHELSEA).unwrap();
    let heat_of = |photo: Image| {
        let input = Preset::image_classification(224, 256).apply(photo).unwrap();
        grad_cam(&*model, &Tensor::from_array(&input.insert_axis(ndarray::Axis(0))).unwrap(), TABBY).unwrap()
    };
    let heat = heat_of(photo.clone());
    assert_eq!(heat.dims(), [13, 13]);
    let values = heat.to_vec::<f32>().unwrap();
    assert!(values.iter().all(|heat| (0.0..=1.0).contains(heat)) && values.contains(&1.0));
    // The cat fills the middle of the picture.
    let (down, along) = center(&heat);
    assert!((0.3..0.7).contains(&down) && (0.3..0.7).contains(&along), "{down} {along}");

    // The cat in the lower right quarter of a gray picture.
    let (width, height) = (photo.width(), photo.height());
    let mut pixels = vec![124; 3 * 4 * width * height];
    for (row, cat) in photo.data().chunks_exact(3 * width).enumerate() {
        pixels[3 * (2 * width * (height + row) + width)..][..3 * width].copy_from_slice(cat);
    }
    let (down, along) = center(&heat_of(Image::from_rgb(2 * width, 2 * height, pixels).unwrap()));
    assert!(down > 0.55 && along > 0.55, "{down} {along}");
}

#[test]
fn every_model_has_a_map_of_what_goes_into_its_pooling() {
    for entry in zoo::registry::models() {
        let model = entry.build(3).unwrap();
        // Shapes do not depend on values, and drawing them takes long.
        for (_, parameter) in model.named_parameters() {
            parameter.load(&Tensor::zeros(parameter.shape(), DType::F32).unwrap()).unwrap();
        }
        let side = if entry.name == "inception_v3" { 139 } else { 96 };
        let heat = grad_cam(&*model, &Tensor::zeros([1, 3, side, side], DType::F32).unwrap(), 2).unwrap();
        let expected = match entry.family {
            "SqueezeNet" => 5,
            // The features of AlexNet are 2x2, which the pooling repeats.
            "AlexNet" => 2,
            _ => 3,
        };
        assert_eq!(heat.dims(), [expected, expected], "{}", entry.name);
    }
}
