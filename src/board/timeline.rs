//! Today as bars: one a shift, a row of lanes per location, and the same day counted by the hour.
//!
//! Given: an agency's [`AgencyView`] and `now`. Gives: positions in percent of the agency's day, classes and words.
//! Does not: draw, know a name (the page adds those that may be shown), or call a shift well whose client was not read
//! lately: it is `unknown`, and says what it was when last read.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Timelike};
use chrono_tz::Tz;
use serde::Serialize;

use crate::{
    mirror::today::{Standing, Today, TodayShift},
    model::{CaregiverId, ClientId, Instant},
    notify::voice::place,
    view::{AgencyView, words},
};

/// So many shifts are drawn one by one on a page; beyond, only those in trouble are, and the hours count the rest.
/// Nobody reads more bars than that, and they keep the page of the largest agency under 300 KB.
const BARS_MAX: usize = 360;
/// More shifts than that at once in one place are not drawn one by one either: the row would fill the screen.
const LANES_MAX: usize = 40;
/// Height of a lane with its gap, pixels.
const LANE: usize = 16;

/// One agency's day.
#[derive(Debug, Clone, Serialize)]
pub struct Timeline {
    /// `Fri Nov 27`, the agency's day.
    pub day: String,
    /// False while the counts are no knowledge: then the day is drawn as of what was read last, and says so.
    pub known: bool,
    /// Where the present is, percent from the left; `None` when the picture is of another day.
    pub now: Option<String>,
    /// The day's first instant and length, for a script that moves the present on.
    pub from_ms: i64,
    /// In milliseconds.
    pub length_ms: i64,
    /// Locations, those in trouble first.
    pub rows: Vec<Row>,
    /// The day by the hour.
    pub hours: Vec<Hour>,
    /// The most shifts in any hour, at least 1.
    pub hours_max: usize,
    /// Shifts of the day, without cancelled ones.
    pub n_shifts: usize,
}

/// One location's day.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its name, as a person writes it; `Everywhere` for shifts without one.
    pub label: String,
    /// `12 shifts: 1 uncovered, 4 running, 7 covered`.
    pub counts: String,
    /// Pixels.
    pub height: usize,
    /// The shifts that are drawn.
    pub bars: Vec<Bar>,
    /// How many more there are that are well and not drawn one by one.
    pub n_calm_left_out: usize,
    /// How many more there are that are not well.
    pub n_trouble_left_out: usize,
    /// Hour marks.
    pub ticks: Vec<Tick>,
    /// How badly it stands, for the order.
    #[serde(skip)]
    worst: u8,
}

/// A mark on the time axis.
#[derive(Debug, Clone, Serialize)]
pub struct Tick {
    /// Percent.
    pub x: String,
    /// `06:00` on the location's clock.
    pub label: String,
}

/// One shift.
#[derive(Debug, Clone, Serialize)]
pub struct Bar {
    /// Percent from the left.
    pub x: String,
    /// Percent.
    pub width: String,
    /// Pixels from the top.
    pub y: usize,
    /// How it stands.
    pub state: BarState,
    /// What stands in it, so that no colour need be seen.
    pub glyph: &'static str,
    /// `07:00-11:00`, on the location's clock.
    pub when: String,
    /// `uncovered`, `covered when last read, 09:40`.
    pub says: String,
    /// The vendor's id.
    pub shift: String,
    /// Whose.
    #[serde(skip)]
    pub client: ClientId,
    /// By whom.
    #[serde(skip)]
    pub caregiver: Option<CaregiverId>,
    /// The client's name, where names may be shown.
    pub client_name: Option<String>,
    /// The caregiver's.
    pub caregiver_name: Option<String>,
}

/// How a shift stands, as it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BarState {
    /// Nobody is on it.
    Uncovered,
    /// Begun, and nobody checked in.
    Late,
    /// Over, and nobody came.
    Missed,
    /// Not known.
    Unknown,
    /// Somebody is there.
    Running,
    /// Ahead, somebody is on it.
    Covered,
    /// Over.
    Done,
    /// Cancelled.
    Cancelled,
}

/// One hour of the day.
#[derive(Debug, Clone, Serialize)]
pub struct Hour {
    /// `07:00` on the agency's clock.
    pub label: String,
    /// Percent from the left.
    pub x: String,
    /// Percent.
    pub width: String,
    /// Shifts that run in it and are well.
    pub n_well: usize,
    /// Shifts that run in it, or should, and nobody is on them or came.
    pub n_open: usize,
    /// Shifts of which nobody knows.
    pub n_unknown: usize,
}

impl BarState {
    /// Every state, in the order of the legend.
    pub const ALL: [Self; 8] = [
        Self::Uncovered,
        Self::Late,
        Self::Missed,
        Self::Unknown,
        Self::Running,
        Self::Covered,
        Self::Done,
        Self::Cancelled,
    ];

    /// Its class, and what a reader is told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uncovered => "uncovered",
            Self::Late => "late",
            Self::Missed => "missed",
            Self::Unknown => "unknown",
            Self::Running => "running",
            Self::Covered => "covered",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// A mark that needs no colour.
    #[must_use]
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Uncovered => "!",
            Self::Late => "L",
            Self::Missed => "\u{d7}",
            Self::Unknown => "?",
            Self::Running => "\u{25b6}",
            Self::Covered => "",
            Self::Done => "\u{2713}",
            Self::Cancelled => "\u{2013}",
        }
    }

    /// Whether somebody should look.
    #[must_use]
    pub const fn is_trouble(self) -> bool {
        matches!(self, Self::Uncovered | Self::Late | Self::Missed | Self::Unknown)
    }
}

/// How a shift is drawn at `now`.
#[must_use]
pub fn state(shift: &TodayShift, now: Instant) -> BarState {
    // What is over stays what it was; what is not may have changed since anybody looked.
    if shift.stale && shift.end > now && shift.standing != Standing::Cancelled {
        return BarState::Unknown;
    }
    match shift.standing {
        Standing::Covered => BarState::Covered,
        Standing::Uncovered => BarState::Uncovered,
        Standing::Running => BarState::Running,
        Standing::Late => BarState::Late,
        Standing::Done => BarState::Done,
        Standing::Missed => BarState::Missed,
        Standing::Unseen => BarState::Unknown,
        Standing::Cancelled => BarState::Cancelled,
    }
}

/// Draws an agency's day. `bars_left` is how many bars the page still holds; it goes down by those used.
#[must_use]
pub fn draw(agency: &AgencyView, now: Instant, bars_left: &mut usize) -> Timeline {
    let today = &*agency.today;
    let mut by_location: BTreeMap<usize, Vec<(&TodayShift, BarState)>> = BTreeMap::new();
    for shift in &today.shifts {
        by_location.entry(shift.location).or_default().push((shift, state(shift, now)));
    }
    let mut rows: Vec<(usize, Row)> = by_location
        .iter()
        .map(|(location, shifts)| (*location, blank(agency, *location, shifts, by_location.len())))
        .collect();
    rows.sort_by(|(_, a), (_, b)| a.worst.cmp(&b.worst).then_with(|| a.label.cmp(&b.label)));
    for (location, row) in &mut rows {
        lay_out(agency, *location, &by_location[&*location], now, row, bars_left);
    }
    let hours = hours(today, agency, now);
    Timeline {
        day: today.from.with_timezone(&today.zone).format("%a %b %-d").to_string(),
        known: agency.coverage.is_some(),
        now: (today.from <= now && now < today.until).then(|| percent(today, stepped(today, now))),
        from_ms: today.from.timestamp_millis(),
        length_ms: (today.until - today.from).num_milliseconds(),
        rows: rows.into_iter().map(|(_, row)| row).collect(),
        hours_max: hours.iter().map(|hour| hour.n_well + hour.n_open + hour.n_unknown).max().unwrap_or(0).max(1),
        hours,
        n_shifts: today.shifts.iter().filter(|shift| shift.standing != Standing::Cancelled).count(),
    }
}

/// How many bars a page holds.
#[must_use]
pub const fn bars_of_a_page() -> usize {
    BARS_MAX
}

fn blank(agency: &AgencyView, location: usize, shifts: &[(&TodayShift, BarState)], n_locations: usize) -> Row {
    let today = &*agency.today;
    let place_of = today.locations.get(location);
    let label = place_of.map_or("", |one| one.label.as_str());
    let zone = place_of.map_or(today.zone, |one| one.zone);
    let counted: Vec<String> = BarState::ALL
        .iter()
        .map(|state| (state, shifts.iter().filter(|(_, other)| other == state).count()))
        .filter(|(_, n)| *n > 0)
        .map(|(state, n)| format!("{n} {}", state.as_str()))
        .collect();
    Row {
        label: match (label, n_locations) {
            ("", 1) => "All shifts".to_owned(),
            ("", _) => "No location".to_owned(),
            (label, _) => capitalised(label),
        },
        counts: format!("{}: {}", words::count(shifts.len() as u64, "shift", "shifts"), counted.join(", ")),
        height: LANE,
        bars: Vec::new(),
        n_calm_left_out: 0,
        n_trouble_left_out: 0,
        ticks: ticks(today, zone, agency.clock_12h),
        worst: shifts.iter().map(|(_, state)| *state as u8).min().unwrap_or(u8::MAX),
    }
}

/// First letter large, the rest as it is.
fn capitalised(text: &str) -> String {
    let first = place(text).chars().next();
    first.into_iter().chain(text.chars().skip(1)).collect()
}

fn lay_out(
    agency: &AgencyView,
    location: usize,
    shifts: &[(&TodayShift, BarState)],
    now: Instant,
    row: &mut Row,
    bars_left: &mut usize,
) {
    let today = &*agency.today;
    let zone = today.locations.get(location).map_or(today.zone, |one| one.zone);
    let whole = shifts.len() <= *bars_left && n_at_once(shifts.iter().map(|(shift, _)| *shift)) <= LANES_MAX;
    let mut lanes: Vec<Instant> = Vec::new();
    for (shift, state) in shifts {
        if !whole && !state.is_trouble() {
            row.n_calm_left_out += 1;
            continue;
        }
        let start = shift.key.start;
        let free = lanes.iter().position(|until| *until <= start);
        if *bars_left == 0 || (free.is_none() && lanes.len() == LANES_MAX) {
            let left_out = if state.is_trouble() { &mut row.n_trouble_left_out } else { &mut row.n_calm_left_out };
            *left_out += 1;
            continue;
        }
        *bars_left -= 1;
        let lane = free.unwrap_or_else(|| {
            lanes.push(start);
            lanes.len() - 1
        });
        // A bar is never too thin to be seen: twelve minutes at least.
        lanes[lane] = shift.end.max(start + TimeDelta::minutes(12));
        row.bars.push(bar(agency, shift, *state, lane, zone, now));
    }
    row.height = LANE * lanes.len().max(1);
}

fn n_at_once<'a>(shifts: impl Iterator<Item = &'a TodayShift>) -> usize {
    let mut edges: Vec<(Instant, i32)> = shifts.flat_map(|shift| [(shift.key.start, 1), (shift.end, -1)]).collect();
    edges.sort_unstable();
    let mut most = 0;
    edges.into_iter().fold(0, |running, (_, step)| {
        let running = running + step;
        most = most.max(running);
        running
    });
    usize::try_from(most).unwrap_or_default()
}

fn bar(agency: &AgencyView, shift: &TodayShift, state: BarState, lane: usize, zone: Tz, now: Instant) -> Bar {
    let today = &*agency.today;
    let (from, until) = (shift.key.start.max(today.from), shift.end.min(today.until));
    let least = TimeDelta::minutes(12);
    let until = until.max((from + least).min(today.until));
    let clock = |at: Instant| words::clock(at, zone, agency.clock_12h);
    Bar {
        x: percent(today, from),
        width: share(today, until - from),
        y: LANE * lane,
        state,
        glyph: state.glyph(),
        when: words::stretch(shift.key.start, Some(shift.end), now, zone, agency.clock_12h),
        says: match (state, shift.came_at, shift.left_at) {
            (BarState::Unknown, ..) if shift.stale => {
                let read = shift.read_at.map_or_else(|| "never".to_owned(), clock);
                format!("unknown: {} when last read, {read}", was(shift.standing))
            }
            (BarState::Unknown, ..) => "unknown: nobody has read who came".to_owned(),
            (BarState::Running, Some(came), _) => format!("running, checked in {}", clock(came)),
            (BarState::Done, Some(came), Some(left)) => format!("done, {}-{}", clock(came), clock(left)),
            (BarState::Late, ..) => "late: nobody has checked in".to_owned(),
            (BarState::Missed, ..) => "missed: over, nobody checked in".to_owned(),
            (BarState::Uncovered, ..) => "uncovered: no caregiver".to_owned(),
            (state, ..) => state.as_str().to_owned(),
        },
        shift: shift.key.id.to_string(),
        client: shift.key.client.clone(),
        caregiver: shift.caregiver.clone(),
        client_name: None,
        caregiver_name: None,
    }
}

const fn was(standing: Standing) -> &'static str {
    match standing {
        Standing::Covered => "covered",
        Standing::Uncovered => "uncovered",
        Standing::Running => "running",
        Standing::Late | Standing::Missed | Standing::Unseen => "not checked in to",
        Standing::Done => "done",
        Standing::Cancelled => "cancelled",
    }
}

fn ticks(today: &Today, zone: Tz, clock_12h: bool) -> Vec<Tick> {
    // Not every zone is whole hours from the agency's.
    marks(today, TimeDelta::minutes(15))
        .filter(|at| {
            let local = at.with_timezone(&zone);
            local.hour() % 6 == 0 && local.minute() == 0
        })
        .map(|at| Tick { x: percent(today, at), label: words::clock(at, zone, clock_12h) })
        .collect()
}

/// The whole hours of a day; 23 or 25 of them on two days a year.
fn hour_marks(today: &Today) -> impl Iterator<Item = Instant> + use<> {
    marks(today, TimeDelta::hours(1))
}

fn marks(today: &Today, every: TimeDelta) -> impl Iterator<Item = Instant> + use<> {
    let (from, until) = (today.from, today.until);
    std::iter::successors(Some(from), move |at| Some(*at + every)).take_while(move |at| *at < until)
}

fn hours(today: &Today, agency: &AgencyView, now: Instant) -> Vec<Hour> {
    let mut hours: Vec<Hour> = hour_marks(today)
        .map(|at| Hour {
            label: words::clock(at, today.zone, agency.clock_12h),
            x: percent(today, at),
            width: share(today, TimeDelta::hours(1)),
            n_well: 0,
            n_open: 0,
            n_unknown: 0,
        })
        .collect();
    for shift in &today.shifts {
        let state = state(shift, now);
        if state == BarState::Cancelled {
            continue;
        }
        let first = (shift.key.start - today.from).num_hours().max(0);
        // The hour in which it ends counts unless it ends as that hour begins.
        let last = (shift.end - today.from - TimeDelta::microseconds(1)).num_hours();
        let (first, last) = (usize::try_from(first).unwrap_or(0), usize::try_from(last).unwrap_or(0));
        for hour in hours.iter_mut().take(last + 1).skip(first) {
            match state {
                BarState::Uncovered | BarState::Late | BarState::Missed => hour.n_open += 1,
                BarState::Unknown => hour.n_unknown += 1,
                _ => hour.n_well += 1,
            }
        }
    }
    hours
}

/// An instant's place in the day, in percent with two decimals.
fn percent(today: &Today, at: Instant) -> String {
    share(today, at - today.from)
}

/// The present in steps of five minutes, a pixel or two: a script moves it on, and a day in which nothing else happened
/// stays the same.
fn stepped(today: &Today, now: Instant) -> Instant {
    today.from + TimeDelta::minutes((now - today.from).num_minutes() / 5 * 5)
}

fn share(today: &Today, part: TimeDelta) -> String {
    let day = (today.until - today.from).num_seconds().max(1);
    let hundredths = part.num_seconds().clamp(0, day) * 10_000 / day;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests;
