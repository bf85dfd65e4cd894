//! Pictures and published weights from the web, served on the loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use super::support::{convoy, explained, failure, golden, stdout};

/// Serves a picture, a text that is none, a web page, and nothing else; returns its address.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let picture = std::fs::read(golden("images/rgb.jpg")).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
            let request = lines.next().unwrap_or_default();
            lines.for_each(drop);
            let (status, kind, body) = match request.split(' ').nth(1).unwrap_or_default() {
                "/picture.jpg?size=948:533" => ("200 OK", "image/jpeg", &picture[..]),
                "/text.jpg" => ("200 OK", "image/jpeg", &b"no picture"[..]),
                "/page.jpg" => ("200 OK", "text/html", &b"<html>please log in</html>"[..]),
                _ => ("404 Not Found", "text/html", &b"<html>not found</html>"[..]),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            // A client that has gone is no failure of the server's.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    url
}

fn save_model(folder: &Path) {
    let metadata = zoo::Metadata::default();
    zoo::save(folder.join("resnet18_cifar10_classifier.pth"), &zoo::build("resnet18", 10).unwrap(), &metadata).unwrap();
}

#[test]
fn a_picture_at_an_address_is_predicted_as_the_file_is() {
    let folder = tempfile::tempdir().unwrap();
    save_model(folder.path());
    let weights = ["--weights", "resnet18_cifar10_classifier.pth"];
    let url = format!("{}/picture.jpg?size=948:533", serve());
    let file = golden("images/rgb.jpg");
    let of_file = stdout(folder.path(), ["predict", file.to_str().unwrap()].iter().chain(&weights));
    assert_eq!(stdout(folder.path(), ["predict", &url].iter().chain(&weights)), of_file);
}

#[test]
fn what_is_no_picture_is_said_of_its_address() {
    let folder = tempfile::tempdir().unwrap();
    save_model(folder.path());
    let url = serve();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, reason) in [
        (format!("{url}/missing.jpg"), "404"),
        (format!("{url}/page.jpg"), "web page"),
        (format!("{url}/text.jpg"), "not a PNG, JPEG"),
        (format!("http://{nobody}/a.png"), "cannot be reached"),
    ] {
        let (error, code) = failure(folder.path(), ["predict", &url, "--weights", "resnet18_cifar10_classifier.pth"]);
        assert!(error.contains(&url) && error.contains(reason), "{error}");
        assert_eq!(code, 1);
    }
}

#[test]
fn a_model_without_weights_takes_the_published_ones_or_says_how_to_get_them() {
    let folder = tempfile::tempdir().unwrap();
    let picture = golden("images/rgb.jpg");
    let file = "resnet18-f37072fd.pth";
    for (mirror, reason) in [(serve(), "the server answers 404"), ("http://127.0.0.1:1".to_owned(), "cannot be reached")] {
        let output =
            convoy(folder.path()).env("CONVOY_MIRROR", &mirror).arg("predict").arg(&picture).args(["--model", "resnet18"]).output();
        let (error, code) = explained(&output.unwrap());
        let place = folder.path().join("torch/hub/checkpoints").join(file);
        assert!(error.contains(&format!("the weights of resnet18: {mirror}/{file}")) && error.contains(reason), "{error}");
        assert!(error.contains(&format!("put a copy at {}", place.display())), "{error}");
        assert_eq!(code, 1);
    }
    let (error, _) = failure(folder.path(), ["predict", "a.png", "--model", "resnet81"]);
    assert!(error.contains("did you mean resnet18?"), "{error}");
}
