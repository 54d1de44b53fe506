//! One user extension: its token, its limits, and the requests that go out in its name.
//!
//! Given: a request to make. Gives: the answer, or why none was asked for. Whoever speaks for the same extension shares
//! one token and one limiter, through reloads too: the provider counts by extension.
//! Does not: know what is asked, or repeat anything but a request that a stale token was refused for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::{Method, RequestBuilder, Response, StatusCode, header::HeaderMap};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::{Mutex as Turn, Semaphore},
    time::{Instant, timeout},
};

use super::{
    lent::{Lent, PENALTY_MAX},
    limiter::{Group, Limiter, Said},
    wire::Complaint,
};
use crate::{
    clock::real_now,
    notify::{
        channel::{Http, Scope, Verdict, basic, http_failure, retry_after},
        receiver::RingCentralExtension,
    },
    store::Store,
};

/// Requests under way at once: more would all run into one penalty, and each would begin it anew.
const AT_ONCE: usize = 4;
/// After a token was refused: the waits until it is asked for again; the last one repeats.
const REFUSED_WAITS: [u64; 4] = [60, 120, 300, 600];
/// A token is renewed this long before its end, or a tenth of its life if that is less.
const MARGIN: Duration = Duration::from_mins(5);
/// The life of a token whose answer does not say.
const LIFE: Duration = Duration::from_hours(1);

/// Every extension that was spoken for in this process.
static EXTENSIONS: Mutex<BTreeMap<[u8; 32], Arc<Extension>>> = Mutex::new(BTreeMap::new());

/// One user extension.
pub(super) struct Extension {
    http: Http,
    base_url: String,
    basic: SecretString,
    jwt: SecretString,
    lines: Semaphore,
    limiter: Mutex<Limiter>,
    /// Whoever holds it asks for the token; the others wait for what comes.
    token: Turn<Token>,
    /// What of it outlives the process, and where it is kept once there is a store.
    lent: Lent,
}

#[derive(Default)]
struct Token {
    /// Whether what an earlier process left was looked at.
    is_recalled: bool,
    held: Option<Held>,
    n_given: u64,
    refused: Option<Refused>,
}

struct Held {
    bearer: SecretString,
    n: u64,
    until: Instant,
}

struct Refused {
    why: String,
    until: Instant,
    n: usize,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nothing left: it is not the time for it.
    Wait { why: &'static str, wait: Duration },
    /// Nothing left: there is no token, and a person has to act.
    Login { why: String, wait: Duration },
    /// Nothing left: there is no token now.
    NoToken { why: String },
    /// The request may have left.
    Http(reqwest::Error),
}

impl Fault {
    /// What it means for a text.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Wait { why, wait } => {
                Verdict::NotSent { why: why.into(), scope: Scope::Way, retry_after: Some(wait) }
            }
            Self::Login { why, wait } => Verdict::NotSent { why, scope: Scope::Account, retry_after: Some(wait) },
            Self::NoToken { why } => Verdict::NotSent { why, scope: Scope::Way, retry_after: None },
            Self::Http(error) => http_failure(&error),
        }
    }

    /// What happened, and when to ask again if that is known.
    pub(super) fn said(self) -> (String, Option<Duration>) {
        match self {
            Self::Wait { why, wait } => (why.into(), Some(wait)),
            Self::Login { why, wait } => (why, Some(wait)),
            Self::NoToken { why } => (why, None),
            Self::Http(error) if error.is_timeout() => ("no answer in time".into(), None),
            Self::Http(_) => ("no connection".into(), None),
        }
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

impl Extension {
    /// The one of these settings.
    pub(super) fn of(http: &Http, settings: &RingCentralExtension) -> Arc<Self> {
        let mut hash = Sha256::new();
        for part in [
            settings.base_url.as_str(),
            &settings.client_id,
            settings.client_secret.expose_secret(),
            settings.jwt.expose_secret(),
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let key: [u8; 32] = hash.finalize().into();
        let mut extensions = EXTENSIONS.lock().unwrap_or_else(PoisonError::into_inner);
        let extension = extensions.entry(key).or_insert_with(|| {
            Arc::new(Self {
                http: http.clone(),
                base_url: settings.base_url.trim_end_matches('/').to_owned(),
                basic: basic(&settings.client_id, &settings.client_secret),
                jwt: settings.jwt.clone(),
                lines: Semaphore::new(AT_ONCE),
                limiter: Mutex::default(),
                token: Turn::default(),
                lent: Lent::new(&key),
            })
        });
        Arc::clone(extension)
    }

    /// From now on the token and a penalty are kept there, and what is kept there counts.
    pub(super) fn keep_in(&self, store: &Store) {
        self.lent.keep_in(store);
    }

    /// A path of the API as a URL.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// How much of a penalty is left.
    pub(super) fn penalty(&self) -> Option<Duration> {
        self.limiter().penalty(Instant::now())
    }

    /// Makes a request; one that a stale token was refused for is made once more with a new one. `keep` requests of the
    /// group are left for others. What came back is not looked at but for its status and limits.
    pub(super) async fn ask(
        &self,
        group: Group,
        keep: u32,
        within: Duration,
        method: Method,
        url: &str,
        fill: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, Fault> {
        let Ok(line) = timeout(within, self.lines.acquire()).await else {
            return Err(Fault::Wait { why: "others wait for its answers", wait: Duration::from_secs(2) });
        };
        let _line = line.map_err(|_| Fault::NoToken { why: "it was given up".into() })?;
        let mut stale = None;
        loop {
            let (bearer, n) = self.token(stale, within).await?;
            self.take(group, keep)?;
            let request = self.http.client(url).request(method.clone(), url).bearer_auth(bearer.expose_secret());
            let response = fill(request.timeout(within)).send().await.map_err(Fault::Http)?;
            self.note(group, &response).await;
            if response.status() == StatusCode::UNAUTHORIZED && stale.is_none() {
                stale = Some(n);
                continue;
            }
            return Ok(response);
        }
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, group: Group, keep: u32) -> Result<(), Fault> {
        let mut limiter = self.limiter();
        let now = Instant::now();
        let taken = limiter.take(group, keep, now);
        let why = if limiter.penalty(now).is_some() { "inside a penalty" } else { "its minute is used up" };
        taken.map_err(|wait| Fault::Wait { why, wait })
    }

    /// Takes over what an answer says of the limits.
    async fn note(&self, group: Group, response: &Response) {
        let penalty = {
            let mut limiter = self.limiter();
            limiter.heard(group, said(response.headers()), Instant::now());
            (response.status() == StatusCode::TOO_MANY_REQUESTS)
                .then(|| limiter.refused(retry_after(response.headers(), real_now()), Instant::now()))
        };
        if let Some(left) = penalty {
            self.lent.keep_penalty(left, real_now()).await;
        }
    }

    /// Takes over what another process left, or one beside this one was given since: a penalty, and a token that is not
    /// the one that was refused.
    async fn recall(&self, token: &mut Token, refused: Option<&SecretString>) {
        let now = real_now();
        if let Some(left) = self.lent.penalty(now).await {
            self.limiter().refused(Some(left.min(PENALTY_MAX)), Instant::now());
        }
        let Some((bearer, left)) = self.lent.token(now).await else { return };
        if refused.is_some_and(|refused| refused.expose_secret() == bearer.expose_secret()) {
            return;
        }
        token.n_given += 1;
        token.held = Some(Held { bearer, n: token.n_given, until: Instant::now() + left });
    }

    /// The token, and its number; a new one when it is the `stale` one. One request at a time asks for it.
    async fn token(&self, stale: Option<u64>, within: Duration) -> Result<(SecretString, u64), Fault> {
        let mut token = self.token.lock().await;
        if !token.is_recalled && self.lent.is_kept() {
            token.is_recalled = true;
            self.recall(&mut token, None).await;
        }
        let now = Instant::now();
        if let Some(held) = token.held.as_ref().filter(|held| now < held.until && Some(held.n) != stale) {
            return Ok((held.bearer.clone(), held.n));
        }
        let before = token.held.take();
        if before.is_some() {
            self.recall(&mut token, before.as_ref().map(|held| &held.bearer)).await;
            if let Some(held) = &token.held {
                return Ok((held.bearer.clone(), held.n));
            }
        }
        if let Some(refused) = token.refused.as_ref().filter(|refused| now < refused.until) {
            return Err(Fault::Login { why: refused.why.clone(), wait: refused.until - now });
        }
        self.take(Group::Auth, 0)?;
        let url = self.url("/restapi/oauth/token");
        let form =
            [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", self.jwt.expose_secret())];
        let request = self.http.client(&url).post(&url).header("authorization", self.basic.expose_secret());
        let request = request.header("accept", "application/json").form(&form).timeout(within);
        let response = request.send().await.map_err(|error| {
            let why = if error.is_timeout() { "no answer to the login in time" } else { "no connection for the login" };
            Fault::NoToken { why: why.into() }
        })?;
        self.note(Group::Auth, &response).await;
        let status = response.status();
        let body = response.bytes().await.unwrap_or_default();
        let now = Instant::now();
        if let (true, Ok(granted)) = (status.is_success(), serde_json::from_slice::<Granted>(&body)) {
            let life = granted.expires_in.as_ref().and_then(seconds).unwrap_or(LIFE);
            token.n_given += 1;
            token.refused = None;
            let bearer = SecretString::from(granted.access_token);
            let n = token.n_given;
            let life = life.saturating_sub(MARGIN.min(life / 10));
            token.held = Some(Held { bearer: bearer.clone(), n, until: now + life });
            self.lent.keep_token(&bearer, life, real_now()).await;
            return Ok((bearer, n));
        }
        let code = serde_json::from_slice::<Complaint>(&body).unwrap_or_default().code();
        let code = code.map(|code| format!(", {code}")).unwrap_or_default();
        let why = format!("login: HTTP {}{code}", status.as_u16());
        match status.as_u16() {
            429 => {
                Err(Fault::Wait { why: "inside a penalty", wait: self.penalty().unwrap_or(super::limiter::PENALTY) })
            }
            // The same again would only be refused again, and counted.
            400..=499 => {
                let n = token.refused.as_ref().map_or(0, |refused| refused.n + 1);
                let wait = REFUSED_WAITS.get(n).or(REFUSED_WAITS.last()).copied().unwrap_or(600);
                let wait = Duration::from_secs(wait);
                token.refused = Some(Refused { why: why.clone(), until: now + wait, n });
                Err(Fault::Login { why, wait })
            }
            _ => Err(Fault::NoToken { why }),
        }
    }
}

impl std::fmt::Debug for Extension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extension").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// A number of seconds, as a number or as text.
fn seconds(value: &serde_json::Value) -> Option<Duration> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    Duration::try_from_secs_f64(seconds).ok().filter(|life| !life.is_zero())
}

fn said(headers: &HeaderMap) -> Said {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    Said {
        limit: number("x-rate-limit-limit"),
        remaining: number("x-rate-limit-remaining"),
        window: number("x-rate-limit-window").map(|seconds| Duration::from_secs(seconds.into())),
    }
}
