//! Links: who has one may act on a page without signing in.
//!
//! A token is made from a secret of the installation and what it is for, so that it is the same when the same decision
//! is made again; only its hash is kept beside the page.

use std::fmt;

use ring::hmac;
use sha2::{Digest, Sha256};

/// The installation's secret for links.
#[derive(Clone)]
pub struct LinkKey(hmac::Key);

/// So many characters has a token.
pub const LINK_TOKEN_LENGTH: usize = 16;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl LinkKey {
    /// From 32 random bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The token of something: 16 characters of base 62, about 95 bits.
    #[must_use]
    pub fn token(&self, of: &str) -> String {
        let tag = hmac::sign(&self.0, of.as_bytes());
        // 128 bits as a number, so that every character has the whole alphabet.
        let (high, _) = tag.as_ref().split_at(16);
        let mut n = high.iter().fold(0_u128, |n, byte| n << 8 | u128::from(*byte));
        let mut token = String::with_capacity(LINK_TOKEN_LENGTH);
        for _ in 0..LINK_TOKEN_LENGTH {
            let i = usize::try_from(n % 62).unwrap_or(0);
            token.push(char::from(BASE62[i]));
            n /= 62;
        }
        token
    }
}

/// Without the secret.
impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey")
    }
}

/// What is kept of a token.
#[must_use]
pub fn link_hash(token: &str) -> String {
    Sha256::digest(token).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sixteen_letters_and_digits_that_only_the_secret_gives() {
        let key = LinkKey::new(&[7; 32]);
        let token = key.token("page/1/night-1");
        assert_eq!(token.len(), 16);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(token, key.token("page/1/night-1"));
        assert_ne!(token, key.token("page/1/night-2"));
        assert_ne!(token, LinkKey::new(&[8; 32]).token("page/1/night-1"));
        assert_eq!(format!("{key:?}"), "LinkKey");
    }
}
