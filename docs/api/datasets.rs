//! The public API of `datasets`, written by `cargo xtask api` and checked by `cargo xtask tidy`.

// datasets/src/cifar/batches.rs
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cifar10Version {
    Binary,
    Python,
}
impl Cifar10Version {
    pub fn folder(self) -> &'static str;
}

// datasets/src/cifar/mod.rs
pub use batches::Cifar10Version;
#[derive(Clone, Debug)]
pub struct Cifar10 {
    private: (),
}
impl Cifar10 {
    pub const CLASSES: [&str; 10] = [
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ];
    pub const BATCH_LEN: u16 = 10_000;
    pub fn prepared_path(data_dir: impl AsRef<Path>) -> PathBuf;
    pub fn exists(data_dir: impl AsRef<Path>) -> bool;
    pub fn open(data_dir: impl AsRef<Path>, split: Split) -> Result<Self>;
    pub fn open_prepared(data_dir: impl AsRef<Path>, split: Split) -> Result<Self>;
    pub fn open_published(data_dir: impl AsRef<Path>, split: Split) -> Result<Self>;
    pub fn prepare(
        data_dir: impl AsRef<Path>,
        version: Cifar10Version,
        batch_len: u16,
    ) -> Result<()>;
    pub fn preset() -> Preset;
}
impl Dataset for Cifar10;

// datasets/src/dataset.rs
pub trait Dataset: Send + Sync {
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        ..
    }
    fn get(&self, index: usize) -> Result<(Image, i64)>;
    fn label(&self, index: usize) -> Result<i64> {
        ..
    }
    fn classes(&self) -> &[String];
    fn describe(&self, index: usize) -> String {
        ..
    }
    fn in_memory(&self) -> bool {
        ..
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    Train,
    Test,
}

// datasets/src/digits.rs
#[derive(Clone, Debug)]
pub struct Digits {
    private: (),
}
impl Digits {
    pub fn new(split: Split) -> Result<Self>;
    pub fn preset() -> Preset;
}
impl Dataset for Digits;

// datasets/src/error.rs
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    Io { path: PathBuf, source: std::io::Error },
    Picture { picture: String, reason: String },
    TooLarge { picture: String, width: u64, height: u64, max_pixels: usize },
    Transform { transform: &'static str, reason: String },
    Layout { path: PathBuf, reason: String },
    FileSize { path: PathBuf, expected: u64, found: u64 },
    OutOfRange { index: usize, len: usize },
    Sample { sample: String, source: Box<Error> },
    Loader(String),
}
pub type Result<T, E = Error> = std::result::Result<T, E>;

// datasets/src/folder.rs
#[derive(Clone, Debug)]
pub struct ImageFolder {
    private: (),
}
impl ImageFolder {
    pub fn open(root: impl AsRef<Path>) -> Result<Self>;
    pub fn open_split(
        root: impl AsRef<Path>,
        split: Split,
        test_share: f64,
        seed: u64,
    ) -> Result<Self>;
    pub fn path(&self, index: usize) -> Option<&Path>;
}
impl Dataset for ImageFolder;
pub fn pictures_under(folder: impl AsRef<Path>) -> Result<Vec<PathBuf>>;

// datasets/src/image/mod.rs
pub const MAX_PIXELS: usize = 178_956_970;
pub const MAX_SIDE: usize = 65_535;
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    private: (),
}
impl Image {
    pub fn open(path: impl AsRef<Path>) -> Result<Self>;
    pub fn decode(bytes: &[u8]) -> Result<Self>;
    pub fn decode_within(bytes: &[u8], max_pixels: usize) -> Result<Self>;
    pub fn from_rgb(width: usize, height: usize, data: Vec<u8>) -> Result<Self>;
    pub fn width(&self) -> usize;
    pub fn height(&self) -> usize;
    pub fn max_value(&self) -> u8;
    pub fn data(&self) -> &[u8];
}
impl fmt::Debug for Image;

// datasets/src/image/png.rs
impl Image {
    pub fn to_png(&self) -> Result<Vec<u8>>;
}

// datasets/src/lib.rs
pub mod transforms;
pub use cifar::{Cifar10, Cifar10Version};
pub use dataset::{Dataset, Split};
pub use digits::Digits;
pub use error::{Error, Result};
pub use folder::{ImageFolder, pictures_under};
pub use image::{Image, MAX_PIXELS, MAX_SIDE};
pub use loader::{Batch, Batches, Loader, LoaderOptions};
pub use rng::Rng;
pub use subset::Subset;

// datasets/src/loader.rs
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderOptions {
    pub batch_size: usize,
    pub shuffle: bool,
    pub seed: u64,
    pub drop_last: bool,
    pub workers: Option<usize>,
    pub prefetch: usize,
}
impl Default for LoaderOptions;
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub images: Array4<f32>,
    pub labels: Vec<i64>,
    pub indices: Vec<usize>,
}
pub struct Loader {
    private: (),
}
impl Loader {
    pub fn new(
        dataset: Arc<dyn Dataset>,
        transform: Arc<Compose>,
        options: LoaderOptions,
    ) -> Result<Self>;
    pub fn len(&self) -> usize;
    pub fn is_empty(&self) -> bool;
    pub fn dataset(&self) -> &dyn Dataset;
    pub fn epoch(&self, epoch: u64) -> Result<Batches>;
}
pub struct Batches {
    private: (),
}
impl Iterator for Batches;
impl ExactSizeIterator for Batches;
impl Drop for Batches;

// datasets/src/rng.rs
#[derive(Clone, Debug)]
pub struct Rng {
    private: (),
}
impl Rng {
    pub fn new(seed: u64) -> Self;
    pub fn for_epoch(seed: u64, epoch: u64) -> Self;
    pub fn for_sample(seed: u64, epoch: u64, index: usize) -> Self;
    pub fn next_u64(&mut self) -> u64;
    pub fn uniform(&mut self) -> f64;
    pub fn below(&mut self, bound: usize) -> usize;
    pub fn permutation(&mut self, len: usize) -> Vec<usize>;
}

// datasets/src/subset.rs
#[derive(Clone)]
pub struct Subset {
    private: (),
}
impl Subset {
    pub fn new(dataset: Arc<dyn Dataset>, indices: Vec<usize>) -> Result<Self>;
    pub fn split(
        dataset: &Arc<dyn Dataset>,
        share: f64,
        seed: u64,
    ) -> Result<(Self, Self)>;
}
impl Dataset for Subset;

// datasets/src/transforms/auto_augment.rs
#[derive(Clone, Copy, Debug, Default)]
pub struct TrivialAugmentWide;
impl Transform for TrivialAugmentWide;
#[derive(Clone, Copy, Debug, Default)]
pub struct RandAugment;
impl Transform for RandAugment;

// datasets/src/transforms/compose.rs
#[derive(Debug, Default)]
pub struct Compose {
    private: (),
}
impl Compose {
    pub fn new() -> Self;
    #[must_use]
    pub fn then(mut self, step: impl Transform + 'static) -> Self;
    #[must_use]
    pub fn normalize(mut self, normalize: Normalize) -> Self;
    pub fn apply(&self, image: Image, rng: &mut Rng) -> Result<Array3<f32>>;
}

// datasets/src/transforms/crop.rs
#[derive(Clone, Debug)]
pub struct CenterCrop {
    private: (),
}
impl CenterCrop {
    pub fn new(size: usize) -> Result<Self>;
}
impl Crop for CenterCrop;
impl Transform for CenterCrop;
#[derive(Clone, Debug)]
pub struct RandomCrop {
    private: (),
}
impl RandomCrop {
    pub fn new(size: usize, padding: usize) -> Result<Self>;
}
impl Crop for RandomCrop;
impl Transform for RandomCrop;

// datasets/src/transforms/flip.rs
#[derive(Clone, Debug)]
pub struct RandomHorizontalFlip {
    private: (),
}
impl RandomHorizontalFlip {
    pub fn new(probability: f64) -> Result<Self>;
}
impl Transform for RandomHorizontalFlip;

// datasets/src/transforms/mod.rs
pub use auto_augment::{RandAugment, TrivialAugmentWide};
pub use compose::Compose;
pub use crop::{CenterCrop, RandomCrop};
pub use flip::RandomHorizontalFlip;
pub use normalize::Normalize;
pub use preset::{Augmentation, Preset};
pub use random_resized_crop::RandomResizedCrop;
pub use resize::{Interpolation, Resize, Size};
pub trait Transform: fmt::Debug + Send + Sync {
    fn apply(&self, image: Image, rng: &mut Rng) -> Result<Image>;
}

// datasets/src/transforms/normalize.rs
#[derive(Clone, Debug, PartialEq)]
pub struct Normalize {
    private: (),
}
impl Default for Normalize;
impl Normalize {
    pub fn new(mean: [f32; CHANNELS], std: [f32; CHANNELS]) -> Result<Self>;
}

// datasets/src/transforms/preset.rs
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Augmentation {
    Crop,
    RandomResizedCrop,
    Flip,
    TrivialAugment,
    RandAugment,
}
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preset {
    pub resize: Option<Size>,
    pub interpolation: Interpolation,
    pub crop: Option<usize>,
    pub mean: [f32; 3],
    pub std: [f32; 3],
}
impl Preset {
    pub fn image_classification(crop_size: usize, resize_size: usize) -> Self;
    pub fn square(side: usize) -> Self;
    pub fn transform(&self) -> Result<Compose>;
    pub fn augmented(&self, augmentations: &[Augmentation]) -> Result<Compose>;
    pub fn apply(&self, image: Image) -> Result<Array3<f32>>;
    pub fn view(&self, image: Image) -> Result<Image>;
}

// datasets/src/transforms/random_resized_crop.rs
#[derive(Clone, Debug)]
pub struct RandomResizedCrop {
    private: (),
}
impl RandomResizedCrop {
    pub fn new(size: usize, interpolation: Interpolation) -> Result<Self>;
    pub fn scale(self, least: f64, largest: f64) -> Result<Self>;
    pub fn ratio(self, least: f64, largest: f64) -> Result<Self>;
}
impl Transform for RandomResizedCrop;
impl Draws for Rng;

// datasets/src/transforms/resize.rs
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Interpolation {
    Nearest,
    Bilinear,
    Bicubic,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Size {
    Shorter(usize),
    Exact { height: usize, width: usize },
}
#[derive(Clone, Debug)]
pub struct Resize {
    private: (),
}
impl Resize {
    pub fn new(size: Size, interpolation: Interpolation) -> Result<Self>;
    pub fn shorter(side: usize, interpolation: Interpolation) -> Result<Self>;
    pub fn exact(
        height: usize,
        width: usize,
        interpolation: Interpolation,
    ) -> Result<Self>;
}
impl Transform for Resize;
