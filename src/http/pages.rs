//! The board's pages: drawn once a picture, however many look at them.
//!
//! Given: the latest view, and the names that may be shown. Gives: whole pages, and the form's answer.
//! Does not: ask for a name unless sign-in is on; compute a page twice for one picture.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Extension, Form,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::{
    SignedIn, Web,
    audit::NamesShown,
    briefing,
    orders::Acknowledge,
    records::RecordsFault,
    v1::{AckBody, is_fingerprint, order, status_of},
};
use crate::{
    board::{
        self, Drawn, Frame, alert, api, assets, history,
        now::{self, Asked},
        on_call, on_call_log,
        people::{self, Names},
        render,
    },
    clock,
    model::{AgencyName, Instant},
    report::{
        alert_story::AlertStory,
        api_record::ApiRecord,
        briefing::{Briefing, Kind},
        cover::{BEST, CoverAnswer},
        history::{History, Span},
        on_call_log::OnCallLog,
    },
    view::View,
};

/// Who asks, when people must say so.
pub(super) type Who = Option<Extension<SignedIn>>;

/// A page, by what it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Page {
    /// `/`
    Now(Asked),
    /// `/alerts`
    Alerts,
    /// `/alerts/{fingerprint}`
    Alert(String),
    /// `/api-health`
    Api(Asked),
    /// `/history`
    History(Span),
    /// `/on-call`
    OnCall,
    /// `/briefing`
    Briefing(briefing::Asked),
}

/// So many alerts' pages are kept of one picture. Somebody who asks for a thousand gets each drawn, and whoever looks at
/// another page loses nothing by it.
const ALERTS_KEPT_MAX: usize = 64;
/// A picture that is not replaced still ages: pages are drawn anew this often.
const AGES_EVERY_S: i64 = 5;

type Place = Arc<OnceCell<Option<Arc<Drawn>>>>;
type Takers = Arc<OnceCell<Option<CoverAnswer>>>;
type Pages = HashMap<(Page, bool), Place>;

/// A page with what it shows of the past, or why that cannot be had.
enum Kept {
    Now(Asked),
    Alerts,
    Alert(String, Result<Option<AlertStory>, String>, Option<Box<CoverAnswer>>),
    Api(Asked, Result<Option<ApiRecord>, String>),
    History(Span, Result<Box<History>, String>),
    OnCall(Result<OnCallLog, String>),
    Briefing(Kind, Vec<Briefing>),
}

/// The pages drawn of the latest picture.
#[derive(Debug, Default)]
pub struct Gallery {
    of: Mutex<Hall>,
}

/// The picture that pages were drawn of, how old it was then, and the pages.
#[derive(Debug, Default)]
struct Hall {
    view: Option<Arc<View>>,
    age: i64,
    pages: Pages,
    n_alerts: usize,
    /// Who could take the shifts that are looked at.
    covers: HashMap<String, Takers>,
}

impl Hall {
    /// Where a page of this picture is kept; one alert too many is kept for nobody but whoever asks.
    fn place(&mut self, page: &Page, with_names: bool) -> Place {
        let key = (page.clone(), with_names);
        if let Some(place) = self.pages.get(&key) {
            return Arc::clone(place);
        }
        let place = Place::default();
        // Whoever asks for a place or a time of their own gets it drawn, and it is kept for nobody.
        if matches!(page, Page::Briefing(asked) if asked.location.is_some() || asked.at.is_some()) {
            return place;
        }
        let is_alert = matches!(page, Page::Alert(_));
        if !is_alert || self.n_alerts < ALERTS_KEPT_MAX {
            self.n_alerts += usize::from(is_alert);
            self.pages.insert(key, Arc::clone(&place));
        }
        place
    }
}

impl Web {
    /// An agency that nobody watches is not asked for.
    pub(super) fn asked(&self, agency: Option<String>) -> Asked {
        Asked { agency: agency.filter(|name| self.view().agencies.iter().any(|one| one.name.as_str() == name)) }
    }

    /// The page as of the latest picture; `None` when there is no such thing.
    /// Names are for those who signed in; where nobody has to, nobody did.
    pub(super) async fn drawn(&self, page: &Page, with_names: bool) -> Option<Arc<Drawn>> {
        let view = self.view();
        let now = self.clock.now();
        let cell = self.hall(&view, now).place(page, with_names);
        cell.get_or_init(|| self.draw(page, view, with_names, now)).await.clone()
    }

    /// The pages of this picture.
    fn hall(&self, view: &Arc<View>, now: Instant) -> MutexGuard<'_, Hall> {
        let age = (now - view.at).num_seconds() / (AGES_EVERY_S * i64::from(self.clock.speed().max(1)));
        let mut hall = self.gallery.of.lock().unwrap_or_else(PoisonError::into_inner);
        let same = hall.view.as_ref().is_some_and(|of| Arc::ptr_eq(of, view)) && hall.age == age;
        if !same {
            *hall = Hall { view: Some(Arc::clone(view)), age, ..Hall::default() };
        }
        hall
    }

    /// Who could take the shift of an alert, the best few; asked once a picture.
    async fn takers(&self, page: &Page, view: &Arc<View>, now: Instant) -> Option<CoverAnswer> {
        let Page::Alert(fingerprint) = page else { return None };
        let (agency, shift) = alert::open_shift(view, fingerprint)?;
        let cell = {
            let mut hall = self.hall(view, now);
            if hall.covers.len() >= ALERTS_KEPT_MAX && !hall.covers.contains_key(fingerprint) {
                Takers::default()
            } else {
                Arc::clone(hall.covers.entry(fingerprint.clone()).or_default())
            }
        };
        let ask = || async {
            let found = self.lookup.cover(Some(agency.as_str()), shift).await?;
            Some(found.best(BEST).shown(None))
        };
        cell.get_or_init(ask).await.clone()
    }

    /// Whether whoever asks may see names on a page: it is written down first, who sees whom. `met` holds whom they were
    /// shown before on this page, and gets the others.
    pub(super) async fn may_name(&self, who: Option<&SignedIn>, page: &Page, met: &mut HashSet<people::Who>) -> bool {
        let Some(who) = who else { return false };
        let new = {
            let mut wanted = self.wanted(page, &self.view(), self.clock.now()).await;
            wanted.retain(|one| !met.contains(one));
            wanted
        };
        if new.is_empty() {
            return true;
        }
        let (viewer, about) = (Some(who).into(), about(&new));
        let sight = self.audit.view(&viewer, who.peer, &AgencyName::installation(), &page.path(), &about).await;
        met.extend(new);
        sight.grant.is_some()
    }

    /// Whose names a page would show, each once.
    async fn wanted(&self, page: &Page, view: &Arc<View>, now: Instant) -> Vec<people::Who> {
        let mut wanted = match page {
            Page::Briefing(asked) => briefing::people(&self.briefings.kept(asked.clone()).await),
            other => wanted(other, view, now),
        };
        if let Some(cover) = self.takers(page, view, now).await
            && let Page::Alert(fingerprint) = page
            && let Some((agency, _)) = alert::open_shift(view, fingerprint)
        {
            wanted.extend(alert::takers(agency, &cover));
        }
        let mut met = HashSet::new();
        wanted.retain(|who| met.insert(who.clone()));
        wanted
    }

    async fn draw(&self, page: &Page, view: Arc<View>, with_names: bool, now: Instant) -> Option<Arc<Drawn>> {
        let wanted = if with_names { self.wanted(page, &view, now).await } else { Vec::new() };
        let names = if wanted.is_empty() { Names::default() } else { self.people.look_up(wanted).await };
        let kept = self.kept(page, &view, now).await;
        let pulses = Arc::clone(&self.pulses);
        // A large day takes milliseconds of a processor; whoever polls the vendor must not wait for it.
        let drawn = tokio::task::spawn_blocking(move || {
            let real_now = clock::real_now();
            match kept {
                Kept::Now(asked) => Some(now::draw(&view, &pulses, &asked, &names, with_names, now, real_now)),
                Kept::Alerts => Some(alert::draw_all(&view, &pulses, &names, now, real_now)),
                Kept::Alert(fingerprint, story, cover) => match (alert::find(&view, &fingerprint), story) {
                    (Some(one), story) => {
                        let story = story.as_ref().map(Option::as_ref).map_err(Clone::clone);
                        let beside = alert::Beside { story, cover: cover.as_deref() };
                        Some(alert::draw(&view, &pulses, one, beside, &names, now, real_now))
                    }
                    (None, Ok(Some(story))) => Some(alert::draw_past(&view, &pulses, &story, now, real_now)),
                    (None, _) => None,
                },
                Kept::Briefing(kind, mut briefings) => {
                    briefing::write_in(&mut briefings, &names);
                    let unnamed = if with_names { "" } else { NamesShown::SignIn.words() };
                    Some(board::briefing::draw(&briefings, kind, unnamed, now))
                }
                Kept::Api(asked, record) => {
                    let record = record.as_ref().map(Option::as_ref).map_err(Clone::clone);
                    Some(api::draw(&view, &pulses, &asked, record, now, real_now))
                }
                Kept::OnCall(log) => {
                    Some(on_call::draw(&view, &pulses, log.as_ref().map_err(Clone::clone), now, real_now))
                }
                Kept::History(span, history) => {
                    let history = history.as_ref().map(AsRef::as_ref).map_err(Clone::clone);
                    Some(history::draw(&view, &pulses, span, history, now, real_now))
                }
            }
        });
        drawn.await.ok().flatten().map(Arc::new)
    }

    /// A page with what it shows of the past.
    async fn kept(&self, page: &Page, view: &Arc<View>, now: Instant) -> Kept {
        let says = |fault: RecordsFault| fault.to_string();
        match page {
            Page::Now(asked) => Kept::Now(asked.clone()),
            Page::Alerts => Kept::Alerts,
            Page::Briefing(asked) => Kept::Briefing(asked.kind, self.briefings.kept(asked.clone()).await),
            Page::OnCall => Kept::OnCall(self.records.on_call_log(on_call_log::DAYS).await.map_err(says)),
            Page::Alert(fingerprint) => {
                let story = self.records.alert_story(fingerprint).await.map_err(says);
                Kept::Alert(fingerprint.clone(), story, self.takers(page, view, now).await.map(Box::new))
            }
            Page::Api(asked) => {
                let record = match api::wanted(view, asked) {
                    Some(agency) => self.records.api_record(agency.name.as_str()).await.map_err(says),
                    None => Ok(None),
                };
                Kept::Api(asked.clone(), record)
            }
            Page::History(span) => Kept::History(*span, self.records.history(*span).await.map(Box::new).map_err(says)),
        }
    }
}

/// So many people are named in one audit row; of more, how many they are.
const ABOUT_MAX: usize = 500;

/// Whom an audit row is about: ids with what they are.
fn about(people: &[people::Who]) -> String {
    let mut all: Vec<String> = people.iter().take(ABOUT_MAX).map(people::Who::as_id).collect();
    if people.len() > ABOUT_MAX {
        all.push(format!("and {} more", people.len() - ABOUT_MAX));
    }
    all.join(", ")
}

fn wanted(page: &Page, view: &View, now: Instant) -> Vec<people::Who> {
    match page {
        Page::Now(asked) => now::wanted(view, asked, now),
        Page::Alerts => alert::wanted_all(view),
        Page::Alert(fingerprint) => alert::wanted(view, fingerprint),
        Page::Api(_) | Page::History(_) | Page::OnCall | Page::Briefing(_) => Vec::new(),
    }
}

/// `?agency=main`
#[derive(Debug, Deserialize)]
pub(super) struct AgencyQuery {
    agency: Option<String>,
}

/// `?span=7d`
#[derive(Debug, Deserialize)]
pub(super) struct SpanQuery {
    span: Option<String>,
}

pub(super) async fn now(State(web): State<Arc<Web>>, who: Who, Query(query): Query<AgencyQuery>) -> Response {
    answer(&web, who, &Page::Now(web.asked(query.agency))).await
}

pub(super) async fn alerts(State(web): State<Arc<Web>>, who: Who) -> Response {
    answer(&web, who, &Page::Alerts).await
}

pub(super) async fn alert(State(web): State<Arc<Web>>, who: Who, Path(fingerprint): Path<String>) -> Response {
    match Page::alert(&fingerprint) {
        Some(page) => answer(&web, who, &page).await,
        None => no_such_alert(&web, &who),
    }
}

pub(super) async fn api(State(web): State<Arc<Web>>, who: Who, Query(query): Query<AgencyQuery>) -> Response {
    answer(&web, who, &Page::Api(web.asked(query.agency))).await
}

pub(super) async fn on_call(State(web): State<Arc<Web>>, who: Who) -> Response {
    answer(&web, who, &Page::OnCall).await
}

pub(super) async fn history(State(web): State<Arc<Web>>, who: Who, Query(query): Query<SpanQuery>) -> Response {
    let span = query.span.as_deref().and_then(Span::parse).unwrap_or_default();
    answer(&web, who, &Page::History(span)).await
}

pub(super) async fn answer(web: &Web, who: Who, page: &Page) -> Response {
    let signed_in = who.as_ref().map(|Extension(who)| who);
    let with_names = web.may_name(signed_in, page, &mut HashSet::new()).await;
    match web.drawn(page, with_names).await {
        Some(drawn) => whole(web, &who, page, &drawn, with_names).into_response(),
        None => no_such_alert(web, &who),
    }
}

fn no_such_alert(web: &Web, who: &Who) -> Response {
    let says = "No live alert has this address. It may be over: the history lists what was.";
    problem(web, who, StatusCode::NOT_FOUND, "No such alert", says)
}

fn whole(web: &Web, who: &Who, page: &Page, drawn: &Drawn, with_names: bool) -> Html<String> {
    let live = page.live();
    let frame = frame(web, who, &live);
    Html(drawn.page(&Frame { names: frame.names && with_names, ..frame }))
}

pub(super) fn frame<'a>(web: &Web, who: &'a Who, live: &'a str) -> Frame<'a> {
    let user = who.as_ref().map(|Extension(who)| who.user.as_str());
    Frame { live, user, names: user.is_some(), speed: web.clock.speed() }
}

#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    says: &'a str,
}

/// A page that says what went wrong and what to do.
pub(super) fn problem(web: &Web, who: &Who, status: StatusCode, title: &str, says: &str) -> Response {
    let html = render("problem.html", Problem { title, says });
    let part = board::Part { id: "problem".to_owned(), hash: String::new(), html: html.into() };
    let drawn = Drawn { title: title.to_owned(), place: "", parts: vec![part], fixed: None, at: web.clock.now() };
    (status, Html(drawn.page(&frame(web, who, "")))).into_response()
}

/// The form's answer: the alert's page once it is stored, else what went wrong.
pub(super) async fn acknowledge(
    State(web): State<Arc<Web>>,
    who: Who,
    Path(fingerprint): Path<String>,
    form: Result<Form<AckBody>, axum::extract::rejection::FormRejection>,
) -> Response {
    let Ok(Form(mut body)) = form else {
        let says = "The form did not arrive whole. Go back and send it again.";
        return problem(&web, &who, StatusCode::BAD_REQUEST, "Not acknowledged", says);
    };
    body.for_ = body.for_.filter(|text| !text.trim().is_empty());
    // A browser sends a text field's line ends as two characters.
    body.note = body.note.replace("\r\n", "\n");
    let order: Acknowledge = match order(&fingerprint, &body) {
        Ok(order) => order,
        Err(says) => return problem(&web, &who, StatusCode::BAD_REQUEST, "Not acknowledged", &says),
    };
    let there = format!("/alerts/{}", order.fingerprint);
    match web.orders.acknowledge(order).await {
        Ok(_) => Redirect::to(&there).into_response(),
        Err(error) => problem(&web, &who, status_of(&error), "Not acknowledged", &error.to_string()),
    }
}

/// `/static/…`: kept by browsers for as long as the address carries the content's version.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = assets::all().into_iter().find(|asset| asset.name == name) else {
        return super::answer::problem(StatusCode::NOT_FOUND, "there is no such file").into_response();
    };
    let tag = format!("\"{}\"", asset.link());
    let same = headers.get(header::IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == tag.as_bytes());
    let status = if same { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let body = if same { "" } else { asset.text };
    let kept = "private, max-age=3600";
    (status, [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, kept), (header::ETAG, &tag)], body)
        .into_response()
}

impl Page {
    /// An alert's page; `None` for what is no fingerprint.
    pub(super) fn alert(fingerprint: &str) -> Option<Self> {
        is_fingerprint(fingerprint).then(|| Self::Alert(fingerprint.to_ascii_lowercase()))
    }

    /// Where it is.
    fn path(&self) -> String {
        match self {
            Self::Now(_) => "/".to_owned(),
            Self::Alerts => "/alerts".to_owned(),
            Self::Alert(fingerprint) => format!("/alerts/{fingerprint}"),
            Self::Api(_) => "/api-health".to_owned(),
            Self::History(_) => "/history".to_owned(),
            Self::OnCall => "/on-call".to_owned(),
            Self::Briefing(_) => "/briefing".to_owned(),
        }
    }

    /// Where its changes come from.
    fn live(&self) -> String {
        let agency = |name: &'_ Option<String>| name.clone().map(|name| ("agency", name));
        let (page, more): (_, Vec<(&str, String)>) = match self {
            Self::Now(asked) => ("now", agency(&asked.agency).into_iter().collect()),
            Self::Alerts => ("alerts", Vec::new()),
            Self::Alert(fingerprint) => ("alert", vec![("fingerprint", fingerprint.clone())]),
            Self::OnCall => ("on-call", Vec::new()),
            Self::Api(asked) => ("api", agency(&asked.agency).into_iter().collect()),
            // What was asked for another time stays as it is.
            Self::Briefing(asked) if asked.at.is_some() => return String::new(),
            Self::Briefing(asked) => {
                let location = asked.location.clone().map(|name| ("location", name));
                let kind = [("kind", asked.kind.as_str().to_owned())].into_iter();
                ("briefing", kind.chain(agency(&asked.agency)).chain(location).collect())
            }
            // It changes slowly and costs a look into the store: it is loaded again once a minute.
            Self::History(_) => return String::new(),
        };
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("page", page).extend_pairs(more);
        format!("/live?{}", query.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_alerts_push_no_other_page_out() {
        let mut hall = Hall::default();
        let alert = |n: u32| Page::Alert(format!("{n:016x}"));
        let (now, first) = (hall.place(&Page::Now(Asked::default()), false), hall.place(&alert(0), false));
        for n in 1..1000 {
            hall.place(&alert(n), n % 2 == 0);
        }
        assert!(Arc::ptr_eq(&now, &hall.place(&Page::Now(Asked::default()), false)), "kept");
        assert!(Arc::ptr_eq(&first, &hall.place(&alert(0), false)), "kept, it came early");
        let (one, again) = (hall.place(&alert(999), false), hall.place(&alert(999), false));
        assert!(!Arc::ptr_eq(&one, &again), "drawn for whoever asks");
        assert!(!Arc::ptr_eq(&now, &hall.place(&Page::Now(Asked::default()), true)), "with names it is another page");
        assert!(hall.pages.len() <= ALERTS_KEPT_MAX + 2, "{}", hall.pages.len());
    }

    #[test]
    fn only_a_fingerprint_is_looked_for() {
        assert_eq!(Page::alert("00000000DEADBEEF"), Some(Page::Alert("00000000deadbeef".to_owned())));
        for text in ["", "0", "000000000000dead0", "000000000000deag", "<script>alert(1)", "000000000000000\u{e9}"] {
            assert_eq!(Page::alert(text), None, "{text}");
        }
    }
}
