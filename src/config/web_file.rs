//! `web.config_file`: the file that Prometheus' exporter-toolkit reads for TLS, sign-in and headers.
//!
//! Keys, defaults and meanings are the toolkit's. What it takes and we do not, always with a word on what to write:
//! an empty file (half-written ones never open the door), TLS, cipher suites and curves that rustls lacks, verifying
//! clients without an authority, hashes that no password fits, and values that would refuse every request.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    fault::Fault,
    reading::{Fields, Reading},
    seen::Seen,
    suggest::nearest,
    tree::{self, Node, Value},
    web_tls,
};

/// A web file, checked.
#[derive(Debug, Clone)]
pub struct WebFile {
    /// Where it stands.
    pub path: PathBuf,
    /// What it and the files it names held when they were read.
    pub seen: Seen,
    /// TLS; `None` = plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// True when nobody connects without a certificate that our authority signed.
    pub clients_are_verified: bool,
    /// Headers of every answer, by name; an empty value means that the header is not sent.
    pub headers: Vec<(&'static str, String)>,
    /// Who may sign in; nobody = there is no sign-in.
    pub users: Vec<WebUser>,
    /// How many requests are answered.
    pub rate_limit: Option<RateLimit>,
}

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUser {
    /// Their name.
    pub name: String,
    /// The bcrypt hash of their password.
    pub hash: WebHash,
}

/// A bcrypt hash that reads, and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct WebHash(String);

impl WebHash {
    /// As written, for comparing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for WebHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebHash(…)")
    }
}

/// `rate_limit`: a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// One request comes in after so long.
    pub interval: Duration,
    /// So many fit; at least one.
    pub burst: u32,
}

/// Why a web file was not taken.
#[derive(Debug)]
pub struct WebFileRefused {
    /// Every fault, warnings too.
    pub faults: Vec<Fault>,
    /// What was read all the same: until it changes there is no use in another look.
    pub seen: Seen,
}

/// The headers that may be set, and their values where only some will do.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];
/// A cost of 16 takes some seconds of a processor for each new sign-in, and twice that with each step.
const COST_MAX: u32 = 16;
const HASH_INSTEAD: &str = "write what `htpasswd -nBC 10 \"\" | tr -d ':'` prints, in quotation marks";

impl WebFile {
    /// Reads a web file and every file it names. With it come its warnings.
    ///
    /// # Errors
    /// Every fault found. Nothing of a file with an error is used.
    pub fn load(path: &Path) -> Result<(Self, Vec<Fault>), WebFileRefused> {
        let mut seen = Seen::default();
        let mut faults = Vec::new();
        let found = read(path, &mut seen, &mut faults);
        faults.sort_by_key(|fault| (fault.line, fault.column));
        match found {
            Some(mut found) if !faults.iter().any(Fault::is_error) => {
                found.seen = seen;
                Ok((found, faults))
            }
            _ => Err(WebFileRefused { faults, seen }),
        }
    }
}

fn read(path: &Path, seen: &mut Seen, faults: &mut Vec<Fault>) -> Option<WebFile> {
    let file = path.display().to_string();
    let bytes = match seen.read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let what = format!("the web file cannot be read ({})", error.kind());
            let instead = "name a file that exists and that this user may read";
            faults.push(Fault::error(&file, tree::Place::NOWHERE, what, instead));
            return None;
        }
    };
    let root = tree::read(&file, &bytes, faults)?;
    let dir = path.parent().unwrap_or(Path::new(""));
    let mut cx = Reading::new(file, dir, &|_| None);
    let found = read_root(path, &root, seen, &mut cx);
    faults.append(&mut cx.faults);
    found
}

fn read_root(path: &Path, root: &Node, seen: &mut Seen, cx: &mut Reading<'_>) -> Option<WebFile> {
    let mut fields = Fields::of(root, "", cx)?;
    let mut section = |key| fields.get(key).filter(|node| !matches!(node.value, Value::Null));
    let (tls, http) = (section("tls_server_config"), section("http_server_config"));
    let (users, rate_limit) = (section("basic_auth_users"), section("rate_limit"));
    fields.finish(&[], cx);
    let (http2, headers) = http.map_or_else(|| (true, Vec::new()), |node| read_http(node, cx));
    let users = users.map_or_else(Vec::new, |node| read_users(node, cx));
    let rate_limit = rate_limit.and_then(|node| read_rate_limit(node, cx));
    let tls = tls.and_then(|node| web_tls::read(node, http2, seen, cx));
    Some(WebFile {
        path: path.to_owned(),
        seen: Seen::default(),
        clients_are_verified: tls.as_ref().is_some_and(|tls| tls.clients_are_verified),
        tls: tls.map(|tls| tls.config),
        headers,
        users,
        rate_limit,
    })
}

fn read_http(node: &Node, cx: &mut Reading<'_>) -> (bool, Vec<(&'static str, String)>) {
    let Some(mut fields) = Fields::of(node, "http_server_config", cx) else { return (true, Vec::new()) };
    let http2 = fields.flag("http2", cx).unwrap_or(true);
    let headers = fields.get("headers").filter(|node| !matches!(node.value, Value::Null));
    fields.finish(&[], cx);
    (http2, headers.map_or_else(Vec::new, |node| read_headers(node, cx)))
}

fn read_headers(node: &Node, cx: &mut Reading<'_>) -> Vec<(&'static str, String)> {
    let Some(fields) = Fields::of(node, "http_server_config.headers", cx) else { return Vec::new() };
    let mut headers = Vec::new();
    for (key, node) in fields.entries() {
        let path = format!("http_server_config.headers.{}", key.text);
        let Some((name, allowed)) = HEADERS.iter().find(|(name, _)| *name == key.text) else {
            let same = HEADERS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&key.text)).map(|(name, _)| *name);
            let instead = match same.or_else(|| nearest(&key.text, HEADERS.iter().map(|(name, _)| *name))) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("these can: {}", HEADERS.map(|(name, _)| name).join(", ")),
            };
            cx.error(key.at, format!("the header \"{}\" cannot be set", key.text), instead);
            continue;
        };
        let text = match &node.value {
            Value::Null => String::new(),
            Value::Scalar { text, .. } => text.clone(),
            _ => {
                cx.wrong_shape::<()>(node, &path, "text");
                continue;
            }
        };
        if !allowed.is_empty() && !allowed.contains(&text.as_str()) {
            cx.error(node.at, format!("{path} is \"{text}\""), format!("write {}", allowed.join(" or ")));
        } else if text.chars().any(|c| c.is_control() || !c.is_ascii()) {
            cx.error(node.at, format!("{path} holds a character that no header may"), "write it in ASCII, on one line");
        } else {
            headers.push((*name, text));
        }
    }
    headers
}

fn read_users(node: &Node, cx: &mut Reading<'_>) -> Vec<WebUser> {
    let Some(fields) = Fields::of(node, "basic_auth_users", cx) else { return Vec::new() };
    let mut users = Vec::new();
    for (key, node) in fields.entries() {
        let name = &key.text;
        if name.is_empty() || name.chars().any(|c| c == ':' || c.is_control()) {
            let what = "a user's name in basic_auth_users is empty, or holds a colon or a control character";
            cx.error(key.at, what, "browsers cannot send it: choose another");
            continue;
        }
        let path = format!("basic_auth_users.{name}");
        let hash = match &node.value {
            Value::Null => "",
            Value::Scalar { text, .. } => text.as_str(),
            _ => {
                cx.wrong_shape::<()>(node, &path, "a bcrypt hash");
                continue;
            }
        };
        match check_hash(hash) {
            Ok(()) => users.push(WebUser { name: name.clone(), hash: WebHash(hash.to_owned()) }),
            Err((what, instead)) => cx.error(node.at, format!("{path} {what}"), instead),
        }
    }
    users
}

/// What is wrong with a hash, and what to write instead.
fn check_hash(hash: &str) -> Result<(), (String, String)> {
    let Ok(parts) = hash.parse::<bcrypt::HashParts>() else {
        return Err(("is no bcrypt hash".to_owned(), HASH_INSTEAD.to_owned()));
    };
    match parts.get_cost() {
        4..=COST_MAX => Ok(()),
        0..4 => Err(("has a cost below 4, which bcrypt does not know".to_owned(), HASH_INSTEAD.to_owned())),
        cost => Err((
            format!("has a cost of {cost}: each sign-in would keep a processor busy for many seconds"),
            format!("write one with a cost of 10 to 12, at most {COST_MAX}"),
        )),
    }
}

fn read_rate_limit(node: &Node, cx: &mut Reading<'_>) -> Option<RateLimit> {
    let mut fields = Fields::of(node, "rate_limit", cx)?;
    let interval = fields.get("interval");
    let interval = interval.map(|node| match &node.value {
        Value::Scalar { text, .. } if text == "0" => Some(Duration::ZERO),
        _ => cx.duration(node, "rate_limit.interval", Duration::ZERO, Duration::from_hours(24)),
    });
    let burst_node = fields.get("burst");
    let burst = burst_node.map(|node| cx.number(node, "rate_limit.burst", "a whole number", |_: &u32| true));
    let at = fields.at;
    fields.finish(&[], cx);
    let (interval, burst) = (interval.unwrap_or(Some(Duration::ZERO))?, burst.unwrap_or(Some(0))?);
    if interval.is_zero() {
        return None;
    }
    if burst == 0 {
        let what = "rate_limit.burst is 0 or not set: every request would be refused";
        cx.error(
            burst_node.map_or(at, |node| node.at),
            what,
            "write how many requests may come at once, for example 20",
        );
        return None;
    }
    Some(RateLimit { interval, burst })
}

#[cfg(test)]
mod tests;
