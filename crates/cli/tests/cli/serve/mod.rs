//! `convoy serve` as its clients see it.

mod client;

mod api;
mod limits;
mod load;
#[cfg(feature = "browser-tests")]
mod page;
#[cfg(feature = "browser-tests")]
mod webdriver;

use std::path::Path;

use serde_json::Value;

use super::support::stdout;

const PHOTOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../zoo/data/photos");

fn photo(name: &str) -> Vec<u8> {
    std::fs::read(format!("{PHOTOS}/{name}")).unwrap()
}

/// What `convoy predict` says of a photo, as JSON: the classes with their probabilities.
fn predicted(name: &str) -> Value {
    let text = stdout(Path::new("."), ["predict", "--json", &format!("{PHOTOS}/{name}")]);
    serde_json::from_str::<Value>(&text).unwrap()["top"].clone()
}
