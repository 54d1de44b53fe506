//! One alert as a page lists it: what, where, by when, what to do, and who has it.

use serde::Serialize;

use super::{
    Ago, cut,
    people::{Names, Who},
};
use crate::{
    alerts::alert::{AlertState, Confirm},
    model::{Instant, Subject},
    notify::words as telling_words,
    view::{AlertView, View, report::severity_rank, words},
};

/// So many characters of a card's sentence, and of what stands in a line with others.
const SENTENCE_MAX: usize = 400;
const WORDS_MAX: usize = 120;

/// One alert.
#[derive(Debug, Clone, Serialize)]
pub struct Card {
    /// 16 hex digits.
    pub fingerprint: String,
    /// The rule's name.
    pub alertname: String,
    /// `pending`, `firing`, `acknowledged` or `resolved`.
    pub state: &'static str,
    /// The state as a person says it.
    pub state_says: &'static str,
    /// May be empty.
    pub severity: String,
    /// `NO CAREGIVER`.
    pub headline: String,
    /// `Tue 07:00-11:00, North`.
    pub concerns: String,
    /// `starts in 3h55`.
    pub urgency: String,
    /// `Find cover.` For an alert that is over: why it closed.
    pub action: String,
    /// `Shift 90010001`.
    pub reference: String,
    /// The agency's title, where there are several.
    pub agency: Option<String>,
    /// Since when it is true.
    pub since: Ago,
    /// When it closed.
    pub closed: Option<Ago>,
    /// Who has it and until when, on the wall clock.
    pub owner: Option<String>,
    /// Since when the data cannot tell.
    pub unjudged: Option<Ago>,
    /// True when the second look could not be had in time.
    pub unconfirmed: bool,
    /// How many were told.
    pub n_told: usize,
    /// The client's name, where names may be shown.
    pub client: Option<String>,
    /// The caregiver's.
    pub caregiver: Option<String>,
}

impl Card {
    /// The card of an alert.
    #[must_use]
    pub fn of(view: &View, one: &AlertView, names: &Names, now: Instant) -> Self {
        let alert = &*one.alert;
        let said = telling_words::firing(alert, &view.telling, now);
        let several = view.agencies.len() > 1;
        let title = view.agencies.iter().find(|agency| agency.name == alert.key.agency);
        let (action, closed) = match &alert.state {
            AlertState::Resolved { resolved_at, .. } => {
                (telling_words::closing(alert, &view.telling), Some(Ago::of(*resolved_at, now)))
            }
            _ => (said.action, None),
        };
        let (client, caregiver) = people(view, one);
        Self {
            fingerprint: one.fingerprint.clone(),
            alertname: cut(one.label("alertname"), WORDS_MAX),
            state: alert.state_name(),
            state_says: match &alert.state {
                AlertState::Pending { .. } => "pending",
                AlertState::Firing { .. } => "nobody has it",
                AlertState::Acknowledged { .. } => "owned",
                AlertState::Resolved { .. } => "closed",
            },
            severity: cut(one.label("severity"), WORDS_MAX),
            headline: cut(&said.headline, WORDS_MAX),
            concerns: cut(&said.concerns, WORDS_MAX),
            urgency: if closed.is_some() { String::new() } else { said.urgency },
            action: cut(&action, SENTENCE_MAX),
            reference: said.reference,
            agency: several.then(|| title.map_or_else(|| alert.key.agency.to_string(), |found| found.title.clone())),
            since: Ago::of(alert.active_at, now),
            closed,
            owner: match &alert.state {
                AlertState::Acknowledged { ack, .. } => {
                    let until = words::weekday_clock(ack.until, now, one.timezone, one.clock_12h);
                    Some(format!("{} has it until {until}", ack.by))
                }
                _ => None,
            },
            unjudged: alert.unjudged_since.map(|since| Ago::of(since, now)),
            unconfirmed: matches!(alert.confirm, Confirm::TimedOut),
            n_told: alert.told.len() + one.paged.iter().filter(|told| told.may_know()).count(),
            client: client.and_then(|who| names.name(&who)),
            caregiver: caregiver.and_then(|who| names.name(&who)),
        }
    }
}

/// Whose names an alert's page would show: the client's, and the caregiver's of today's shift.
#[must_use]
pub fn people(view: &View, one: &AlertView) -> (Option<Who>, Option<Who>) {
    let alert = &*one.alert;
    let agency = &alert.key.agency;
    let client = |id: &crate::model::ClientId| Who::Client(agency.clone(), id.clone());
    let caregiver = |id: &crate::model::CaregiverId| Who::Caregiver(agency.clone(), id.clone());
    match &alert.key.subject {
        Subject::Shift(key) => {
            let shift = view.agencies.iter().find(|other| other.name == *agency).and_then(|found| {
                // By start, as the day is ordered.
                let shifts = &found.today.shifts;
                let first = shifts.partition_point(|shift| shift.key.start < key.start);
                shifts[first..].iter().take_while(|shift| shift.key.start == key.start).find(|shift| shift.key == *key)
            });
            let of = shift.and_then(|shift| shift.caregiver.as_ref());
            (Some(client(&key.client)), of.map(caregiver))
        }
        Subject::Client(id) => (Some(client(id)), None),
        Subject::Caregiver(id) => (alert.facts.client.as_ref().map(client), Some(caregiver(id))),
        _ => (alert.facts.client.as_ref().map(client), None),
    }
}

/// The order of a list: the most severe first, then by deadline; what has none is due since it is true.
#[must_use]
pub fn by_deadline(a: &AlertView, b: &AlertView) -> std::cmp::Ordering {
    let due = |one: &AlertView| one.alert.facts.deadline.unwrap_or(one.alert.active_at);
    let rank = |one: &AlertView| (severity_rank(one.label("severity")), due(one), one.alert.active_at);
    rank(a).cmp(&rank(b)).then_with(|| a.fingerprint.cmp(&b.fingerprint))
}
