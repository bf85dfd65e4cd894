//! `ImageFolder`: pictures on disk, a folder for each class.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::dataset::check_index;
use crate::{Dataset, Error, Image, Result, Rng, Split};

/// The endings of picture files, in lower case; files with others are passed over.
const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "bmp", "gif"];

/// The folder of the test pictures, where the data set brings its own split.
const TEST_FOLDERS: [&str; 3] = ["val", "test", "valid"];

/// Pictures in `root/CLASS/…`, at any depth. Classes and pictures stand in torchvision's order: sorted by name.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    classes: Vec<String>,
    samples: Vec<(PathBuf, i64)>,
}

impl ImageFolder {
    /// Lists the pictures under `root`, without reading them.
    ///
    /// # Errors
    /// An error that names the folder that cannot be read, has no pictures, or leads back to one it lies in.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let names = class_folders(root)?;
        let mut classes = Vec::with_capacity(names.len());
        let mut samples = Vec::new();
        for (name, label) in names.iter().zip(0..) {
            let pictures = pictures_under(root.join(name))?;
            samples.extend(pictures.into_iter().map(|path| (path, label)));
            classes.push(name.to_string_lossy().into_owned());
        }
        Ok(Self { classes, samples })
    }

    /// One part of a data set: `root/train` or, to test, `root/val`, `root/test` or `root/valid` where there are such folders; else a
    /// random share of the pictures in `root`, `test_share` of them to test, the same for the same `seed`.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`Error::Layout`] where the two folders have different classes or a part would be empty.
    pub fn open_split(root: impl AsRef<Path>, split: Split, test_share: f64, seed: u64) -> Result<Self> {
        let root = root.as_ref();
        let train_root = root.join("train");
        let test_root = TEST_FOLDERS.iter().map(|name| root.join(name)).find(|path| path.is_dir());
        match (train_root.is_dir(), test_root) {
            (true, Some(test_root)) => open_pair(&train_root, &test_root, split),
            (true, None) => Err(layout(root, "has a folder train but none called val or test")),
            (false, _) => Self::open(root)?.share(root, split, test_share, seed),
        }
    }

    /// The path of sample `index`.
    pub fn path(&self, index: usize) -> Option<&Path> {
        self.samples.get(index).map(|(path, _)| path.as_path())
    }

    fn share(mut self, root: &Path, split: Split, test_share: f64, seed: u64) -> Result<Self> {
        let test_count = (self.len() as f64 * test_share).round() as usize;
        if test_count == 0 || test_count >= self.len() {
            let reason = format!("a share of {test_share} of {} pictures leaves one part empty", self.len());
            return Err(layout(root, &reason));
        }
        let order = Rng::new(seed).permutation(self.len());
        let (test, train) = order.split_at(test_count);
        let mut chosen = match split {
            Split::Train => train.to_vec(),
            Split::Test => test.to_vec(),
        };
        chosen.sort_unstable();
        self.samples = chosen.into_iter().map(|index| self.samples[index].clone()).collect();
        Ok(self)
    }
}

impl Dataset for ImageFolder {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn get(&self, index: usize) -> Result<(Image, i64)> {
        check_index(index, self.len())?;
        let (path, label) = &self.samples[index];
        Ok((Image::open(path)?, *label))
    }

    fn label(&self, index: usize) -> Result<i64> {
        check_index(index, self.len())?;
        Ok(self.samples[index].1)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn describe(&self, index: usize) -> String {
        match self.path(index) {
            Some(path) => path.display().to_string(),
            None => format!("sample {index}"),
        }
    }
}

fn layout(path: &Path, reason: &str) -> Error {
    Error::Layout { path: path.to_owned(), reason: reason.to_owned() }
}

/// One of two folders that must have the same classes.
fn open_pair(train_root: &Path, test_root: &Path, split: Split) -> Result<ImageFolder> {
    if class_folders(train_root)? != class_folders(test_root)? {
        let reason = format!("does not have the same class folders as {}", train_root.display());
        return Err(layout(test_root, &reason));
    }
    ImageFolder::open(match split {
        Split::Train => train_root,
        Split::Test => test_root,
    })
}

/// The names of the folders in `root`, sorted; at least one.
fn class_folders(root: &Path) -> Result<Vec<OsString>> {
    let mut names: Vec<OsString> =
        entries(root)?.into_iter().filter(|path| path.is_dir()).filter_map(|path| path.file_name().map(ToOwned::to_owned)).collect();
    if names.is_empty() {
        return Err(layout(root, "holds no folders; pictures must lie in a folder for each class"));
    }
    names.sort_unstable();
    Ok(names)
}

/// The picture files in a folder at any depth, told by their endings, in the order of torchvision's `sorted(os.walk(…))`: folder by folder.
///
/// # Errors
/// An error that names the folder that cannot be read or leads back to one it lies in; [`Error::Layout`] where there are none.
pub fn pictures_under(folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let folder = folder.as_ref();
    let mut folders = Vec::new();
    collect_folders(folder, &mut Vec::new(), &mut folders)?;
    folders.sort_unstable_by(|(a, _), (b, _)| a.as_os_str().cmp(b.as_os_str()));
    let pictures: Vec<PathBuf> = folders.into_iter().flat_map(|(_, pictures)| pictures).collect();
    if pictures.is_empty() {
        return Err(layout(folder, &format!("has no pictures ({})", EXTENSIONS.join(", "))));
    }
    Ok(pictures)
}

/// Adds `folder` and all folders below it, each with its sorted pictures. `ancestors` are the folders on the way down, links resolved.
fn collect_folders(folder: &Path, ancestors: &mut Vec<PathBuf>, folders: &mut Vec<(PathBuf, Vec<PathBuf>)>) -> Result<()> {
    let resolved = fs::canonicalize(folder).map_err(|source| io_error(folder, source))?;
    if ancestors.contains(&resolved) {
        return Err(layout(folder, "is a link to a folder that it lies in; remove it"));
    }
    ancestors.push(resolved);
    let (below, files): (Vec<_>, Vec<_>) = entries(folder)?.into_iter().partition(|path| path.is_dir());
    let mut pictures: Vec<PathBuf> = files.into_iter().filter(|path| is_picture(path)).collect();
    pictures.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    folders.push((folder.to_owned(), pictures));
    for path in below {
        collect_folders(&path, ancestors, folders)?;
    }
    ancestors.pop();
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect()).map_err(|source| io_error(folder, source))
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.to_owned(), source }
}
