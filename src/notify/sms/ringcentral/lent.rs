//! What RingCentral lends an extension: its token, and the end of a penalty, kept over restarts.
//!
//! Given: a store, once there is one. Gives: what another process left there, as long as it still holds.
//! Does not: fail: what cannot be kept costs a login after a restart, or a call inside a penalty, and says so in the log.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::{model::Instant, store::Store};

/// A penalty is believed for this long at most, should a clock have been wrong when it was written down.
pub(super) const PENALTY_MAX: Duration = Duration::from_hours(1);
/// As for a token's life.
const TOKEN_MAX: Duration = Duration::from_hours(24);

/// Where one extension's token and penalty are kept.
#[derive(Debug)]
pub(super) struct Lent {
    name: String,
    store: Mutex<Option<Store>>,
}

#[derive(Serialize, Deserialize)]
struct KeptToken {
    access_token: String,
    until: Instant,
}

impl Lent {
    /// Of the extension that this names.
    pub(super) fn new(extension: &[u8; 32]) -> Self {
        let name: String = extension.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { name: format!("ringcentral/{name}"), store: Mutex::default() }
    }

    pub(super) fn keep_in(&self, store: &Store) {
        *self.store.lock().unwrap_or_else(PoisonError::into_inner) = Some(store.clone());
    }

    pub(super) fn is_kept(&self) -> bool {
        self.store().is_some()
    }

    /// A token, and for how long it is to be used.
    pub(super) async fn token(&self, now: Instant) -> Option<(SecretString, Duration)> {
        let kept: KeptToken = serde_json::from_str(self.kept("token").await?.expose_secret()).ok()?;
        let left = left(kept.until, now)?.min(TOKEN_MAX);
        Some((kept.access_token.into(), left))
    }

    /// How much of a penalty is left.
    pub(super) async fn penalty(&self, now: Instant) -> Option<Duration> {
        left(serde_json::from_str(self.kept("penalty").await?.expose_secret()).ok()?, now)
    }

    pub(super) async fn keep_token(&self, token: &SecretString, life: Duration, now: Instant) {
        let kept = KeptToken { access_token: token.expose_secret().to_owned(), until: now + life };
        self.keep("token", &kept).await;
    }

    pub(super) async fn keep_penalty(&self, left: Duration, now: Instant) {
        self.keep("penalty", &(now + left)).await;
    }

    fn store(&self) -> Option<Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn kept(&self, what: &str) -> Option<SecretString> {
        match self.store()?.kept_secret(&format!("{}/{what}", self.name)).await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(%error, "RingCentral's {what} of before cannot be read; it goes on without");
                None
            }
        }
    }

    async fn keep<T: Serialize + Sync>(&self, what: &str, body: &T) {
        let (Some(store), Ok(body)) = (self.store(), serde_json::to_string(body)) else { return };
        if let Err(error) = store.keep_secret(&format!("{}/{what}", self.name), body.into()).await {
            tracing::warn!(%error, "RingCentral's {what} cannot be kept; a restart will not know of it");
        }
    }
}

/// From now until then; `None` once it has come.
fn left(until: Instant, now: Instant) -> Option<Duration> {
    (until - now).to_std().ok().filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::local_time::from_micros;

    #[tokio::test]
    async fn what_was_lent_is_known_again_while_it_holds() {
        let (store, now) = (Store::in_memory().await.unwrap(), from_micros(1_800_000_000_000_000));
        let second = Duration::from_secs(1);
        let (before, after) = (Lent::new(&[7; 32]), Lent::new(&[7; 32]));
        before.keep_token(&"early".to_owned().into(), second, now).await;
        assert!(before.token(now).await.is_none(), "nowhere to keep it");
        before.keep_in(&store);
        after.keep_in(&store);
        assert!(after.token(now).await.is_none() && after.penalty(now).await.is_none());
        before.keep_token(&"first".to_owned().into(), second * 60, now).await;
        before.keep_token(&"second".to_owned().into(), second * 60, now).await;
        before.keep_penalty(second * 30, now).await;
        let (token, left) = after.token(now + second * 20).await.unwrap();
        assert_eq!((token.expose_secret(), left), ("second", second * 40));
        assert_eq!(after.penalty(now + second * 20).await, Some(second * 10));
        assert!(after.penalty(now + second * 30).await.is_none() && after.token(now + second * 60).await.is_none());
        let other = Lent::new(&[8; 32]);
        other.keep_in(&store);
        assert!(other.token(now).await.is_none(), "another extension's");
        store.keep_secret(&format!("{}/token", after.name), "{".to_owned().into()).await.unwrap();
        assert!(after.token(now).await.is_none(), "a damaged one is none");
    }
}
