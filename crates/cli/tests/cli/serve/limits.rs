//! What a server does not put up with.

use std::thread;
use std::time::{Duration, Instant};

use super::client::{Connection, Server};
use super::photo;

const SECOND: &[&str] = &["--timeout", "1"];

/// How long something takes, and what it gives.
fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

#[test]
fn a_request_that_is_too_long_is_refused_and_its_sender_told() {
    let server = Server::start(&["--max-body", "1"]);
    let too_large = (413, "body_too_large".to_owned());
    let body = vec![0; 3 << 20];
    assert_eq!(server.predict("", &body).failure(), too_large);

    // Where the length is not announced, it is counted.
    let mut connection = server.connect();
    connection.send(b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    for _ in 0..20 {
        connection.send(b"10000\r\n").unwrap();
        connection.send(&body[..0x10000]).unwrap();
        connection.send(b"\r\n").unwrap();
    }
    connection.send(b"0\r\n\r\n").unwrap();
    assert_eq!(connection.answer().unwrap().failure(), too_large);

    // What is announced and does not come is not waited for.
    let mut connection = server.connect();
    connection.send(b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n").unwrap();
    assert_eq!(connection.answer().unwrap().failure(), too_large);
    assert_eq!(server.predict("", &photo("coffee.png")).status, 200);
}

#[test]
fn a_picture_of_too_many_pixels_is_refused_by_its_header() {
    let server = Server::start(&["--max-pixels", "1"]);
    // 1000 x 1000 pixels are just what is allowed, one more is not, whether the rest of the file is there or not.
    let picture = |width: usize| datasets::Image::from_rgb(width, 1000, vec![9; 3000 * width]).unwrap().to_png().unwrap();
    assert_eq!(server.predict("", &picture(1000)).status, 200);
    let large = picture(1001);
    assert_eq!(server.predict("", &large).failure(), (413, "picture_too_large".to_owned()));
    assert_eq!(server.predict("", &large[..200]).failure(), (413, "picture_too_large".to_owned()));
}

#[test]
fn heads_and_bodies_that_come_too_slowly_are_given_up() {
    let server = Server::start(SECOND);
    let patient = Duration::from_millis(800);
    // A byte now and then does not keep the connection.
    let mut connection = server.connect();
    let slowly = b"GET /healthz HTTP/1.1\r\nX-Slow: ".iter().cycle().take(1000);
    let (time, refused) = timed(|| {
        slowly.into_iter().any(|byte| {
            thread::sleep(Duration::from_millis(50));
            connection.send(&[*byte]).is_err()
        })
    });
    assert!(refused && time > patient, "{time:?}");

    // Nor does silence.
    let mut connection = server.connect();
    let (time, rest) = timed(|| connection.rest().unwrap());
    assert!(rest.is_empty() && time > patient, "{time:?}");

    let mut connection = server.connect();
    connection.send(b"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nslow").unwrap();
    let (time, answer) = timed(|| connection.answer().unwrap());
    assert_eq!(answer.failure(), (408, "request_timeout".to_owned()));
    assert!(time > patient, "{time:?}");
    assert_eq!(server.get("/healthz").body, b"ok\n");
}

#[test]
fn a_head_without_end_is_refused() {
    let server = Server::start(&[]);
    let mut connection = server.connect();
    let head = [b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: ".to_vec(), vec![b'x'; 1 << 20]].concat();
    // The server may close before all is sent.
    let _ = connection.send(&head);
    let status = connection.answer().map(|answer| answer.status).unwrap_or(431);
    assert_eq!(status, 431);
    let mut connection = server.connect();
    connection.send(b"no http at all\r\n\r\n").unwrap();
    assert_eq!(connection.answer().unwrap().status, 400);
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn an_answer_that_takes_too_long_is_given_up_and_who_has_left_is_not_computed_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slow.pth");
    zoo::save(&file, &zoo::build("resnet34", 10).unwrap(), &zoo::Metadata::default()).unwrap();
    // For each picture of 1024 pixels one thread takes about a second.
    let args = ["--weights", file.to_str().unwrap(), "--trained-on", "cifar10", "--img-size", "1024", "--threads", "1", "--max-batch", "1"];
    let server = Server::start(&[&args[..], SECOND].concat());
    let picture = photo("coffee.png");
    let statuses: Vec<u16> = thread::scope(|scope| {
        let ask = || scope.spawn(|| server.predict("", &picture));
        let asked: Vec<_> = (0..8).map(|_| ask()).collect();
        asked.into_iter().map(|thread| thread.join().unwrap().status).collect()
    });
    assert!(statuses.iter().all(|status| [200, 504].contains(status)) && statuses.contains(&504), "{statuses:?}");
    // Those that were given up while they waited are dropped.
    while server.metric("convoy_queue_depth{model=\"slow\"}") > 0.0 {
        thread::sleep(Duration::from_millis(50));
    }
    // The last to be computed may be under way: once another has been answered, it is not.
    server.predict("", &picture);
    let computed = server.metric("convoy_batch_size_sum{model=\"slow\"}");
    assert!(computed < 8.0, "{computed} pictures were computed");
}

#[test]
fn more_requests_than_may_wait_are_told_to_come_again() {
    let server = Server::start(&["--queue", "2"]);
    let picture = photo("coffee.png");
    // Two that do not finish their requests hold both places.
    let head = format!("POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", picture.len());
    let mut holders: Vec<Connection> = (0..2).map(|_| server.connect()).collect();
    for holder in &mut holders {
        holder.send(head.as_bytes()).unwrap();
    }
    thread::sleep(Duration::from_millis(300));
    let answer = server.predict("", &picture);
    assert_eq!((answer.failure(), answer.header("retry-after")), ((503, "busy".to_owned()), Some("1")));
    assert_eq!(server.get("/healthz").status, 200);
    for holder in &mut holders {
        holder.send(&picture).unwrap();
        assert_eq!(holder.answer().unwrap().status, 200);
    }
    assert_eq!(server.predict("", &picture).status, 200);
}
