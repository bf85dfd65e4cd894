//! The loader's batches: the same whatever the threads do, and never a hang.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use datasets::transforms::{Compose, Normalize, RandomCrop, RandomHorizontalFlip};
use datasets::{Batch, Dataset, Digits, Error, Image, ImageFolder, Loader, LoaderOptions, Result, Split};
use ndarray::{Array3, s};

fn augmented() -> Arc<Compose> {
    let compose = Compose::new()
        .then(RandomCrop::new(32, 4).unwrap())
        .then(RandomHorizontalFlip::new(0.5).unwrap())
        .normalize(Normalize::new([0.5; 3], [0.5; 3]).unwrap());
    Arc::new(compose)
}

fn digits_loader(options: LoaderOptions) -> Loader {
    Loader::new(Arc::new(Digits::new(Split::Test).unwrap()), augmented(), options).unwrap()
}

fn epoch(loader: &Loader, epoch: u64) -> Vec<Batch> {
    loader.epoch(epoch).unwrap().collect::<Result<_>>().unwrap()
}

#[test]
fn batches_do_not_depend_on_the_number_of_workers() {
    let with = |workers| {
        let options = LoaderOptions { batch_size: 7, shuffle: true, seed: 3, workers: Some(workers), ..LoaderOptions::default() };
        epoch(&digits_loader(options), 5)
    };
    let expected = with(1);
    assert_eq!(expected.len(), 52);
    for workers in 2..=4 {
        assert!(with(workers) == expected, "{workers} workers");
    }
}

#[test]
fn an_epoch_has_every_sample_once_and_an_order_of_its_own() {
    let loader = digits_loader(LoaderOptions { batch_size: 32, shuffle: true, ..LoaderOptions::default() });
    let indices = |number| -> Vec<usize> { epoch(&loader, number).into_iter().flat_map(|batch| batch.indices).collect() };
    let first = indices(0);
    let mut sorted = first.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..360).collect::<Vec<_>>());
    assert_eq!(first, indices(0));
    assert_ne!(first, indices(1));
}

#[test]
fn batches_hold_what_the_data_set_and_the_transform_give() {
    let dataset = Arc::new(Digits::new(Split::Test).unwrap());
    let transform = Digits::preset().transform().unwrap();
    let options = LoaderOptions { batch_size: 50, ..LoaderOptions::default() };
    let loader = Loader::new(dataset.clone(), Arc::new(transform), options).unwrap();
    assert_eq!(loader.len(), 8);
    let batches = epoch(&loader, 0);
    assert_eq!(batches.iter().map(|batch| batch.labels.len()).collect::<Vec<_>>(), [50, 50, 50, 50, 50, 50, 50, 10]);
    for batch in &batches {
        assert!(batch.images.view().permuted_axes([0, 2, 3, 1]).is_standard_layout());
        for (position, &index) in batch.indices.iter().enumerate() {
            let (image, label) = dataset.get(index).unwrap();
            let expected: Array3<f32> = Digits::preset().apply(image).unwrap();
            assert_eq!(batch.labels[position], label);
            assert_eq!(batch.images.slice(s![position, .., .., ..]), expected);
        }
    }
}

#[test]
fn the_last_batch_can_be_dropped() {
    let options = LoaderOptions { batch_size: 50, drop_last: true, workers: Some(2), ..LoaderOptions::default() };
    let loader = digits_loader(options);
    assert_eq!(loader.len(), 7);
    assert_eq!(loader.epoch(0).unwrap().len(), 7);
    assert!(epoch(&loader, 0).iter().all(|batch| batch.labels.len() == 50));
    let nothing = digits_loader(LoaderOptions { batch_size: 500, drop_last: true, ..LoaderOptions::default() });
    assert!(nothing.is_empty() && epoch(&nothing, 0).is_empty());
}

/// Counts how many of its samples were asked for.
struct Counting(AtomicUsize);

impl Dataset for Counting {
    fn len(&self) -> usize {
        1000
    }

    fn get(&self, _index: usize) -> Result<(Image, i64)> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok((Image::from_rgb(2, 2, vec![0; 12])?, 0))
    }

    fn classes(&self) -> &[String] {
        &[]
    }
}

#[test]
fn an_iterator_that_is_dropped_early_leaves_no_thread_behind() {
    let dataset = Arc::new(Counting(AtomicUsize::new(0)));
    let options = LoaderOptions { batch_size: 10, workers: Some(3), prefetch: 2, ..LoaderOptions::default() };
    let loader = Loader::new(dataset.clone(), Arc::new(Compose::new()), options).unwrap();
    let mut batches = loader.epoch(0).unwrap();
    batches.next().unwrap().unwrap();
    drop(batches);
    drop(loader);
    // Dropping waits for the threads: nobody else holds the data set, and no sample beyond those prefetched was read.
    assert_eq!(Arc::strong_count(&dataset), 1);
    let read = dataset.0.load(Ordering::SeqCst);
    assert!(read <= 10 * (1 + 3 * (2 + 1)), "{read}");
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(dataset.0.load(Ordering::SeqCst), read);
}

#[test]
fn a_sample_that_cannot_be_read_is_an_error_that_names_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let class = dir.path().join("a");
    std::fs::create_dir(&class).unwrap();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gray1.png");
    for name in ["0.png", "1.png", "3.png"] {
        std::fs::copy(&picture, class.join(name)).unwrap();
    }
    std::fs::write(class.join("2.png"), "no picture").unwrap();
    let dataset = Arc::new(ImageFolder::open(dir.path()).unwrap());
    let options = LoaderOptions { batch_size: 1, workers: Some(2), ..LoaderOptions::default() };
    let loader = Loader::new(dataset.clone(), Arc::new(Compose::new()), options.clone()).unwrap();
    let results: Vec<_> = loader.epoch(0).unwrap().collect();
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true]);
    let error = results[2].as_ref().unwrap_err().to_string();
    assert!(error.contains("2.png: not a PNG"), "{error}");

    // The transform does not know the file; the loader does.
    let crop = Arc::new(Compose::new().then(RandomCrop::new(64, 0).unwrap()));
    let loader = Loader::new(dataset, crop, options).unwrap();
    let error = loader.epoch(0).unwrap().next().unwrap().unwrap_err().to_string();
    assert!(error.contains("0.png: RandomCrop"), "{error}");
}

#[test]
fn pictures_of_different_sizes_make_no_batch() {
    let dir = tempfile::tempdir().unwrap();
    let class = dir.path().join("a");
    std::fs::create_dir(&class).unwrap();
    for name in ["gray1.png", "inset.gif"] {
        let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
        std::fs::copy(picture, class.join(name)).unwrap();
    }
    let dataset = Arc::new(ImageFolder::open(dir.path()).unwrap());
    let options = LoaderOptions { batch_size: 2, ..LoaderOptions::default() };
    let loader = Loader::new(dataset, Arc::new(Compose::new()), options).unwrap();
    let error = loader.epoch(0).unwrap().next().unwrap().unwrap_err().to_string();
    assert!(error.contains("inset.gif") && error.contains("4 x 3") && error.contains("19 x 13"), "{error}");
}

#[test]
fn options_that_make_no_batches_are_refused() {
    let base = LoaderOptions::default();
    for options in [
        LoaderOptions { batch_size: 0, ..base.clone() },
        LoaderOptions { workers: Some(0), ..base.clone() },
        LoaderOptions { prefetch: 0, ..base },
    ] {
        let result = Loader::new(Arc::new(Digits::new(Split::Test).unwrap()), augmented(), options);
        assert!(matches!(result, Err(Error::Loader(_))));
    }
}

/// A data set with a bug.
struct Panicking;

impl Dataset for Panicking {
    fn len(&self) -> usize {
        4
    }

    fn get(&self, index: usize) -> Result<(Image, i64)> {
        panic!("sample {index} is broken");
    }

    fn classes(&self) -> &[String] {
        &[]
    }
}

#[test]
fn a_panic_of_the_data_set_reaches_whoever_waits_for_the_batch() {
    let options = LoaderOptions { batch_size: 2, ..LoaderOptions::default() };
    let loader = Loader::new(Arc::new(Panicking), Arc::new(Compose::new()), options).unwrap();
    let mut batches = loader.epoch(0).unwrap();
    let next = std::panic::AssertUnwindSafe(|| batches.next());
    let payload = std::panic::catch_unwind(next).unwrap_err();
    assert!(payload.downcast_ref::<String>().unwrap().contains("is broken"));
    assert!(batches.next().is_none());
}
