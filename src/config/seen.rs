//! What a web file and the files it names held when they were read, so that a change is told from a touch.
//!
//! By content: a certificate may be renewed within the same second and with the same length.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// Bundles of certificates are some hundred kilobytes at most.
const BYTES_MAX: u64 = 1 << 20;

/// Every file, and how it looked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(BTreeMap<PathBuf, Look>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Look {
    Holds([u8; 32]),
    /// Not there, or not to be read by us. Another try may find it.
    Lacks(ErrorKind),
}

impl Seen {
    /// Reads a file and notes what it held.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let read = bytes(path);
        self.0.insert(path.to_owned(), look(&read));
        read
    }

    /// The same files as they look now. What cannot be looked at for want of means (no file left to open) looks as before.
    #[must_use]
    pub fn again(&self) -> Self {
        let now = |(path, before): (&PathBuf, &Look)| {
            let now = match look(&bytes(path)) {
                Look::Lacks(kind) if !matches!(kind, ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
                    before.clone()
                }
                now => now,
            };
            (path.clone(), now)
        };
        Self(self.0.iter().map(now).collect())
    }
}

fn look(read: &io::Result<Vec<u8>>) -> Look {
    match read {
        Ok(bytes) => Look::Holds(Sha256::digest(bytes).into()),
        Err(error) => Look::Lacks(error.kind()),
    }
}

/// A pipe would be emptied by looking at it, and a device never ends.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_is_a_change_of_what_a_file_holds() {
        let folder = tempfile::tempdir().unwrap();
        let (file, absent) = (folder.path().join("web.yml"), folder.path().join("cert.pem"));
        fs::write(&file, "one").unwrap();
        let mut seen = Seen::default();
        assert_eq!(seen.read(&file).unwrap(), b"one");
        assert!(seen.read(&absent).is_err());
        assert_eq!(seen.again(), seen);
        fs::write(&file, "one").unwrap();
        assert_eq!(seen.again(), seen, "touched, and the same");
        fs::write(&file, "two").unwrap();
        assert_ne!(seen.again(), seen, "as long as before, perhaps in the same second");
        fs::write(&file, "one").unwrap();
        fs::write(&absent, "came").unwrap();
        assert_ne!(seen.again(), seen);
        fs::remove_file(&absent).unwrap();
        fs::remove_file(&file).unwrap();
        assert_ne!(seen.again(), seen, "gone");
        fs::create_dir(&file).unwrap();
        assert_eq!(seen.again(), seen, "what is no file says nothing");
    }
}
