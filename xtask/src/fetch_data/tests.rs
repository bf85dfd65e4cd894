//! Weights and a small CIFAR-10, from servers that behave and from servers that do not, to the prepared file.

#[path = "../../../crates/hub/tests/server/mod.rs"]
mod server;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use datasets::{Cifar10, Cifar10Version, Dataset as _, Split};
use flate2::{Compression, write::GzEncoder};
use hub::Checks;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::archive::Archive;
use super::cifar10::Published;
use super::*;
use server::{Request, Server, respond, serve};

const ETAG: &str = "\"one\"";
const FILE: &str = "cifar-10-binary.tar.gz";
/// Pictures in each file of the small data set.
const BATCH_LEN: u16 = 20;
const RECORD: usize = 3073;

/// The published members, of `BATCH_LEN` pictures.
const MEMBERS: [(&str, RangeInclusive<u64>); 8] = {
    const BATCH: RangeInclusive<u64> = BATCH_LEN as u64 * RECORD as u64..=BATCH_LEN as u64 * RECORD as u64;
    const NOTE: RangeInclusive<u64> = 1..=100;
    [
        ("batches.meta.txt", NOTE),
        ("data_batch_1.bin", BATCH),
        ("data_batch_2.bin", BATCH),
        ("data_batch_3.bin", BATCH),
        ("data_batch_4.bin", BATCH),
        ("data_batch_5.bin", BATCH),
        ("readme.html", NOTE),
        ("test_batch.bin", BATCH),
    ]
};

/// A published archive, known by its hash.
struct Small {
    bytes: Vec<u8>,
    sha256: String,
}

impl Small {
    /// CIFAR-10's binary version, with a few pictures.
    fn cifar10() -> Self {
        let contents = |name: &str| match name.strip_suffix(".bin") {
            Some(_) => batch(name),
            None => name.as_bytes().to_vec(),
        };
        Self::of(MEMBERS.iter().map(|(name, _)| (format!("cifar-10-batches-bin/{name}"), contents(name))))
    }

    fn of(files: impl Iterator<Item = (String, Vec<u8>)>) -> Self {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, contents) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(contents.len() as u64);
            builder.append_data(&mut header, path, &*contents).unwrap();
        }
        Self::from(builder.into_inner().unwrap().finish().unwrap())
    }

    fn published_at<'a>(&'a self, url: &'a str) -> Published<'a> {
        let checks = Checks { len: Some(self.bytes.len() as u64), sha256: Some(&self.sha256), md5: None };
        let archive = Archive { url, checks, folder: Cifar10Version::Binary.folder(), members: &MEMBERS };
        Published { archive, version: Cifar10Version::Binary, batch_len: BATCH_LEN }
    }

    /// A server of it that is well.
    fn serve(&self) -> Server {
        let bytes = self.bytes.clone();
        Server::start(move |_, request, stream| serve(stream, request, &bytes, ETAG, usize::MAX))
    }
}

impl From<Vec<u8>> for Small {
    fn from(bytes: Vec<u8>) -> Self {
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { bytes, sha256 }
    }
}

/// The records of a file, different in every file.
fn batch(name: &str) -> Vec<u8> {
    let mut state = name.bytes().fold(1_u32, |state, byte| state.wrapping_mul(31).wrapping_add(byte.into()));
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..usize::from(BATCH_LEN) * RECORD).map(|at| if at % RECORD == 0 { noise() % 10 } else { noise() }).collect()
}

/// Asserts that the prepared file in `data_dir` holds what the files of the archive do.
fn assert_prepared(data_dir: &Path) {
    for (split, files) in
        [(Split::Train, &[1, 2, 3, 4, 5].map(|part| format!("data_batch_{part}.bin"))[..]), (Split::Test, &["test_batch.bin".to_owned()])]
    {
        let dataset = Cifar10::open_prepared(data_dir, split).unwrap();
        let records: Vec<u8> = files.iter().flat_map(|name| batch(name)).collect();
        assert_eq!(dataset.len(), records.len() / RECORD);
        for (index, record) in records.chunks(RECORD).enumerate() {
            let (image, label) = dataset.get(index).unwrap();
            assert_eq!(label, i64::from(record[0]));
            for (at, &value) in image.data().iter().enumerate() {
                assert_eq!(value, record[1 + at % 3 * 1024 + at / 3], "{split:?} picture {index}, byte {at}");
            }
        }
    }
}

/// The names of what lies in a folder; none where it is not there.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const WHOLE: [&str; 3] = ["cifar-10-batches-bin", FILE, "cifar10.convoy"];

/// A place for the data, not there yet.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    (folder, data_dir)
}

fn online() -> Source<'static> {
    let options = Options { retries: 2, backoff: Duration::from_millis(1), stall_timeout: Duration::from_secs(10), ..Options::default() };
    Source { from_dir: None, options }
}

fn offline(from_dir: Option<&Path>) -> Source<'_> {
    Source { from_dir, options: Options { offline: true, ..Options::default() } }
}

/// Gets the data set from a server.
fn get(small: &Small, server: &Server, data_dir: &Path) -> Result<Outcome> {
    small.published_at(&format!("{}/{FILE}", server.url)).obtain(&online(), data_dir)
}

/// The one line of an error.
fn line(result: Result<Outcome>) -> String {
    let line = one_line(&result.unwrap_err());
    assert!(!line.contains('\n'), "{line}");
    line
}

#[test]
fn files_at_hand_are_taken_over_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("cache/a.pth");
    std::fs::write(folder.path().join("a.pth"), "abc").unwrap();
    let url = "https://example.org/a.pth";
    let good = Checks { sha256: Some("ba7816bf"), ..Checks::default() };
    assert_eq!(offline(Some(folder.path())).obtain(url, &dest, &good).unwrap(), Outcome::Fetched);
    assert_eq!(offline(None).obtain(url, &dest, &good).unwrap(), Outcome::Present);

    let other = Checks { sha256: Some("00000000"), ..Checks::default() };
    let error = offline(Some(folder.path())).obtain(url, &dest, &other).unwrap_err();
    assert!(error.to_string().contains("its SHA-256 is ba7816bf"), "{error}");
}

#[test]
fn offline_a_missing_file_says_where_it_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("a.pth");
    let error = offline(Some(folder.path())).obtain("https://example.org/a.pth", &dest, &Checks::default()).unwrap_err();
    assert!(error.to_string().contains("get https://example.org/a.pth and put it there"), "{error}");
}

#[test]
fn cifar10_is_fetched_unpacked_and_prepared_once() {
    let (small, (_folder, data_dir)) = (Small::cifar10(), place());
    let server = small.serve();
    assert_eq!(get(&small, &server, &data_dir).unwrap(), Outcome::Fetched);
    assert_prepared(&data_dir);
    assert_eq!(names(&data_dir), WHOLE);
    assert_eq!(get(&small, &server, &data_dir).unwrap(), Outcome::Present);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_is_damaged_or_gone_is_made_again_from_the_archive() {
    let (small, (_folder, data_dir)) = (Small::cifar10(), place());
    let server = small.serve();
    get(&small, &server, &data_dir).unwrap();
    let prepared = Cifar10::prepared_path(&data_dir);
    let unpacked = data_dir.join("cifar-10-batches-bin");

    let mut bytes = fs::read(&prepared).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let damage: [&dyn Fn(); 5] = [
        &|| fs::write(&prepared, &bytes).unwrap(),
        &|| fs::write(&prepared, "half a file").unwrap(),
        &|| fs::remove_file(&prepared).unwrap(),
        &|| fs::write(unpacked.join("data_batch_2.bin"), "half a file").unwrap(),
        &|| fs::remove_dir_all(&unpacked).unwrap(),
    ];
    for (number, damage) in damage.iter().enumerate() {
        damage();
        assert_eq!(get(&small, &server, &data_dir).unwrap(), Outcome::Fetched, "damage {number}");
        assert_prepared(&data_dir);
        assert_eq!(names(&data_dir), WHOLE);
        assert_eq!(get(&small, &server, &data_dir).unwrap(), Outcome::Present, "damage {number}");
    }
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn unpacked_files_that_were_changed_are_not_what_is_prepared() {
    let (small, (_folder, data_dir)) = (Small::cifar10(), place());
    let server = small.serve();
    get(&small, &server, &data_dir).unwrap();
    let file = data_dir.join("cifar-10-batches-bin/data_batch_1.bin");
    fs::write(&file, vec![0; fs::metadata(&file).unwrap().len() as usize]).unwrap();
    fs::remove_file(Cifar10::prepared_path(&data_dir)).unwrap();
    get(&small, &server, &data_dir).unwrap();
    assert_prepared(&data_dir);
}

#[test]
fn an_archive_that_was_deleted_is_fetched_again_only_where_it_is_needed() {
    let (small, (_folder, data_dir)) = (Small::cifar10(), place());
    let server = small.serve();
    get(&small, &server, &data_dir).unwrap();
    fs::remove_file(data_dir.join(FILE)).unwrap();
    fs::remove_dir_all(data_dir.join("cifar-10-batches-bin")).unwrap();
    assert_eq!(get(&small, &server, &data_dir).unwrap(), Outcome::Present);
    assert_eq!((server.requests().len(), names(&data_dir).len()), (1, 1));

    fs::write(Cifar10::prepared_path(&data_dir), "damaged").unwrap();
    assert_eq!(get(&small, &server, &data_dir).unwrap(), Outcome::Fetched);
    assert_eq!((server.requests().len(), names(&data_dir)), (2, WHOLE.map(str::to_owned).to_vec()));
}

#[test]
fn the_python_version_is_prepared_too() {
    const PICTURES: &[u8] = include_bytes!("../../../crates/datasets/tests/data/cifar_python2.pickle");
    const BATCH: RangeInclusive<u64> = 1..=10_000;
    let names = ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];
    let small = Small::of(names.iter().map(|name| (format!("cifar-10-batches-py/{name}"), PICTURES.to_vec())));
    let members = names.map(|name| (name, BATCH));
    let (_folder, data_dir) = place();
    let server = small.serve();
    let checks = Checks { sha256: Some(&small.sha256), ..Checks::default() };
    let url = format!("{}/cifar-10-python.tar.gz", server.url);
    let archive = Archive { url: &url, checks, folder: Cifar10Version::Python.folder(), members: &members };
    let published = Published { archive, version: Cifar10Version::Python, batch_len: 2 };
    assert_eq!(published.obtain(&online(), &data_dir).unwrap(), Outcome::Fetched);
    let dataset = Cifar10::open(&data_dir, Split::Train).unwrap();
    let labels: Vec<i64> = (0..dataset.len()).map(|index| dataset.get(index).unwrap().1).collect();
    assert_eq!(labels, [3, 7, 3, 7, 3, 7, 3, 7, 3, 7]);
}

#[test]
fn breaks_stalls_and_redirects_are_overcome() {
    let small = Small::cifar10();
    let half = small.bytes.len() / 2;
    type Answer = fn(usize, usize, &[u8], &Request, &mut TcpStream);
    let answers: [Answer; 3] = [
        |before, half, bytes, request, stream| serve(stream, request, bytes, ETAG, if before == 0 { half } else { usize::MAX }),
        |before, half, bytes, request, stream| {
            serve(stream, request, bytes, ETAG, if before == 0 { half } else { usize::MAX });
            // Held open, the connection brings nothing more.
            let held = stream.try_clone().unwrap();
            thread::spawn(move || {
                thread::sleep(Duration::from_secs(5));
                drop(held);
            });
        },
        |before, _, bytes, request, stream| match before {
            0 => respond(stream, "302 Found", &[("Location", "/elsewhere"), ("Content-Length", "0")], &[]),
            _ => serve(stream, request, bytes, ETAG, usize::MAX),
        },
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let (_folder, data_dir) = place();
        let bytes = small.bytes.clone();
        let server = Server::start(move |before, request, stream| answer(before, half, &bytes, request, stream));
        let mut source = online();
        source.options.stall_timeout = Duration::from_millis(200);
        let url = format!("{}/{FILE}", server.url);
        assert_eq!(small.published_at(&url).obtain(&source, &data_dir).unwrap(), Outcome::Fetched, "answer {number}");
        assert_prepared(&data_dir);
        let starts: Vec<usize> = server.requests().iter().map(Request::start).collect();
        assert_eq!(starts, [0, if number == 2 { 0 } else { half }], "answer {number}");
    }
}

#[test]
fn a_run_that_was_ended_is_gone_on_with_by_the_next() {
    let (small, (_folder, data_dir)) = (Small::cifar10(), place());
    let half = small.bytes.len() / 2;
    let bytes = small.bytes.clone();
    let server =
        Server::start(move |before, request, stream| serve(stream, request, &bytes, ETAG, if before == 0 { half } else { usize::MAX }));
    let mut once = online();
    once.options.retries = 0;
    let url = format!("{}/{FILE}", server.url);
    let error = line(small.published_at(&url).obtain(&once, &data_dir));
    assert!(error.contains(&url), "{error}");
    assert_eq!(get(&small, &server, &data_dir).unwrap(), Outcome::Fetched);
    assert_eq!(server.requests()[1].start(), half);
    assert_prepared(&data_dir);
    assert_eq!(names(&data_dir), WHOLE);
}

#[test]
fn what_is_not_the_archive_is_refused_in_one_line_and_nothing_is_unpacked() {
    let small = Small::cifar10();
    let len = small.bytes.len();
    let other = vec![0; len];
    type Answer = Box<dyn Fn(&mut TcpStream) + Send>;
    let answers: [(Answer, String); 4] = [
        (
            Box::new(|stream| respond(stream, "404 Not Found", &[("Content-Type", "text/html")], b"<html>")),
            "the server answers 404".to_owned(),
        ),
        (Box::new(|stream| respond(stream, "200 OK", &[("Content-Type", "text/html")], b"<html>log in")), "a web page came".to_owned()),
        (
            Box::new(|stream| respond(stream, "200 OK", &[("Content-Length", "1234")], &[1; 1234])),
            format!("1234 bytes, not the published {len}"),
        ),
        (Box::new(move |stream| respond(stream, "200 OK", &[], &other)), format!("not the published {}", small.sha256)),
    ];
    for (answer, expected) in answers {
        let (_folder, data_dir) = place();
        let server = Server::start(move |_, _, stream| answer(stream));
        let error = line(get(&small, &server, &data_dir));
        assert!(error.contains(&expected) && error.contains(FILE), "{error}");
        assert_eq!(names(&data_dir), [format!("{FILE}.lock")], "{error}");
    }
}

#[test]
fn an_archive_of_something_else_is_refused_in_one_line_and_nothing_is_prepared() {
    let lacking = Small::of(
        MEMBERS
            .iter()
            .take(7)
            .map(|(name, _)| (format!("cifar-10-batches-bin/{name}"), batch(name)))
            .filter(|(name, _)| name.ends_with(".bin")),
    );
    let stray = Small::of([("cifar-10-batches-bin/data_batch_6.bin".to_owned(), b"evil".to_vec())].into_iter());
    let wrong_label =
        Small::of(MEMBERS.iter().map(|(name, accepted)| (format!("cifar-10-batches-bin/{name}"), vec![10; *accepted.start() as usize])));
    let cases = [
        (Small::from(b"no archive at all".to_vec()), "cannot unpack"),
        (lacking, "it lacks `batches.meta.txt`"),
        (stray, "which does not belong in it"),
        (wrong_label, "data_batch_1.bin: label 10 is not from 0 to 9"),
    ];
    for (small, expected) in cases {
        let (_folder, data_dir) = place();
        let error = line(get(&small, &small.serve(), &data_dir));
        assert!(error.contains(expected), "{error}");
        assert!(!Cifar10::prepared_path(&data_dir).exists());
    }
}

#[test]
fn a_mirror_a_folder_and_no_network_serve_cifar10_too() {
    let small = Small::cifar10();
    let published = small.published_at("http://unreachable.invalid/~kriz/cifar-10-binary.tar.gz");

    let (_folder, data_dir) = place();
    let server = small.serve();
    let mut mirrored = online();
    mirrored.options.mirror = Some(format!("{}/mirror/", server.url));
    assert_eq!(published.obtain(&mirrored, &data_dir).unwrap(), Outcome::Fetched);
    assert!(server.requests()[0].0.starts_with("get /mirror/cifar-10-binary.tar.gz "));
    assert_eq!(published.obtain(&offline(None), &data_dir).unwrap(), Outcome::Present);

    let (folder, data_dir) = place();
    let error = line(published.obtain(&offline(None), &data_dir));
    assert!(error.contains("downloads are off; get http://unreachable.invalid/~kriz/cifar-10-binary.tar.gz"), "{error}");
    fs::write(folder.path().join(FILE), &small.bytes).unwrap();
    assert_eq!(published.obtain(&offline(Some(folder.path())), &data_dir).unwrap(), Outcome::Fetched);
    assert_prepared(&data_dir);
    assert_eq!(names(&data_dir), WHOLE);
}

#[test]
fn a_folder_that_cannot_be_written_is_one_line() {
    let (small, (folder, _)) = (Small::cifar10(), place());
    let file = folder.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let error = line(get(&small, &small.serve(), &file.join("data")));
    assert!(error.starts_with(&format!("cannot create {}", file.join("data").display())), "{error}");
    assert_eq!(error.matches("os error").count(), 1, "{error}");

    // The unpacked files have a place, the prepared one has none.
    let data_dir = folder.path().join("data");
    fs::create_dir_all(Cifar10::prepared_path(&data_dir).join("in the way")).unwrap();
    let error = line(get(&small, &small.serve(), &data_dir));
    assert!(error.starts_with("cannot prepare CIFAR-10: ") && error.contains("cifar10.convoy"), "{error}");
}

#[test]
fn two_threads_at_once_do_everything_once() {
    let (small, (_folder, data_dir)) = (Small::cifar10(), place());
    let server = small.serve();
    let outcomes = thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| get(&small, &server, &data_dir).unwrap()));
        both.map(|thread| thread.join().unwrap())
    });
    assert!(outcomes.contains(&Outcome::Fetched), "{outcomes:?}");
    assert_eq!(server.requests().len(), 1);
    assert_prepared(&data_dir);
    assert_eq!(names(&data_dir), WHOLE);
}

/// In which variable the test below tells its child processes the server's address and the folder.
const JOB: &str = "CONVOY_TEST_FETCH_JOB";

#[test]
fn two_processes_at_once_do_everything_once() {
    let small = Small::cifar10();
    if let Some(job) = std::env::var_os(JOB) {
        let job = job.into_string().unwrap();
        let (url, data_dir) = job.split_once(' ').unwrap();
        small.published_at(url).obtain(&online(), Path::new(data_dir)).unwrap();
        assert_prepared(Path::new(data_dir));
        return;
    }
    let (_folder, data_dir) = place();
    let bytes = small.bytes.clone();
    let (waits, wait) = channel();
    let server = Server::start(move |_, request, stream| {
        // Not before the other process has come to the lock; where there is none, the test fails below.
        let _ = wait.recv_timeout(Duration::from_secs(20));
        serve(stream, request, &bytes, ETAG, usize::MAX);
    });
    let start = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "fetch_data::tests::two_processes_at_once_do_everything_once", "--nocapture"]);
        command.env(JOB, format!("{}/{FILE} {}", server.url, data_dir.display()));
        command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let both = [start(), start()].map(|mut child| {
        let (stderr, waits) = (child.stderr.take().unwrap(), waits.clone());
        let reader = thread::spawn(move || {
            let lines = BufReader::new(stderr).lines().map(Result::unwrap);
            let is_waiting = |line: &String| line.ends_with(&format!("{FILE}: another process fetches it; waiting"));
            lines.filter(is_waiting).inspect(|_| waits.send(()).unwrap()).count()
        });
        (child, reader)
    });
    let waited = both.map(|(child, reader)| {
        let output = child.wait_with_output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
        reader.join().unwrap()
    });
    assert_eq!(waited.iter().sum::<usize>(), 1);
    assert_eq!(server.requests().len(), 1);
    assert_prepared(&data_dir);
    assert_eq!(names(&data_dir), WHOLE);
}
