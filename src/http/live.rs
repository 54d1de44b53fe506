//! `/live`: what changed on an open page, as server-sent events.
//!
//! Given: the pictures as they are published. Gives: `part` for each part whose content changed, and a `beat` at least
//! every five seconds, which is how a page knows that it is not out of date.
//! Does not: draw for one reader what another was shown already; keep a stop waiting; let boards take every connection.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Extension,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use futures::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::{SignedIn, Web, answer, briefing, pages::Page};
use crate::{
    board::{Drawn, people::Who},
    report::briefing::Kind,
    view::{View, ViewReader},
};

/// So many pages may be kept up to date at a time; whoever comes later asks for the whole page now and then.
const BOARDS_MAX: usize = 250;
/// An open page that has heard nothing for fifteen seconds says so.
const BEAT_EVERY: Duration = Duration::from_secs(5);

/// A part as large as this (the day of a large agency) is sent to one page only so often: two hundred boards would
/// otherwise be sent megabytes with each picture. What needs a person is small, and is sent at once.
const LARGE_BYTES: usize = 32 * 1024;
const LARGE_EVERY: Duration = Duration::from_secs(10);

/// How many pages are open.
#[derive(Debug, Default)]
pub struct Open(AtomicUsize);

/// One of them, until it is dropped.
struct Seat(Arc<Open>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Seat {
    fn take(open: &Arc<Open>) -> Option<Self> {
        let seat = Self(Arc::clone(open));
        (open.0.fetch_add(1, Ordering::Relaxed) < BOARDS_MAX).then_some(seat)
    }
}

/// Which page.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    page: String,
    #[serde(default)]
    agency: Option<String>,
    #[serde(default)]
    fingerprint: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    location: Option<String>,
}

impl Which {
    fn page(self, web: &Web) -> Option<Page> {
        match self.page.as_str() {
            "now" => Some(Page::Now(web.asked(self.agency))),
            "alerts" => Some(Page::Alerts),
            "alert" => Page::alert(&self.fingerprint),
            "on-call" => Some(Page::OnCall),
            "briefing" => Some(Page::Briefing(briefing::Asked {
                kind: self.kind.as_deref().map_or(Some(Kind::default()), Kind::parse)?,
                agency: web.asked(self.agency).agency,
                location: self.location,
                at: None,
            })),
            "api" => Some(Page::Api(web.asked(self.agency))),
            _ => None,
        }
    }
}

/// One open page.
struct Board {
    web: Arc<Web>,
    page: Page,
    views: ViewReader,
    /// Who asked, if they signed in.
    who: Option<SignedIn>,
    /// Whose names they were shown.
    met: HashSet<Who>,
    /// What was drawn last, and whether with names.
    last: Option<(Arc<View>, bool)>,
    /// By which web file they were let in.
    swaps: u64,
    sent: HashMap<String, String>,
    large_at: Option<Instant>,
    begun: bool,
    _seat: Seat,
}

pub(super) async fn changes(
    State(web): State<Arc<Web>>,
    who: Option<Extension<SignedIn>>,
    Query(which): Query<Which>,
) -> Response {
    let Some(page) = which.page(&web) else { return no_such_page() };
    let Some(seat) = Seat::take(&web.open) else {
        let why = "too many pages are open; reload this one now and then";
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "15")], why).into_response();
    };
    if web.drawn(&page, false).await.is_none() {
        return no_such_page();
    }
    let who = who.map(|Extension(who)| who);
    let swaps = who.as_ref().map_or_else(|| web.access.swaps(), |who| who.swaps);
    let board = Board {
        views: web.view.clone(),
        web,
        page,
        who,
        met: HashSet::new(),
        last: None,
        swaps,
        sent: HashMap::new(),
        large_at: None,
        begun: false,
        _seat: seat,
    };
    Sse::new(events(board)).into_response()
}

fn no_such_page() -> Response {
    answer::problem(StatusCode::NOT_FOUND, "there is no such page").into_response()
}

fn events(board: Board) -> impl Stream<Item = Result<Event, Infallible>> {
    let batches = stream::unfold(board, |mut board| async move {
        let events = board.next().await?;
        Some((stream::iter(events.into_iter().map(Ok)), board))
    });
    batches.flatten()
}

impl Board {
    /// What to send next; `None` when the agent stops.
    async fn next(&mut self) -> Option<Vec<Event>> {
        if self.begun {
            let mut closing = self.web.closing.clone();
            tokio::select! {
                changed = timeout(BEAT_EVERY, self.views.changed()) => if let Ok(gone) = changed { gone.ok()? },
                _ = closing.wait_for(|closing| *closing) => return None,
            }
        }
        // Who may come in was decided anew: the page asks again, and is let in or not.
        if self.web.access.swaps() != self.swaps {
            return None;
        }
        let view = self.views.borrow_and_update().clone();
        let begun = mem::replace(&mut self.begun, true);
        let with_names = self.may_name(view).await;
        let Some(drawn) = self.web.drawn(&self.page, with_names).await else {
            // What the page was about is over and forgotten; it says so when it is loaded again.
            return Some(vec![beat(&json!({ "now": self.web.clock.now().timestamp_millis(), "parts": [] }))]);
        };
        Some(if begun { self.changed(&drawn) } else { self.first(&drawn) })
    }

    /// Whether this picture goes out with names: whoever is new on it is written down first.
    async fn may_name(&mut self, view: Arc<View>) -> bool {
        if let Some((last, with_names)) = &self.last
            && Arc::ptr_eq(last, &view)
        {
            return *with_names;
        }
        let with_names = self.web.may_name(self.who.as_ref(), &self.page, &mut self.met).await;
        self.last = Some((view, with_names));
        with_names
    }

    /// The page may be older than the stream: it compares what it has.
    fn first(&mut self, drawn: &Drawn) -> Vec<Event> {
        self.sent = drawn.parts.iter().map(|part| (part.id.clone(), part.hash.clone())).collect();
        vec![whole_beat(drawn)]
    }

    fn changed(&mut self, drawn: &Drawn) -> Vec<Event> {
        let same_parts =
            drawn.parts.len() == self.sent.len() && drawn.parts.iter().all(|part| self.sent.contains_key(&part.id));
        if !same_parts {
            return self.first(drawn);
        }
        let mut events = Vec::new();
        let now = Instant::now();
        let large_may_go = self.large_at.is_none_or(|at| now - at >= LARGE_EVERY);
        for part in &drawn.parts {
            let is_large = part.html.len() >= LARGE_BYTES;
            if self.sent.get(&part.id) != Some(&part.hash) && (large_may_go || !is_large) {
                if is_large {
                    self.large_at = Some(now);
                }
                self.sent.insert(part.id.clone(), part.hash.clone());
                events.extend(Event::default().event("part").json_data(part).ok());
            }
        }
        events.push(beat(&json!({ "now": drawn.at.timestamp_millis(), "title": title(drawn) })));
        events
    }
}

fn title(drawn: &Drawn) -> String {
    format!("{} · shiftwatch", drawn.title)
}

fn whole_beat(drawn: &Drawn) -> Event {
    let parts: Vec<[&str; 2]> = drawn.parts.iter().map(|part| [part.id.as_str(), part.hash.as_str()]).collect();
    beat(&json!({ "now": drawn.at.timestamp_millis(), "title": title(drawn), "parts": parts }))
}

fn beat(says: &serde_json::Value) -> Event {
    Event::default().event("beat").data(says.to_string())
}
