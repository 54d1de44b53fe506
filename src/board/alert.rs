//! *Alert*: what, since when, who was told, why it is quiet, and the form to own it. And *Alerts*, the list of all.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::Serialize;

use super::{
    Ago, Drawn, Part,
    card::{self, Card},
    cut,
    headline::Headline,
    now::{self, Asked},
    people::{Names, Person, Who},
    story::Story,
    why,
};
use crate::{
    alerts::{
        alert::{Alert, AlertState},
        disposition::Disposition,
    },
    model::{AgencyName, Instant},
    pulse::Pulses,
    report::{
        alert_story::{AlertStory, LifeStory},
        cover::{CoverAnswer, RankedAnswer, one_line},
        lookup::Kind,
        on_call_log::DispositionReport,
    },
    rules::finding::Tells,
    view::{AlertView, Paged, View, words},
};

/// How long somebody may say that they own it, as the form offers it. Empty = as the configuration says.
const SPANS: [(&str, &str); 5] =
    [("", "as usual"), ("20m", "20 minutes"), ("40m", "40 minutes"), ("1h", "1 hour"), ("4h", "4 hours")];

/// So many characters of what a sender says in its own words, of a label, and of an address that can be followed.
const TEXT_MAX: usize = 4000;
const LABEL_MAX: usize = 1000;
const ADDRESS_MAX: usize = 2000;
/// So many labels.
const LABELS_MAX: usize = 200;

#[derive(Serialize)]
struct Page<'a> {
    card: Card,
    /// What it is about, in the sender's words; empty when there are none.
    summary: String,
    description: String,
    runbook: Option<&'a str>,
    source: Option<&'a str>,
    deadline: Option<Stamp>,
    active: Stamp,
    fired: Option<Stamp>,
    closed: Option<Stamp>,
    /// Where it says who could take the shift.
    cover: Option<Cover>,
    owner: Option<Owner<'a>>,
    quiet: Option<&'static str>,
    silenced_by: Vec<SilencedBy<'a>>,
    receivers: &'a [String],
    told: Vec<Told<'a>>,
    next_step: Option<Stamp>,
    spoken_for_by: Vec<Card>,
    labels: BTreeMap<String, String>,
    client: Option<PersonShown>,
    caregiver: Option<PersonShown>,
}

/// An instant on the wall clock of the alert's place, and how long ago.
#[derive(Debug, Clone, Serialize)]
pub struct Stamp {
    /// `Tue 07:00`.
    pub local: String,
    /// `40 s ago`.
    pub ago: Ago,
}

impl Stamp {
    /// `at` on the wall clock of `zone`, as seen from `now`.
    #[must_use]
    pub fn of(at: Instant, now: Instant, zone: Tz, clock_12h: bool) -> Self {
        Self { local: words::weekday_clock(at, now, zone, clock_12h), ago: Ago::of(at, now) }
    }
}

#[derive(Serialize)]
struct Owner<'a> {
    by: &'a str,
    note: &'a str,
    at: Stamp,
    until: Stamp,
}

#[derive(Serialize)]
struct SilencedBy<'a> {
    by: &'a str,
    comment: &'a str,
    until: Stamp,
}

#[derive(Serialize)]
struct Told<'a> {
    receiver: &'a str,
    channel: &'static str,
    at: Stamp,
    page: Option<ByPage<'a>>,
}

/// By a page: at which step, under which code on that phone, and what became of it.
#[derive(Serialize)]
struct ByPage<'a> {
    step: usize,
    code: &'a str,
    says: &'static str,
    tone: &'static str,
}

#[derive(Serialize)]
struct Form<'a> {
    fingerprint: &'a str,
    spans: &'a [(&'a str, &'a str)],
    owned: bool,
}

#[derive(Serialize)]
struct Past<'a> {
    name: &'a str,
    ended: Option<&'a str>,
    shift: Option<&'a str>,
    location: &'a str,
}

#[derive(Serialize)]
struct PersonShown {
    name: String,
    /// As written, and as a telephone dials it.
    phones: Vec<(String, String)>,
    address: String,
}

impl PersonShown {
    fn of(person: &Person) -> Option<Self> {
        let dial =
            |phone: &String| (phone.clone(), phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect());
        (!person.name.trim().is_empty()).then(|| Self {
            name: person.name.clone(),
            phones: person.phones.iter().map(dial).collect(),
            address: person.address.clone(),
        })
    }
}

/// A live alert.
#[must_use]
pub fn find<'a>(view: &'a View, fingerprint: &str) -> Option<&'a AlertView> {
    // The same labels may stand on one that is over and one that fires, and on one that was posted: the living one first,
    // then our own.
    let mut found: Vec<&AlertView> =
        view.alerts.iter().map(AsRef::as_ref).filter(|one| one.fingerprint == fingerprint).collect();
    found.sort_by_key(|one| (matches!(one.alert.state, AlertState::Resolved { .. }), one.alert.posted.is_some()));
    found.first().copied()
}

/// Whose names the page would show.
#[must_use]
pub fn wanted(view: &View, fingerprint: &str) -> Vec<Who> {
    let Some(one) = find(view, fingerprint) else { return Vec::new() };
    let (client, caregiver) = card::people(view, one);
    client.into_iter().chain(caregiver).collect()
}

/// Whose names the list would show.
#[must_use]
pub fn wanted_all(view: &View) -> Vec<Who> {
    let people = view.alerts.iter().map(|one| card::people(view, one));
    people.flat_map(|(client, caregiver)| client.into_iter().chain(caregiver)).collect()
}

/// The agency and the shift that wants somebody; `None` for an alert about anything else.
#[must_use]
pub fn open_shift<'a>(view: &'a View, fingerprint: &str) -> Option<(&'a AgencyName, &'a str)> {
    open_shift_of(&find(view, fingerprint)?.alert)
}

fn open_shift_of(alert: &Alert) -> Option<(&AgencyName, &str)> {
    let uncovered = alert.is_firing() && matches!(alert.facts.tells, Tells::Uncovered) && alert.posted.is_none();
    let shift = alert.labels.get("shift").filter(|_| uncovered)?;
    Some((&alert.key.agency, shift))
}

/// Whom a list of those who could take a shift names.
#[must_use]
pub fn takers(agency: &AgencyName, cover: &CoverAnswer) -> Vec<Who> {
    cover.ranked.iter().map(|one| Who::Caregiver(agency.clone(), one.caregiver.clone())).collect()
}

/// Who could take a shift, on its alert's page.
#[derive(Serialize)]
struct Cover {
    /// Where the whole list is.
    link: String,
    /// Whether anything is known.
    known: bool,
    n: usize,
    best: Vec<Taker>,
    n_others: usize,
    others: String,
    doubtful: bool,
}

#[derive(Serialize)]
struct Taker {
    link: String,
    name: String,
    why: String,
}

impl Cover {
    fn of(alert: &Alert, found: Option<&CoverAnswer>, names: &Names) -> Option<Self> {
        let (agency, shift) = open_shift_of(alert)?;
        let part = words::url_part;
        let taker = |one: &RankedAnswer| {
            let id = one.caregiver.as_str();
            let named = names.get(&Who::Caregiver(agency.clone(), one.caregiver.clone()));
            let named = named.map(|person| person.name.trim()).filter(|name| !name.is_empty());
            Taker {
                link: super::lookup::link(agency.as_str(), Kind::Caregiver, id),
                name: named.map_or_else(|| format!("caregiver {id}"), str::to_owned),
                why: one_line(&one.reasons),
            }
        };
        let others = |found: &CoverAnswer| {
            let barred = found.barred.iter().map(|one| format!("{} {}", one.n, one.says));
            barred.collect::<Vec<_>>().join(", ")
        };
        Some(Self {
            link: format!("/shifts/{}/cover?agency={}", part(shift), part(agency.as_str())),
            known: found.is_some_and(|found| found.roster.as_of.is_some()),
            n: found.map_or(0, |found| found.n_ranked),
            best: found.map_or_else(Vec::new, |found| found.ranked.iter().map(taker).collect()),
            n_others: found.map_or(0, |found| found.n_forbidden),
            others: found.map_or_else(String::new, others),
            doubtful: found.is_some_and(|found| !found.shifts.complete || !found.roster.complete),
        })
    }
}

/// What the page of an alert shows beside it.
#[derive(Debug)]
pub struct Beside<'a> {
    /// What happened to it, or why that cannot be had.
    pub story: Result<Option<&'a AlertStory>, String>,
    /// Who could take its shift, the best few.
    pub cover: Option<&'a CoverAnswer>,
}

impl<'a> From<Result<Option<&'a AlertStory>, String>> for Beside<'a> {
    fn from(story: Result<Option<&'a AlertStory>, String>) -> Self {
        Self { story, cover: None }
    }
}

/// Draws the page of a live alert.
#[must_use]
pub fn draw<'a>(
    view: &View,
    pulses: &Pulses,
    one: &AlertView,
    beside: impl Into<Beside<'a>>,
    names: &Names,
    now: Instant,
    real_now: Instant,
) -> Drawn {
    let Beside { story, cover } = beside.into();
    let alert = &*one.alert;
    let told_story = story.as_ref().ok().copied().flatten();
    let stamp = |at: Instant| Stamp::of(at, now, one.timezone, one.clock_12h);
    let card = Card::of(view, one, names, now);
    let (client, caregiver) = card::people(view, one);
    let shown = |who: Option<Who>| who.and_then(|who| names.get(&who)).and_then(PersonShown::of);
    let annotation = |name: &str| alert.annotations.get(name).map_or("", String::as_str);
    let (owner, closed) = match &alert.state {
        AlertState::Acknowledged { ack, .. } => {
            (Some(Owner { by: &ack.by, note: &ack.note, at: stamp(ack.at), until: stamp(ack.until) }), None)
        }
        AlertState::Resolved { resolved_at, .. } => (None, Some(stamp(*resolved_at))),
        _ => (None, None),
    };
    let is_link =
        |text: &str| (text.starts_with("https://") || text.starts_with("http://")) && text.len() <= ADDRESS_MAX;
    let link = |text: &'_ str| is_link(text).then(|| text.to_owned());
    let runbook = link(annotation("runbook_url"));
    let source = alert.posted.as_ref().and_then(|posted| link(&posted.generator_url));
    let page = Page {
        summary: cut(annotation("summary"), TEXT_MAX),
        description: cut(annotation("description"), TEXT_MAX),
        runbook: runbook.as_deref(),
        source: source.as_deref(),
        deadline: alert.facts.deadline.map(stamp),
        active: stamp(alert.active_at),
        fired: alert.fired_at().map(stamp),
        closed,
        cover: Cover::of(alert, cover, names),
        owner,
        quiet: one.quiet.map(why::quiet),
        silenced_by: if alert.is_firing() {
            let silences = view.routing.silences.muting(&alert.labels, now);
            silences
                .map(|one| SilencedBy { by: &one.created_by, comment: &one.comment, until: stamp(one.ends_at) })
                .collect()
        } else {
            Vec::new()
        },
        receivers: &one.receivers,
        next_step: one.next_step_at.map(stamp),
        told: alert
            .told
            .iter()
            .map(|told| Told {
                receiver: &told.receiver,
                channel: told.channel.as_str(),
                at: stamp(told.at),
                page: None,
            })
            .chain(one.paged.iter().map(|told| Told {
                receiver: &told.person,
                channel: told.via,
                at: stamp(told.at),
                page: Some(by_page(told)),
            }))
            .collect(),
        spoken_for_by: one
            .inhibited_by
            .iter()
            .filter_map(|fingerprint| find(view, fingerprint))
            .map(|other| Card::of(view, other, names, now))
            .collect(),
        labels: alert
            .labels
            .iter()
            .take(LABELS_MAX)
            .map(|(name, value)| (cut(name, LABEL_MAX), cut(value, LABEL_MAX)))
            .collect(),
        client: shown(client),
        caregiver: shown(caregiver),
        card,
    };
    let open = alert.is_firing();
    let title = format!("{} {}", page.card.headline, page.card.concerns);
    let parts = vec![
        Part::of("alert", "alert.html", &page),
        Part::of("story", "story.html", Story::of(view, story, now)),
        headline(view, pulses, now, real_now),
    ];
    let own = open.then(|| {
        super::render(
            "acknowledge.html",
            Form { fingerprint: &one.fingerprint, spans: &SPANS, owned: page.owner.is_some() },
        )
    });
    let life = told_story.and_then(|story| story.lives.iter().find(|life| life.active_at == alert.active_at));
    let say = life.and_then(|life| disposition_form(&one.fingerprint, life, !open));
    let fixed: String = own.into_iter().chain(say).collect();
    let fixed = (!fixed.is_empty()).then(|| fixed.into());
    Drawn { title: title.trim().to_owned(), place: "alerts", parts, fixed, at: now }
}

/// What became of a message to a person, by [`crate::alerts::page::Arrived::as_str`]: in words, and whether that is good.
pub(super) fn arrived(word: &str) -> (&'static str, &'static str) {
    match word {
        "held" => ("held back for a moment: that phone had many texts", "waits"),
        "waiting" => ("on its way", "waits"),
        "sent" => ("sent, not confirmed", "waits"),
        "delivered" => ("delivered", "good"),
        "failed" => ("did not arrive", "bad"),
        _ => ("withdrawn before it left", "waits"),
    }
}

fn by_page(told: &Paged) -> ByPage<'_> {
    let (says, tone) = arrived(told.arrived.as_str());
    ByPage { step: told.step, code: &told.code, says, tone }
}

/// The form that asks what became of it, of one life of an alert about a shift, a visit or people's plans.
fn disposition_form(fingerprint: &str, life: &LifeStory, open: bool) -> Option<String> {
    life.shift.as_ref().or_else(|| CARE.iter().find_map(|name| life.labels.get(*name)))?;
    life.fired_at?;
    let said = life.dispositions.first();
    let read = life.reason.as_deref().and_then(Disposition::read_from);
    let picked = said.map(|said| said.disposition).or(read).map(Disposition::as_str);
    let choices = Disposition::ALL.map(|one| (one.as_str(), one.words()));
    // To the microsecond, as it is stored: it names the life.
    let active_at = life.active_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    Some(super::render("disposition.html", DispositionForm { fingerprint, active_at, open, said, picked, choices }))
}

/// Labels of alerts that are about care, besides `shift`: of them somebody can say what became.
const CARE: [&str; 3] = ["visit", "client", "caregiver"];

#[derive(Serialize)]
struct DispositionForm<'a> {
    fingerprint: &'a str,
    active_at: String,
    open: bool,
    said: Option<&'a DispositionReport>,
    picked: Option<&'static str>,
    choices: [(&'static str, &'static str); Disposition::ALL.len()],
}

/// Draws the page of an alert that lives no more, from what was kept of it.
#[must_use]
pub fn draw_past(view: &View, pulses: &Pulses, story: &AlertStory, now: Instant, real_now: Instant) -> Drawn {
    let last = story.lives.first();
    let name = last.map_or("Alert", |life| life.alertname.as_str());
    let past = Past {
        name,
        ended: last.and_then(|life| life.reason_words.as_deref()),
        shift: last.and_then(|life| life.shift.as_deref()),
        location: last.map_or("", |life| life.location.as_str()),
    };
    let parts = vec![
        Part::of("alert", "past.html", past),
        Part::of("story", "story.html", Story::of(view, Ok(Some(story)), now)),
        headline(view, pulses, now, real_now),
    ];
    let fired = story.lives.iter().find(|life| life.fired_at.is_some());
    let fixed = fired.and_then(|life| disposition_form(&story.fingerprint, life, true)).map(Into::into);
    Drawn { title: name.to_owned(), place: "alerts", parts, fixed, at: now }
}

/// Draws the list of every alert.
#[must_use]
pub fn draw_all(view: &View, pulses: &Pulses, names: &Names, now: Instant, real_now: Instant) -> Drawn {
    let headline = Headline::of(view, pulses, now, real_now);
    let lists = now::lists(view, &Asked::default(), names, &headline, now, now::Most::EVERYTHING);
    let parts = vec![Part::of("needs", "needs.html", &lists), Part::of("headline", "headline.html", &headline)];
    Drawn { title: "Alerts".to_owned(), place: "alerts", parts, fixed: None, at: now }
}

/// How things stand in all, below what a page is about.
pub(super) fn headline(view: &View, pulses: &Pulses, now: Instant, real_now: Instant) -> Part {
    Part::of("headline", "headline.html", Headline::of(view, pulses, now, real_now))
}
