//! Downloads from servers that behave, and from servers that do not.

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use hub::{Checks, Error, Event, Options, Outcome, Progress, Silent, fetch};
use server::{Server, respond, serve};
use tempfile::TempDir;

/// A file whose bytes all differ from their neighbours, so that a gap or an overlap shows.
fn contents() -> Vec<u8> {
    (0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

const SHA256: &str = "2c4085b1ab9817526311b5a5b04451140dc922067c6922a59a77e1503918357b";
const ETAG: &str = "\"one\"";

fn checks() -> Checks<'static> {
    Checks { len: Some(200_000), sha256: Some(SHA256), ..Checks::default() }
}

fn options() -> Options {
    Options { retries: 2, backoff: Duration::from_millis(1), stall_timeout: Duration::from_secs(10), ..Options::default() }
}

/// A folder for one download, and the file's place in it.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("cache").join("model.pth");
    (folder, dest)
}

fn get(server: &Server, dest: &Path) -> Result<Outcome, Error> {
    fetch(&format!("{}/model.pth", server.url), dest, &checks(), &options(), &mut Silent)
}

/// The names of what lies beside `dest`, and `dest` itself.
fn names(dest: &Path) -> Vec<String> {
    let entries = fs::read_dir(dest.parent().unwrap()).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn assert_whole(dest: &Path) {
    assert_eq!(fs::read(dest).unwrap(), contents());
    assert_eq!(names(dest), ["model.pth"]);
}

#[test]
fn a_file_is_fetched_once() {
    let server = Server::start(|_, request, stream| serve(stream, request, &contents(), ETAG, usize::MAX));
    let (_folder, dest) = place();
    assert_eq!(get(&server, &dest).unwrap(), Outcome::Fetched);
    assert_whole(&dest);
    assert_eq!(get(&server, &dest).unwrap(), Outcome::Present);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_break_is_resumed_where_it_happened() {
    let server = Server::start(|before, request, stream| {
        serve(stream, request, &contents(), ETAG, if before < 3 { 50_000 } else { usize::MAX });
    });
    let (_folder, dest) = place();
    get(&server, &dest).unwrap();
    assert_whole(&dest);
    let starts: Vec<usize> = server.requests().iter().map(server::Request::start).collect();
    assert_eq!(starts, [0, 50_000, 100_000, 150_000]);
    assert_eq!(server.requests()[1].header("if-range"), Some(ETAG));
}

#[test]
fn a_later_call_resumes_what_an_earlier_one_left() {
    let server = Server::start(|before, request, stream| {
        serve(stream, request, &contents(), ETAG, if before == 0 { 50_000 } else { usize::MAX });
    });
    let (_folder, dest) = place();
    let once = Options { retries: 0, ..options() };
    let error = fetch(&format!("{}/model.pth", server.url), &dest, &checks(), &once, &mut Silent).unwrap_err();
    assert!(matches!(error, Error::Connection { .. }), "{error}");
    assert!(!dest.exists());
    get(&server, &dest).unwrap();
    assert_whole(&dest);
    assert_eq!(server.requests()[1].start(), 50_000);
}

#[test]
fn a_server_without_ranges_starts_anew() {
    let server = Server::start(|before, _, stream| {
        let file = contents();
        let sent = if before == 0 { &file[..50_000] } else { &file };
        respond(stream, "200 OK", &[("Content-Length", "200000")], sent);
    });
    let (_folder, dest) = place();
    get(&server, &dest).unwrap();
    assert_whole(&dest);
    assert_eq!(server.requests()[1].start(), 50_000);
}

#[test]
fn a_file_that_changed_on_the_server_starts_anew() {
    let server = Server::start(|before, request, stream| match before {
        0 => serve(stream, request, &vec![0; 200_000], "\"old\"", 50_000),
        _ => serve(stream, request, &contents(), ETAG, usize::MAX),
    });
    let (_folder, dest) = place();
    get(&server, &dest).unwrap();
    assert_whole(&dest);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn pieces_of_two_versions_are_thrown_away() {
    let server = Server::start(|before, request, stream| match before {
        0 => respond(stream, "200 OK", &[("Content-Length", "200000")], &[0; 50_000]),
        _ => serve(stream, request, &contents(), ETAG, usize::MAX),
    });
    let (_folder, dest) = place();
    get(&server, &dest).unwrap();
    assert_whole(&dest);
    let starts: Vec<usize> = server.requests().iter().map(server::Request::start).collect();
    assert_eq!(starts, [0, 50_000, 0]);
}

#[test]
fn a_part_that_was_whole_already_is_not_fetched_again() {
    let server = Server::start(|_, _, stream| respond(stream, "416 Range Not Satisfiable", &[("Content-Range", "bytes */200000")], &[]));
    let (_folder, dest) = place();
    fs::create_dir_all(dest.parent().unwrap()).unwrap();
    fs::write(dest.with_extension("pth.part"), contents()).unwrap();
    let unknown_length = Checks { len: None, ..checks() };
    fetch(&format!("{}/model.pth", server.url), &dest, &unknown_length, &options(), &mut Silent).unwrap();
    assert_whole(&dest);
}

#[test]
fn a_stalled_server_is_given_up_and_tried_again() {
    let server = Server::start(|before, request, stream| {
        if before == 0 {
            serve(stream, request, &contents(), ETAG, 50_000);
            thread::sleep(Duration::from_secs(3));
        } else {
            serve(stream, request, &contents(), ETAG, usize::MAX);
        }
    });
    let (_folder, dest) = place();
    let hasty = Options { retries: 0, stall_timeout: Duration::from_millis(200), ..options() };
    let started = std::time::Instant::now();
    let error = fetch(&format!("{}/model.pth", server.url), &dest, &checks(), &hasty, &mut Silent).unwrap_err();
    assert!(error.to_string().contains("timeout"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    get(&server, &dest).unwrap();
    assert_whole(&dest);
    assert_eq!(server.requests()[1].start(), 50_000);
}

#[test]
fn redirects_are_followed() {
    let server = Server::start(|_, request, stream| {
        if request.0.starts_with("get /model.pth ") {
            respond(stream, "302 Found", &[("Location", "/elsewhere/file"), ("Content-Length", "0")], &[]);
        } else {
            serve(stream, request, &contents(), ETAG, usize::MAX);
        }
    });
    let (_folder, dest) = place();
    get(&server, &dest).unwrap();
    assert_whole(&dest);
}

#[test]
fn busy_servers_are_asked_again() {
    let server = Server::start(|before, request, stream| match before {
        0 => respond(stream, "503 Service Unavailable", &[("Content-Length", "0")], &[]),
        1 => respond(stream, "429 Too Many Requests", &[("Content-Length", "0")], &[]),
        _ => serve(stream, request, &contents(), ETAG, usize::MAX),
    });
    let (_folder, dest) = place();
    get(&server, &dest).unwrap();
    assert_whole(&dest);
}

#[test]
fn a_server_that_never_sends_it_all_is_given_up() {
    let server = Server::start(|_, _, stream| respond(stream, "200 OK", &[("Content-Length", "200000")], &[1; 1000]));
    let (_folder, dest) = place();
    let error = get(&server, &dest).unwrap_err();
    assert!(matches!(error, Error::Connection { .. }), "{error}");
    assert_eq!(server.requests().len(), 3);
    assert!(!dest.exists());
}

#[test]
fn another_length_than_the_published_is_refused_before_the_download() {
    let server = Server::start(|_, _, stream| respond(stream, "200 OK", &[("Content-Length", "1234")], &[1; 1234]));
    let (_folder, dest) = place();
    let error = get(&server, &dest).unwrap_err();
    assert!(error.to_string().ends_with("1234 bytes, not the published 200000; it is incomplete or another file"), "{error}");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(names(&dest), ["model.pth.lock"]);
}

#[test]
fn a_missing_file_is_no_file() {
    let page: &[u8] = b"<html>not found</html>";
    let server = Server::start(move |_, _, stream| respond(stream, "404 Not Found", &[("Content-Type", "text/html")], page));
    let (_folder, dest) = place();
    let error = get(&server, &dest).unwrap_err();
    assert!(error.to_string().ends_with("/model.pth: the server answers 404 (no such file there)"), "{error}");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(names(&dest), ["model.pth.lock"]);
}

#[test]
fn a_login_page_is_no_file() {
    let server = Server::start(|_, _, stream| respond(stream, "200 OK", &[("Content-Type", "text/html; charset=utf-8")], b"<html>"));
    let (_folder, dest) = place();
    assert!(matches!(get(&server, &dest), Err(Error::WebPage { .. })));
    assert_eq!(names(&dest), ["model.pth.lock"]);
}

#[test]
fn a_wrong_hash_is_deleted() {
    let server = Server::start(|_, request, stream| serve(stream, request, &vec![0; 200_000], ETAG, usize::MAX));
    let (_folder, dest) = place();
    let error = get(&server, &dest).unwrap_err();
    assert!(error.to_string().contains("/model.pth (downloaded, and deleted again): its SHA-256 is"), "{error}");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(names(&dest), ["model.pth.lock"]);
}

#[test]
fn a_damaged_file_is_replaced() {
    let server = Server::start(|_, request, stream| serve(stream, request, &contents(), ETAG, usize::MAX));
    let (_folder, dest) = place();
    fs::create_dir_all(dest.parent().unwrap()).unwrap();
    fs::write(&dest, "truncated").unwrap();
    let offline = Options { offline: true, ..options() };
    let error = fetch(&server.url, &dest, &checks(), &offline, &mut Silent).unwrap_err();
    assert!(matches!(error, Error::Length { found: 9, .. }), "{error}");
    get(&server, &dest).unwrap();
    assert_whole(&dest);
}

#[test]
fn offline_nothing_is_asked() {
    let server = Server::start(|_, request, stream| serve(stream, request, &contents(), ETAG, usize::MAX));
    let (_folder, dest) = place();
    let offline = Options { offline: true, ..options() };
    let url = format!("{}/model.pth", server.url);
    let error = fetch(&url, &dest, &checks(), &offline, &mut Silent).unwrap_err();
    assert!(error.to_string().contains("downloads are off"), "{error}");
    assert!(server.requests().is_empty());
    get(&server, &dest).unwrap();
    assert_eq!(fetch(&url, &dest, &checks(), &offline, &mut Silent).unwrap(), Outcome::Present);
}

#[test]
fn without_a_network_the_answer_comes_soon() {
    let (_folder, dest) = place();
    let patient = Options { retries: 9, ..options() };
    let mut log = Log::default();
    let error = fetch("http://127.0.0.1:1/model.pth", &dest, &checks(), &patient, &mut log).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(log.0, ["retrying"]);
}

#[test]
fn a_mirror_is_asked_instead() {
    let server = Server::start(|_, request, stream| serve(stream, request, &contents(), ETAG, usize::MAX));
    let (_folder, dest) = place();
    let mirrored = Options { mirror: Some(format!("{}/mirror", server.url)), ..options() };
    fetch("http://unreachable.invalid/models/model.pth", &dest, &checks(), &mirrored, &mut Silent).unwrap();
    assert!(server.requests()[0].0.starts_with("get /mirror/model.pth "));
}

#[test]
fn more_than_the_limit_is_refused() {
    let server = Server::start(|_, _, stream| respond(stream, "200 OK", &[], &contents()));
    let (_folder, dest) = place();
    let limited = Options { limit: 1000, ..options() };
    let error = fetch(&format!("{}/model.pth", server.url), &dest, &Checks::default(), &limited, &mut Silent).unwrap_err();
    assert!(matches!(error, Error::TooLong { limit: 1000, .. }), "{error}");
    assert!(!dest.exists());
}

#[test]
fn two_at_once_fetch_it_once() {
    let server = Server::start(|_, request, stream| {
        thread::sleep(Duration::from_millis(100));
        serve(stream, request, &contents(), ETAG, usize::MAX);
    });
    let (_folder, dest) = place();
    let outcomes = thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| get(&server, &dest).unwrap()));
        both.map(|thread| thread.join().unwrap())
    });
    assert!(outcomes.contains(&Outcome::Fetched) && outcomes.contains(&Outcome::Present), "{outcomes:?}");
    assert_eq!(server.requests().len(), 1);
    assert_whole(&dest);
}

#[test]
fn no_address_is_an_error_not_a_panic() {
    let (_folder, dest) = place();
    for url in ["", "model.pth", "http://", "ftp://host/model.pth", "http://a b/model.pth"] {
        let once = Options { retries: 0, ..options() };
        fetch(url, &dest, &checks(), &once, &mut Silent).unwrap_err();
    }
}

/// Writes down the events, without their details.
#[derive(Default)]
struct Log(Vec<&'static str>);

impl Progress for Log {
    fn report(&mut self, event: Event<'_>) {
        let name = match event {
            Event::Started { .. } => "started",
            Event::Received { .. } => "received",
            Event::Retrying { .. } => "retrying",
            Event::Verifying => "verifying",
            Event::Finished { .. } => "finished",
            _ => "other",
        };
        if self.0.last() != Some(&name) {
            self.0.push(name);
        }
    }
}

#[test]
fn progress_tells_the_story() {
    let server = Server::start(|before, request, stream| {
        serve(stream, request, &contents(), ETAG, if before == 0 { 50_000 } else { usize::MAX });
    });
    let (_folder, dest) = place();
    let mut log = Log::default();
    fetch(&format!("{}/model.pth", server.url), &dest, &checks(), &options(), &mut log).unwrap();
    let story = ["started", "received", "retrying", "started", "received", "verifying", "finished"];
    assert_eq!(log.0, story);
}
