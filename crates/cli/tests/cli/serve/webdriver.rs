//! A browser under the test's control, over the WebDriver protocol (<https://www.w3.org/TR/webdriver2/>).

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::Connection;

const PATIENCE: Duration = Duration::from_secs(60);
/// The key under which WebDriver returns an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// The Tab key.
pub const TAB: &str = "\u{e004}";
/// The left arrow key.
pub const LEFT: &str = "\u{e012}";

/// Chromium without a window, which ends with the test.
pub struct Browser {
    driver: Child,
    address: String,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts one.
    pub fn start() -> Self {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command.spawn().unwrap_or_else(|error| panic!("chromedriver is needed (.ci/run installs it): {error}"));
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port = lines.find_map(|line| Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned()));
        let address = format!("127.0.0.1:{}", port.expect("chromedriver says its port"));
        // It may say more, and must not wait for a reader.
        thread::spawn(move || lines.for_each(drop));

        let profile = tempfile::tempdir().unwrap();
        let mut args: Vec<String> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]
        .map(str::to_owned)
        .to_vec();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({ "goog:chromeOptions": { "args": args }, "goog:loggingPrefs": { "browser": "ALL" } });
        let mut browser = Browser { driver, address, session: String::new(), _profile: profile };
        let session = browser.call("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        browser
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let answer = Connection::open(&self.address).unwrap().ask(method, path, &[], body.as_bytes()).unwrap();
        let value = answer.json()["value"].clone();
        assert_eq!(answer.status, 200, "{method} {path}: {}", value["message"]);
        value
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("{}{path}", self.session), body)
    }

    /// Goes to an address.
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Makes the window so many pixels wide and high.
    pub fn resize(&self, width: usize, height: usize) {
        self.post("/window/rect", &json!({ "width": width, "height": height }));
    }

    /// What the body of a function returns.
    pub fn run(&self, script: &str, args: &[&str]) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": args }))
    }

    /// What an expression gives.
    pub fn get(&self, expression: &str) -> Value {
        self.run(&format!("return {expression}"), &[])
    }

    /// Waits until an expression is true.
    pub fn wait_for(&self, expression: &str) {
        let start = Instant::now();
        while self.get(&format!("Boolean({expression})")) != true {
            assert!(start.elapsed() < PATIENCE, "{expression} does not come true: {}", self.get("document.body.innerText"));
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// Types into an element; a path into one that takes files.
    pub fn type_into(&self, selector: &str, text: &str) {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }));
        self.post(&format!("/element/{}/value", found[ELEMENT].as_str().unwrap()), &json!({ "text": text }));
    }

    /// Chooses a file.
    pub fn choose(&self, selector: &str, file: &Path) {
        self.type_into(selector, file.canonicalize().unwrap().to_str().unwrap());
    }

    /// Presses a key where the focus is.
    pub fn press(&self, key: &str) {
        let keys = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": keys }] }));
    }

    /// Pretends that the user prefers light or dark, by Chromium's own protocol.
    pub fn emulate_color_scheme(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.post("/goog/cdp/execute", &json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": features } }));
    }

    /// Errors on the console since the last call.
    pub fn errors(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().unwrap().iter().filter(|entry| entry["level"] == "SEVERE");
        entries.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Ok(mut connection) = Connection::open(&self.address) {
            // The browser ends with its session.
            let _ = connection.ask("DELETE", &self.session, &[], b"");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
