//! Who comes in, by the web file in force: TLS, users, headers, the rate. Swapped whole while requests are answered.
//!
//! Given: a checked [`WebFile`], or none. Gives: whether a request may go on, and as whom.
//! Does not: read files, or know paths. Passwords are compared one at a time and away from the threads that answer, so
//! that guessing costs the guesser and nobody else; a password that was right once is known again by its digest.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use governor::{DefaultDirectRateLimiter, Quota};
use sha2::{Digest as _, Sha256};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{
    link::Misses,
    local_key::{LocalKey, is_local},
    waiting::{Peer, Waiting},
};
use crate::{
    clock,
    config::{RateLimit, WebFile, WebHash},
};

/// So many passwords that were right are known again without another comparison; exporter-toolkit remembers as many.
const REMEMBERED_MAX: usize = 100;

/// The doorkeeper. Without a web file everybody comes in, over plain HTTP.
#[derive(Debug)]
pub struct Access {
    door: RwLock<Arc<Door>>,
    /// How often the web file was swapped.
    swaps: AtomicU64,
    remembered: Mutex<VecDeque<[u8; 32]>>,
    /// One comparison at a time, as in exporter-toolkit: it keeps a processor busy.
    turn: Arc<Semaphore>,
    waiting: Arc<Waiting>,
    misses: Misses,
    /// What the machine's own command line proves itself by; `None` = it cannot.
    local: Option<LocalKey>,
}

/// Somebody who signed in; stands in the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Their name in the web file, or on this machine.
    pub user: String,
    /// They proved that they can read the store, on this machine.
    pub is_local: bool,
    /// Where they come from.
    pub peer: Option<Peer>,
    /// By which reading of it they came in.
    pub(super) swaps: u64,
}

/// Why somebody does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotIn {
    /// No name and password came.
    Unasked,
    /// They came, and are not right. It is not said which of the two.
    Wrong,
    /// Too many are being looked at.
    Busy,
}

/// One web file as requests need it.
#[derive(Debug, Default)]
struct Door {
    tls: Option<Arc<rustls::ServerConfig>>,
    /// `None` = this header is not sent.
    headers: Vec<(HeaderName, Option<HeaderValue>)>,
    users: HashMap<String, WebHash>,
    /// The users' hashes in the order of their names: one of them stands in for a user who is not there.
    hashes: Vec<WebHash>,
    limiter: Option<DefaultDirectRateLimiter>,
}

impl Default for Access {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Access {
    /// By a web file.
    #[must_use]
    pub fn new(file: Option<&WebFile>) -> Self {
        Self {
            door: RwLock::new(Arc::new(Door::of(file))),
            swaps: AtomicU64::new(0),
            remembered: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
            waiting: Arc::default(),
            misses: Misses::default(),
            local: None,
        }
    }

    /// The machine's own command line comes in by this key, whatever the web file says.
    #[must_use]
    pub fn with_local_key(mut self, key: LocalKey) -> Self {
        self.local = Some(key);
        self
    }

    /// Who tried links that lead nowhere.
    pub(super) const fn misses(&self) -> &Misses {
        &self.misses
    }

    /// From now on by this one. Connections that stand keep their TLS; each of their requests is held to the new users.
    pub fn swap(&self, file: Option<&WebFile>) {
        *self.door.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Door::of(file));
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.swaps.fetch_add(1, Ordering::SeqCst);
    }

    /// How often that was: an answer that goes on for hours asks whether it is still by the file that let it in.
    pub(super) fn swaps(&self) -> u64 {
        self.swaps.load(Ordering::SeqCst)
    }

    /// TLS for the next connection; `None` = plain.
    pub(super) fn tls(&self) -> Option<Arc<rustls::ServerConfig>> {
        self.door().tls.clone()
    }

    /// Whether people must say who they are. Pages show names only then.
    #[must_use]
    pub fn sign_in_is_on(&self) -> bool {
        !self.door().users.is_empty()
    }

    /// Whether one more request may be answered now.
    pub(super) fn takes_another(&self) -> bool {
        self.door().limiter.as_ref().is_none_or(|limiter| limiter.check().is_ok())
    }

    /// Sets what the web file says about headers; it goes before what stands there.
    pub(super) fn set_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.door().headers {
            match value {
                Some(value) => headers.insert(name, value.clone()),
                None => headers.remove(name),
            };
        }
    }

    /// Who asks. `Ok(None)`: there is no sign-in.
    pub(super) async fn who(&self, headers: &HeaderMap, peer: Option<Peer>) -> Result<Option<SignedIn>, NotIn> {
        // Before the users are looked at: whoever came in by users that were swapped meanwhile came in by old ones.
        let swaps = self.swaps();
        let said = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if let Some(proof) = said.filter(|said| is_local(said)) {
            let from = peer.map(|Peer(ip)| ip);
            let user = self.local.as_ref().and_then(|key| key.check(proof, from, clock::real_now()));
            return user.map_or(Err(NotIn::Wrong), |user| Ok(Some(SignedIn { user, is_local: true, peer, swaps })));
        }
        let door = self.door();
        if door.users.is_empty() {
            return Ok(None);
        }
        let (user, password) = credentials(headers).ok_or(NotIn::Unasked)?;
        let (hash, is_known) = door.hash_of(&user);
        let digest = digest(&user, hash, &password);
        if is_known && self.remembers(&digest) {
            return Ok(Some(SignedIn { user, is_local: false, peer, swaps }));
        }
        let fits = self.compare(password, hash.clone(), peer).await?;
        if !(fits && is_known) {
            return Err(NotIn::Wrong);
        }
        self.remember(digest);
        Ok(Some(SignedIn { user, is_local: false, peer, swaps }))
    }

    /// Compares when its turn comes. The comparison keeps its turn to its end, also when nobody waits for it any more.
    async fn compare(&self, password: Vec<u8>, hash: WebHash, peer: Option<Peer>) -> Result<bool, NotIn> {
        let place = self.waiting.take(peer).ok_or(NotIn::Busy)?;
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| NotIn::Busy)?;
        let compared = spawn_blocking(move || {
            let fits = bcrypt::verify(&password, hash.as_str()).unwrap_or(false);
            drop((place, turn));
            fits
        });
        compared.await.map_err(|_| NotIn::Busy)
    }

    fn door(&self) -> Arc<Door> {
        Arc::clone(&self.door.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn remembers(&self, digest: &[u8; 32]) -> bool {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if !remembered.contains(&digest) {
            remembered.push_back(digest);
        }
        if remembered.len() > REMEMBERED_MAX {
            remembered.pop_front();
        }
    }
}

impl Door {
    fn of(file: Option<&WebFile>) -> Self {
        let Some(file) = file else { return Self::default() };
        let header = |(name, value): &(&'static str, String)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, if value.is_empty() { None } else { Some(HeaderValue::from_str(value).ok()?) }))
        };
        let mut users: Vec<_> = file.users.iter().collect();
        users.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            tls: file.tls.clone(),
            headers: file.headers.iter().filter_map(header).collect(),
            hashes: users.iter().map(|user| user.hash.clone()).collect(),
            users: users.into_iter().map(|user| (user.name.clone(), user.hash.clone())).collect(),
            limiter: file.rate_limit.and_then(limiter),
        }
    }

    /// A user's hash and `true`; for a user who is not there, somebody else's and `false`: the comparison takes as long,
    /// so that the time of an answer does not say who is there. Which one depends on the name alone, as it would.
    fn hash_of(&self, user: &str) -> (&WebHash, bool) {
        if let Some(hash) = self.users.get(user) {
            return (hash, true);
        }
        let first = usize::from(Sha256::digest(user)[0]);
        (&self.hashes[first % self.hashes.len()], false)
    }
}

fn limiter(limit: RateLimit) -> Option<DefaultDirectRateLimiter> {
    let quota = Quota::with_period(limit.interval)?.allow_burst(NonZeroU32::new(limit.burst)?);
    Some(DefaultDirectRateLimiter::direct(quota))
}

/// Name and password of `Authorization: Basic …`.
fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some((String::from_utf8(decoded[..colon].to_vec()).ok()?, decoded[colon + 1..].to_vec()))
}

/// What a right password is known by: no password stays in memory.
fn digest(user: &str, hash: &WebHash, password: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in [user.as_bytes(), hash.as_str().as_bytes(), password] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
pub(crate) mod tests;
