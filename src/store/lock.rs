//! One process per file: an operating system's lock on `<file>.lock`, which dies with its holder, and a line in it
//! that says who holds it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use chrono::SecondsFormat;

use super::error::StoreError;
use crate::model::Instant;

/// Held as long as the store is open. A holder that was killed leaves the file but not the lock.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock of the database at `path`.
    pub(super) fn take(path: &Path, now: Instant) -> Result<Self, StoreError> {
        let lock_path = beside(path);
        let open = |source: std::io::Error| StoreError::Open { path: lock_path.clone(), source: source.into() };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        private(&mut options);
        let mut file = options.open(&lock_path).map_err(open)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let holder = match file.read_to_string(&mut text) {
                    Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
                    _ => "another process".to_owned(),
                };
                return Err(StoreError::Locked { path: path.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(open(source)),
        }
        let since = now.to_rfc3339_opts(SecondsFormat::Secs, true);
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "process {}, since {since}", std::process::id()))
            .map_err(open)?;
        Ok(Self { _file: file })
    }
}

/// Makes the database file itself, readable by its owner only, if it is not there. SQLite gives its side files
/// (`-wal`, `-shm`) the same mode.
pub(super) fn make_private(path: &Path) -> Result<(), StoreError> {
    let fail = |source: std::io::Error| StoreError::Open { path: path.to_owned(), source: source.into() };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    private(&mut options);
    let file = options.open(path).map_err(fail)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
    }
    drop(file);
    Ok(())
}

fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    path.with_file_name(name)
}
