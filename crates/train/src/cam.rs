//! Where in a picture a class is seen: Grad-CAM.

use autograd::{Var, dominators};
use datasets::{
    Image, Rng,
    transforms::{Interpolation, Resize, Transform},
};
use layers::{Mode, Module, ModuleExt};
use tensor::{DType, Tensor};

use crate::{Error, Result};

/// matplotlib's perceptually uniform colour map "inferno" at equal distances.
const INFERNO: [[u8; 3]; 9] =
    [[0, 0, 4], [33, 12, 74], [86, 16, 110], [137, 34, 106], [187, 55, 84], [227, 89, 50], [249, 140, 10], [249, 201, 50], [252, 255, 164]];
/// The share of the colours in an overlay; the rest is the picture.
const OPACITY: f64 = 0.5;

/// How much each place of a picture `[1, 3, H, W]` speaks for a class: a map `[h, w]` from 0 to 1, where 1 is the place that does most, or
/// all 0 where none does. This is Grad-CAM (Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
/// Localization", ICCV 2017, equations 1 and 2): the channels of the network's last spatial map, each weighted by the mean gradient
/// of the class's logit, summed, and what is negative left out.
///
/// The last spatial map is the last value that everything goes through and that has several rows and columns: the input of the global
/// pooling, where a network has one. The model's gradients stay as they are.
///
/// # Errors
/// Where the picture does not suit the model, the model has no such class or no spatial map, or its output is not finite.
pub fn grad_cam(model: &dyn Module, image: &Tensor, class: usize) -> Result<Tensor> {
    if image.dims().first() != Some(&1) {
        return Err(tensor::Error::shape("grad_cam", image.dims(), "one picture at a time, [1, 3, H, W]").into());
    }
    let (logits, values) = dominators(image.to_device(model.device())?, |x| model.forward(x, Mode::Eval))?;
    let map = last_map(&values).ok_or(Error::NoSpatialMap { class_name: model.class_name() })?;
    if logits.value().to_f64_vec()?.iter().any(|logit| !logit.is_finite()) {
        return Err(Error::OutputNotFinite);
    }
    let gradient = logits.grad_of(map, one_hot(logits.dims(), class)?.to_device(model.device())?)?;
    let weights = gradient.mean(&[2, 3], true)?;
    let heat = map.value().mul(&weights)?.sum(&[0, 1], false)?.relu()?.to_dtype(DType::F32)?.contiguous()?.to_host()?;
    let largest = heat.amax(&[0, 1], true)?;
    Ok(if largest.item()? > 0.0 { heat.div(&largest)? } else { heat })
}

/// The last map of several rows and columns. One that has more places than an earlier one only repeats it, as the pooling to 7x7 of VGG
/// does on small pictures.
fn last_map(values: &[Var]) -> Option<&Var> {
    let (mut least, mut last) = (usize::MAX, None);
    for value in values {
        if let &[_, _, height, width] = value.dims()
            && height * width <= least
        {
            least = height * width;
            last = if height > 1 && width > 1 { Some(value) } else { last };
        }
    }
    last
}

/// 1 at a class, 0 elsewhere.
fn one_hot(logits: &[usize], class: usize) -> Result<Tensor> {
    let classes = logits.iter().product();
    if class >= classes {
        return Err(Error::Setting { name: "class", value: class.to_string(), reason: "the model has no output of that number" });
    }
    let mut values = vec![0.0f32; classes];
    values[class] = 1.0;
    Ok(Tensor::from_vec(values, logits)?)
}

/// A picture with a map `[h, w]` from 0 to 1 over it, scaled up bilinearly to all of the picture: black to violet, red and yellow
/// (matplotlib's "inferno"), half transparent.
///
/// # Errors
/// Where the map is not one of two dimensions.
pub fn overlay(image: &Image, heat: &Tensor) -> Result<Image> {
    let &[height, width] = heat.dims() else {
        return Err(tensor::Error::shape("overlay", heat.dims(), "a map is [h, w]").into());
    };
    let gray: Vec<u8> = heat.to_f64_vec()?.into_iter().flat_map(|heat| [(heat.clamp(0.0, 1.0) * 255.0).round() as u8; 3]).collect();
    let resize = Resize::exact(image.height(), image.width(), Interpolation::Bilinear)?;
    let gray = resize.apply(Image::from_rgb(width, height, gray)?, &mut Rng::new(0))?;
    let scale = 255.0 / f64::from(image.max_value());
    let pixels = image.data().chunks_exact(3).zip(gray.data().chunks_exact(3));
    let mixed = pixels.flat_map(|(pixel, heat)| {
        let color = inferno(f64::from(heat[0]) / 255.0);
        std::array::from_fn::<u8, 3, _>(|channel| {
            let below = f64::from(pixel[channel]) * scale;
            (below + OPACITY * (color[channel] - below)).round() as u8
        })
    });
    Ok(Image::from_rgb(image.width(), image.height(), mixed.collect())?)
}

/// The colour of a value from 0 to 1.
fn inferno(value: f64) -> [f64; 3] {
    let place = value * (INFERNO.len() - 1) as f64;
    let below = (place as usize).min(INFERNO.len() - 2);
    let share = place - below as f64;
    std::array::from_fn(|channel| {
        let (from, to) = (f64::from(INFERNO[below][channel]), f64::from(INFERNO[below + 1][channel]));
        from + share * (to - from)
    })
}

#[cfg(test)]
mod tests {
    use layers::{AdaptiveAvgPool2d, Conv2d, Flatten, Linear, ModuleExt, ReLU, Sequential, sequential};

    use super::*;

    fn parameter(model: &Sequential, name: &str, values: &[f32]) {
        let (_, parameter) = model.named_parameters().into_iter().find(|(known, _)| known == name).unwrap();
        parameter.load(&Tensor::from_slice(values, parameter.shape()).unwrap()).unwrap();
    }

    /// Red and green are passed on, blue is not; class 0 is 3 times the mean of red less that of green, class 1 its negative.
    fn tiny() -> Sequential {
        let model =
            sequential![Conv2d::new(3, 2, 1).bias(false), ReLU::new(), AdaptiveAvgPool2d::new(1), Flatten::new(), Linear::new(2, 2)];
        parameter(&model, "0.weight", &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        parameter(&model, "4.weight", &[3.0, -1.0, -3.0, 1.0]);
        parameter(&model, "4.bias", &[0.5, 0.0]);
        model
    }

    fn picture() -> Tensor {
        let (red, green, blue) = ([1.0, 0.0, 2.0, -5.0], [0.0, 4.0, 3.0, 1.0], [9.0; 4]);
        Tensor::from_vec([red, green, blue].concat(), [1, 3, 2, 2]).unwrap().to_dtype(DType::F32).unwrap()
    }

    #[test]
    fn a_heat_map_is_what_the_paper_says() {
        let model = tiny();
        // The gradient at red is 3/4 everywhere, at green -1/4: 0.75 * [1, 0, 2, 0] - 0.25 * [0, 4, 3, 1] = [0.75, -1, 0.75, -0.25].
        assert_eq!(grad_cam(&model, &picture(), 0).unwrap().to_vec::<f32>().unwrap(), [1.0, 0.0, 1.0, 0.0]);
        // And the other way around: [-0.75, 1, -0.75, 0.25].
        let heat = grad_cam(&model, &picture(), 1).unwrap();
        assert_eq!((heat.dims(), heat.to_vec::<f32>().unwrap()), (&[2, 2][..], vec![0.0, 1.0, 0.0, 0.25]));
    }

    #[test]
    fn frozen_models_have_heat_maps_and_gradients_stay() {
        let model = tiny();
        model.freeze("0.*").unwrap();
        let bias = model.parameters().pop().unwrap();
        bias.accumulate_grad(Tensor::from_vec(vec![7.0f32, 8.0], [2]).unwrap()).unwrap();
        assert_eq!(grad_cam(&model, &picture(), 1).unwrap().to_vec::<f32>().unwrap()[3], 0.25);
        assert_eq!(bias.grad().unwrap().to_vec::<f32>().unwrap(), [7.0, 8.0]);
        assert!(model.parameters().iter().filter(|p| p.grad().is_some()).count() == 1);
    }

    #[test]
    fn nothing_for_a_class_is_no_heat() {
        let model = tiny();
        parameter(&model, "4.weight", &[-1.0, -1.0, 0.0, 0.0]);
        for class in [0, 1] {
            assert_eq!(grad_cam(&model, &picture(), class).unwrap().to_vec::<f32>().unwrap(), [0.0; 4]);
        }
    }

    #[test]
    fn what_cannot_be_answered_is_an_error() {
        let message = |result: Result<Tensor>| result.unwrap_err().to_string();
        assert!(message(grad_cam(&tiny(), &picture(), 2)).starts_with("class is 2: the model has no output"));
        let flat = sequential![Flatten::new(), Linear::new(12, 2)];
        assert!(message(grad_cam(&flat, &picture(), 0)).contains("no spatial map"));
        let two = Tensor::zeros([2, 3, 2, 2], DType::F32).unwrap();
        assert!(message(grad_cam(&tiny(), &two, 0)).contains("one picture at a time"));
        let broken = tiny();
        parameter(&broken, "4.bias", &[f32::NAN, 0.0]);
        assert!(message(grad_cam(&broken, &picture(), 0)).contains("not finite"));
    }

    #[test]
    fn an_overlay_is_half_picture_half_heat() {
        let image = Image::from_rgb(4, 2, vec![100; 24]).unwrap();
        let heat = Tensor::from_vec(vec![0.0f32, 1.0], [1, 2]).unwrap();
        let overlay = overlay(&image, &heat).unwrap();
        let pixel = |x: usize| &overlay.data()[3 * x..][..3];
        assert_eq!((overlay.width(), overlay.height()), (4, 2));
        assert_eq!((pixel(0), pixel(3)), (&[50, 50, 52][..], &[176, 178, 132][..]));
        // A quarter and three quarters in between, as bilinear says: the third and the seventh colour of nine.
        assert_eq!((pixel(1), pixel(2)), (&[93, 58, 105][..], &[174, 120, 55][..]));
    }
}
