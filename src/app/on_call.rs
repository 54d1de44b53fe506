//! Keeps who is on call up to date: reads each calendar again in its time, and what is known of addresses.
//!
//! Given: the configuration's roster and calendars, and the copies that were stored. Gives: a new picture whenever
//! something changed. A copy that cannot be had or read changes nothing: the last good one stays, over a restart too,
//! and grows stale visibly. A file is looked at every few seconds; a URL is asked in its time, and only for news.

use std::{path::Path, sync::Arc, time::Duration};

use chrono::TimeDelta;
use reqwest::{StatusCode, header};
use sha2::{Digest, Sha256};
use tokio::{
    sync::{Notify, watch as channel},
    time::timeout,
};

use crate::{
    clock::{self, Clock},
    config::{CalendarAt, CalendarSource, Config, address::url_is_loopback},
    lifecycle,
    model::{Instant, Phi, PhiGrant},
    notify::channel::{ChannelError, Http},
    on_call::{
        Calendar, Roster,
        ical::{self, Given},
        picture::OnCallPicture,
    },
    store::{CalendarCopy, Store},
};

/// A calendar server that needs longer is asked again.
const FETCH_WITHIN: Duration = Duration::from_secs(30);
/// How long a start waits for a calendar of which there is no copy; then it is tried again like every other.
const FIRST_WITHIN: Duration = Duration::from_secs(5);
/// No calendar of who is on call is as large.
const BODY_BYTES_MAX: usize = 5 * 1024 * 1024;
/// So often a calendar's address may lead to another.
const REDIRECTS_MAX: usize = 5;
/// How often the loop looks whether anything is due, and at files.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often addresses are asked for. Real time.
const MARKS_EVERY: TimeDelta = TimeDelta::seconds(30);
/// A copy that does not change is spread out anew so often: it moves with the days.
const SPREAD_EVERY: TimeDelta = TimeDelta::hours(12);
/// A copy counts as stale after four times its refresh, and after a day at the latest.
const STALE_REFRESHES: i32 = 4;
const STALE_MAX: TimeDelta = TimeDelta::hours(24);

/// One calendar and what is known of it.
struct Held {
    source: CalendarSource,
    mark: String,
    copy: Option<CalendarCopy>,
    spread: Option<Arc<Calendar>>,
    spread_at: Option<Instant>,
    asked_at: Option<Instant>,
    /// How often it was asked for in vain since it was last read.
    n_vain: u32,
    /// When the copy was last stored, and said to be good.
    kept_at: Option<Instant>,
    /// What was last complained about.
    complaint: Option<String>,
}

/// Keeps the picture.
pub(super) struct OnCall {
    base: OnCallPicture,
    held: Vec<Held>,
    http: Http,
    clock: Clock,
    store: Store,
    marks_at: Option<Instant>,
    picture: channel::Sender<Arc<OnCallPicture>>,
    tick: Arc<Notify>,
}

impl OnCall {
    /// With the copies that were stored, so that a restart forgets nobody.
    pub(super) async fn make(
        config: &Config,
        store: &Store,
        clock: &Clock,
        tick: &Arc<Notify>,
    ) -> Result<Self, ChannelError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Http::new().map_err(ChannelError::Http)?;
        let paging = &config.policy.paging;
        let base = OnCallPicture {
            roster: Arc::clone(&paging.roster),
            escalation: Arc::new(paging.escalation.clone()),
            marks: None,
        };
        let mut copies = if config.calendars.is_empty() {
            Vec::new()
        } else {
            store.calendars().await.unwrap_or_else(|fault| {
                tracing::error!(error = %fault, "store: the copies of calendars could not be read; they are fetched anew");
                Vec::new()
            })
        };
        let held = config.calendars.iter().map(|source| {
            let mark = mark_of(&source.at);
            let stored = copies.iter().position(|copy| copy.schedule == source.schedule && copy.source == mark);
            Held {
                source: source.clone(),
                mark,
                copy: stored.map(|at| copies.swap_remove(at)),
                spread: None,
                spread_at: None,
                asked_at: None,
                n_vain: 0,
                kept_at: None,
                complaint: None,
            }
        });
        let (picture, _) = channel::channel(Arc::new(base.clone()));
        let held = held.collect();
        let mut this = Self {
            base,
            held,
            http,
            clock: clock.clone(),
            store: store.clone(),
            marks_at: None,
            picture,
            tick: Arc::clone(tick),
        };
        this.read_marks(clock::real_now()).await;
        let now = clock.now();
        for held in &mut this.held {
            held.spread_out(&this.base.roster, now).await;
        }
        // What was never read is asked for before anybody is told that nobody is on call.
        for held in this.held.iter_mut().filter(|held| held.spread.is_none()) {
            let looked = timeout(FIRST_WITHIN, held.look(&this.http, &this.base.roster, &this.store, now)).await;
            if looked.is_err() {
                held.complain("it did not come within 5 s; it is asked for again while everything else starts");
            }
        }
        this.publish();
        Ok(this)
    }

    /// The picture as it is now and will be.
    pub(super) fn picture(&self) -> channel::Receiver<Arc<OnCallPicture>> {
        self.picture.subscribe()
    }

    /// Until told to stop.
    pub(super) async fn run(mut self, mut stop: channel::Receiver<bool>) {
        // On a faster clock calendars grow old sooner.
        let pause = LOOK_EVERY / self.clock.speed().max(1);
        loop {
            let mut changed = self.read_marks(clock::real_now()).await;
            for held in &mut self.held {
                let now = self.clock.now();
                let looked = tokio::select! {
                    looked = held.look(&self.http, &self.base.roster, &self.store, now) => looked,
                    () = lifecycle::told_to(&mut stop) => return,
                };
                changed |= looked;
            }
            if changed {
                self.publish();
                self.tick.notify_one();
            }
            tokio::select! {
                () = lifecycle::wait(pause) => {}
                () = lifecycle::told_to(&mut stop) => return,
            }
        }
    }

    async fn read_marks(&mut self, real_now: Instant) -> bool {
        if self.base.roster.people().next().is_none()
            || self.marks_at.is_some_and(|at| (real_now - at).abs() < MARKS_EVERY)
        {
            return false;
        }
        self.marks_at = Some(real_now);
        match self.store.marks().await {
            Ok(marks) => {
                let changed = self.base.marks.as_deref() != Some(&marks);
                if changed {
                    self.base.marks = Some(Arc::new(marks));
                }
                changed
            }
            Err(fault) => {
                tracing::warn!(error = %fault, "store: what is known of addresses could not be read; trying again");
                false
            }
        }
    }

    fn publish(&self) {
        let mut roster = Roster::clone(&self.base.roster);
        for held in &self.held {
            if let Some(spread) = &held.spread {
                roster = roster.with_calendar(&held.source.schedule, Arc::clone(spread));
            }
        }
        self.picture.send_replace(Arc::new(OnCallPicture { roster: Arc::new(roster), ..self.base.clone() }));
    }
}

/// How long after the last question a calendar is asked for again: in its own time, and sooner, after 10 s and then ever
/// later up to five minutes, when it was asked for in vain.
fn asked_every(refresh: Duration, n_vain: u32) -> TimeDelta {
    let refresh = TimeDelta::from_std(refresh).unwrap_or(STALE_MAX);
    match n_vain {
        0 => refresh,
        n => refresh.min(TimeDelta::seconds(10 << (n - 1).min(5)).min(TimeDelta::minutes(5))),
    }
}

/// What came of asking.
enum Came {
    /// It is as it was.
    Same,
    /// A text, and what its server calls it.
    Text { text: String, etag: Option<String>, modified: Option<String> },
}

impl Held {
    /// Reads it again when it is due. True when the copy is another, or known to be good for longer.
    async fn look(&mut self, http: &Http, roster: &Arc<Roster>, store: &Store, now: Instant) -> bool {
        let every = asked_every(self.source.refresh, self.n_vain);
        // A file costs nothing to look at; a clock that was set back must not stop the looking.
        let is_file = matches!(self.source.at, CalendarAt::File(_));
        let due = is_file || self.asked_at.is_none_or(|at| now < at || now - at >= every);
        let moved_on = self.spread_at.is_some_and(|at| (now - at).abs() >= SPREAD_EVERY);
        if !due {
            return moved_on && self.spread_out(roster, now).await;
        }
        self.asked_at = Some(now);
        // Until it was read; a question that is given up half-way was one in vain.
        self.n_vain = self.n_vain.saturating_add(1);
        let came = match &self.source.at {
            CalendarAt::File(path) => read_file(path).await,
            CalendarAt::Url(url) => fetch(http, url, self.copy.as_ref()).await,
        };
        let (text, etag, modified) = match came {
            Ok(Came::Same) => return self.is_still_good(roster, store, now, moved_on).await,
            Ok(Came::Text { text, .. })
                if self.copy.as_ref().is_some_and(|copy| *copy.body.reveal(PhiGrant::COMPARE) == text) =>
            {
                return self.is_still_good(roster, store, now, moved_on).await;
            }
            Ok(Came::Text { text, etag, modified }) => (text, etag, modified),
            Err(why) => {
                self.complain(&why);
                return moved_on && self.spread_out(roster, now).await;
            }
        };
        let body = Phi::new(text);
        match self.spread(&body, roster, now, now).await {
            Ok(calendar) => {
                self.n_vain = 0;
                self.well(&calendar);
                self.spread = Some(Arc::new(calendar));
                self.spread_at = Some(now);
                let copy = CalendarCopy {
                    schedule: self.source.schedule.clone(),
                    source: self.mark.clone(),
                    fetched_at: now,
                    etag,
                    modified,
                    body,
                };
                self.copy = Some(copy);
                self.kept_at = Some(now);
                self.keep(store).await;
                true
            }
            Err(why) => {
                self.complain(&why);
                moved_on && self.spread_out(roster, now).await
            }
        }
    }

    /// The copy is what the calendar says, as of now.
    async fn is_still_good(&mut self, roster: &Arc<Roster>, store: &Store, now: Instant, moved_on: bool) -> bool {
        self.n_vain = 0;
        let Some(copy) = &mut self.copy else { return false };
        copy.fetched_at = now;
        if moved_on || self.spread.is_none() {
            self.spread_out(roster, now).await;
        } else if let Some(spread) = &self.spread {
            let spread = Calendar { fetched_at: now, ..Calendar::clone(spread) };
            self.well(&spread);
            self.spread = Some(Arc::new(spread));
        }
        // A file is looked at every few seconds; the disk needs not hear of each.
        let every = TimeDelta::from_std(self.source.refresh).unwrap_or(STALE_MAX).min(TimeDelta::minutes(1));
        if self.kept_at.is_none_or(|at| (now - at).abs() >= every) {
            self.kept_at = Some(now);
            self.keep(store).await;
            return true;
        }
        moved_on
    }

    async fn keep(&self, store: &Store) {
        let Some(copy) = &self.copy else { return };
        if let Err(fault) = store.keep_calendar(copy.clone()).await {
            tracing::error!(schedule = self.source.schedule, error = %fault, "store: the copy of a calendar could not be kept; it is known until the next start");
        }
    }

    /// Spreads the copy out around now. False when there is none.
    async fn spread_out(&mut self, roster: &Arc<Roster>, now: Instant) -> bool {
        let Some(copy) = &self.copy else { return false };
        let (body, fetched_at) = (copy.body.clone(), copy.fetched_at);
        match self.spread(&body, roster, now, fetched_at).await {
            Ok(calendar) => {
                self.spread = Some(Arc::new(calendar));
                self.spread_at = Some(now);
                true
            }
            Err(why) => {
                self.complain(&why);
                false
            }
        }
    }

    /// On a thread that may take its time; a mistake in reading costs the copy and nothing else.
    async fn spread(
        &self,
        body: &Phi<String>,
        roster: &Arc<Roster>,
        now: Instant,
        fetched_at: Instant,
    ) -> Result<Calendar, String> {
        let Some(schedule) = roster.schedule(&self.source.schedule) else { return Err("nobody needs it".to_owned()) };
        let (zone, body, roster) = (schedule.timezone, body.clone(), Arc::clone(roster));
        let refresh = TimeDelta::from_std(self.source.refresh).unwrap_or(STALE_MAX);
        let stale_after = (refresh * STALE_REFRESHES).min(STALE_MAX);
        let read = tokio::task::spawn_blocking(move || {
            let given = Given { roster: &roster, zone, now, stale_after };
            ical::read(body.reveal(PhiGrant::COMPARE), &given)
        });
        match read.await {
            Ok(Ok(calendar)) => Ok(Calendar { fetched_at, ..calendar }),
            Ok(Err(fault)) => Err(fault.to_string()),
            Err(_) => Err("it could not be made sense of: a mistake in shiftwatch".to_owned()),
        }
    }

    /// Complains once about each fault: it is tried again and again.
    fn complain(&mut self, why: &str) {
        if self.complaint.as_deref() != Some(why) {
            let since =
                self.copy.as_ref().map(|copy| copy.fetched_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
            if let Some(since) = since {
                tracing::warn!(
                    schedule = self.source.schedule,
                    why,
                    since,
                    "on call: a calendar could not be read again; the last good copy stays in use, and it is tried again"
                );
            } else {
                tracing::error!(
                    schedule = self.source.schedule,
                    why,
                    "on call: a calendar was never read, and who is on call by it is unknown; it is tried again"
                );
            }
            self.complaint = Some(why.to_owned());
        }
    }

    fn well(&mut self, calendar: &Calendar) {
        if self.complaint.take().is_some() || self.spread.is_none() {
            tracing::info!(
                schedule = self.source.schedule,
                n_events = calendar.events.len(),
                n_nameless = calendar.nameless.len(),
                n_unread = calendar.n_unread,
                "on call: a calendar was read"
            );
        }
    }
}

/// What a calendar on the network says now; `Err` says why not, without its URL.
pub(crate) async fn calendar_now(url: &Phi<String>) -> Result<Phi<String>, String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = Http::new().map_err(|_| "no certificates of this machine can be read".to_owned())?;
    match fetch(&http, url, None).await? {
        Came::Text { text, .. } => Ok(Phi::new(text)),
        Came::Same => Err("its server says that nothing has changed, and was not asked that".to_owned()),
    }
}

/// Known again without being shown.
pub(crate) fn mark_of(at: &CalendarAt) -> String {
    let text = match at {
        CalendarAt::File(path) => format!("file {}", path.display()),
        CalendarAt::Url(url) => format!("url {}", url.reveal(PhiGrant::COMPARE)),
    };
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

async fn read_file(path: &Path) -> Result<Came, String> {
    let unreadable = |fault: std::io::Error| format!("{} cannot be read ({})", path.display(), fault.kind());
    let size = tokio::fs::metadata(path).await.map_err(unreadable)?.len();
    if size > BODY_BYTES_MAX as u64 {
        return Err(format!("{} is larger than {} MiB", path.display(), BODY_BYTES_MAX >> 20));
    }
    let bytes = tokio::fs::read(path).await.map_err(unreadable)?;
    Ok(Came::Text { text: String::from_utf8_lossy(&bytes).into_owned(), etag: None, modified: None })
}

/// One request, for news where there is a copy.
async fn ask(http: &Http, url: &str, copy: Option<&CalendarCopy>) -> Result<reqwest::Response, reqwest::Error> {
    let mut request =
        http.client(url).get(url).timeout(FETCH_WITHIN).header(header::ACCEPT, "text/calendar, */*;q=0.5");
    if let Some(etag) = copy.and_then(|copy| copy.etag.as_deref()) {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    if let Some(modified) = copy.and_then(|copy| copy.modified.as_deref()) {
        request = request.header(header::IF_MODIFIED_SINCE, modified);
    }
    request.send().await
}

/// Where a redirect leads; https, or from this machine to itself.
fn leads_to(from: &str, to: &str) -> Option<String> {
    let from = url::Url::parse(from).ok()?;
    let to = from.join(to).ok()?;
    let stays_here = url_is_loopback(&from) && url_is_loopback(&to);
    (to.scheme() == "https" || stays_here).then(|| to.into())
}

/// Asks for a calendar, and only for news where there is a copy. What is said of a fault never holds the URL.
async fn fetch(http: &Http, url: &Phi<String>, copy: Option<&CalendarCopy>) -> Result<Came, String> {
    let mut url = url.reveal(PhiGrant::SEND).clone();
    let unheard = |fault: reqwest::Error| {
        let why = if fault.is_timeout() { "it took longer than 30 s" } else { "it could not be reached" };
        why.to_owned()
    };
    let mut response = ask(http, &url, copy).await.map_err(unheard)?;
    for _ in 0..REDIRECTS_MAX {
        let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
        let Some(to) =
            to.filter(|_| response.status().is_redirection() && response.status() != StatusCode::NOT_MODIFIED)
        else {
            break;
        };
        url = leads_to(&url, to).ok_or("it leads to an address that is not https")?;
        response = ask(http, &url, copy).await.map_err(unheard)?;
    }
    if response.status() == StatusCode::NOT_MODIFIED && copy.is_some() {
        return Ok(Came::Same);
    }
    if response.status().is_redirection() {
        return Err("it leads from one address to the next without end".to_owned());
    }
    if !response.status().is_success() {
        return Err(format!("its server answered {}", response.status().as_u16()));
    }
    let said = |name| response.headers().get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let (etag, modified) =
        (said(header::ETAG).map(ToOwned::to_owned), said(header::LAST_MODIFIED).map(ToOwned::to_owned));
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unheard)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > BODY_BYTES_MAX {
            return Err(format!("it is larger than {} MiB", BODY_BYTES_MAX >> 20));
        }
    }
    Ok(Came::Text { text: String::from_utf8_lossy(&bytes).into_owned(), etag, modified })
}
