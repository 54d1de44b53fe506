//! *Exceptions*: what was not as planned and what will not be, with a form for what became of each.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    Drawn, Part,
    alert::{self, Stamp, headline},
    cut,
    people::{Names, Who},
};
use crate::{
    alerts::disposition::Disposition,
    model::{AgencyName, Instant},
    pulse::Pulses,
    report::{
        exceptions::{ExceptionRow, Exceptions},
        on_call_log::DispositionReport,
    },
    view::View,
};

/// So many stand on the page.
const SHOWN: usize = 100;
const NAME_MAX: usize = 120;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of one kind.
    pub kind: Option<String>,
    /// Of one place.
    pub location: Option<String>,
    /// Also those that wait for nobody.
    pub all: bool,
    /// Who is signed in, for the forms.
    pub user: Option<String>,
}

#[derive(Serialize)]
struct Page {
    fault: Option<String>,
    n_waiting: usize,
    rows: Vec<Row>,
    n_more: usize,
    n_left_out: u64,
    kinds: Vec<Choice>,
    locations: Vec<Choice>,
    all: bool,
    user: Option<String>,
    choices: Vec<(&'static str, &'static str)>,
}

#[derive(Serialize)]
struct Choice {
    value: String,
    says: String,
    picked: bool,
}

#[derive(Serialize)]
struct Row {
    n: usize,
    fingerprint: String,
    active_at: String,
    what: String,
    name: String,
    concerns: String,
    /// Their names, for whoever may see them.
    people: Vec<String>,
    severity: String,
    location: String,
    since: Stamp,
    open: bool,
    ended: Option<String>,
    owner: Option<String>,
    said: Option<DispositionReport>,
    waits: bool,
}

impl Filter {
    fn lets(&self, row: &ExceptionRow) -> bool {
        let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        (self.all || row.waits) && is(&self.kind, &row.kind) && is(&self.location, &row.location)
    }
}

/// Whose names the page would show: of those its rows name, and of the shifts whose alerts live.
#[must_use]
pub fn wanted(view: &View, list: &Exceptions, filter: &Filter) -> Vec<Who> {
    list.exceptions.iter().filter(|row| filter.lets(row)).take(SHOWN).flat_map(|row| people(view, row)).collect()
}

fn people(view: &View, row: &ExceptionRow) -> Vec<Who> {
    let agency = || AgencyName::from(row.agency.as_str());
    let client = row.client.as_ref().map(|id| Who::Client(agency(), id.as_str().into()));
    let caregiver = row.caregiver.as_ref().map(|id| Who::Caregiver(agency(), id.as_str().into()));
    let mut people: Vec<Who> = client.into_iter().chain(caregiver).collect();
    for who in alert::wanted(view, &row.fingerprint) {
        if !people.contains(&who) {
            people.push(who);
        }
    }
    people
}

/// `late check in`: a kind as it is read.
fn words_of(kind: &str) -> String {
    kind.replace('_', " ")
}

/// Draws the list.
#[must_use]
pub fn draw(
    view: &View,
    pulses: &Pulses,
    list: Result<Exceptions, String>,
    filter: &Filter,
    names: &Names,
    now: Instant,
    real_now: Instant,
) -> Drawn {
    let (list, fault) = match list {
        Ok(list) => (Some(list), None),
        Err(fault) => (None, Some(fault)),
    };
    let rows = list.as_ref().map(|list| list.exceptions.as_slice()).unwrap_or_default();
    let choices = |of: fn(&ExceptionRow) -> &str, picked: &Option<String>, says: fn(&str) -> String| {
        let there: BTreeSet<&str> = rows.iter().map(of).filter(|value| !value.is_empty()).collect();
        let choice = |value: &str| Choice {
            value: value.to_owned(),
            says: cut(&says(value), NAME_MAX),
            picked: picked.as_deref() == Some(value),
        };
        there.into_iter().map(choice).collect()
    };
    let wanted: Vec<&ExceptionRow> = rows.iter().filter(|row| filter.lets(row)).collect();
    let page = Page {
        fault,
        n_waiting: list.as_ref().map_or(0, |list| list.n_waiting),
        n_more: wanted.len().saturating_sub(SHOWN),
        rows: wanted.iter().take(SHOWN).enumerate().map(|(n, row)| Row::of(n, row, view, names, now)).collect(),
        n_left_out: list.as_ref().map_or(0, |list| list.n_left_out),
        kinds: choices(|row| &row.kind, &filter.kind, words_of),
        locations: choices(|row| &row.location, &filter.location, str::to_owned),
        all: filter.all,
        user: filter.user.clone(),
        choices: Disposition::ALL.map(|one| (one.as_str(), one.words())).to_vec(),
    };
    let parts = vec![Part::of("exceptions", "exceptions.html", page), headline(view, pulses, now, real_now)];
    Drawn { title: "Exceptions".to_owned(), place: "exceptions", parts, fixed: None, at: now }
}

impl Row {
    fn of(n: usize, row: &ExceptionRow, view: &View, names: &Names, now: Instant) -> Self {
        let voice = view.telling.voice(&AgencyName::from(row.agency.as_str()));
        let zone = voice.zone_of(&row.location);
        let stamp = |at: Instant| Stamp::of(at, now, zone, voice.clock_12h);
        let mut people: Vec<String> = people(view, row).iter().filter_map(|who| names.name(who)).collect();
        people.dedup();
        let about = [
            row.shift.as_ref().map(|id| format!("shift {id}")),
            row.other_shift.as_ref().map(|id| format!("and {id}")),
            row.starts_at.map(|at| stamp(at).local),
            row.visit.as_ref().map(|id| format!("visit {id}")),
            row.client.as_ref().map(|id| format!("client {id}")),
            row.caregiver.as_ref().map(|id| format!("caregiver {id}")),
            row.week.as_ref().map(|week| format!("week of {week}")),
        ];
        Self {
            n,
            fingerprint: row.fingerprint.clone(),
            // To the microsecond, as it is stored: it names the life.
            active_at: row.active_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            what: words_of(&row.kind),
            name: cut(&row.alertname, NAME_MAX),
            people: people.iter().map(|name| cut(name, NAME_MAX)).collect(),
            concerns: about.into_iter().flatten().collect::<Vec<_>>().join(", "),
            severity: cut(&row.severity, NAME_MAX),
            location: cut(&row.location, NAME_MAX),
            since: stamp(row.fired_at.unwrap_or(row.active_at)),
            open: row.resolved_at.is_none(),
            ended: row.reason_words.clone(),
            owner: row.acknowledged_by.clone(),
            said: row.disposition.clone(),
            waits: row.waits,
        }
    }
}
