//! What every section's reader needs: where the faults go, where relative paths begin, the environment; and the
//! readers of single values. Each says what is wrong and answers `None`, and its caller goes on with the next.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    fmt::Display,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use secrecy::SecretString;

use super::{
    duration,
    fault::Fault,
    glob,
    names::Names,
    origins::Origins,
    suggest::nearest,
    tree::{Key, Node, Place, Value},
};

/// The commands that secrets come from may take so long together.
pub const COMMAND_TIME_IN_ALL: Duration = Duration::from_secs(15);

/// Looks a variable up.
pub type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

/// What the files of one configuration share while they are read.
#[derive(Debug)]
pub struct Shared {
    /// What was read.
    pub origins: RefCell<Origins>,
    /// How much time the commands may still take together.
    pub command_time: Cell<Duration>,
    /// The escalation policies there are, for office files that name one.
    pub policies: RefCell<Names>,
    /// The hook secrets of the agencies so far, each with where it stands.
    pub hook_secrets: RefCell<Vec<(String, SecretString)>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            origins: RefCell::default(),
            command_time: Cell::new(COMMAND_TIME_IN_ALL),
            policies: RefCell::default(),
            hook_secrets: RefCell::default(),
        }
    }
}

/// One file being read.
pub struct Reading<'e> {
    /// The file as faults name it.
    pub file: String,
    /// Where its relative paths begin.
    pub dir: PathBuf,
    /// The environment.
    pub env: Env<'e>,
    /// What was found wrong so far.
    pub faults: Vec<Fault>,
    /// Values that are never shown again: secrets, phone numbers, addresses.
    pub hidden: HashSet<Place>,
    /// With the other files of the configuration.
    pub shared: Rc<Shared>,
}

impl<'e> Reading<'e> {
    /// Begins with a file.
    pub fn new(file: impl Into<String>, dir: &Path, env: Env<'e>) -> Self {
        Self::sharing(file, dir, env, Rc::default())
    }

    /// Begins with one of several files.
    pub fn sharing(file: impl Into<String>, dir: &Path, env: Env<'e>, shared: Rc<Shared>) -> Self {
        Self { file: file.into(), dir: dir.to_owned(), env, faults: Vec::new(), hidden: HashSet::new(), shared }
    }

    /// Begins with a file that this one names.
    pub fn beside(&self, file: &Path, dir: &Path) -> Self {
        Self::sharing(file.display().to_string(), dir, self.env, Rc::clone(&self.shared))
    }

    /// A file is about to be read.
    pub fn reads(&self, file: &Path) {
        self.shared.origins.borrow_mut().file(file);
    }

    /// The files that fit a pattern of this file.
    pub fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        let files = glob::files(&self.dir, pattern);
        self.shared.origins.borrow_mut().pattern(&self.dir, pattern, &files);
        files
    }

    /// Notes an error.
    pub fn error(&mut self, at: Place, what: impl Into<String>, instead: impl Into<String>) {
        self.faults.push(Fault::error(&self.file, at, what, instead));
    }

    /// Notes a warning.
    pub fn warn(&mut self, at: Place, what: impl Into<String>, instead: impl Into<String>) {
        self.faults.push(Fault::warning(&self.file, at, what, instead));
    }

    /// A path of the file, relative to its folder.
    pub fn path(&self, written: &str) -> PathBuf {
        self.dir.join(written)
    }

    /// Text that is not empty.
    pub fn word(&mut self, node: &Node, path: &str) -> Option<String> {
        match &node.value {
            Value::Scalar { text, .. } if !text.trim().is_empty() => Some(text.clone()),
            Value::Scalar { .. } | Value::Null => {
                self.error(node.at, format!("{path} is empty"), "write a value, or remove the line");
                None
            }
            _ => self.wrong_shape(node, path, "text"),
        }
    }

    /// `true` or `false`, in the three spellings of YAML.
    pub fn flag(&mut self, node: &Node, path: &str) -> Option<bool> {
        match &node.value {
            Value::Scalar { text, quoted: false } if matches!(text.as_str(), "true" | "True" | "TRUE") => Some(true),
            Value::Scalar { text, quoted: false } if matches!(text.as_str(), "false" | "False" | "FALSE") => {
                Some(false)
            }
            Value::Scalar { text, .. } => {
                self.error(node.at, format!("{path} is \"{text}\""), "write true or false, without quotation marks");
                None
            }
            _ => self.wrong_shape(node, path, "true or false"),
        }
    }

    /// A number that `fits`; `range` says in words what does.
    pub fn number<N: std::str::FromStr>(
        &mut self,
        node: &Node,
        path: &str,
        range: &str,
        fits: impl Fn(&N) -> bool,
    ) -> Option<N> {
        let Value::Scalar { text, quoted } = &node.value else { return self.wrong_shape(node, path, "a number") };
        let read = text.parse::<N>().ok().filter(|number| !quoted && fits(number));
        if read.is_none() {
            self.error(node.at, format!("{path} is {text}"), format!("write {range}"));
        }
        read
    }

    /// A duration as Prometheus writes it, between two bounds (both included).
    pub fn duration(&mut self, node: &Node, path: &str, least: Duration, most: Duration) -> Option<Duration> {
        let Value::Scalar { text, .. } = &node.value else {
            return self.wrong_shape(node, path, "a duration such as 5m");
        };
        match duration::parse(text) {
            Err(says) => {
                let instead = match text.parse::<u32>() {
                    Ok(n) => format!("write {n}s or {n}m"),
                    Err(_) => "write it as 30s, 5m or 1h30m".into(),
                };
                self.error(node.at, format!("{path}{}{says}", if text.is_empty() { " " } else { ": " }), instead);
                None
            }
            Ok(read) if read < least && least <= Duration::from_millis(1) => {
                self.error(node.at, format!("{path} is {text}"), "write a duration above zero");
                None
            }
            Ok(read) if read < least || read > most => {
                let instead =
                    format!("write a duration between {} and {}", duration::format(least), duration::format(most));
                self.error(node.at, format!("{path} is {text}"), instead);
                None
            }
            Ok(read) => Some(read),
        }
    }

    /// A list.
    pub fn list<'n>(&mut self, node: &'n Node, path: &str) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) => Some(items),
            _ => self.wrong_shape(node, path, "a list"),
        }
    }

    /// A list of texts, with their places.
    pub fn words(&mut self, node: &Node, path: &str) -> Option<Vec<(String, Place)>> {
        let items = self.list(node, path)?;
        Some(
            items
                .iter()
                .enumerate()
                .filter_map(|(n, item)| Some((self.word(item, &format!("{path}[{n}]"))?, item.at)))
                .collect(),
        )
    }

    /// One of the given words.
    pub fn one_of(&mut self, node: &Node, path: &str, known: &[&'static str]) -> Option<&'static str> {
        let text = self.word(node, path)?;
        let found = known.iter().find(|word| **word == text).copied();
        if found.is_none() {
            let instead = match nearest(&text, known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("write one of: {}", known.join(", ")),
            };
            self.error(node.at, format!("{path} is \"{text}\""), instead);
        }
        found
    }

    /// Says that a value has the wrong shape; silent on what was complained about already.
    pub fn wrong_shape<T>(&mut self, node: &Node, path: &str, wanted: &str) -> Option<T> {
        let is = match &node.value {
            Value::Spoiled => return None,
            Value::Null => {
                self.error(node.at, format!("{path} is empty"), format!("write {wanted}, or remove the line"));
                return None;
            }
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        };
        self.error(node.at, format!("{path} is {is}"), format!("write {wanted}"));
        None
    }
}

/// A mapping being read: knows which keys were asked for, so that the others can be named as unknown.
pub struct Fields<'n> {
    entries: &'n [(Key, Node)],
    /// The mapping's own place.
    pub at: Place,
    path: String,
    asked: Vec<&'static str>,
    said: Vec<&'n str>,
}

impl<'n> Fields<'n> {
    /// A mapping's fields; `path` is how faults call it, empty for the whole file.
    pub fn of(node: &'n Node, path: impl Display, cx: &mut Reading<'_>) -> Option<Self> {
        let path = path.to_string();
        match &node.value {
            Value::Map(entries) => Some(Self { entries, at: node.at, path, asked: Vec::new(), said: Vec::new() }),
            _ => cx.wrong_shape(node, if path.is_empty() { "the file" } else { &path }, "a mapping of keys and values"),
        }
    }

    /// How faults call a key of it.
    pub fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value of a key, if it is there.
    pub fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.entries.iter().find(|(known, _)| known.text == key).map(|(_, node)| node)
    }

    /// The value of a key that must be there.
    pub fn need(&mut self, key: &'static str, instead: &str, cx: &mut Reading<'_>) -> Option<&'n Node> {
        let found = self.get(key);
        if found.is_none() {
            cx.error(self.at, format!("{} is not set", self.path(key)), instead);
        }
        found
    }

    /// A text that must be there.
    pub fn need_word(&mut self, key: &'static str, instead: &str, cx: &mut Reading<'_>) -> Option<String> {
        let node = self.need(key, instead, cx)?;
        cx.word(node, &self.path(key))
    }

    /// A text that may be there.
    pub fn word(&mut self, key: &'static str, cx: &mut Reading<'_>) -> Option<String> {
        let node = self.get(key)?;
        cx.word(node, &self.path(key))
    }

    /// A yes or no that may be there.
    pub fn flag(&mut self, key: &'static str, cx: &mut Reading<'_>) -> Option<bool> {
        let node = self.get(key)?;
        cx.flag(node, &self.path(key))
    }

    /// A duration above zero that may be there.
    pub fn positive(&mut self, key: &'static str, cx: &mut Reading<'_>) -> Option<Duration> {
        let node = self.get(key)?;
        cx.duration(node, &self.path(key), Duration::from_millis(1), Duration::MAX)
    }

    /// The entries in file order, asked for or not.
    pub fn entries(&self) -> &'n [(Key, Node)] {
        self.entries
    }

    /// Marks keys as known without reading them.
    pub fn knows(&mut self, keys: impl IntoIterator<Item = &'static str>) {
        self.asked.extend(keys);
    }

    /// A fault about this key was said already.
    pub fn said(&mut self, key: &'n str) {
        self.said.push(key);
    }

    /// Names every key that nobody asked for. `elsewhere` has a word on keys that other programs know.
    pub fn finish(self, elsewhere: &[(&str, &str)], cx: &mut Reading<'_>) {
        for (key, _) in self.entries {
            let text = key.text.as_str();
            if self.asked.contains(&text) || self.said.contains(&text) || text.is_empty() {
                continue;
            }
            let what = match self.path.as_str() {
                "" => format!("unknown key \"{}\"", key.text),
                path => format!("unknown key \"{}\" in {path}", key.text),
            };
            let noted = elsewhere.iter().find(|(known, _)| *known == key.text);
            let instead = match (noted, nearest(&key.text, self.asked.iter().copied())) {
                (Some((_, note)), _) => (*note).to_owned(),
                (None, Some(near)) => format!("did you mean {near}?"),
                (None, None) => {
                    let mut known = self.asked.clone();
                    known.sort_unstable();
                    if known.is_empty() {
                        "leave it out: nothing is set here".to_owned()
                    } else {
                        format!("known here: {}", known.join(", "))
                    }
                }
            };
            cx.error(key.at, what, instead);
        }
    }
}

/// A value that is spoiled, or a mapping or list that holds one.
pub fn is_spoiled(node: &Node) -> bool {
    matches!(node.value, Value::Spoiled)
}
