//! `blind {after, idle}`: an edge passed `after` ago without the evidence it needs, a client could not be read for
//! `after`, or nothing at all was read for `idle`. One alert an agency.
//!
//! Of a client's visits only what a window waits for counts: where nothing waits, nobody asks for them again, and a
//! failure would stand for ever. What fails of its shifts counts by itself, since nobody knows what they hide.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::TimeDelta;

use super::delta;
use crate::{
    mirror::{Mirror, facts::ClientTier},
    model::{ClientId, Instant, Section, ShiftKey, Subject},
    rules::{
        finding::{Tells, Window},
        ledger::After,
        look::{Look, Particulars, State},
    },
    source::fetched::ReadFault,
};

/// How far from the loss of sight the starts are counted that nobody watches.
const SOON: TimeDelta = TimeDelta::hours(8);

/// The window, from what waits after this pass.
#[must_use]
pub(in crate::rules) fn look(
    after: Duration,
    idle: Duration,
    waiting: &After<'_>,
    mirror: &Mirror,
    now: Instant,
    is_open: bool,
) -> Look {
    let edge = waiting.first().map(|(edge, _)| edge);
    let unreadable = failing_clients(mirror, now).map(|(_, since)| since).min();
    let by_edge = [edge, unreadable].into_iter().flatten().min().map(|at| at + delta(after));
    let by_idle = mirror.last_ok_at().unwrap_or(mirror.began_at()).max(mirror.began_at()) + delta(idle);
    let opens_at = by_edge.map_or(by_idle, |at| at.min(by_idle));
    let window = Window { opens_at, closes_at: None };
    let held = is_open && now < opens_at && is_unseen(edge, mirror, now);
    let state = if held { State::Unsettled(Section::Shifts) } else { State::Bad };
    Look { state, ..Look::certain(window, opens_at) }
}

/// Whether what was out of sight when this process began to watch still is: an edge from before waits, a client has not
/// been read since. It is counted anew from the start, and so is not broken yet; nor is it over.
fn is_unseen(edge: Option<Instant>, mirror: &Mirror, now: Instant) -> bool {
    let began_at = mirror.began_at();
    edge.is_some_and(|edge| edge <= began_at)
        || failing_clients(mirror, now).any(|(client, _)| mirror.read_at(client).is_none_or(|at| at < began_at))
        || !mirror.has_caught_up()
}

/// Clients whose shifts cannot be read, each with since when; never before this process began to watch.
fn failing_clients(mirror: &Mirror, now: Instant) -> impl Iterator<Item = (&ClientId, Instant)> {
    mirror
        .failing()
        .filter(move |(client, section, _)| {
            *section == Section::Shifts && mirror.tier(client, now) == ClientTier::Normal
        })
        .map(|(client, _, failing)| (client, failing.since.max(mirror.began_at())))
}

/// What its alert tells: since when, how many of how many shifts, why.
#[must_use]
pub(in crate::rules) fn particulars(waiting: &After<'_>, mirror: &Mirror, now: Instant) -> Particulars {
    let mut particulars = Particulars::of(&Subject::Agency, Tells::Summary);
    let mut sections: BTreeSet<Section> = waiting.all().map(|(_, waiting)| waiting.section).collect();
    let clients: BTreeMap<&ClientId, Instant> = failing_clients(mirror, now).collect();
    if !clients.is_empty() {
        sections.insert(Section::Shifts);
    }
    // Whoever waits for evidence, and what starts soon for clients on whom nothing can be read.
    let mut unseen: BTreeSet<&ShiftKey> = waiting.shifts().collect();
    for (client, since) in &clients {
        // Counted from when sight was lost, so that what is told changes with what is read and not with the clock.
        let soon = mirror.shifts().of_client(client).filter(|entry| !entry.shift.is_cancelled());
        unseen
            .extend(soon.map(|entry| &entry.shift.key).filter(|key| *since < key.start && key.start <= *since + SOON));
    }
    let n = u32::try_from(unseen.len()).unwrap_or(u32::MAX);
    let (first, last) = (unseen.first().map(|key| key.start), unseen.last().map(|key| key.start));
    if sections.is_empty() {
        sections.extend(Section::ALL);
    }
    // Of a client that cannot be read, sight was lost with the first read that failed, before any edge passed.
    let edge = waiting.first().map(|(edge, _)| edge).into_iter().chain(clients.values().copied()).min();
    let edge = edge.unwrap_or_else(|| mirror.last_ok_at().unwrap_or(mirror.began_at()));
    // Where a whole section has not been read since before the edge, that reading is when sight was lost.
    let since = sections
        .iter()
        .filter_map(|section| mirror.section(*section).read_at)
        .min()
        .map_or(edge, |read_at| read_at.min(edge))
        .max(mirror.began_at().min(edge));
    let until = last.unwrap_or(since);
    let n_all = first.zip(last).map_or(0, |(first, last)| mirror.shifts().n_starting(first, last));
    particulars.tells = Tells::Blind { since, n_shifts: n, until };
    let names: Vec<&str> = sections.iter().map(|section| section.as_str()).collect();
    particulars.annotations = vec![
        ("cause".to_owned(), cause(&sections, mirror)),
        ("sections".to_owned(), names.join(", ")),
        ("counts".to_owned(), format!("{n} of {n_all} shifts")),
    ];
    if !clients.is_empty() {
        particulars.annotations.push(("clients_unreadable".to_owned(), clients.len().to_string()));
    }
    particulars
}

/// The newest failure of these sections in words; without one, the plan is behind.
fn cause(sections: &BTreeSet<Section>, mirror: &Mirror) -> String {
    if mirror.is_frozen() {
        return "the source answers without rows".to_owned();
    }
    let newest =
        sections.iter().filter_map(|section| mirror.section(*section).fault.as_ref()).max_by_key(|(at, _)| *at);
    // A section that others are read from all right has no fault of its own: then the one client's counts.
    let one =
        || mirror.failing().find(|(_, section, _)| sections.contains(section)).map(|(_, _, failing)| &failing.fault);
    let Some(fault) = newest.map(|(_, fault)| fault).or_else(one) else {
        return "reading is behind plan".to_owned();
    };
    match fault {
        ReadFault::Credentials { code } => format!("credentials refused ({code})"),
        ReadFault::Route { endpoint, code } => format!("no route for {endpoint} ({code})"),
        ReadFault::Permission { endpoint, code } => format!("{endpoint} not permitted ({code})"),
        ReadFault::Throttled { .. } => "throttled (429)".to_owned(),
        ReadFault::Transient { endpoint, code } if code == "timeout" => format!("{endpoint} times out"),
        ReadFault::Transient { endpoint, code } => format!("{endpoint} fails ({code})"),
        ReadFault::BreakerOpen { endpoint, .. } => format!("{endpoint} is not called after repeated failures"),
        ReadFault::Request { endpoint, code } => format!("{endpoint} refuses our request ({code})"),
        ReadFault::Gone => "an id is unknown to the vendor".to_owned(),
    }
}
