//! What a restart must not forget of the vendor's limits: that somebody asked before, and until when a pause holds.
//!
//! Given: the credentials of a configuration and the store. Gives: each begins where the process before may have ended.
//! Does not: hold up a start: where the store does not answer, the last second counts as used and no pause is known.

use std::sync::Arc;

use secrecy::ExposeSecret as _;

use crate::{clock::real_now, model::Instant, source::access::Access, store::Store};

/// Takes over what was kept of each credential, and keeps pauses from now on. To be called before anything is asked.
pub(super) async fn keep(store: &Store, accesses: &[Arc<Access>]) {
    for access in accesses {
        let name = format!("wellsky/{}/pause", access.name());
        match store.kept_secret(&name).await {
            // Nobody asked before: there is nothing to take over, and whoever comes next has to know that we did.
            Ok(None) => write(store, &name, None).await,
            Ok(Some(kept)) => {
                let until: Option<Instant> = serde_json::from_str(kept.expose_secret()).unwrap_or_default();
                access.take_over(until.and_then(|until| (until - real_now()).to_std().ok()));
            }
            Err(error) => {
                tracing::warn!(%error, "source: whether the vendor asked for a pause cannot be read; it goes on without");
                access.take_over(None);
            }
        }
        let store = store.clone();
        access.keep_pauses(Arc::new(move |until| {
            let (store, name) = (store.clone(), name.clone());
            Box::pin(async move { write(&store, &name, Some(until)).await })
        }));
    }
}

async fn write(store: &Store, name: &str, until: Option<Instant>) {
    let Ok(body) = serde_json::to_string(&until) else { return };
    if let Err(error) = store.keep_secret(name, body.into()).await {
        tracing::warn!(%error, "source: the vendor's pause cannot be kept; a restart will not know of it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn access() -> Arc<Access> {
        let env = |name: &str| match name {
            "SHIFTWATCH_TIMEZONE" => Some("UTC".to_owned()),
            "WELLSKY_CLIENT_ID" | "WELLSKY_CLIENT_SECRET" | "WELLSKY_AGENCY_ID" => Some("1".to_owned()),
            _ => None,
        };
        let (config, _) = Config::load(None, &env).unwrap();
        Arc::new(Access::new(&config.agencies[0].wellsky, 1).unwrap())
    }

    #[tokio::test]
    async fn a_pause_outlives_the_process_and_a_first_start_waits_for_nothing() {
        let store = Store::in_memory().await.unwrap();
        let first = access();
        keep(&store, std::slice::from_ref(&first)).await;
        assert!(first.ready_in().is_zero(), "nobody asked before");
        first.throttle(std::time::Duration::from_secs(40)).await;
        let second = access();
        keep(&store, &[Arc::clone(&second)]).await;
        let left = second.ready_in().as_secs();
        assert!((38..=40).contains(&left), "{left}");
        store.keep_secret(&format!("wellsky/{}/pause", second.name()), "{".to_owned().into()).await.unwrap();
        let third = access();
        keep(&store, &[Arc::clone(&third)]).await;
        assert!(!third.ready_in().is_zero() && third.ready_in().as_secs() < 3, "the last second counts as used");
    }
}
