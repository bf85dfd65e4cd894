//! From a JPEG file to what the network takes, stage by stage, on one core: `cargo bench -p datasets`. The photos have 500x375 pixels,
//! quality 90 and chroma at half the resolution, as ImageNet's mostly have; throughput counts photos.

use std::hint::black_box;
use std::path::Path;
use std::{array, fs};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use datasets::transforms::{CenterCrop, Compose, Interpolation, Normalize, Preset, Resize, Transform};
use datasets::{Image, Rng};

const PHOTOS: [&str; 3] = ["chelsea", "coffee", "rocket"];

fn photo(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/photos/{name}.jpg"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn decode(bytes: &[u8]) -> Image {
    Image::decode(bytes).expect("the photos are whole")
}

fn apply(step: &impl Transform, image: Image) -> Image {
    step.apply(image, &mut Rng::new(0)).expect("the photo is larger than the result")
}

fn stages(c: &mut Criterion) {
    let preset = Preset::image_classification(224, 256);
    let whole = preset.transform().expect("the preset is valid");
    let to_tensor = Compose::new().normalize(Normalize::new(preset.mean, preset.std).expect("the preset is valid"));
    let resize = Resize::shorter(256, Interpolation::Bilinear).expect("the size is valid");
    let crop = CenterCrop::new(224).expect("the size is valid");

    let files: [Vec<u8>; PHOTOS.len()] = array::from_fn(|photo_index| photo(PHOTOS[photo_index]));
    let images = files.each_ref().map(|bytes| decode(bytes));
    let cropped = images.clone().map(|image| apply(&crop, apply(&resize, image)));

    let mut group = c.benchmark_group("500x375");
    group.throughput(Throughput::Elements(PHOTOS.len() as u64));
    group.bench_function("decode", |b| b.iter(|| files.each_ref().map(|bytes| black_box(decode(bytes)))));
    group.bench_function("resize to 256", |b| b.iter(|| images.clone().map(|image| black_box(apply(&resize, image)))));
    let values = |image: Image| to_tensor.apply(image, &mut Rng::new(0)).expect("normalising cannot fail");
    group.bench_function("normalise 224x224", |b| b.iter(|| cropped.clone().map(|image| black_box(values(image)))));
    let prepared = |bytes: &Vec<u8>| whole.apply(decode(bytes), &mut Rng::new(0)).expect("the photo is larger than the crop");
    group.bench_function("all", |b| b.iter(|| files.each_ref().map(|bytes| black_box(prepared(bytes)))));
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
