//! Bringing a file to its place: what is there already, the lock, the retries.

use std::path::Path;

use crate::claim::Claim;
use crate::transfer::{Origin, Transfer};
use crate::{Checks, Error, Event, Options, Progress};

/// How a file came to be in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was there and passed the checks.
    Present,
    /// It was brought now, and passed the checks.
    Fetched,
}

/// Makes sure that the file published at `url` lies at `dest` and passes `checks`.
///
/// The bytes are collected in `NAME.part` beside it, so a later call goes on where one broke off, and the file appears
/// under its name only when whole. Two processes that fetch the same file do so once; a third file, `NAME.lock`,
/// lies there meanwhile. A file at `dest` that fails the checks is replaced.
///
/// # Errors
/// One that says what is wrong with the address, the server, the file or the folder; see [`Error`]. A download
/// that fails the checks is deleted.
pub fn fetch(url: &str, dest: &Path, checks: &Checks<'_>, options: &Options, progress: &mut dyn Progress) -> Result<Outcome, Error> {
    let unusable = match existing(dest, checks)? {
        Existing::Good => return Ok(Outcome::Present),
        Existing::Bad(error) => error,
        Existing::None => Error::Offline { path: dest.to_owned(), url: url.to_owned() },
    };
    if options.offline {
        return Err(unusable);
    }
    let url = options.address(url)?;
    if let Some(folder) = dest.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    }
    let mut claim = Claim::acquire(dest, progress)?;
    // Another process may have brought it while this one waited.
    if let Existing::Good = existing(dest, checks)? {
        claim.release();
        return Ok(Outcome::Present);
    }
    download(&Transfer::new(&url, checks, options), options, &mut claim, progress)?;
    let len = claim.part_len();
    claim.complete(dest)?;
    progress.report(Event::Finished { len });
    Ok(Outcome::Fetched)
}

/// What lies at a file's place.
enum Existing {
    None,
    Good,
    /// Another file than the published one; the error says so.
    Bad(Error),
}

fn existing(dest: &Path, checks: &Checks<'_>) -> Result<Existing, Error> {
    if !dest.exists() {
        return Ok(Existing::None);
    }
    match checks.verify(dest) {
        Ok(()) => Ok(Existing::Good),
        Err(error) if error.is_mismatch() => Ok(Existing::Bad(error)),
        Err(error) => Err(error),
    }
}

/// Attempts until the part is the published file, or there is no hope.
fn download(transfer: &Transfer<'_>, options: &Options, claim: &mut Claim, progress: &mut dyn Progress) -> Result<(), Error> {
    let mut failures = 0;
    let mut mismatched = false;
    loop {
        let before = claim.part_len();
        let error = match transfer.attempt(claim, progress) {
            Ok(origin) => match transfer.verify(claim, progress) {
                Ok(()) => return Ok(()),
                // Pieces of two versions: once more, from the start.
                Err(error) if origin == Origin::Several && error.is_mismatch() && !mismatched => {
                    mismatched = true;
                    error
                }
                Err(error) => return Err(error),
            },
            Err(error) if error.is_transient() => error,
            Err(error) => return Err(error),
        };
        if claim.part_len() > before {
            failures = 0;
        }
        // Who has no network at all shall not wait for what the retries cannot bring.
        let retries = if error.is_unreachable() && claim.part_len() == 0 { options.retries.min(1) } else { options.retries };
        if failures >= retries {
            return Err(error);
        }
        let pause = options.pause(failures);
        failures += 1;
        progress.report(Event::Retrying { error: &error, pause });
        std::thread::sleep(pause);
    }
}
