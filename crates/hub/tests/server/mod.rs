//! A loopback server that answers as a test tells it to.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request's first line and headers, one a line, in lower case.
#[derive(Debug, Clone)]
pub struct Request(pub String);

impl Request {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The first byte that the request asks for.
    pub fn start(&self) -> usize {
        let range = self.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        range.map_or(0, |start| start.parse().unwrap())
    }
}

/// Answers each connection with one response, and remembers the requests.
pub struct Server {
    /// The address of the server's root, without a slash at its end.
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Serves with `answer`, which is told how many requests came before this one.
    pub fn start(answer: impl Fn(usize, &Request, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read_request(&stream);
                let before = seen.lock().unwrap().len();
                seen.lock().unwrap().push(request.clone());
                answer(before, &request, &mut stream);
            }
        });
        Self { url, requests }
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> Request {
    let lines = BufReader::new(stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    Request(lines.collect::<Vec<_>>().join("\n").to_lowercase())
}

/// Writes a response; a client that has gone is no failure of the server's.
pub fn respond(stream: &mut TcpStream, status: &str, headers: &[(&str, &str)], body: &[u8]) {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(b"\r\n")).and_then(|()| stream.write_all(body));
}

/// Sends `file` as a good server does, from where the request asks, but at most `most` bytes of it.
pub fn serve(stream: &mut TcpStream, request: &Request, file: &[u8], etag: &str, most: usize) {
    let start = if request.header("if-range").is_none_or(|version| version == etag) { request.start() } else { 0 };
    let rest = &file[start..];
    let length = rest.len().to_string();
    let range = format!("bytes {start}-{}/{}", file.len() - 1, file.len());
    let mut headers = vec![("Content-Length", length.as_str()), ("ETag", etag)];
    let status = if start > 0 { "206 Partial Content" } else { "200 OK" };
    if start > 0 {
        headers.push(("Content-Range", &range));
    }
    respond(stream, status, &headers, &rest[..rest.len().min(most)]);
}
