//! `predict` of many pictures, and where in a picture a class is seen.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::support::{convoy, explained, failure, golden, stdout};

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../zoo/data/photos");
const CHELSEA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../zoo/data/photos/chelsea.png");

/// A folder of pictures of several sizes and formats, some in folders below, and one that is none.
fn pictures(root: &Path) -> Vec<String> {
    let files = ["a/x/rgb.png", "a/gray.png", "b/rgb.webp", "c.jpg", "d.png", "e.bmp", "f.gif", "g.png"];
    let sources = ["rgb.png", "gray.png", "rgb.webp", "rgb.jpg", "palette.png", "rgb.bmp", "rgb.gif", "rgba.png"];
    for (file, source) in files.iter().zip(sources) {
        fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
        fs::copy(golden("images").join(source), root.join(file)).unwrap();
    }
    fs::write(root.join("bad.png"), "<html>no picture</html>").unwrap();
    fs::write(root.join("notes.txt"), "no picture, and not called one").unwrap();
    // Folder by folder, as torchvision lists them.
    ["c.jpg", "d.png", "e.bmp", "f.gif", "g.png", "a/gray.png", "a/x/rgb.png", "b/rgb.webp"].map(str::to_owned).to_vec()
}

fn answers(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_folder_is_answered_in_order_and_a_bad_picture_stops_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let expected = pictures(&folder.join("pics"));
    let mut seen = Vec::new();
    for batch_size in ["1", "3", "32"] {
        let output = convoy(folder).args(["predict", "pics", "--json", "--batch-size", batch_size]).output().unwrap();
        let (error, code) = explained(&output);
        assert!(error.contains("pics/bad.png") && code == 1, "{error}");
        seen.push(answers(&String::from_utf8(output.stdout).unwrap()));
    }
    let paths: Vec<&str> = seen[0].iter().map(|answer| answer["path"].as_str().unwrap()).collect();
    assert_eq!(paths, expected.iter().map(|file| format!("pics/{file}")).collect::<Vec<_>>());
    for others in &seen[1..] {
        for (one, other) in seen[0].iter().zip(others) {
            assert_eq!((&one["path"], &one["top"][0]["index"]), (&other["path"], &other["top"][0]["index"]));
            let probability = |answer: &Value| answer["top"][0]["probability"].as_f64().unwrap();
            assert!((probability(one) - probability(other)).abs() < 1e-4, "{one} {other}");
        }
    }
}

#[test]
fn several_places_are_answered_in_order_with_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pictures(&folder.join("pics"));
    fs::create_dir(folder.join("hollow")).unwrap();
    let output = convoy(folder).args(["predict", "nowhere.png", CHELSEA, "pics/b", "hollow", "pics/d.png"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let errors: Vec<&str> = stderr.lines().collect();
    assert!(errors.len() == 2 && errors.iter().all(|line| line.starts_with("error: ")), "{stderr}");
    assert!(stderr.contains("nowhere.png") && stderr.contains("hollow: has no pictures"), "{stderr}");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = text.lines().filter(|line| !line.starts_with(' ') && !line.starts_with("Predicted")).collect();
    assert_eq!(names, [CHELSEA, "pics/b/rgb.webp", "pics/d.png"], "{text}");
    // The one picture of a folder is named, too.
    assert!(stdout(folder, ["predict", "pics/b"]).starts_with("pics/b/rgb.webp\nPredicted Class: "));
    assert!(stdout(folder, ["predict", CHELSEA]).starts_with("Predicted Class: 282\nPredicted Label: tiger cat\n"));
}

#[test]
fn a_heat_map_lies_where_the_class_is() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = stdout(folder, ["predict", CHELSEA, "--cam", "cam.png"]);
    assert!(text.starts_with("Predicted Class: 282\n"), "{text}");
    let (photo, cam) = (datasets::Image::open(CHELSEA).unwrap(), datasets::Image::open(folder.join("cam.png")).unwrap());
    // What the network sees of the picture of 451 x 300 pixels: 224 of 256 parts of its shorter side.
    assert_eq!((photo.width(), photo.height(), cam.width(), cam.height()), (451, 300, 263, 263));
    // The heat adds red; the picture is there at half its strength.
    let (left, top) = ((451 - 263) / 2, (300 - 263) / 2);
    let red = |x: usize, y: usize| {
        let shown = f64::from(cam.data()[3 * (y * 263 + x)]);
        shown - f64::from(photo.data()[3 * ((y + top) * 451 + x + left)]) / 2.0
    };
    let mean = |xs: std::ops::Range<usize>, ys: std::ops::Range<usize>| {
        let (count, values) = (xs.len() * ys.len(), ys.flat_map(|y| xs.clone().map(move |x| (x, y))));
        values.map(|(x, y)| red(x, y)).sum::<f64>() / count as f64
    };
    let (face, corner) = (mean(80..180, 60..160), mean(223..263, 223..263));
    assert!(face > corner + 20.0, "{face} {corner}");

    // Another class is seen elsewhere, or less.
    stdout(folder, ["predict", CHELSEA, "--cam", "other.png", "--cam-class", "Egyptian cat"]);
    assert_ne!(fs::read(folder.join("cam.png")).unwrap(), fs::read(folder.join("other.png")).unwrap());
    stdout(folder, ["predict", CHELSEA, "--cam", "number.png", "--cam-class", "285"]);
    assert_eq!(fs::read(folder.join("other.png")).unwrap(), fs::read(folder.join("number.png")).unwrap());
}

#[test]
fn each_of_several_pictures_gets_a_heat_map_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("pics")).unwrap();
    fs::copy(CHELSEA, folder.join("pics/cat.png")).unwrap();
    fs::copy(golden("images").join("rgb.webp"), folder.join("pics/cat.webp")).unwrap();
    fs::write(folder.join("pics/bad.png"), "no picture").unwrap();
    let output = convoy(folder).args(["predict", "pics", CHELSEA, "--cam", "seen/here"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("error: pics/bad.png") && stderr.contains("seen/here/cat_cam.png: where tiger cat is seen"), "{stderr}");
    assert_eq!(output.status.code(), Some(1));
    let mut files: Vec<String> =
        fs::read_dir(folder.join("seen/here")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort_unstable();
    assert_eq!(files, ["cat_cam-2.png", "cat_cam.png", "chelsea_cam.png"]);
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    assert_eq!(read("seen/here/cat_cam.png"), read("seen/here/chelsea_cam.png"));
    // One picture goes into a folder that is there, too, and is what it is in a file.
    stdout(folder, ["predict", CHELSEA, "--cam", "pics"]);
    stdout(folder, ["predict", CHELSEA, "--cam", "alone.png"]);
    assert!(read("pics/chelsea_cam.png") == read("seen/here/chelsea_cam.png") && read("alone.png") == read("pics/chelsea_cam.png"));
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cam = |more: &[&str]| failure(folder.path(), ["predict", "--cam", "cam.png"].iter().chain(more));
    let (error, code) = cam(&[PHOTOS]);
    assert!(error.contains("--cam cam.png: for several pictures name a folder") && code == 1, "{error}");
    let (error, _) = cam(&[CHELSEA, "--cam-class", "tabbi"]);
    assert_eq!(error, "error: no class \"tabbi\": did you mean tabby?");
    let (error, _) = cam(&[CHELSEA, "--cam-class", "1000"]);
    assert!(error.contains("no class 1000"), "{error}");
    let (error, _) = cam(&["nowhere.png"]);
    assert!(error.contains("nowhere.png"), "{error}");
    let (error, _) = failure(folder.path(), ["predict", CHELSEA, "--cam", "no/such/cam.png"]);
    assert!(error.contains("no/such/cam.png"), "{error}");
    let (_, code) = failure(folder.path(), ["predict", CHELSEA, "--cam-class", "tabby"]);
    assert_eq!(code, 2, "--cam-class without --cam");
}
