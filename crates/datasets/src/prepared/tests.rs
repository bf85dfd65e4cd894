//! Good files, and every way in which one can be bad.

use std::fs;
use std::path::PathBuf;

use super::*;

/// Pictures of 3 x 2 pixels.
const PICTURE: usize = 18;

fn description() -> Description {
    Description { dataset: "spots".to_owned(), classes: vec!["few".to_owned(), "many".to_owned()], height: 2, width: 3 }
}

/// Samples whose bytes all differ from their neighbours.
fn samples(labels: &[u8]) -> Samples {
    let pixels: Vec<u8> = (0..labels.len() * PICTURE).map(|i| (i * 7 + labels.len()) as u8).collect();
    Samples { labels: labels.to_vec().into(), pixels: pixels.into() }
}

/// Where the test file lies, and its folder.
fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spots.convoy");
    (dir, path)
}

/// Writes three samples to train on and two to test.
fn write_good(path: &Path) -> Vec<u8> {
    write(path, description(), &samples(&[0, 1, 0]), &samples(&[1, 1])).unwrap();
    fs::read(path).unwrap()
}

/// The errors of opening a file of these bytes, for each part; none where it opens.
fn errors(bytes: &[u8]) -> [Option<String>; 2] {
    let (_dir, path) = place();
    fs::write(&path, bytes).unwrap();
    [Split::Train, Split::Test].map(|split| {
        let error = open(&path, split).err()?.to_string();
        assert!(!error.contains('\n'), "{error}");
        Some(error.strip_prefix(&format!("{}: ", path.display())).expect("the file is named").to_owned())
    })
}

/// The error of opening a file of these bytes, whichever part.
fn error(bytes: &[u8]) -> String {
    let [train, test] = errors(bytes);
    assert_eq!(train, test);
    train.expect("an error")
}

/// A file with this header and nothing after it, with a checksum that is right.
fn with_header(change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let part = Part { samples: 0, labels: 0, pixels: 0, crc32: 0 };
    let mut header = Header { description: description(), order: header::PixelOrder::Hwc, train: part, test: part };
    change(&mut header);
    header.to_bytes().unwrap()
}

/// Where the good file's parts lie, as the format promises.
const TRAIN_LABELS: usize = 4096;
const TRAIN_PIXELS: usize = TRAIN_LABELS + 64;
const TEST_LABELS: usize = TRAIN_PIXELS + 64;
const TEST_PIXELS: usize = TEST_LABELS + 64;

/// Where the header of a file ends, and zeros follow.
fn header_end(file: &[u8]) -> usize {
    20 + u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize
}

#[test]
fn both_parts_come_back_and_lie_where_the_format_says() {
    let (_dir, path) = place();
    let bytes = write_good(&path);
    for (split, labels, places) in
        [(Split::Train, &[0, 1, 0][..], (TRAIN_LABELS, TRAIN_PIXELS)), (Split::Test, &[1, 1], (TEST_LABELS, TEST_PIXELS))]
    {
        let (found, part) = open(&path, split).unwrap();
        let expected = samples(labels);
        assert_eq!(found, description());
        assert_eq!((&*part.labels, &*part.pixels), (labels, &*expected.pixels));
        assert_eq!(bytes[places.0..][..labels.len()], *labels);
        assert_eq!(bytes[places.1..][..expected.pixels.len()], *expected.pixels);
    }
    assert_eq!(bytes.len(), TEST_PIXELS + 2 * PICTURE);
}

#[test]
fn a_part_may_be_empty() {
    let (_dir, path) = place();
    write(&path, description(), &samples(&[]), &samples(&[])).unwrap();
    assert!(open(&path, Split::Train).unwrap().1.labels.is_empty());
}

#[test]
fn every_cut_is_an_error() {
    let (_dir, path) = place();
    let good = write_good(&path);
    let header_end = header_end(&good);
    for len in 0..good.len() {
        let expected = if len < 8 {
            "not a prepared data set; prepare it again".to_owned()
        } else if len < header_end {
            "its header is damaged; prepare it again".to_owned()
        } else {
            format!("expected {} bytes, found {len}; the file is incomplete or another one, fetch it again", good.len())
        };
        assert_eq!(error(&good[..len]), expected);
    }
    let longer = [&good[..], b"x"].concat();
    assert_eq!(
        error(&longer),
        format!("expected {} bytes, found {}; the file is incomplete or another one, fetch it again", good.len(), good.len() + 1)
    );
}

#[test]
fn every_change_of_a_byte_that_matters_is_noticed_and_none_panics() {
    let (_dir, path) = place();
    let good = write_good(&path);
    let with_change = |at: usize| {
        let mut damaged = good.clone();
        damaged[at] ^= 0x41;
        errors(&damaged)
    };
    for at in 0..header_end(&good) {
        assert!(with_change(at).iter().all(Option::is_some), "byte {at}");
    }
    for (places, damaged_part) in [
        (TRAIN_LABELS..TRAIN_LABELS + 3, 0),
        (TRAIN_PIXELS..TRAIN_PIXELS + 3 * PICTURE, 0),
        (TEST_LABELS..TEST_LABELS + 2, 1),
        (TEST_PIXELS..TEST_PIXELS + 2 * PICTURE, 1),
    ] {
        for at in places {
            let found = with_change(at);
            let error = found[damaged_part].as_ref().unwrap();
            let name = ["training", "test"][damaged_part];
            let expected = format!("its {name} pictures are damaged: their checksum is not the one in its header; prepare it again");
            assert_eq!((error, &found[1 - damaged_part]), (&expected, &None), "byte {at}");
        }
    }
}

#[test]
fn foreign_files_are_no_prepared_data_sets() {
    for bytes in [&b""[..], b"convoy", b"<html>no such file</html>", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0], &[0; 10_000]] {
        assert_eq!(error(bytes), "not a prepared data set; prepare it again");
    }
}

#[test]
fn another_version_says_so() {
    let mut newer = with_header(|_| {});
    newer[8] = 2;
    assert_eq!(error(&newer), "it has version 2 of the format, and this program knows 1; prepare it again");
}

#[test]
fn claims_beyond_the_file_are_refused_without_memory() {
    let claims: [fn(&mut Part); 5] = [
        |part| part.samples = u64::MAX,
        |part| part.samples = 1 << 40,
        |part| part.labels = u64::MAX,
        |part| part.pixels = u64::MAX - 4096,
        |part| (part.samples, part.labels, part.pixels) = (1, u64::MAX, 0),
    ];
    for claim in claims {
        for file in [with_header(|header| claim(&mut header.train)), with_header(|header| claim(&mut header.test))] {
            let error = error(&file);
            assert!(error.contains("its header is damaged") || error.contains("found 4096"), "{error}");
        }
    }
}

#[test]
fn descriptions_that_make_no_sense_are_refused() {
    type Change = fn(&mut Description);
    let cases: [(Change, &str); 4] = [
        (|it| it.height = 0, "3 x 0 pixels make no picture"),
        (|it| it.width = u32::MAX, "4294967295 x 2 pixels make no picture"),
        (|it| it.classes.clear(), "it has 0 classes, not 1 to 256"),
        (|it| it.classes = vec![String::new(); 257], "it has 257 classes, not 1 to 256"),
    ];
    for (change, expected) in cases {
        assert_eq!(error(&with_header(|header| change(&mut header.description))), format!("{expected}; prepare it again"));
    }
}

#[test]
fn lengths_that_a_header_claims_are_not_believed() {
    for claim in
        [&b"\xfd\xff\xff\xff\xff\xff\xff\xff\x7f"[..], b"\x05spots\xfd\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x05spots\xfc\xff\xff\xff\xff"]
    {
        let mut file = b"convoyds\x01\0\0\0".to_vec();
        file.extend((claim.len() as u32).to_le_bytes());
        file.extend(crc32(&[claim]).to_le_bytes());
        file.extend(claim);
        assert_eq!(error(&file), "its header is damaged; prepare it again");
    }
}

#[test]
fn a_label_without_a_class_is_refused() {
    let (_dir, path) = place();
    write(&path, description(), &samples(&[0, 2]), &samples(&[1])).unwrap();
    let error = open(&path, Split::Train).unwrap_err().to_string();
    assert!(error.ends_with("it has a label 2 but only 2 classes; prepare it again"), "{error}");
    open(&path, Split::Test).unwrap();
}

#[test]
fn a_place_that_cannot_be_written_is_one_error_and_leaves_nothing() {
    let (dir, path) = place();
    let below_a_file = {
        fs::write(&path, "a file").unwrap();
        path.join("spots.convoy")
    };
    let a_folder = dir.path().join("folder");
    fs::create_dir_all(a_folder.join("not-empty")).unwrap();
    for path in [&below_a_file, &a_folder, &dir.path().join("nowhere/spots.convoy")] {
        let error = write(path, description(), &samples(&[0]), &samples(&[])).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_header_that_is_too_long_is_refused() {
    let (_dir, path) = place();
    let long = Description { dataset: "x".repeat(70_000), ..description() };
    let error = write(&path, long, &samples(&[]), &samples(&[])).unwrap_err().to_string();
    assert!(error.contains("its header cannot be written"), "{error}");
    assert!(!path.exists());
}
