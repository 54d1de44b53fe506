//! `shiftwatch lookup` and `shiftwatch shifts`: people by what somebody remembers of them, and shifts.
//!
//! Asks the running agent; while none runs, the store itself, and says how old that is.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write},
};

use chrono_tz::Tz;

use super::{
    Exit,
    agent::{Agent, AgentError},
    offline::Offline,
    output::{Output, Table, json, stamp},
};
use crate::{
    board::lookup::standing,
    http::{
        Viewer,
        lookup::{Asker, LookupBody, ShiftsWish, cover, find, shifts, wish},
    },
    model::{Instant, local_time::local_date},
    report::lookup::{
        Freshness, Kind,
        answer::{FoundAnswer, PersonAnswer, ShiftsAnswer, ShownCover},
        index::By,
        shifts::ShiftAnswer,
    },
    view::words,
};

/// Who is asked: the running agent, or the store that it left.
#[derive(Debug)]
pub enum Asked<'a> {
    /// The agent.
    Agent(&'a Agent),
    /// The store, by a user of this machine.
    Store(&'a Offline, &'a Viewer),
}

impl Asked<'_> {
    async fn find(&self, body: &LookupBody) -> Result<FoundAnswer, AgentError> {
        match self {
            Self::Agent(agent) => agent.post("/api/v1/lookup", body).await,
            Self::Store(store, viewer) => {
                let asker = Asker { audit: *store, viewer, peer: None, view: None };
                find(*store, asker, "lookup", body).await.map_err(|(_, why)| AgentError::Refused(why))
            }
        }
    }

    pub(super) async fn cover(&self, agency: Option<&str>, shift: &str) -> Result<ShownCover, AgentError> {
        match self {
            Self::Agent(agent) => {
                let agency = agency.map_or_else(String::new, |name| format!("?agency={}", words::url_part(name)));
                agent.get(&format!("/api/v1/shifts/{}/cover{agency}", words::url_part(shift))).await
            }
            Self::Store(store, viewer) => {
                let asker = Asker { audit: *store, viewer, peer: None, view: None };
                let found = cover(*store, asker, "cover", agency, shift).await;
                found.ok_or_else(|| {
                    AgentError::Refused(format!("no shift {shift:?} is known; shiftwatch shifts lists them by id"))
                })
            }
        }
    }

    async fn shifts(&self, query: &BTreeMap<String, String>) -> Result<ShiftsAnswer, AgentError> {
        match self {
            Self::Agent(agent) => {
                let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
                agent.get(&format!("/api/v1/shifts?{text}")).await
            }
            Self::Store(store, viewer) => {
                let asker = Asker { audit: *store, viewer, peer: None, view: None };
                let wish: ShiftsWish = wish(query).map_err(AgentError::Refused)?;
                shifts(*store, asker, "shifts", wish).await.map_err(AgentError::Refused)
            }
        }
    }
}

/// How to print.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// In which form.
    pub output: Output,
    /// How wide.
    pub width: usize,
    /// The clock for ages and weekdays: the machine's, until an agent says its own.
    pub real_now: Instant,
}

impl How {
    /// The same by the clock of whoever answered, where it says so.
    #[must_use]
    pub fn by(self, agent_now: Option<Instant>) -> Self {
        Self { real_now: agent_now.unwrap_or(self.real_now), ..self }
    }
}

/// Prints who fits.
///
/// # Errors
/// The agent does not answer, or refuses.
pub async fn lookup(asked: &Asked<'_>, body: &LookupBody, how: How, out: &mut impl Write) -> anyhow::Result<Exit> {
    let found = asked.find(body).await?;
    let how = how.by(found.at);
    let nobody = found.candidates.is_empty();
    out.write_all(found_text(&found, how).as_bytes())?;
    Ok(if nobody { Exit::Failed } else { Exit::Done })
}

/// Prints shifts. A client or caregiver may be named as for `lookup`, as long as it is clear who is meant.
///
/// # Errors
/// The agent does not answer, or refuses.
pub async fn list(
    asked: &Asked<'_>,
    mut query: BTreeMap<String, String>,
    how: How,
    out: &mut impl Write,
) -> anyhow::Result<Exit> {
    for kind in [Kind::Client, Kind::Caregiver] {
        let Some(words) = query.get(kind.as_str()).cloned() else { continue };
        // An id is itself, also where nobody has it any more.
        if words.chars().all(|c| c.is_ascii_digit()) {
            continue;
        }
        let body = LookupBody { q: words, agency: query.get("agency").cloned(), since: None };
        let found = asked.find(&body).await?;
        let fits: Vec<_> = found.candidates.iter().filter(|one| one.kind == kind).collect();
        let exact: Vec<_> = fits.iter().filter(|one| one.exact).collect();
        let id = match (exact.as_slice(), fits.as_slice()) {
            ([one], _) => one.id.clone(),
            (_, [one]) => one.id.clone(),
            _ => {
                let what = if fits.is_empty() { "nobody fits" } else { "more than one fits; name one by id" };
                writeln!(io::stderr(), "shifts: {}: {what}", kind.as_str())?;
                if !fits.is_empty() || !found.names.words().is_empty() {
                    write!(io::stderr(), "{}", found_text(&found, How { output: Output::Table, ..how }))?;
                }
                return Ok(Exit::Failed);
            }
        };
        query.insert(kind.as_str().to_owned(), id);
    }
    let found = asked.shifts(&query).await?;
    out.write_all(shifts_text(&found, how.by(found.at)).as_bytes())?;
    Ok(Exit::Done)
}

/// Who fits, as text.
#[must_use]
pub fn found_text(found: &FoundAnswer, how: How) -> String {
    let mut table = match how.output {
        Output::Json => return json(found),
        Output::Csv => Table::new(&["kind", "id", "name", "agency", "location", "current", "score", "by", "exact"]),
        Output::Table => Table::new(&["KIND", "ID", "NAME", "AGENCY", "LOCATION", "FITS", ""]),
    };
    for one in &found.candidates {
        let by = match one.by {
            By::Id => "id",
            By::Phone => "phone",
            By::Name => "name",
        };
        let name = one.name.clone().unwrap_or_default();
        let start = [one.kind.as_str().to_owned(), one.id.clone(), name, one.agency.clone(), one.location.clone()];
        let rest = match how.output {
            Output::Table => {
                let nearly = if one.exact { "" } else { ", nearly" };
                let left = if one.current { "" } else { "not current" };
                vec![format!("by {by}{nearly}"), left.to_owned()]
            }
            _ => vec![one.current.to_string(), one.score.to_string(), by.to_owned(), one.exact.to_string()],
        };
        table.row(start.into_iter().chain(rest));
    }
    if how.output == Output::Csv {
        return table.csv();
    }
    let mut text = found.profile.as_ref().map_or_else(String::new, |person| person_text(person, how));
    if found.profile.is_none() && !table.is_empty() {
        text.push_str(&table.text(how.width));
    }
    if table.is_empty() {
        text.push_str("Nobody fits.\n");
    } else if found.n > found.candidates.len() {
        let _ = writeln!(text, "The best {} of {}.", found.candidates.len(), found.n);
    }
    let _ = writeln!(text, "Lists of people: {}.", age(found.roster, how.real_now));
    with_words(text, found.names.words())
}

/// Somebody's profile as text.
fn person_text(person: &PersonAnswer, how: How) -> String {
    let of = &person.profile;
    let mut text = format!("{} {}", of.kind.as_str(), of.id);
    if let Some(name) = &of.name {
        let _ = write!(text, "  {}", words::printable(name));
    }
    let _ = writeln!(text, "\n  agency    {}", of.agency);
    let mut line = |title: &str, what: &str| {
        if !what.is_empty() {
            let _ = writeln!(text, "  {title:<9} {}", words::printable(what));
        }
    };
    line("location", &of.location);
    line("standing", &standing(person));
    line("phones", &of.phones.clone().unwrap_or_default().join(", "));
    line("address", of.address.as_deref().unwrap_or_default());
    line("tags", &of.tags.join(", "));
    for alert in person.alerts.iter().flatten() {
        line(
            "alert",
            &format!(
                "{} {} {}: {}",
                &alert.fingerprint[..6.min(alert.fingerprint.len())],
                alert.alertname,
                alert.state,
                alert.summary
            ),
        );
    }
    text.push('\n');
    let zone: Tz = of.timezone.parse().unwrap_or(chrono_tz::UTC);
    let since = local_date(zone, of.since);
    if of.shifts.is_empty() {
        let _ = writeln!(text, "No shifts from {since} to 14 days ahead.");
    } else {
        text.push_str(&table_of(&of.shifts).text(how.width));
    }
    let loose = of.visits.iter().filter(|visit| visit.shift.is_none()).count();
    if loose > 0 {
        let _ = writeln!(text, "{} since {since} belong to no shift.", words::count(loose as u64, "visit", "visits"));
    }
    let _ = writeln!(
        text,
        "Shifts: {}. Visits: {}.",
        age(of.shifts_freshness, how.real_now),
        age(of.visits_freshness, how.real_now)
    );
    text
}

/// Shifts as text.
#[must_use]
pub fn shifts_text(found: &ShiftsAnswer, how: How) -> String {
    match how.output {
        Output::Json => return json(found),
        Output::Csv => return csv_of(&found.shifts).csv(),
        Output::Table => {}
    }
    let mut text =
        if found.shifts.is_empty() { "No such shift.\n".to_owned() } else { table_of(&found.shifts).text(how.width) };
    if found.n > found.shifts.len() {
        let _ = writeln!(text, "The first {} of {}.", found.shifts.len(), found.n);
    }
    let _ = writeln!(text, "Shifts: {}.", age(found.freshness, how.real_now));
    with_words(text, found.names.words())
}

fn with_words(mut text: String, says: &str) -> String {
    if !says.is_empty() {
        let _ = writeln!(text, "There are no names here: {says}.");
    }
    text
}

/// `read 3 min ago`, `read 3 min ago, not all of it`, `never read`.
#[must_use]
pub fn age(of: Freshness, real_now: Instant) -> String {
    let mut says = match of.as_of {
        Some(at) => format!("as of {} ({})", at.format("%Y-%m-%d %H:%M:%S UTC"), words::relative(at, real_now)),
        None => "age not known".to_owned(),
    };
    if !of.complete {
        says.push_str(", some of it may be missing");
    }
    says
}

fn table_of(all: &[ShiftAnswer]) -> Table {
    let mut table = Table::new(&["WHEN", "SHIFT", "CLIENT", "", "CAREGIVER", "", "LOCATION", "STATE"]);
    for one in all {
        let zone: Tz = one.timezone.parse().unwrap_or(chrono_tz::UTC);
        let day = one.start.with_timezone(&zone).format("%a %F");
        let when = format!("{day} {}-{}", words::clock(one.start, zone, false), words::clock(one.end, zone, false));
        table.row([
            when,
            one.reference.clone(),
            one.client.to_string(),
            one.client_name.clone().unwrap_or_default(),
            one.caregiver.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string),
            one.caregiver_name.clone().unwrap_or_default(),
            one.location.clone(),
            one.state.as_str().to_owned(),
        ]);
    }
    table
}

fn csv_of(all: &[ShiftAnswer]) -> Table {
    let mut table = Table::new(&[
        "shift",
        "agency",
        "location",
        "client",
        "client_name",
        "caregiver",
        "caregiver_name",
        "start",
        "end",
        "minutes",
        "state",
        "status",
        "as_of",
    ]);
    for one in all {
        table.row([
            one.shift.clone(),
            one.agency.clone(),
            one.location.clone(),
            one.client.to_string(),
            one.client_name.clone().unwrap_or_default(),
            one.caregiver.as_ref().map(ToString::to_string).unwrap_or_default(),
            one.caregiver_name.clone().unwrap_or_default(),
            stamp(one.start),
            stamp(one.end),
            one.minutes.to_string(),
            one.state.as_str().to_owned(),
            one.status.clone().unwrap_or_default(),
            one.as_of.map(stamp).unwrap_or_default(),
        ]);
    }
    table
}
