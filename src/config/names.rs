//! Names of one kind (receivers, time intervals, …), and who refers to one that is not there.

use super::{reading::Reading, suggest::nearest, tree::Place};

/// The names of one kind, for checking who refers to whom.
#[derive(Debug, Default)]
pub struct Names {
    /// Name, file, place.
    known: Vec<(String, String, Place)>,
    /// Some name could not be read, so a name that is not here may still exist.
    in_doubt: bool,
}

impl Names {
    /// Adds a name; a second one of the same name is a fault.
    pub fn add(&mut self, name: &str, at: Place, path: &str, cx: &mut Reading<'_>) {
        if let Some((_, file, first)) = self.known.iter().find(|(known, ..)| known == name) {
            let first =
                if *file == cx.file { format!("line {}", first.line) } else { format!("{file}:{}", first.line) };
            let what = format!("{path} \"{name}\" stands here a second time (first in {first})");
            cx.error(at, what, "give each its own name");
        } else {
            self.known.push((name.to_owned(), cx.file.clone(), at));
        }
    }

    /// Notes that a name could not be read.
    pub fn doubt(&mut self) {
        self.in_doubt = true;
    }

    /// Whether the name exists, or may.
    pub fn has(&self, name: &str) -> bool {
        self.in_doubt || self.known.iter().any(|(known, ..)| known == name)
    }

    /// The names, in file order.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|(name, ..)| name.as_str())
    }

    /// Says that `path` refers to a name that `section` does not have.
    pub fn check(&self, name: &str, at: Place, path: &str, section: &str, cx: &mut Reading<'_>) {
        if self.has(name) {
            return;
        }
        let known: Vec<&str> = self.all().collect();
        let instead = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None if known.is_empty() => format!("add it to {section}"),
            None => format!("write one of: {}, or add it to {section}", known.join(", ")),
        };
        cx.error(at, format!("{path} names \"{name}\", which {section} does not have"), instead);
    }
}
