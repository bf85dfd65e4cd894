//! Folders of pictures: order, splits, and everything that may be wrong with them.

use std::fs;
use std::path::{Path, PathBuf};

use datasets::{Dataset, Image, ImageFolder, Split};

fn picture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gray1.png")
}

/// A folder with copies of a picture at these paths.
fn folder_with(paths: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for path in paths {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(picture(), path).unwrap();
    }
    dir
}

fn paths(dataset: &ImageFolder, root: &Path) -> Vec<String> {
    (0..dataset.len()).map(|i| dataset.path(i).unwrap().strip_prefix(root).unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn classes_and_pictures_stand_in_torchvisions_order() {
    let dir = folder_with(&["b/2.png", "b/10.PNG", "a/z.png", "a/sub/a.png", "a/sub.x/b.png", "Z/only.png"]);
    fs::write(dir.path().join("a/notes.txt"), "not a picture").unwrap();
    let dataset = ImageFolder::open(dir.path()).unwrap();
    assert_eq!(dataset.classes(), ["Z", "a", "b"]);
    assert_eq!(paths(&dataset, dir.path()), ["Z/only.png", "a/z.png", "a/sub/a.png", "a/sub.x/b.png", "b/10.PNG", "b/2.png"]);
    let (image, label) = dataset.get(5).unwrap();
    assert_eq!((image, label), (Image::open(picture()).unwrap(), 2));
}

#[test]
fn train_and_val_folders_are_the_two_parts() {
    let dir = folder_with(&["train/a/1.png", "train/b/1.png", "train/b/2.png", "val/a/3.png", "val/b/4.png"]);
    let train = ImageFolder::open_split(dir.path(), Split::Train, 0.5, 0).unwrap();
    let test = ImageFolder::open_split(dir.path(), Split::Test, 0.5, 0).unwrap();
    assert_eq!(paths(&train, dir.path()), ["train/a/1.png", "train/b/1.png", "train/b/2.png"]);
    assert_eq!(paths(&test, dir.path()), ["val/a/3.png", "val/b/4.png"]);
}

#[test]
fn one_folder_is_shared_out_the_same_way_for_the_same_seed() {
    let names: Vec<String> = (0..20).map(|i| format!("{}/{i:02}.png", ["a", "b"][i % 2])).collect();
    let dir = folder_with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let part = |split, seed| {
        let dataset = ImageFolder::open_split(dir.path(), split, 0.25, seed).unwrap();
        paths(&dataset, dir.path())
    };
    let (train, test) = (part(Split::Train, 7), part(Split::Test, 7));
    assert_eq!((train.len(), test.len()), (15, 5));
    let mut all = [train, test.clone()].concat();
    all.sort();
    let mut expected = names.clone();
    expected.sort();
    assert_eq!(all, expected);
    assert_eq!(test, part(Split::Test, 7));
    assert_ne!(test, part(Split::Test, 8));
}

fn open_error(dir: &Path) -> String {
    ImageFolder::open(dir).unwrap_err().to_string()
}

#[test]
fn folders_that_make_no_data_set_are_named() {
    let empty = tempfile::tempdir().unwrap();
    assert!(open_error(empty.path()).contains("holds no folders"));
    assert!(open_error(&empty.path().join("missing")).contains("missing"));

    let dir = folder_with(&["full/1.png"]);
    fs::create_dir(dir.path().join("hollow")).unwrap();
    let error = open_error(dir.path());
    assert!(error.contains("hollow: has no pictures (png, jpg"), "{error}");
}

#[test]
fn splits_that_make_no_sense_are_errors() {
    let dir = folder_with(&["train/a/1.png", "val/b/1.png"]);
    let error = ImageFolder::open_split(dir.path(), Split::Train, 0.1, 0).unwrap_err().to_string();
    assert!(error.contains("same class folders"), "{error}");

    let dir = folder_with(&["train/a/1.png"]);
    let error = ImageFolder::open_split(dir.path(), Split::Train, 0.1, 0).unwrap_err().to_string();
    assert!(error.contains("val or test"), "{error}");

    let dir = folder_with(&["a/1.png", "a/2.png"]);
    for share in [0.0, 1.0, f64::NAN, -3.0] {
        let error = ImageFolder::open_split(dir.path(), Split::Test, share, 0).unwrap_err();
        assert!(error.to_string().contains("leaves one part empty"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_back_up_is_an_error() {
    let dir = folder_with(&["a/1.png"]);
    std::os::unix::fs::symlink(dir.path(), dir.path().join("a/loop")).unwrap();
    let error = open_error(dir.path());
    assert!(error.contains("loop") && error.contains("link"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_elsewhere_is_followed() {
    let elsewhere = folder_with(&["pictures/1.png"]);
    let dir = folder_with(&["a/1.png"]);
    std::os::unix::fs::symlink(elsewhere.path().join("pictures"), dir.path().join("a/more")).unwrap();
    assert_eq!(ImageFolder::open(dir.path()).unwrap().len(), 2);
}

#[test]
fn a_file_that_is_no_picture_is_named_when_it_is_read() {
    let dir = folder_with(&["a/1.png"]);
    fs::write(dir.path().join("a/2.jpg"), "<html>404</html>").unwrap();
    let dataset = ImageFolder::open(dir.path()).unwrap();
    assert!(dataset.get(0).is_ok());
    let error = dataset.get(1).unwrap_err().to_string();
    assert!(error.contains("2.jpg: not a PNG, JPEG"), "{error}");
}
