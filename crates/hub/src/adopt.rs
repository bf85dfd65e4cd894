//! Taking over a file that is at hand already.

use std::path::Path;

use crate::claim::Claim;
use crate::{Checks, Error, Outcome, Silent};

/// Makes sure that the file at `source` also lies at `dest`, as [`fetch`](crate::fetch) would from an address: checked
/// before it appears under its name.
///
/// # Errors
/// [`Error::Length`] or [`Error::Hash`] where `source` is another file than the published one, [`Error::Io`] where it
/// cannot be read or the copy cannot be written.
pub fn adopt(source: &Path, dest: &Path, checks: &Checks<'_>) -> Result<Outcome, Error> {
    let is_there = || dest.exists() && checks.verify(dest).is_ok();
    if is_there() {
        return Ok(Outcome::Present);
    }
    checks.verify(source)?;
    if let Some(folder) = dest.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    }
    let claim = Claim::acquire(dest, &mut Silent)?;
    // Another process may have brought it while this one waited.
    if is_there() {
        claim.release();
        return Ok(Outcome::Present);
    }
    std::fs::copy(source, claim.part()).map_err(Error::io("copy", source))?;
    claim.complete(dest)?;
    Ok(Outcome::Fetched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_at_hand_is_copied_once_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let (source, dest) = (folder.path().join("abc"), folder.path().join("cache").join("abc"));
        std::fs::write(&source, "abc").unwrap();
        let checks = Checks { sha256: Some("ba7816bf"), ..Checks::default() };
        assert_eq!(adopt(&source, &dest, &checks).unwrap(), Outcome::Fetched);
        assert_eq!(adopt(&source, &dest, &checks).unwrap(), Outcome::Present);
        assert_eq!(std::fs::read_dir(dest.parent().unwrap()).unwrap().count(), 1);

        let wrong = Checks { sha256: Some("00000000"), ..Checks::default() };
        let other = folder.path().join("other");
        assert!(matches!(adopt(&source, &other, &wrong), Err(Error::Hash { .. })));
        assert!(!other.exists());
    }
}
