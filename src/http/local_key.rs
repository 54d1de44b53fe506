//! The sign-in of the machine's own command line: who can read the store's file may see what is in it.
//!
//! Given: the installation's key, which stands in the store. Gives: a proof for a request, and whether one holds.
//! The key itself is never sent: what listens at the agent's address could be somebody else. A proof says when it was
//! made and by whom, and is good for a minute, for whoever comes from this machine.

use std::net::IpAddr;

use chrono::TimeDelta;
use ring::hmac;

use crate::model::Instant;

/// The key's name among the store's secrets.
pub const SECRET: &str = "local";
/// The scheme of the header.
const SCHEME: &str = "Local";
/// A proof is good for so long before and after it was made, by the machine's clock.
const GOOD_FOR: TimeDelta = TimeDelta::minutes(1);
/// No user of a machine has a longer name.
const USER_MAX: usize = 64;

/// The installation's key.
pub struct LocalKey(hmac::Key);

impl std::fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalKey")
    }
}

impl LocalKey {
    /// From the store's secret.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// From the store's secret as it is kept: 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        Some(Self::new(&unhex(text)?.try_into().ok()?))
    }

    /// The value of `Authorization` for a request that `user` of this machine makes now.
    #[must_use]
    pub fn prove(&self, user: &str, real_now: Instant) -> String {
        let user: String = user.chars().take(USER_MAX).collect();
        let said = said(real_now.timestamp(), &user);
        let tag = hmac::sign(&self.0, said.as_bytes());
        format!("{SCHEME} {}.{}.{}", real_now.timestamp(), hex(user.as_bytes()), hex(tag.as_ref()))
    }

    /// Who proves themselves; `None` when it is no proof of ours, too old, or comes from elsewhere. Takes as long
    /// whatever is wrong with the tag.
    #[must_use]
    pub fn check(&self, value: &str, from: Option<IpAddr>, real_now: Instant) -> Option<String> {
        if !from.is_some_and(|ip| ip.to_canonical().is_loopback()) {
            return None;
        }
        let mut parts = value.get(SCHEME.len()..)?.trim().split('.');
        let (at, user, tag) = (parts.next()?.parse::<i64>().ok()?, parts.next()?, unhex(parts.next()?)?);
        let user = String::from_utf8(unhex(user)?).ok()?;
        hmac::verify(&self.0, said(at, &user).as_bytes(), &tag).ok()?;
        let made = Instant::from_timestamp(at, 0)?;
        let named = !user.is_empty() && user.chars().all(|c| !c.is_control());
        (parts.next().is_none() && named && (real_now - made).abs() <= GOOD_FOR).then_some(user)
    }
}

/// Whether a value of `Authorization` is of this scheme.
#[must_use]
pub fn is_local(value: &str) -> bool {
    value.split(' ').next().is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

fn said(at: i64, user: &str) -> String {
    format!("shiftwatch local {at}\n{user}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let digits = |place: usize| u8::from_str_radix(text.get(place..place + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_a_minute_from_this_machine_and_for_this_key() {
        let at = |s: i64| Instant::from_timestamp(1_800_000_000 + s, 0).unwrap();
        let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let (key, other) = (LocalKey::new(&[1; 32]), LocalKey::new(&[2; 32]));
        let proof = key.prove("ana", at(0));
        for (key, proof, from, s, is, shows) in [
            (&key, proof.clone(), ip("127.0.0.1"), 0, Some("ana"), "now"),
            (&key, proof.clone(), ip("::1"), 60, Some("ana"), "a minute later"),
            (&key, proof.clone(), ip("::ffff:127.0.0.1"), -60, Some("ana"), "a clock a minute ahead"),
            (&key, proof.clone(), ip("127.0.0.1"), 61, None, "too old"),
            (&key, proof.clone(), ip("127.0.0.1"), -61, None, "from the future"),
            (&key, proof.clone(), ip("192.0.2.1"), 0, None, "another machine"),
            (&key, proof.clone(), None, 0, None, "from nobody knows where"),
            (&other, proof.clone(), ip("127.0.0.1"), 0, None, "another installation's key"),
            (&key, proof.replace("616e61", "626f62"), ip("127.0.0.1"), 0, None, "another name"),
            (&key, format!("{proof}.00"), ip("127.0.0.1"), 0, None, "with something behind"),
            (&key, key.prove("", at(0)), ip("127.0.0.1"), 0, None, "nobody"),
            (&key, key.prove("a\nb", at(0)), ip("127.0.0.1"), 0, None, "a name of two lines"),
            (&key, "Local".to_owned(), ip("127.0.0.1"), 0, None, "nothing"),
            (&key, "Local 1.é.0".to_owned(), ip("127.0.0.1"), 0, None, "no hexadecimal digits"),
            (&key, "Local 9999999999999999.61.00".to_owned(), ip("127.0.0.1"), 0, None, "no time"),
        ] {
            assert_eq!(key.check(&proof, from, at(s)).as_deref(), is, "{shows}");
        }
        assert!(is_local(&proof) && is_local("local x") && !is_local("Basic x") && !is_local("Locals x"));
        assert!(LocalKey::from_hex(&"ab".repeat(32)).is_some() && LocalKey::from_hex("ab").is_none());
    }
}
