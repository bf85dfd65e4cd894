//! From a JPEG file to what a network takes, stage by stage, on one core: `cargo bench -p datasets`. The photos have 500x375 pixels,
//! quality 90 and chroma at half the resolution, as ImageNet's mostly have; or 341x256, as of data sets that were made smaller once
//! before training. Throughput counts photos.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::{array, fs};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use datasets::transforms::{CenterCrop, Compose, Interpolation, Normalize, Preset, Resize, Transform};
use datasets::{Dataset, Image, Loader, LoaderOptions, Result, Rng};

const SIZES: [&str; 2] = ["500x375", "341x256"];
const NAMES: [&str; 3] = ["chelsea", "coffee", "rocket"];

/// The files of the photos, over and over, in memory.
struct Photos([Vec<u8>; NAMES.len()]);

impl Photos {
    fn read(size: &str) -> Self {
        Self(NAMES.map(|name| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/photos/{size}/{name}.jpg"));
            fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        }))
    }
}

impl Dataset for Photos {
    fn len(&self) -> usize {
        96
    }

    fn get(&self, index: usize) -> Result<(Image, i64)> {
        Ok((Image::decode(&self.0[index % NAMES.len()])?, 0))
    }

    fn classes(&self) -> &[String] {
        &[]
    }
}

fn apply(step: &impl Transform, image: Image) -> Image {
    step.apply(image, &mut Rng::new(0)).expect("the photo is larger than the result")
}

fn sizes(c: &mut Criterion) {
    SIZES.iter().for_each(|size| stages(c, size));
}

fn stages(c: &mut Criterion, size: &str) {
    let photos = Arc::new(Photos::read(size));
    let preset = Preset::image_classification(224, 256);
    let resize = Resize::shorter(256, Interpolation::Bilinear).expect("the size is valid");
    let crop = CenterCrop::new(224).expect("the size is valid");
    let to_tensor = Compose::new().normalize(Normalize::new(preset.mean, preset.std).expect("the preset is valid"));

    let mut group = c.benchmark_group(size);
    let decoded: [Image; NAMES.len()] = array::from_fn(|index| photos.get(index).expect("the photos are whole").0);
    let cropped = decoded.clone().map(|image| apply(&crop, apply(&resize, image)));
    let mut turns = (0..NAMES.len()).cycle();
    let mut next = || turns.next().expect("a cycle has no end");
    group.throughput(Throughput::Elements(1));
    group.bench_function("decode", |b| {
        b.iter_batched(&mut next, |turn| photos.get(turn).expect("the photos are whole"), BatchSize::PerIteration);
    });
    group.bench_function("resize to 256", |b| {
        b.iter_batched(|| decoded[next()].clone(), |image| apply(&resize, image), BatchSize::PerIteration);
    });
    group.bench_function("normalise 224x224", |b| {
        let values = |image| to_tensor.apply(image, &mut Rng::new(0)).expect("normalising cannot fail");
        b.iter_batched(|| cropped[next()].clone(), values, BatchSize::PerIteration);
    });

    let options = LoaderOptions { batch_size: 32, workers: Some(1), ..LoaderOptions::default() };
    group.throughput(Throughput::Elements(photos.len() as u64));
    let transform = preset.transform().expect("the preset is valid");
    let loader = Loader::new(photos, Arc::new(transform), options).expect("the options are valid");
    group.bench_function("loader", |b| b.iter(|| loader.epoch(0).expect("a thread starts").for_each(|batch| drop(black_box(batch)))));
    group.finish();
}

criterion_group!(benches, sizes);
criterion_main!(benches);
