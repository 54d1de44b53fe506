//! Who runs a command on this machine, and whether they can read the store: then they are shown names.

use std::fs;

use secrecy::ExposeSecret as _;

use crate::{
    config::StoreUrl,
    http::local_key::{LocalKey, SECRET},
    store::Store,
};

/// The name of the user of this process: as the machine knows them, else their number.
#[must_use]
pub fn name() -> String {
    let uid = rustix::process::getuid().as_raw();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(uid, &users).unwrap_or_else(|| format!("uid {uid}"))
}

/// By the lines of `/etc/passwd`.
fn name_of(uid: u32, users: &str) -> Option<String> {
    let is_theirs = |line: &&str| line.split(':').nth(2).and_then(|field| field.parse().ok()) == Some(uid);
    let name = users.lines().find(is_theirs)?.split(':').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// The key in a store, read beside the agent that has it; `None` when there is none, or it is not ours to read.
pub async fn key_in(url: &StoreUrl) -> Option<LocalKey> {
    let StoreUrl::Sqlite(path) = url;
    if !path.is_file() {
        return None;
    }
    let store = Store::open_read_only(url).await.ok()?;
    let kept = store.kept_secret(SECRET).await.ok().flatten();
    store.close().await;
    LocalKey::from_hex(kept?.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_by_their_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\nana:x:1000:1000::/home/ana:/bin/sh\n:x:7::\nbroken\n";
        for (uid, is) in [(0, Some("root")), (1000, Some("ana")), (7, None), (9, None)] {
            assert_eq!(name_of(uid, users).as_deref(), is, "{uid}");
        }
    }
}
