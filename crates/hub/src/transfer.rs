//! One attempt at a download: the request, what the answer means, and the bytes.

use std::fs::File;
use std::io::{Read, Write};

use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::{Agent, Body, Timeout};

use crate::claim::Claim;
use crate::{Checks, Error, Event, Options, Progress};

/// What to ask for, how, and what is known of it.
pub(crate) struct Transfer<'a> {
    agent: Agent,
    url: &'a str,
    checks: &'a Checks<'a>,
    limit: u64,
}

/// Whether the part came in one answer, or was put together from several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    OneAnswer,
    Several,
}

/// An answer that brings bytes.
struct Incoming {
    body: Body,
    /// Where in the file its bytes begin.
    start: u64,
    /// The bytes of the whole file, where the server says so.
    total: Option<u64>,
}

impl<'a> Transfer<'a> {
    pub(crate) fn new(url: &'a str, checks: &'a Checks<'a>, options: &Options) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("convoy/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(options.connect_timeout))
            .timeout_recv_response(Some(options.stall_timeout))
            .timeout_per_read(Some(options.stall_timeout))
            .timeout_per_write(Some(options.stall_timeout));
        Self { agent: config.build().new_agent(), url, checks, limit: options.limit }
    }

    /// Checks the part, and deletes it where it is not the published file.
    pub(crate) fn verify(&self, claim: &Claim, progress: &mut dyn Progress) -> Result<(), Error> {
        progress.report(Event::Verifying);
        let result = self.checks.verify_as(&format!("{} (downloaded, and deleted again)", self.url), claim.part());
        if result.as_ref().is_err_and(Error::is_mismatch) {
            claim.discard_part()?;
        }
        result
    }

    /// Asks for what is missing and appends it to the part, until that is as long as the server's file.
    pub(crate) fn attempt(&self, claim: &mut Claim, progress: &mut dyn Progress) -> Result<Origin, Error> {
        let have = claim.part_len();
        if have > 0 && self.checks.len == Some(have) {
            return Ok(Origin::Several);
        }
        let version = claim.version()?;
        // Without a version the hash will tell whether the rest belongs to the beginning.
        let resumable = have > 0 && (version.is_some() || self.checks.has_hash());
        let answer = self.ask(if resumable { have } else { 0 }, version.as_deref())?;
        if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            if unsatisfied_length(answer.headers()) == Some(have) {
                return Ok(Origin::Several);
            }
            claim.discard_part()?;
        }
        let new_version = version_of(answer.headers());
        let incoming = self.incoming(answer)?;
        if incoming.start == 0 {
            claim.discard_part()?;
            claim.set_version(&new_version)?;
        } else if incoming.start != have {
            claim.discard_part()?;
            return Err(self.failure("the server sent another part than the one asked for"));
        }
        progress.report(Event::Started { url: self.url, have: incoming.start, total: incoming.total });
        let origin = if incoming.start == 0 { Origin::OneAnswer } else { Origin::Several };
        self.receive(incoming, claim, progress)?;
        Ok(origin)
    }

    /// Sends the request, for the bytes from `start` on if the file is still the same `version`.
    fn ask(&self, start: u64, version: Option<&str>) -> Result<Response<Body>, Error> {
        let mut request = self.agent.get(self.url).header(header::ACCEPT_ENCODING, "identity");
        if start > 0 {
            request = request.header(header::RANGE, format!("bytes={start}-"));
            if let Some(version) = version {
                request = request.header(header::IF_RANGE, version);
            }
        }
        request.call().map_err(|error| match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Error::Address { url: self.url.to_owned() },
            ureq::Error::Io(error) => self.unreachable(error),
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => self.unreachable(error),
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => self.unreachable(error),
            error => self.failure(error),
        })
    }

    /// What the answer brings, unless it is none of the file.
    fn incoming(&self, answer: Response<Body>) -> Result<Incoming, Error> {
        let (parts, body) = answer.into_parts();
        let (start, total) = match parts.status {
            StatusCode::OK => (0, body.content_length()),
            StatusCode::PARTIAL_CONTENT => content_range(&parts.headers).ok_or_else(|| self.failure("an answer without its range"))?,
            status => return Err(Error::Status { url: self.url.to_owned(), status: status.as_u16() }),
        };
        if body.mime_type() == Some("text/html") {
            return Err(Error::WebPage { url: self.url.to_owned() });
        }
        if let Some(total) = total {
            self.checks.check_len(self.url, total)?;
            self.check_limit(total)?;
        }
        Ok(Incoming { body, start, total })
    }

    /// Appends the body to the part.
    fn receive(&self, incoming: Incoming, claim: &Claim, progress: &mut dyn Progress) -> Result<(), Error> {
        let path = claim.part();
        let mut part = File::options().append(true).create(true).open(path).map_err(Error::io("create", path))?;
        let mut body = incoming.body.into_reader();
        let mut buffer = vec![0; 1 << 16];
        let mut have = incoming.start;
        loop {
            let count = body.read(&mut buffer).map_err(|error| self.failure(error))?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            have += bytes.len() as u64;
            self.check_limit(have)?;
            part.write_all(bytes).map_err(Error::io("write", path))?;
            progress.report(Event::Received { have });
        }
        match incoming.total {
            Some(total) if have < total => Err(self.failure(format!("the connection ended after {have} of {total} bytes"))),
            _ => Ok(()),
        }
    }

    fn check_limit(&self, len: u64) -> Result<(), Error> {
        if len > self.limit {
            return Err(Error::TooLong { url: self.url.to_owned(), limit: self.limit });
        }
        Ok(())
    }

    fn unreachable(&self, reason: impl ToString) -> Error {
        Error::Unreachable { url: self.url.to_owned(), reason: reason.to_string() }
    }

    fn failure(&self, reason: impl ToString) -> Error {
        Error::Connection { url: self.url.to_owned(), reason: reason.to_string() }
    }
}

/// The header that `If-Range` may name: a strong `ETag`, else `Last-Modified`; empty where there is neither.
fn version_of(headers: &HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let etag = text(header::ETAG).filter(|etag| etag.starts_with('"'));
    etag.or_else(|| text(header::LAST_MODIFIED)).unwrap_or_default().to_owned()
}

/// The first byte's place and the file's length in `Content-Range: bytes 5-9/10`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    Some((start, total.trim().parse().ok()))
}

/// The file's length in the `Content-Range: bytes */10` of an answer that has nothing to send.
fn unsatisfied_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes */")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), ureq::http::HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn ranges_are_read_with_and_without_a_total() {
        let range = |text| content_range(&headers(&[(header::CONTENT_RANGE, text)]));
        assert_eq!(range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(range("bytes 5-9/*"), Some((5, None)));
        assert_eq!(range("bytes */10"), None);
        assert_eq!(range("lines 5-9/10"), None);
    }

    #[test]
    fn only_what_if_range_may_name_is_a_version() {
        let modified = (header::LAST_MODIFIED, "Tue, 24 Nov 2026 22:01:47 GMT");
        assert_eq!(version_of(&headers(&[(header::ETAG, "\"a\""), modified.clone()])), "\"a\"");
        assert_eq!(version_of(&headers(&[(header::ETAG, "W/\"a\""), modified.clone()])), modified.1);
        assert_eq!(version_of(&HeaderMap::new()), "");
    }
}
