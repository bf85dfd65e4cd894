//! Pictures from files and from the web.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use datasets::{Image, pictures_under};
use hub::{Checks, Options, Silent};

/// The longest picture file that is fetched, in bytes.
const LIMIT: u64 = 64 << 20;

/// The picture in a file or at an http(s) address.
pub fn open(place: &str) -> anyhow::Result<Image> {
    if is_url(place) { download(place) } else { Ok(Image::open(place)?) }
}

/// The pictures that a place stands for: those in a folder, or itself.
pub fn expand(place: &str) -> anyhow::Result<Vec<String>> {
    if is_url(place) || !Path::new(place).is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    Ok(pictures_under(place)?.iter().map(|path| path.display().to_string()).collect())
}

fn is_url(place: &str) -> bool {
    let scheme = place.split_once("://").map_or("", |(scheme, _)| scheme);
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

fn download(url: &str) -> anyhow::Result<Image> {
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let path = folder.path().join("picture");
    let timeout = Duration::from_secs(15);
    let options = Options { retries: 1, connect_timeout: timeout, stall_timeout: timeout, limit: LIMIT, ..Options::default() };
    hub::fetch(url, &path, &Checks::default(), &options, &mut Silent)?;
    Image::decode(&std::fs::read(&path)?).map_err(|error| match error {
        datasets::Error::Picture { reason, .. } => anyhow!("{url}: {reason}"),
        error => anyhow!("{url}: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_is_the_web() {
        assert!(is_url("http://a/b.png") && is_url("HTTPS://a/b.png"));
        assert!(!is_url("http.png") && !is_url("ftp://a/b.png") && !is_url("folder/http://a"));
    }
}
