//! Where the vendor's hooks come in: which agency each is for, and whether it is worth a read.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use futures::future::BoxFuture;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};

use super::{desk::Desk, parts::telling, would_note};
use crate::{
    clock,
    config::Config,
    http::{
        records::RecordsFault,
        vendor::{Hooked, NoteReport, VendorSide},
    },
    lifecycle::Post,
    metrics::{HookOutcome, Metrics},
    model::AgencyName,
    notify::{record_note::RecordPlace, voice::Telling},
    source::named::{Admits, Door, Named},
    store::{MessageFate, NoteRow, StoreError},
};

/// Notes that are known to be kept.
const KEPT_MAX: u32 = 20_000;
/// Notes that are shown at once.
const NOTES_MAX: u32 = 500;

/// One agency's secret, and what its hooks may cost.
struct Entrance {
    agency: AgencyName,
    secret: SecretString,
    door: Arc<Mutex<Door>>,
}

/// What the vendor's side comes to.
pub(super) struct VendorDesk {
    desk: Arc<Desk>,
    metrics: Arc<Metrics>,
    entrances: RwLock<Arc<Vec<Entrance>>>,
    telling: RwLock<Option<Arc<Telling>>>,
}

impl VendorDesk {
    pub(super) fn new(desk: Arc<Desk>, metrics: Arc<Metrics>) -> Self {
        Self { desk, metrics, entrances: RwLock::default(), telling: RwLock::default() }
    }

    /// Takes the secrets of a configuration. What hooks have cost in this minute stands over a reload.
    pub(super) fn renew(&self, config: &Config) {
        *self.telling.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(telling(config)));
        let before = self.entrances();
        let entrances = config.agencies.iter().filter_map(|agency| {
            let held = before.iter().find(|entrance| entrance.agency == agency.name);
            let door = held.map_or_else(
                || Arc::new(Mutex::new(Door::new(agency.wellsky.requests_per_second))),
                |held| Arc::clone(&held.door),
            );
            Some(Entrance { agency: agency.name.clone(), secret: agency.wellsky.hook_secret.clone()?, door })
        });
        *self.entrances.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(entrances.collect());
    }

    fn entrances(&self) -> Arc<Vec<Entrance>> {
        Arc::clone(&self.entrances.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads what was named, in the planner's order.
    async fn read(post: Arc<Post>, door: Arc<Mutex<Door>>, named: Named, clock: clock::Clock, metrics: Arc<Metrics>) {
        let known = {
            let watch = post.watch.lock().await;
            match &named {
                Named::Client(id) => watch.mirror.client(id).is_some(),
                Named::Caregiver(id) => watch.mirror.caregiver(id).is_some(),
                Named::Visit(id) => watch.mirror.visit(id).is_some(),
            }
        };
        if !known && !door.lock().unwrap_or_else(PoisonError::into_inner).admit_stranger(clock::real_now()) {
            metrics.hook(HookOutcome::TooMany);
            return;
        }
        post.planner.lock().await.named(named.read(), clock.now());
        post.poll.notify_one();
        metrics.hook(HookOutcome::Read);
    }
}

fn report(row: NoteRow) -> NoteReport {
    let (visit, client) = match row.note.on {
        RecordPlace::Visit { visit } => (Some(visit.to_string()), None),
        RecordPlace::Task { client, .. } => (None, Some(client.to_string())),
        RecordPlace::Nowhere { clients } => {
            (None, Some(clients.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")))
        }
    };
    NoteReport {
        id: row.id.to_string(),
        agency: row.agency.to_string(),
        at: row.created_at,
        way: row.way,
        visit,
        client,
        state: row.fate.as_str().to_owned(),
        why: row.last_why.filter(|_| row.fate != MessageFate::Sent),
        vendor_id: row.provider_id,
        text: row.note.text,
    }
}

impl VendorSide for VendorDesk {
    fn notes(&self) -> BoxFuture<'_, Result<Vec<NoteReport>, RecordsFault>> {
        Box::pin(async move {
            let rows =
                self.desk.store.notes(NOTES_MAX).await.map_err(|fault| RecordsFault { why: fault.to_string() })?;
            Ok(rows.into_iter().map(report).collect())
        })
    }

    fn would_note(&self, days: u32) -> BoxFuture<'_, Result<Vec<NoteReport>, RecordsFault>> {
        Box::pin(async move {
            let fault = |fault: StoreError| RecordsFault { why: fault.to_string() };
            let Some(telling) = self.telling.read().unwrap_or_else(PoisonError::into_inner).clone() else {
                return Ok(Vec::new());
            };
            let kept = self.desk.store.notes(KEPT_MAX).await.map_err(fault)?;
            let kept = kept.into_iter().map(|row| row.id.to_string()).collect();
            would_note::notes(&self.desk, &telling, days, &kept).await.map_err(fault)
        })
    }

    fn hooked(&self, authorization: &str, body: &[u8]) -> Hooked {
        let entrances = self.entrances();
        if entrances.is_empty() {
            return Hooked::NotHere;
        }
        let given = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let given = given.map_or("", |(_, token)| token.trim());
        // Every secret is compared, and each in a time that does not depend on how nearly right it is.
        let fits: Vec<&Entrance> = entrances.iter().filter(|entrance| is_same(given, &entrance.secret)).collect();
        let Some(entrance) = fits.first() else {
            self.metrics.hook(HookOutcome::Forged);
            return Hooked::Forged;
        };
        let Some(named) = Named::in_body(body) else {
            self.metrics.hook(HookOutcome::Ignored);
            return Hooked::Taken;
        };
        let posts = self.desk.posts();
        let Some(post) = posts.iter().find(|post| post.name == entrance.agency) else { return Hooked::Taken };
        let admits = entrance.door.lock().unwrap_or_else(PoisonError::into_inner).admit(&named, clock::real_now());
        match admits {
            Admits::Repeat => self.metrics.hook(HookOutcome::Repeat),
            Admits::TooMany => self.metrics.hook(HookOutcome::TooMany),
            Admits::Yes => {
                // Beside the answer, because a pass may hold what has to be looked at. The door bounds how many there are.
                let (post, door) = (Arc::clone(post), Arc::clone(&entrance.door));
                tokio::spawn(Self::read(post, door, named, self.desk.clock.clone(), Arc::clone(&self.metrics)));
            }
        }
        Hooked::Taken
    }
}

fn is_same(given: &str, secret: &SecretString) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"wellsky hook");
    let tag = hmac::sign(&key, given.as_bytes());
    hmac::verify(&key, secret.expose_secret().as_bytes(), tag.as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_fits_as_a_whole_or_not_at_all() {
        let secret = SecretString::from("0123456789abcdef");
        assert!(is_same("0123456789abcdef", &secret));
        for given in ["", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeF"] {
            assert!(!is_same(given, &secret), "{given}");
        }
    }
}
