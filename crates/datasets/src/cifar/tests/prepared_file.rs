//! The prepared file against the published ones it was made from.

use super::*;
use crate::Rng;

/// What one published file holds: labels, and planes of red, green and blue.
struct Batch {
    labels: Vec<u8>,
    planes: Vec<u8>,
}

impl Batch {
    fn random(rng: &mut Rng, len: u16) -> Self {
        let bytes = |rng: &mut Rng, len: usize, bound: usize| (0..len).map(|_| rng.below(bound) as u8).collect();
        let len = usize::from(len);
        Self { labels: bytes(rng, len, 10), planes: bytes(rng, len * PICTURE, 256) }
    }

    /// The file of a version.
    fn to_bytes(&self, version: Cifar10Version) -> Vec<u8> {
        match version {
            Cifar10Version::Binary => self.to_binary(),
            Cifar10Version::Python => self.to_pickle(),
        }
    }

    fn to_binary(&self) -> Vec<u8> {
        let records = self.labels.iter().zip(self.planes.chunks(PICTURE));
        records.flat_map(|(&label, planes)| std::iter::once(label).chain(planes.iter().copied())).collect()
    }

    /// The instructions of tests/data/make_cifar.py, which are those of the published files.
    fn to_pickle(&self) -> Vec<u8> {
        let mut bytes = b"\x80\x02}(U\x06labels](".to_vec();
        bytes.extend(self.labels.iter().flat_map(|&label| [b'K', label]));
        bytes.extend(b"eU\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01M");
        bytes.extend((self.labels.len() as u16).to_le_bytes());
        bytes.extend(b"M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T");
        bytes.extend((self.planes.len() as u32).to_le_bytes());
        bytes.extend(&self.planes);
        bytes.extend(b"tbu.");
        bytes
    }
}

/// Random files of a version, of `batch_len` pictures each; those of a seed hold the same in every version.
fn published(version: Cifar10Version, seed: u64, batch_len: u16) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(version.folder())).unwrap();
    let mut rng = Rng::new(seed);
    for split in [Split::Train, Split::Test] {
        for file in version.files(split) {
            fs::write(dir.path().join(version.folder()).join(file), Batch::random(&mut rng, batch_len).to_bytes(version)).unwrap();
        }
    }
    dir
}

/// A folder with a prepared file of two pictures for the test and ten to train on.
fn prepared_folder() -> tempfile::TempDir {
    let dir = published(Cifar10Version::Binary, 1, 2);
    Cifar10::prepare(dir.path(), Cifar10Version::Binary, 2).unwrap();
    dir
}

fn samples(dataset: &Cifar10) -> Vec<(Image, i64)> {
    (0..dataset.len()).map(|index| dataset.get(index).unwrap()).collect()
}

#[test]
fn both_versions_and_what_is_prepared_from_them_hold_the_same() {
    for (seed, batch_len) in [(0, 1), (1, 2), (2, 3), (3, 7)] {
        let folders = Cifar10Version::ALL.map(|version| (version, published(version, seed, batch_len)));
        for split in [Split::Train, Split::Test] {
            let parts = folders.each_ref().map(|(version, dir)| {
                let published = Cifar10::new(version.read(dir.path(), split, batch_len).unwrap());
                Cifar10::prepare(dir.path(), *version, batch_len).unwrap();
                let prepared = Cifar10::open(dir.path(), split).unwrap();
                assert_eq!(samples(&prepared), samples(&published));
                assert_eq!(prepared.classes(), published.classes());
                samples(&prepared)
            });
            assert_eq!(parts[0], parts[1]);
            let files = if split == Split::Train { 5 } else { 1 };
            assert_eq!(parts[0].len(), files * usize::from(batch_len));
        }
    }
}

#[test]
fn what_is_prepared_does_not_depend_on_the_version() {
    let files = Cifar10Version::ALL.map(|version| {
        let dir = published(version, 4, 3);
        Cifar10::prepare(dir.path(), version, 3).unwrap();
        fs::read(Cifar10::prepared_path(dir.path())).unwrap()
    });
    assert_eq!(files[0], files[1]);
}

#[test]
fn the_prepared_file_is_preferred_and_needs_no_other() {
    let dir = prepared_folder();
    fs::remove_dir_all(dir.path().join(Cifar10Version::Binary.folder())).unwrap();
    assert!(Cifar10::exists(dir.path()));
    assert_eq!(Cifar10::open(dir.path(), Split::Train).unwrap().len(), 10);
    assert_eq!(Cifar10::open(dir.path(), Split::Test).unwrap().len(), 2);
    let error = Cifar10::open(dir.path(), Split::Test).unwrap().get(2).unwrap_err().to_string();
    assert!(error.contains("sample 2 of a data set of 2"), "{error}");
}

#[test]
fn a_prepared_file_that_is_replaced_goes_on_for_who_has_it_open() {
    let dir = prepared_folder();
    let open = Cifar10::open(dir.path(), Split::Test).unwrap();
    let before = samples(&open);
    let other = published(Cifar10Version::Binary, 9, 1);
    Cifar10::prepare(other.path(), Cifar10Version::Binary, 1).unwrap();
    fs::rename(Cifar10::prepared_path(other.path()), Cifar10::prepared_path(dir.path())).unwrap();
    assert_eq!(samples(&open), before);
    assert_eq!(Cifar10::open(dir.path(), Split::Test).unwrap().len(), 1);
}

#[test]
fn a_damaged_published_file_leaves_the_prepared_one_as_it_was() {
    let dir = prepared_folder();
    let before = fs::read(Cifar10::prepared_path(dir.path())).unwrap();
    fs::write(dir.path().join("cifar-10-batches-bin/data_batch_3.bin"), "short").unwrap();
    let error = Cifar10::prepare(dir.path(), Cifar10Version::Binary, 2).unwrap_err().to_string();
    assert!(error.contains("data_batch_3.bin: expected 6146 bytes, found 5"), "{error}");
    assert_eq!(fs::read(Cifar10::prepared_path(dir.path())).unwrap(), before);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing half written is left");
}

#[test]
fn another_data_set_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = Cifar10::prepared_path(dir.path());
    let none = Samples { labels: Vec::new().into(), pixels: Vec::new().into() };
    let digits = Description { dataset: "digits".to_owned(), classes: owned_names(&["0", "1"]), height: 8, width: 9 };
    prepared::write(&path, digits, &none, &none).unwrap();
    let error = Cifar10::open(dir.path(), Split::Test).unwrap_err().to_string();
    assert_eq!(error, format!("{}: holds \"digits\" (9 x 8 pixels, 2 classes), not CIFAR-10", path.display()));
}

#[test]
fn what_is_no_file_is_an_error_not_a_missing_data_set() {
    let dir = tempfile::tempdir().unwrap();
    let path = Cifar10::prepared_path(dir.path());
    fs::create_dir(&path).unwrap();
    let error = Cifar10::open(dir.path(), Split::Test).unwrap_err().to_string();
    assert_eq!(error, format!("{}: not a regular file", path.display()));
}
