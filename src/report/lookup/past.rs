//! Shifts and visits from before memory begins.
//!
//! Given: lines of the archive, which days of it were wholly read, and the mirror for names and zones. Gives: shifts and visits
//! as the mirror's are given.
//! Does not: read, or take a day that nobody read for an empty one: an answer over it says that it is not complete.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{Days, NaiveDate, TimeDelta};

use super::{
    Freshness, Kind,
    profile::{VisitAnswer, name_of},
    shifts::{FoundShift, ROWS_MAX, ShiftAnswer, State, Wish, label},
};
use crate::{
    mirror::{
        Mirror,
        past_line::{PastLine, PastState},
    },
    model::{CaregiverId, ClientId, Instant, ShiftKey, ShiftRef, VisitTime, local_time::local_date},
    report::cover::past::Shifts,
};

/// Memory holds shifts and visits from so long ago; what is older stands in the archive.
pub const REMEMBERED: TimeDelta = TimeDelta::days(8);

/// A day that was read after it was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadDay {
    /// Of shifts, else of visits.
    pub shifts: bool,
    /// The agency's own day.
    pub day: NaiveDate,
    /// When.
    pub at: Instant,
    /// Whose rows may be missing.
    pub missing: Vec<ClientId>,
}

/// What was read of the archive.
#[derive(Debug, Clone, Default)]
pub struct PastRows {
    /// Shifts and visits, more than were asked for on both sides.
    pub lines: Vec<PastLine>,
    /// Which days of it were read.
    pub days: Vec<ReadDay>,
}

/// Shifts and visits of the past.
#[derive(Debug, Clone)]
pub struct FoundPast {
    /// By start.
    pub shifts: Vec<FoundShift>,
    /// How many there are in all.
    pub n: usize,
    /// By check-in.
    pub visits: Vec<VisitAnswer>,
    /// How fresh the shifts are.
    pub shifts_freshness: Freshness,
    /// How fresh the visits are.
    pub visits_freshness: Freshness,
}

/// The shifts and visits of the archive that were asked for. `wish.until` does not lie after memory begins.
#[must_use]
pub fn find(mirror: &Mirror, rows: &PastRows, wish: &Wish) -> FoundPast {
    let zone = mirror.settings().timezone;
    let at = |time: VisitTime, client: Option<&ClientId>| {
        mirror.naive_clock().at(time, client.map_or(zone, |client| mirror.zone_of(client)))
    };
    let shifts = Shifts::of(&rows.lines);
    let mut came: HashMap<&str, Vec<VisitAnswer>> = HashMap::new();
    let mut visits: BTreeMap<(Option<Instant>, String), VisitAnswer> = BTreeMap::new();
    for line in rows.lines.iter().filter(|line| !line.is_shift() && line.state == PastState::Stands) {
        let (check_in, check_out) = line.times();
        let read = |time: Option<VisitTime>| time.and_then(|time| at(time, line.client.as_ref()));
        let (check_in, check_out) = (read(check_in), read(check_out));
        let planned = check_in.and_then(|came| shifts.of_visit(line, came));
        let answer = VisitAnswer {
            id: line.key.clone(),
            shift: planned.and_then(key_of).map(|key| label(mirror, &key)),
            client: line.client.clone(),
            caregiver: line.caregiver.clone(),
            check_in,
            check_out,
            open: line.ends.is_none(),
            status: None,
        };
        if let Some(planned) = planned {
            came.entry(planned.key.as_str()).or_default().push(answer.clone());
        }
        let is_asked = wish.client.as_ref().is_none_or(|id| line.client.as_ref() == Some(id))
            && wish.caregiver.as_ref().is_none_or(|id| line.caregiver.as_ref() == Some(id));
        // A time of which nobody knows what it means is taken as it was written.
        let about = check_in.or(line.start);
        if is_asked && about.is_some_and(|about| wish.from <= about && about < wish.until) {
            visits.insert((check_in, line.key.clone()), answer);
        }
    }
    let mut found: BTreeMap<ShiftKey, FoundShift> = BTreeMap::new();
    for line in rows.lines.iter().filter(|line| line.is_shift()) {
        let (Some(key), Some(end)) = (key_of(line), line.ends) else { continue };
        let is_asked = key.start < wish.until
            && end > wish.from
            && wish.client.as_ref().is_none_or(|id| key.client == *id)
            && wish.caregiver.as_ref().is_none_or(|id| line.caregiver.as_ref() == Some(id));
        if !is_asked || mirror.shift(&key).is_some() {
            continue;
        }
        let came = came.get(line.key.as_str()).map(Vec::as_slice).unwrap_or_default();
        let day = local_date(zone, key.start);
        let read = |shifts: bool| read_at(&rows.days, shifts, day, Some(&key.client));
        let state = state(line, came, read(false).is_some());
        if !wish.states.is_empty() && !wish.states.contains(&state) {
            continue;
        }
        let answer = ShiftAnswer {
            reference: key.id.to_string(),
            shift: label(mirror, &key),
            agency: mirror.settings().agency.to_string(),
            location: mirror.location_of(&key.client),
            timezone: mirror.zone_of(&key.client).name().to_owned(),
            client: key.client.clone(),
            client_name: None,
            caregiver: line.caregiver.clone(),
            caregiver_name: None,
            start: key.start,
            end,
            minutes: (end - key.start).num_minutes(),
            state,
            status: (line.state == PastState::Cancelled).then(|| "CANCELLED".to_owned()),
            came_at: came.iter().filter_map(|visit| visit.check_in).min(),
            left_at: came
                .iter()
                .map(|visit| visit.check_out)
                .collect::<Option<Vec<_>>>()
                .and_then(|all| all.into_iter().max()),
            visits: came.iter().map(|visit| visit.id.clone()).collect(),
            as_of: read(true),
        };
        let name = |kind: Kind, id: Option<&str>| id.map(|id| name_of(mirror, kind, id)).unwrap_or_default();
        let names = (
            name(Kind::Client, Some(key.client.as_str())),
            name(Kind::Caregiver, line.caregiver.as_ref().map(CaregiverId::as_str)),
        );
        found.insert(key.clone(), FoundShift::new(answer, key, names));
    }
    let n = found.len();
    FoundPast {
        shifts: found.into_values().take(ROWS_MAX).collect(),
        n,
        visits: visits.into_values().take(ROWS_MAX).collect(),
        shifts_freshness: freshness(mirror, rows, wish, true),
        visits_freshness: freshness(mirror, rows, wish, false),
    }
}

fn key_of(line: &PastLine) -> Option<ShiftKey> {
    let (start, client) = (line.start?, line.client.clone()?);
    let id = match &line.shift {
        Some(id) => ShiftRef::Vendor(id.clone()),
        None => ShiftRef::Ordinal { end: line.ends?, n: 0 },
    };
    Some(ShiftKey { start, client, id })
}

const fn state(line: &PastLine, came: &[VisitAnswer], visits_were_read: bool) -> State {
    match (&line.state, came) {
        (PastState::Cancelled, _) => State::Cancelled,
        (_, [.., last]) if last.open => State::Running,
        (_, [..]) if !came.is_empty() => State::Done,
        _ if visits_were_read => State::Missed,
        _ => State::Unseen,
    }
}

/// When a day was read after it was over: of this client, else of everybody.
fn read_at(days: &[ReadDay], shifts: bool, day: NaiveDate, client: Option<&ClientId>) -> Option<Instant> {
    let read = days.iter().find(|one| one.shifts == shifts && one.day == day)?;
    let whole = client.map_or(read.missing.is_empty(), |client| !read.missing.contains(client));
    whole.then_some(read.at)
}

fn freshness(mirror: &Mirror, rows: &PastRows, wish: &Wish, shifts: bool) -> Freshness {
    let zone = mirror.settings().timezone;
    let (first, last) = (local_date(zone, wish.from), local_date(zone, wish.until - TimeDelta::seconds(1)));
    let mut all = BTreeSet::new();
    let mut complete = true;
    let mut day = first;
    while day <= last {
        match read_at(&rows.days, shifts, day, wish.client.as_ref()) {
            Some(at) => {
                all.insert(at);
            }
            None => complete = false,
        }
        day = day + Days::new(1);
    }
    Freshness { as_of: all.first().copied(), complete }
}
