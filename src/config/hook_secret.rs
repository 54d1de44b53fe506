//! `agencies[].wellsky.hook_secret`: what the vendor's hooks prove themselves with.
//!
//! It also says which agency a hook is for, so no two agencies may share one.

use std::rc::Rc;

use secrecy::{ExposeSecret as _, SecretString};

use super::{reading::Reading, secret, tree::Node};

/// A secret that can be guessed lets anybody make us read.
const CHARS_MIN: usize = 16;

/// Reads it: at least sixteen characters that can stand in a header, and no other agency's.
pub fn read(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<SecretString> {
    const INSTEAD: &str = "write at least 16 random letters and digits, as openssl rand -hex 24 prints";
    let secret = secret::secret(node, path, cx)?;
    let text = secret.expose_secret();
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        cx.error(node.at, format!("{path} cannot stand in a header"), INSTEAD);
        return None;
    }
    if text.len() < CHARS_MIN {
        cx.error(node.at, format!("{path} has {} characters", text.len()), INSTEAD);
        return None;
    }
    let shared = Rc::clone(&cx.shared);
    let mut others = shared.hook_secrets.borrow_mut();
    if let Some((other, _)) = others.iter().find(|(_, known)| known.expose_secret() == text) {
        let what = format!("{path} is the same as {other}, and a hook could not say for whom it is");
        cx.error(node.at, what, "give each agency its own");
        return None;
    }
    others.push((path.to_owned(), secret.clone()));
    Some(secret)
}
