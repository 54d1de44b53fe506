//! `store`: where everything that must survive is kept.

use std::path::{Path, PathBuf};

use super::{
    StoreUrl,
    fault::Fault,
    reading::{Env, Fields, Reading},
    tree::{Node, Value},
};

/// The file's name, when only a folder is known.
pub const FILE_NAME: &str = "shiftwatch.db";

/// Reads `store:`; without it the database stands beside the configuration.
pub fn read(node: Option<&Node>, cx: &mut Reading<'_>) -> Option<StoreUrl> {
    let Some(node) = node else { return Some(StoreUrl::Sqlite(cx.path(FILE_NAME))) };
    let text = super::secret::setting(node, "store", cx)?;
    let (what, instead) = if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        ("PostgreSQL is not supported yet", "write sqlite:///var/lib/shiftwatch/shiftwatch.db; PostgreSQL comes later")
    } else if let Some(rest) = text.strip_prefix("sqlite:") {
        // Three slashes are an absolute path, two or none a relative one.
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.contains(":memory:") || path.contains("mode=memory") {
            ("store keeps nothing over a restart", "write sqlite: and a file: what was told must outlive the process")
        } else if path.contains('?') {
            ("store has options after a ?", "write sqlite: and the file only; the options are chosen by shiftwatch")
        } else if path.is_empty() || path.ends_with('/') {
            ("store names no file", "write sqlite:///var/lib/shiftwatch/shiftwatch.db")
        } else {
            return Some(StoreUrl::Sqlite(cx.path(path)));
        }
    } else {
        (
            "store does not begin with sqlite:",
            "write sqlite:///var/lib/shiftwatch/shiftwatch.db, or sqlite:shiftwatch.db beside this file",
        )
    };
    cx.error(node.at, what, instead);
    None
}

/// Where a file says that everything is kept, without reading anything else of it.
pub fn kept_in(path: &Path, env: Env<'_>) -> Result<StoreUrl, Vec<Fault>> {
    super::load::with_file(path, env, |root, cx| {
        let mut fields = Fields::of(root, "", cx)?;
        let node = fields.get("store").filter(|node| !matches!(node.value, Value::Null));
        read(node, cx)
    })
}

/// Without a configuration: the folder a service manager gives, else the user's folder for state, else here.
#[must_use]
pub fn default_file(env: Env<'_>) -> PathBuf {
    let folder = |name: &str| env(name).filter(|value| value.starts_with('/'));
    let dir = folder("STATE_DIRECTORY")
        .map(PathBuf::from)
        .or_else(|| folder("XDG_STATE_HOME").map(|dir| PathBuf::from(dir).join("shiftwatch")))
        .or_else(|| folder("HOME").map(|dir| PathBuf::from(dir).join(".local/state/shiftwatch")))
        .unwrap_or_default();
    dir.join(FILE_NAME)
}
