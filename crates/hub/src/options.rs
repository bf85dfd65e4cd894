//! How to fetch: from where, how patiently.

use std::time::Duration;

use crate::Error;

/// How [`fetch`](crate::fetch) goes about it.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder's address that holds the files under their own names, asked instead of the published address.
    pub mirror: Option<String>,
    /// Whether to use only what is there.
    pub offline: bool,
    /// How often to try again after a failure that may pass; an attempt that got further starts the count anew.
    pub retries: u32,
    /// The pause before the first retry; each further one doubles it.
    pub backoff: Duration,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long a server may send nothing before the attempt is given up.
    pub stall_timeout: Duration,
    /// The most bytes accepted.
    pub limit: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mirror: None,
            offline: false,
            retries: 5,
            backoff: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(30),
            limit: 8 << 30,
        }
    }
}

impl Options {
    /// The address to ask for the file published at `url`.
    pub(crate) fn address(&self, url: &str) -> Result<String, Error> {
        let Some(mirror) = &self.mirror else {
            return Ok(url.to_owned());
        };
        let name = file_name(url).ok_or_else(|| Error::Address { url: url.to_owned() })?;
        Ok(format!("{}/{name}", mirror.trim_end_matches('/')))
    }

    /// The pause after `failures` failures in a row.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        self.backoff.saturating_mul(2_u32.saturating_pow(failures.min(6)))
    }
}

/// The file's name at the end of an address, without query and fragment.
pub fn file_name(url: &str) -> Option<&str> {
    let path = url.split(['?', '#']).next()?.split_once("://")?.1;
    path.rsplit_once('/').map(|(_, name)| name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_ends_its_address() {
        assert_eq!(file_name("https://example.org/models/a-1.pth?x=/y#z"), Some("a-1.pth"));
        assert_eq!(file_name("https://example.org/models/"), None);
        assert_eq!(file_name("https://example.org"), None);
        assert_eq!(file_name("a.pth"), None);
    }

    #[test]
    fn a_mirror_replaces_the_folder() {
        let options = Options { mirror: Some("http://mirror/x/".to_owned()), ..Options::default() };
        assert_eq!(options.address("https://example.org/models/a.pth").unwrap(), "http://mirror/x/a.pth");
        assert!(options.address("https://example.org/").is_err());
    }

    #[test]
    fn pauses_double() {
        let options = Options { backoff: Duration::from_secs(1), ..Options::default() };
        assert_eq!([0, 1, 2].map(|failures| options.pause(failures).as_secs()), [1, 2, 4]);
        assert_eq!(options.pause(u32::MAX), options.pause(6));
    }
}
