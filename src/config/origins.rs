//! What a configuration was read from, and how each of it looked just before: so that a change is seen whenever it
//! comes, also while the file is being read.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::glob;

/// Files that were read or looked for, and patterns with what fitted them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    files: BTreeMap<PathBuf, Option<Look>>,
    patterns: BTreeMap<(PathBuf, String), Vec<PathBuf>>,
}

/// How a file looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Absent,
    There { modified: Option<SystemTime>, bytes: u64 },
}

impl Origins {
    /// A file that is about to be read. One that is not there counts too: it may come.
    pub fn file(&mut self, path: &Path) {
        self.files.entry(path.to_owned()).or_insert_with(|| look(path));
    }

    /// A pattern and the files that fit it.
    pub fn pattern(&mut self, dir: &Path, pattern: &str, found: &[PathBuf]) {
        self.patterns.entry((dir.to_owned(), pattern.to_owned())).or_insert_with(|| found.to_owned());
    }

    /// The files that were read or looked for; some may not be there.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// Whether anything looks different now. What cannot be looked at (no file left to open, no leave) is no change.
    #[must_use]
    pub fn changed(&self) -> bool {
        let file_changed = |(path, before): (&PathBuf, &Option<Look>)| {
            look(path).is_some_and(|now| before.is_none_or(|before| before != now))
        };
        let pattern_changed = |((dir, pattern), before): (&(PathBuf, String), &Vec<PathBuf>)| {
            glob::files_if_readable(dir, pattern).is_some_and(|now| now != *before)
        };
        self.files.iter().any(file_changed) || self.patterns.iter().any(pattern_changed)
    }

    /// Takes everything as it looks now: it is about to be read again.
    pub fn look_again(&mut self) {
        for (path, before) in &mut self.files {
            *before = look(path).or(*before);
        }
        for ((dir, pattern), before) in &mut self.patterns {
            if let Some(now) = glob::files_if_readable(dir, pattern) {
                *before = now;
            }
        }
    }
}

fn look(path: &Path) -> Option<Look> {
    match std::fs::metadata(path) {
        Ok(metadata) => Some(Look::There { modified: metadata.modified().ok(), bytes: metadata.len() }),
        Err(fault) if fault.kind() == ErrorKind::NotFound => Some(Look::Absent),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_of_what_was_read_is_seen_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (file, absent, beside) =
            (folder.path().join("a.yml"), folder.path().join("b.env"), folder.path().join("db"));
        fs::write(&file, "one").unwrap();
        let mut origins = Origins::default();
        origins.file(&file);
        origins.file(&absent);
        fs::write(&beside, "a database that is written to").unwrap();
        assert!(!origins.changed());
        fs::write(&file, "longer").unwrap();
        assert!(origins.changed());
        origins.file(&file);
        assert!(origins.changed(), "what it looked like before it was read counts");
        origins.look_again();
        assert!(!origins.changed());
        fs::write(&absent, "A=b").unwrap();
        assert!(origins.changed(), "one that was not there came");
        origins.look_again();
        fs::remove_file(&file).unwrap();
        assert!(origins.changed());
    }

    #[test]
    fn a_file_that_comes_to_fit_a_pattern_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let mut origins = Origins::default();
        let found = glob::files(folder.path(), "rules/*.yml");
        origins.pattern(folder.path(), "rules/*.yml", &found);
        fs::create_dir(folder.path().join("rules")).unwrap();
        fs::write(folder.path().join("rules/a.txt"), "").unwrap();
        assert!(!origins.changed());
        fs::write(folder.path().join("rules/a.yml"), "").unwrap();
        assert!(origins.changed());
    }
}
