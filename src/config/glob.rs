//! File names with `*` and `?`.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

/// Whether the text asks for more than one name.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// The files a pattern names, in name order. `*` and `?` stand for letters inside one part of the path and never for
/// a leading dot; a folder that cannot be read holds nothing.
#[must_use]
pub fn files(dir: &Path, pattern: &str) -> Vec<PathBuf> {
    walk(dir, pattern).0
}

/// The same, when every folder could be read or is not there.
#[must_use]
pub fn files_if_readable(dir: &Path, pattern: &str) -> Option<Vec<PathBuf>> {
    let (found, all_read) = walk(dir, pattern);
    all_read.then_some(found)
}

/// The files, and whether every folder on the way could be read.
fn walk(dir: &Path, pattern: &str) -> (Vec<PathBuf>, bool) {
    let mut all_read = true;
    let mut found = vec![PathBuf::new()];
    for part in dir.join(pattern).components() {
        let name = part.as_os_str().to_string_lossy();
        found = if matches!(part, Component::Normal(_)) && is_pattern(&name) {
            let matched = found.iter().map(|parent| matches_in(parent, &name));
            matched
                .flat_map(|matched| {
                    all_read &= matched.is_some();
                    matched.unwrap_or_default()
                })
                .collect()
        } else {
            found.into_iter().map(|parent| parent.join(part)).collect()
        };
    }
    found.retain(|path| path.is_file());
    found.sort();
    (found, all_read)
}

/// `None` when the folder is there and cannot be read.
fn matches_in(parent: &Path, pattern: &str) -> Option<Vec<PathBuf>> {
    let listed = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let entries = match fs::read_dir(listed) {
        Ok(entries) => entries,
        Err(fault) => {
            let nothing_there = matches!(fault.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
            return nothing_there.then(Vec::new);
        }
    };
    let names = entries.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned());
    let fitting = names.filter(|name| fits(pattern, name) && (!name.starts_with('.') || pattern.starts_with('.')));
    Some(fitting.map(|name| parent.join(name)).collect())
}

/// Whether a name fits a pattern. Remembers the last `*` and goes back to it, so the cost is pattern × name.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut last_star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                last_star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match last_star {
                Some((star, taken)) => {
                    last_star = Some((star, taken + 1));
                    p = star + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_letters() {
        for (pattern, name, is) in [
            ("*.yml", "a.yml", true),
            ("*.yml", ".yml", true),
            ("*.yml", "a.yaml", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("", "", true),
            ("**", "x", true),
        ] {
            assert_eq!(fits(pattern, name), is, "{pattern} {name}");
        }
    }

    #[test]
    fn files_come_in_name_order_without_hidden_ones_and_folders() {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["b.yml", "a.yml", ".c.yml", "d.txt"] {
            fs::write(dir.path().join(name), "").expect("a file");
        }
        fs::create_dir(dir.path().join("e.yml")).expect("a folder");
        let names: Vec<_> =
            files(dir.path(), "*.yml").iter().map(|path| path.file_name().map(ToOwned::to_owned)).collect();
        assert_eq!(names, [Some("a.yml".into()), Some("b.yml".into())]);
        assert!(files(dir.path(), "none/*.yml").is_empty());
        assert_eq!(files(dir.path(), "d.txt").len(), 1, "a plain name is itself");
    }
}
