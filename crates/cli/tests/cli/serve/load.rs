//! Many clients at once, and a server that stops meanwhile.

use std::io;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use datasets::Image;
use serde_json::Value;

use super::api::assert_same;
use super::client::{Answer, Server};
use super::photo;

const CONNECTIONS: usize = 64;
/// On a machine that has other things to do, too, each gets its answer.
const PATIENT: &[&str] = &["--timeout", "300"];

/// Small pictures that differ: pieces of a photo, 256 x 256 pixels.
fn pictures() -> Vec<Vec<u8>> {
    let photo = Image::decode(&photo("coffee.png")).unwrap();
    let piece = |offset: usize| {
        let rows = (0..256).flat_map(|row| {
            let start = 3 * ((row + offset / 8) * photo.width() + offset);
            photo.data()[start..start + 3 * 256].to_vec()
        });
        Image::from_rgb(256, 256, rows.collect()).unwrap().to_png().unwrap()
    };
    (0..16).map(|i| piece(20 * i)).collect()
}

#[test]
fn of_64_connections_each_gets_the_answer_to_its_picture() {
    let server = Server::start(PATIENT);
    let pictures = pictures();
    let alone: Vec<Value> = pictures.iter().map(|picture| server.predict("", picture).json()["top"].clone()).collect();
    assert!(alone.iter().any(|top| top[0] != alone[0][0]), "the pictures are told apart");
    let batches = || server.metric("convoy_batch_size_count{model=\"squeezenet1_1\"}");
    let before = batches();
    const EACH: usize = 6;
    thread::scope(|scope| {
        for client in 0..CONNECTIONS {
            let (server, pictures, alone) = (&server, &pictures, &alone);
            scope.spawn(move || {
                let mut connection = server.connect();
                for request in 0..EACH {
                    let which = (client + request) % pictures.len();
                    let answer = connection.ask("POST", "/v1/predict", &[], &pictures[which]).unwrap();
                    assert_eq!(answer.status, 200);
                    assert_same(&answer.json()["top"], &alone[which]);
                }
            });
        }
    });
    let (pictures, batches) = (CONNECTIONS * EACH, batches() - before);
    // How many go together depends on what the machine is fastest at; all numbers are tried.
    assert!(batches < pictures as f64, "{pictures} pictures in {batches} batches");
    assert_eq!(server.metric("convoy_batch_size_sum{model=\"squeezenet1_1\"}"), (pictures + 16) as f64);
}

/// Asks again and again until the server says that it ends: the answers.
fn ask_until_farewell(server: &Server, picture: &[u8]) -> io::Result<Vec<Answer>> {
    let mut connection = server.connect();
    let mut answers = Vec::new();
    loop {
        let answer = connection.ask("POST", "/v1/predict", &[], picture)?;
        let last = answer.header("connection") == Some("close");
        answers.push(answer);
        if last {
            // Nothing but the end follows.
            assert!(connection.rest()?.is_empty());
            return Ok(answers);
        }
    }
}

#[test]
fn nothing_is_lost_when_the_server_stops_under_load() {
    let server = Server::start(PATIENT);
    let picture = &pictures()[0];
    let expected = server.predict("", picture).json()["top"].clone();
    let answers = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mine = ask_until_farewell(&server, picture).expect("every request is answered");
                answers.lock().unwrap().extend(mine);
            });
        }
        thread::sleep(Duration::from_millis(1500));
        server.terminate();
    });
    let answers = answers.into_inner().unwrap();
    for answer in &answers {
        assert_eq!(answer.status, 200);
        assert_same(&answer.json()["top"], &expected);
    }
    let (status, said) = server.wait();
    assert_eq!(status.code(), Some(0), "{said}");
    // The server counts what the clients have.
    assert_eq!(said, format!("stopped after {} requests\n", answers.len() + 1));
}

#[test]
fn a_server_without_clients_stops_at_once_and_idle_ones_do_not_hold_it() {
    let server = Server::start(PATIENT);
    let mut idle = server.connect();
    assert_eq!(idle.ask("GET", "/healthz", &[], b"").unwrap().status, 200);
    server.terminate();
    let (status, said) = server.wait();
    assert_eq!((status.code(), said.as_str()), (Some(0), "stopped after 1 requests\n"));
    assert!(idle.rest().unwrap().is_empty());
}

#[test]
fn under_more_load_than_may_wait_all_are_answered_or_told_to_come_again() {
    let server = Server::start(&[PATIENT, &["--queue", "4"]].concat());
    let picture = &pictures()[0];
    let statuses = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut connection = server.connect();
                for _ in 0..5 {
                    let status = connection.ask("POST", "/v1/predict", &[], picture).unwrap().status;
                    statuses.lock().unwrap().push(status);
                }
            });
        }
    });
    let statuses = statuses.into_inner().unwrap();
    let count = |wanted| statuses.iter().filter(|&&status| status == wanted).count();
    assert_eq!((count(200) + count(503), statuses.len()), (CONNECTIONS * 5, CONNECTIONS * 5));
    assert!(count(200) > 0 && count(503) > 0, "{} and {}", count(200), count(503));
}
