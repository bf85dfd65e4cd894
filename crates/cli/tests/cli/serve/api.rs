//! What the API answers.

use datasets::Image;
use serde_json::Value;

use super::client::Server;
use super::{PHOTOS, photo, predicted};
use crate::support::{failure, golden, stdout};

/// A form with some parts: name, file name, bytes.
fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, bytes) in parts {
        let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
        body.extend(format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--edge--\r\n");
    body
}

const FORM: &str = "Content-Type: multipart/form-data; boundary=edge";

/// Classes in the same order, with almost the same probabilities.
pub fn assert_same(top: &Value, expected: &Value) {
    let list = |top: &Value| -> Vec<(u64, f64)> {
        let class = |class: &Value| (class["index"].as_u64().unwrap(), class["probability"].as_f64().unwrap());
        top.as_array().unwrap_or_else(|| panic!("{top}")).iter().map(class).collect()
    };
    let (top, expected) = (list(top), list(expected));
    assert_eq!(top.len(), expected.len());
    for (found, expected) in top.iter().zip(&expected) {
        assert!(found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-4, "{found:?} is not {expected:?}");
    }
}

#[test]
fn a_picture_is_answered_as_predict_answers_it_raw_and_in_a_form() {
    let server = Server::start(&[]);
    let (picture, expected) = (photo("chelsea.png"), predicted("chelsea.png"));
    let mut connection = server.connect();
    let body = form(&[("note", None, b"a cat"), ("anything", Some("cat.png"), &picture)]);
    let quoted = "Content-Type: multipart/form-data; boundary=\"edge\"";
    // One connection serves all.
    for (headers, body) in [
        (&[][..], &picture),
        (&["Content-Type: image/png"], &picture),
        (&["Content-Type: Application/Octet-Stream"], &picture),
        (&[FORM], &body),
        (&[quoted], &body),
        (&[FORM], &form(&[("image", None, &picture)])),
    ] {
        let answer = connection.ask("POST", "/v1/predict", headers, body).unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{headers:?}");
        let answer = answer.json();
        assert_same(&answer["top"], &expected);
        assert_eq!(answer["top"][0]["label"], "tiger cat");
        assert_eq!(answer["picture"], serde_json::json!({ "width": 451, "height": 300 }));
        assert_eq!(answer.get("cam"), None);
    }
    assert_eq!(server.predict("?top=2", &picture).json()["top"].as_array().unwrap().len(), 2);
}

#[test]
fn a_heat_map_is_the_one_that_predict_draws_and_says_where_it_belongs() {
    let server = Server::start(&[]);
    let cam = server.predict("?cam=1&top=1", &photo("chelsea.png")).json()["cam"].clone();
    // 224 of 256 parts of the shorter side, in the middle.
    assert_eq!(cam["label"], "tiger cat");
    assert_eq!(cam["area"], serde_json::json!({ "x": 94, "y": 18, "width": 263, "height": 263 }));
    let encoded = cam["image"].as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap();

    let folder = tempfile::tempdir().unwrap();
    stdout(folder.path(), ["predict", &format!("{PHOTOS}/chelsea.png"), "--cam", "cam.png"]);
    assert_eq!(Image::decode(&base64(encoded)).unwrap(), Image::open(folder.path().join("cam.png")).unwrap());
}

/// The bytes that a text stands for.
fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("{c} in base64"),
    };
    let digits: Vec<u32> = text.trim_end_matches('=').bytes().map(|c| u32::from(value(c))).collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let bits = four.iter().enumerate().fold(0, |bits, (i, digit)| bits | digit << (18 - 6 * i));
        bits.to_be_bytes()[1..four.len()].to_vec()
    });
    bytes.collect()
}

#[test]
fn several_models_are_asked_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine_digits_classifier.pth");
    zoo::save(&file, &zoo::build("resnet18", 10).unwrap(), &zoo::Metadata::default()).unwrap();
    let file = file.to_str().unwrap();
    let server = Server::start(&["--weights", "bundled", "--weights", file, "--weights", file]);
    let listed = server.get("/v1/models").json();
    let names: Vec<&str> = listed["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["squeezenet1_1", "mine_digits_classifier", "mine_digits_classifier-2"]);
    assert_eq!(listed["models"][1]["arch"], "resnet18");
    assert_eq!(listed["models"][1]["input"], serde_json::json!({ "width": 32, "height": 32 }));

    let picture = photo("coffee.png");
    assert_same(&server.predict("", &picture).json()["top"], &predicted("coffee.png"));
    let answer = server.predict("?model=mine_digits_classifier&cam=true", &picture).json();
    assert_eq!((&answer["model"], answer["top"].as_array().unwrap().len()), (&names[1].into(), 5));
    // The whole picture is scaled to 32 x 32.
    assert_eq!(answer["cam"]["area"]["width"], answer["picture"]["width"]);
    assert_eq!(server.predict("?model=resnet18", &picture).failure(), (404, "unknown_model".to_owned()));
}

#[test]
fn what_makes_no_sense_is_said_as_json() {
    let server = Server::start(&[]);
    let picture = photo("coffee.png");
    let mut cut = picture.clone();
    cut.truncate(picture.len() / 2);
    let two = form(&[("a", Some("a.png"), &picture), ("b", Some("b.png"), &picture)]);
    let unfinished = &form(&[("image", Some("a.png"), &picture)])[..picture.len()];
    let form_of = |body: &[u8]| server.connect().ask("POST", "/v1/predict", &[FORM], body).unwrap().failure();
    let raw = |headers: &[&str], body: &[u8]| server.connect().ask("POST", "/v1/predict", headers, body).unwrap().failure();
    let bad = |code: &str| (400, code.to_owned());

    assert_eq!(server.predict("", b"no picture").failure(), bad("bad_picture"));
    assert_eq!(server.predict("", &cut).failure(), bad("bad_picture"));
    assert_eq!(server.predict("", b"").failure(), bad("no_picture"));
    assert_eq!(form_of(&two), bad("malformed_form"));
    assert_eq!(form_of(unfinished), bad("malformed_form"));
    assert_eq!(form_of(b""), bad("malformed_form"));
    assert_eq!(form_of(b"--edge\r\n\r\n"), bad("malformed_form"));
    assert_eq!(form_of(&[0; 1000]), bad("malformed_form"));
    assert_eq!(form_of(&form(&[("note", None, b"text")])), bad("malformed_form"));
    assert_eq!(raw(&["Content-Type: multipart/form-data"], &two), bad("malformed_form"));
    for query in ["?top=0", "?top=1001", "?top=five", "?tops=5", "?cam=maybe", "?top=%ff"] {
        assert_eq!(server.predict(query, &picture).failure(), bad("bad_query"), "{query}");
    }
    for media in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
        assert_eq!(raw(&[&format!("Content-Type: {media}")], &picture), (415, "unsupported_media_type".to_owned()));
    }
    assert_eq!(raw(&["Sec-Fetch-Site: cross-site"], &picture), (403, "other_site".to_owned()));
    assert_eq!(server.get("/v1/predict").failure(), (405, "method_not_allowed".to_owned()));
    assert_eq!(server.get("/nothing").failure(), (404, "not_found".to_owned()));
    // After all of it the server is well.
    assert_eq!(server.predict("", &picture).status, 200);
}

#[test]
fn every_answer_is_protected_and_none_is_for_other_sites() {
    let server = Server::start(&[]);
    for path in ["/", "/app.js", "/style.css", "/icon.svg", "/v1/models", "/healthz", "/metrics", "/openapi.json", "/nothing"] {
        let answer = server.get(path);
        assert_eq!(answer.status, if path == "/nothing" { 404 } else { 200 }, "{path}");
        assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'; script-src 'self'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
    let page = String::from_utf8(server.get("/").body).unwrap();
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("style=") && !page.contains("onclick"), "{page}");
}

#[test]
fn what_happened_is_counted() {
    let server = Server::start(&[]);
    let picture = golden("images/rgb.jpg");
    let picture = std::fs::read(picture).unwrap();
    for _ in 0..3 {
        assert_eq!(server.predict("", &picture).status, 200);
    }
    assert_eq!(server.predict("", b"?").status, 400);
    assert_eq!(server.get("/nothing/at/all").status, 404);
    assert_eq!(server.metric("convoy_requests_total{path=\"/v1/predict\",status=\"200\"}"), 3.0);
    assert_eq!(server.metric("convoy_requests_total{path=\"/v1/predict\",status=\"400\"}"), 1.0);
    assert_eq!(server.metric("convoy_requests_total{path=\"other\",status=\"404\"}"), 1.0);
    assert_eq!(server.metric("convoy_predict_seconds_count"), 4.0);
    assert_eq!(server.metric("convoy_batch_size_sum{model=\"squeezenet1_1\"}"), 3.0);
    assert_eq!(server.metric("convoy_queue_depth{model=\"squeezenet1_1\"}"), 0.0);
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let server = Server::start(&[]);
    let port = server.address.rsplit_once(':').unwrap().1;
    let here = std::path::Path::new(".");
    let (error, code) = failure(here, ["serve", "--port", port]);
    assert!(error.contains("cannot listen on 127.0.0.1:") && error.contains("in use"), "{error}");
    assert_eq!(code, 1);
    let (error, _) = failure(here, ["serve", "--weights", "bundled", "--weights", "bundled", "--model", "resnet18"]);
    assert!(error.contains("2 --weights and 1 --model"), "{error}");
    let (error, _) = failure(here, ["serve", "--weights", "missing.pth"]);
    assert!(error.contains("missing.pth"), "{error}");
    let (error, code) = failure(here, ["serve", "--host", "nowhere"]);
    assert!(error.contains("--host"), "{error}");
    assert_eq!(code, 2);
}
