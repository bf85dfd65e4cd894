//! Data sets' archives: what is published, and unpacking that and nothing else.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use hub::Checks;
use tar::{Entry, EntryType};

/// The most bytes that an archive may unpack to, its headers included.
const MOST_BYTES: u64 = 512 << 20;

/// A `.tar.gz` with one folder of known files.
pub struct Archive<'a> {
    /// Where it is published.
    pub url: &'a str,
    /// What is published about it.
    pub checks: Checks<'a>,
    /// The folder in it.
    pub folder: &'static str,
    /// The files in the folder, and how many bytes each may have.
    pub members: &'a [(&'static str, RangeInclusive<u64>)],
}

impl Archive<'_> {
    /// The archive's own name.
    pub fn file_name(&self) -> &str {
        hub::file_name(self.url).unwrap_or(self.folder)
    }

    /// Unpacks the archive's files into their folder in `data_dir`. Each appears there when it is whole.
    pub fn unpack(&self, archive: &Path, data_dir: &Path) -> Result<()> {
        let folder = data_dir.join(self.folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let bytes = GzDecoder::new(BufReader::new(File::open(archive)?)).take(MOST_BYTES);
        let mut seen = HashSet::new();
        for entry in tar::Archive::new(bytes).entries()? {
            let mut entry = entry?;
            if let Some(name) = self.member(&entry)? {
                ensure!(seen.insert(name), "it holds `{name}` twice");
                write_member(&mut entry, &folder.join(name))?;
            }
        }
        if let Some((name, _)) = self.members.iter().find(|(name, _)| !seen.contains(name)) {
            bail!("it lacks `{name}`");
        }
        Ok(())
    }

    /// Whether the archive's files lie in their folder in `data_dir`, as far as their lengths tell.
    pub fn is_unpacked(&self, data_dir: &Path) -> bool {
        let folder = data_dir.join(self.folder);
        let len = |name: &str| fs::metadata(folder.join(name)).ok().filter(fs::Metadata::is_file).map(|file| file.len());
        self.members.iter().all(|(name, accepted)| len(name).is_some_and(|len| accepted.contains(&len)))
    }

    /// Which of the known files an entry is; `None` for the folder itself.
    fn member<R: Read>(&self, entry: &Entry<'_, R>) -> Result<Option<&'static str>> {
        let path = entry.path_bytes();
        let path = String::from_utf8_lossy(&path);
        let kind = entry.header().entry_type();
        if kind == EntryType::Directory && path.trim_end_matches('/') == self.folder {
            return Ok(None);
        }
        let name = path.strip_prefix(self.folder).and_then(|rest| rest.strip_prefix('/'));
        let known = self.members.iter().find(|(known, _)| kind == EntryType::Regular && Some(*known) == name);
        let Some((name, accepted)) = known else {
            bail!("it holds `{path}`, which does not belong in it");
        };
        ensure!(accepted.contains(&entry.size()), "its `{name}` has {} bytes, not {}", entry.size(), describe(accepted));
        Ok(Some(name))
    }
}

fn describe(accepted: &RangeInclusive<u64>) -> String {
    if accepted.start() == accepted.end() { accepted.start().to_string() } else { format!("{} to {}", accepted.start(), accepted.end()) }
}

/// Writes an entry beside `dest` and renames it into place.
fn write_member<R: Read>(entry: &mut Entry<'_, R>, dest: &Path) -> Result<()> {
    let mut part = dest.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(part);
    let len = entry.size();
    let mut file = File::create(&part).with_context(|| format!("cannot create {}", part.display()))?;
    let written = io::copy(entry, &mut file).with_context(|| format!("cannot write {}", part.display()));
    if !matches!(written, Ok(written) if written == len) {
        let _ = fs::remove_file(&part);
        bail!("{}", written.err().map_or("it ends in the middle of a file".to_owned(), |error| format!("{error:#}")));
    }
    fs::rename(&part, dest).with_context(|| format!("cannot create {}", dest.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tempfile::TempDir;

    use super::*;

    const SMALL: Archive<'static> = Archive {
        url: "https://example.org/small.tar.gz",
        checks: Checks { len: None, sha256: None, md5: None },
        folder: "small",
        members: &[("a.bin", 3..=3), ("b.txt", 1..=10)],
    };

    /// A tar file's header; unlike the library's builder it lets any path pass.
    fn header(path: &str, kind: EntryType, size: u64) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        header
    }

    fn file(path: &str, text: &str) -> (tar::Header, String) {
        (header(path, EntryType::Regular, text.len() as u64), text.to_owned())
    }

    /// Packs the entries, and unpacks them below the returned folder.
    fn unpack(entries: &[(tar::Header, String)]) -> (TempDir, Result<()>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.tar.gz");
        let mut builder = tar::Builder::new(GzEncoder::new(File::create(&path).unwrap(), Compression::fast()));
        for (header, text) in entries {
            builder.append(header, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
        let result = SMALL.unpack(&path, &folder.path().join("data"));
        (folder, result)
    }

    fn refusal(entries: &[(tar::Header, String)]) -> String {
        let (folder, result) = unpack(entries);
        assert!(!folder.path().join("evil").exists());
        format!("{:#}", result.unwrap_err())
    }

    fn good() -> Vec<(tar::Header, String)> {
        vec![(header("small/", EntryType::Directory, 0), String::new()), file("small/a.bin", "abc"), file("small/b.txt", "b")]
    }

    #[test]
    fn the_known_files_are_unpacked() {
        let (folder, result) = unpack(&good());
        result.unwrap();
        let data = folder.path().join("data");
        assert!(SMALL.is_unpacked(&data));
        assert_eq!(fs::read_to_string(data.join("small/a.bin")).unwrap(), "abc");
        assert_eq!(fs::read_dir(data.join("small")).unwrap().count(), 2);

        fs::write(data.join("small/a.bin"), "ab").unwrap();
        assert!(!SMALL.is_unpacked(&data));
        SMALL.unpack(&folder.path().join("small.tar.gz"), &data).unwrap();
        assert!(SMALL.is_unpacked(&data));
    }

    #[test]
    fn nothing_else_is_unpacked() {
        for path in ["../evil", "/evil", "small/../../evil", "small/c.bin", "evil", "small/a.bin/"] {
            let mut entries = good();
            entries.push(file(path, "abc"));
            let refusal = refusal(&entries);
            assert!(refusal.contains("does not belong in it"), "{path}: {refusal}");
        }
    }

    #[test]
    fn links_are_refused() {
        for kind in [EntryType::Symlink, EntryType::Link] {
            let refusal = refusal(&[(header("small/a.bin", kind, 0), String::new())]);
            assert!(refusal.contains("does not belong in it"), "{refusal}");
        }
    }

    #[test]
    fn lengths_and_completeness_are_checked() {
        assert_eq!(refusal(&[file("small/a.bin", "abcd")]), "its `a.bin` has 4 bytes, not 3");
        assert_eq!(refusal(&[file("small/b.txt", "")]), "its `b.txt` has 0 bytes, not 1 to 10");
        assert_eq!(refusal(&[file("small/a.bin", "abc")]), "it lacks `b.txt`");
        assert_eq!(refusal(&[file("small/a.bin", "abc"), file("small/a.bin", "abc")]), "it holds `a.bin` twice");
    }

    #[test]
    fn a_truncated_archive_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.tar.gz");
        let mut gz = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
        gz.write_all(header("small/a.bin", EntryType::Regular, 3).as_bytes()).unwrap();
        gz.write_all(b"ab").unwrap();
        gz.finish().unwrap();
        let data = folder.path().join("data");
        SMALL.unpack(&path, &data).unwrap_err();
        assert_eq!(fs::read_dir(data.join("small")).unwrap().count(), 0);
    }
}
