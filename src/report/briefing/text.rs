//! A briefing as text: twelve lines at most, for a mail's plain part and a terminal.

use std::fmt::Write as _;

use chrono::{NaiveDate, TimeDelta};

use super::{
    Ahead, Briefing, Coverage, Day, Kind, Named, OnCall, OpenShift, Overtime, Pages, Risk, Risks, System, Uncovered,
    Visits, make::days_of,
};
use crate::{model::Instant, notify::voice::length};

/// So many shifts or people are named in a line.
const IN_LINE: usize = 2;
/// So many locations.
const PLACES: usize = 4;

/// The subject of its mail, without the title: counts, no id.
#[must_use]
pub fn subject(briefing: &Briefing) -> String {
    let what = about(briefing);
    if briefing.blind_since.is_some() {
        return format!("{what}: CAN'T SEE WellSky");
    }
    let says = match (&briefing.coverage, &briefing.ahead) {
        (Some(part), _) if part.n_shifts == Some(0) => "no shifts in 72 h".to_owned(),
        (Some(part), _) if part.all.within_24h == 0 => "covered for 24 h".to_owned(),
        (Some(part), _) => format!("{} uncovered in 24 h", part.all.within_24h),
        (None, Some(part)) if part.n_shifts == 0 => "no shifts".to_owned(),
        (None, Some(part)) if part.n_uncovered == 0 => "all covered".to_owned(),
        (None, Some(part)) => format!("{} of {} uncovered", part.n_uncovered, count(part.n_shifts, "shift", "shifts")),
        (None, None) => "the schedule is not known".to_owned(),
    };
    format!("{what}: {says}")
}

/// What it is called, and of which days it speaks: a check of those ahead, not of the day that it is written on.
fn about(briefing: &Briefing) -> String {
    let name = title_of(briefing.kind);
    let today = briefing.local(briefing.at);
    if !briefing.kind.is_check() {
        return format!("{name} {}", today.format("%a %-d %b"));
    }
    let (from, until) = days_of(briefing.kind, today.date_naive());
    format!("{name}, {}", days(from, until))
}

fn days(from: NaiveDate, until: NaiveDate) -> String {
    if from == until {
        return from.format("%a %-d %b").to_string();
    }
    format!("{} and {}", from.format("%a %-d"), until.format("%a %-d %b"))
}

/// What a kind is called.
#[must_use]
pub const fn title_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Morning => "Morning briefing",
        Kind::Handoff => "Evening handoff",
        Kind::Tomorrow => "Tomorrow",
        Kind::Weekend => "The weekend",
    }
}

/// Every line, the first of which says whether anything can be seen.
#[must_use]
pub fn lines(briefing: &Briefing) -> Vec<String> {
    let mut lines = vec![headline(briefing)];
    if let Some(part) = &briefing.ahead {
        lines.extend(ahead(part, briefing));
    } else if briefing.kind.is_check() {
        lines.push(format!("{}: not known.", title_of(briefing.kind)));
    }
    if briefing.kind.is_check() {
        lines.push(on_call(&briefing.on_call, briefing));
        return lines;
    }
    lines.push(
        briefing.coverage.as_ref().map_or_else(|| "Uncovered: not known.".to_owned(), |part| coverage(part, briefing)),
    );
    let (alerts, day, watch) = words(briefing.kind);
    let not_known = |what: &str| format!("{what}: not known.");
    lines.push(briefing.pages.as_ref().map_or_else(|| not_known(alerts), |part| pages(alerts, part)));
    lines.push(briefing.visits.as_ref().map_or_else(|| not_known(day), |part| visits(day, part, briefing)));
    lines.push(briefing.risks.as_ref().map_or_else(|| not_known(watch), |part| risks(watch, part, briefing)));
    lines.push(briefing.overtime.as_ref().map_or_else(|| not_known("Overtime this week"), overtime));
    lines.push(edited(briefing));
    lines.push(on_call(&briefing.on_call, briefing));
    lines.push(system(&briefing.system, briefing));
    lines.push(trend(&briefing.trend));
    lines
}

/// What a kind calls its pages, its visits and its list.
#[must_use]
pub(super) const fn words(kind: Kind) -> (&'static str, &'static str, &'static str) {
    match kind {
        Kind::Handoff => ("Pages today", "Today", "Watch tonight"),
        _ => ("Overnight", "Yesterday", "Watch today"),
    }
}

/// Whose it is, of when; and first of all when nothing can be seen.
#[must_use]
pub fn headline(briefing: &Briefing) -> String {
    let written = briefing.local(briefing.at).format("%a %Y-%m-%d");
    let what = if briefing.kind.is_check() {
        format!("{}: {}. Written {written}", briefing.title, about(briefing))
    } else {
        format!("{}: {} {written}", briefing.title, title_of(briefing.kind).to_lowercase())
    };
    let late = briefing.due_at.map_or_else(String::new, |due| format!(", sent {} late", length(briefing.at - due)));
    let at = clock(briefing.at, briefing);
    match (briefing.blind_since, briefing.as_of) {
        (Some(since), Some(as_of)) => format!(
            "CAN'T SEE WellSky since {}; what follows is as of {}. {what} {at}{late}.",
            stamp(since, briefing),
            stamp(as_of, briefing)
        ),
        (Some(since), None) => {
            format!(
                "CAN'T SEE WellSky since {}, and nothing was read before. {what} {at}{late}.",
                stamp(since, briefing)
            )
        }
        (None, Some(as_of)) => {
            let incomplete = if briefing.complete { "" } else { ", not complete" };
            format!("{what} {at}{late}, as of {}{incomplete}.", stamp(as_of, briefing))
        }
        (None, None) => format!("{what} {at}{late}. Nothing was read from WellSky yet."),
    }
}

fn coverage(part: &Coverage, briefing: &Briefing) -> String {
    let Uncovered { today, within_24h, within_72h, hours, money, .. } = &part.all;
    // Where there is nothing, nothing is covered either.
    if part.n_shifts == Some(0) {
        return "Uncovered: there are no shifts in 72 h.".to_owned();
    }
    if *within_72h == 0 {
        return "Uncovered: none in 72 h.".to_owned();
    }
    let mut text =
        format!("Uncovered: {today} today, {within_24h} in 24 h, {within_72h} in 72 h ({});", worth(*hours, *money));
    let places: Vec<String> = part
        .locations
        .iter()
        .filter(|place| !place.location.is_empty())
        .take(PLACES)
        .map(|place| format!("{} {}", place.location, place.within_72h))
        .collect();
    if part.locations.len() > 1 && !places.is_empty() {
        let _ = write!(text, " {};", places.join(", "));
    }
    let _ = write!(text, " first {}.", named(&part.first, part.all.within_72h, briefing));
    text
}

fn ahead(part: &Ahead, briefing: &Briefing) -> Vec<String> {
    let days = days(part.from, part.until);
    let shifts = count(part.n_shifts, "shift", "shifts");
    if part.n_shifts == 0 {
        return vec![format!("{days}: no shifts.")];
    }
    if part.n_uncovered == 0 {
        return vec![format!("{days}: all covered, {shifts}.")];
    }
    let mut lines =
        vec![format!("{days}: {} of {shifts} uncovered ({}).", part.n_uncovered, worth(part.hours, part.money))];
    lines.extend(part.first.iter().map(|one| format!("  {}", open_shift(one, briefing))));
    let more = part.n_uncovered.saturating_sub(part.first.len() as u64);
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines
}

fn worth(hours: f64, money: Option<f64>) -> String {
    let hours = format!("{} h", number(hours));
    money.map_or_else(|| hours.clone(), |money| format!("{hours}, ${money:.0}"))
}

/// Up to two decimals, none where there are none.
#[must_use]
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn named(first: &[OpenShift], n: u64, briefing: &Briefing) -> String {
    let some: Vec<String> = first.iter().take(IN_LINE).map(|one| open_shift(one, briefing)).collect();
    let more = n.saturating_sub(some.len() as u64);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("{}{more}", some.join("; "))
}

/// `Tue 08:00-12:00 north, shift 9001, client 7001 A.M.`
#[must_use]
pub fn open_shift(one: &OpenShift, briefing: &Briefing) -> String {
    let place = if one.location.is_empty() { String::new() } else { format!(" {}", one.location) };
    format!(
        "{}-{}{place}, shift {}, client {}",
        stamp_in(one.starts_at, one.timezone.as_deref(), briefing),
        clock_in(one.ends_at, one.timezone.as_deref(), briefing),
        one.shift,
        who(&one.client)
    )
}

/// `7001`, or `7001 A.M.`
#[must_use]
pub(super) fn who<Id: std::fmt::Display>(one: &Named<Id>) -> String {
    one.name.as_ref().map_or_else(|| one.id.to_string(), |name| format!("{} {name}", one.id))
}

/// Half an hour before midnight yesterday is `Mon 23:30`; what is further away carries its date.
#[must_use]
pub(super) fn stamp(at: Instant, briefing: &Briefing) -> String {
    stamp_in(at, None, briefing)
}

/// The same by the clocks of a location, as its alerts and texts tell it.
fn stamp_in(at: Instant, zone: Option<&str>, briefing: &Briefing) -> String {
    let far = (at - briefing.at).abs() >= TimeDelta::days(6);
    let day = briefing.local_in(at, zone).format(if far { "%a %-d %b" } else { "%a" });
    format!("{day} {}", clock_in(at, zone, briefing))
}

pub(super) fn clock(at: Instant, briefing: &Briefing) -> String {
    clock_in(at, None, briefing)
}

fn clock_in(at: Instant, zone: Option<&str>, briefing: &Briefing) -> String {
    briefing.local_in(at, zone).format(if briefing.clock_12h { "%-I:%M%P" } else { "%H:%M" }).to_string()
}

pub(super) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn pages(name: &str, part: &Pages) -> String {
    if part.n == 0 {
        return format!("{name}: nobody was paged.");
    }
    let mut says = vec![count(part.n, "page", "pages")];
    let by: Vec<String> = part.taken_by.iter().take(3).map(|(who, n)| format!("{who} {n}")).collect();
    if part.n_taken > 0 {
        let after = part.minutes_to_ack.map_or_else(String::new, |minutes| format!(", half within {minutes} min"));
        says.push(format!("{} taken ({}{after})", part.n_taken, by.join(", ")));
    } else {
        says.push("nobody took any".to_owned());
    }
    if part.n_open > 0 {
        says.push(format!("{} OPEN that nobody has", part.n_open));
    }
    if part.n_need_a_word > 0 {
        says.push(format!("{} without a word on what became", part.n_need_a_word));
    }
    format!("{name}: {}.", says.join(", "))
}

fn visits(name: &str, part: &Visits, briefing: &Briefing) -> String {
    let mut says = Vec::new();
    if part.n_shifts == 0 {
        says.push(match part.n_not_over {
            0 => "no shifts".to_owned(),
            n => format!("none over yet, {n} under way or to come"),
        });
    } else {
        says.push(format!("{} of {} made", part.n_made, count(part.n_shifts, "shift", "shifts")));
        says.push(format!("{} late", part.n_late));
        says.push(format!("{} short", part.n_short));
        if part.n_missed > 0 {
            says.push(format!("NOBODY CAME to {} ({})", part.n_missed, named(&part.missed, part.n_missed, briefing)));
        } else if part.n_unseen == 0 {
            says.push("none missed".to_owned());
        }
        if part.n_unseen > 0 {
            says.push(format!("{} not known", part.n_unseen));
        }
    }
    says.push(match part.n_without_check_out {
        0 => "no check-out missing".to_owned(),
        1 => "1 check-out missing".to_owned(),
        n => format!("{n} check-outs missing"),
    });
    format!("{name}: {}.", says.join(", "))
}

fn risks(name: &str, part: &Risks, briefing: &Briefing) -> String {
    let unsaid = if part.new_since.is_none() { " Who is new is not known yet." } else { "" };
    if part.n == 0 {
        return format!("{name}: nothing.{unsaid}");
    }
    let some: Vec<String> = part.first.iter().take(IN_LINE).map(|one| risk(one, briefing)).collect();
    let more = part.n.saturating_sub(some.len() as u64);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{name}: {}: {}{more}.{unsaid}", part.n, some.join("; "))
}

/// `Tue 08:00 north, critical client 7001 A.M.`; of a caregiver, theirs.
#[must_use]
pub(super) fn risk(one: &Risk, briefing: &Briefing) -> String {
    use super::RiskWhy::{CriticalClient, NewClient};
    let place = if one.location.is_empty() { String::new() } else { format!(" {}", one.location) };
    let whom = match (&one.caregiver, one.why) {
        (_, CriticalClient | NewClient) | (None, _) => format!("client {}", who(&one.client)),
        (Some(caregiver), _) => format!("caregiver {}", who(caregiver)),
    };
    let detail = if one.detail.is_empty() { String::new() } else { format!(" ({})", one.detail) };
    let when = stamp_in(one.starts_at, one.timezone.as_deref(), briefing);
    format!("{when}{place}, shift {}: {}, {whom}{detail}", one.shift, one.why.words())
}

fn overtime(part: &Overtime) -> String {
    if part.n_over_40 + part.n_over_38 == 0 {
        return "Overtime this week: nobody over 38 h.".to_owned();
    }
    let some: Vec<String> = part
        .first
        .iter()
        .take(IN_LINE + 1)
        .map(|one| format!("caregiver {} {} h", who(&one.caregiver), number(one.projected)))
        .collect();
    format!("Overtime this week: {} over 40 h, {} over 38 h: {}.", part.n_over_40, part.n_over_38, some.join(", "))
}

fn on_call(part: &[OnCall], briefing: &Briefing) -> String {
    if part.is_empty() {
        return "On call: no schedule is needed by a policy.".to_owned();
    }
    let each: Vec<String> = part.iter().map(|one| watcher(one, part.len() > 1, briefing)).collect();
    format!("On call: {}.", each.join("; "))
}

/// `night-1 until Tue 08:00, then night-2; no gap in 14 days`
#[must_use]
pub(super) fn watcher(one: &OnCall, with_name: bool, briefing: &Briefing) -> String {
    let mut says = match &one.now {
        None => "not known who".to_owned(),
        Some(people) if people.is_empty() => "NOBODY".to_owned(),
        Some(people) => people.join(" and "),
    };
    if let Some(until) = one.until.filter(|_| one.now.is_some()) {
        let next = if one.next.is_empty() { "NOBODY".to_owned() } else { one.next.join(" and ") };
        let _ = write!(says, " until {}, then {next}", stamp(until, briefing));
    }
    match &one.gap {
        None if one.now.is_some() => says.push_str(", no gap in 14 days"),
        None => {}
        Some(gap) => {
            let _ = write!(
                says,
                ", {} in 14 days, the first {} for {}",
                count(one.n_gaps as u64, "GAP", "GAPS"),
                stamp(gap.from, briefing),
                length(gap.until - gap.from)
            );
        }
    }
    if with_name { format!("{}: {says}", one.schedule) } else { says }
}

fn system(part: &System, briefing: &Briefing) -> String {
    let mut says = vec![match part.last_read_at {
        Some(at) => format!("last read {} ago", length(briefing.at - at)),
        None => "nothing read yet".to_owned(),
    }];
    says.push(if part.failing.is_empty() {
        "the API answers".to_owned()
    } else {
        format!("the API FAILS at {}", part.failing.join(", "))
    });
    says.push(match (part.n_unsent, part.unsent_since) {
        (None, _) => "unsent messages not known".to_owned(),
        (Some(0), _) => "all messages sent".to_owned(),
        (Some(n), Some(since)) => {
            format!("{} waiting, the oldest for {}", count(n, "message", "messages"), length(briefing.at - since))
        }
        (Some(n), None) => format!("{} waiting", count(n, "message", "messages")),
    });
    if part.n_unreached > 0 {
        says.push(format!("{} NOT REACHED", count(part.n_unreached as u64, "way out or person", "ways out or people")));
    }
    match &part.silences[..] {
        [] => says.push("no silence ends today".to_owned()),
        [one] => says.push(format!("a silence ends {}", stamp(one.ends_at, briefing))),
        [first, ..] => {
            says.push(format!("{} silences end, the first {}", part.silences.len(), stamp(first.ends_at, briefing)));
        }
    }
    format!("System: {}.", says.join(", "))
}

/// How many visits were changed afterwards, as far as that was seen.
fn edited(briefing: &Briefing) -> String {
    let share = match (briefing.edited_share, briefing.edited_since) {
        (Some(share), Some(since)) => {
            let share = share * 100.0;
            let digits = usize::from(share > 0.0 && share < 10.0);
            format!("{share:.digits$} % since {}", briefing.local(since).format("%a %F"))
        }
        _ => "not known, no visit was read again yet".to_owned(),
    };
    format!("Edited visits: {share}; credentials: not known (nothing says when one ends).")
}

/// The latest day beside its week, the week before it, and four weeks.
fn trend(days: &[Day]) -> String {
    let Some(last) = days.last() else { return "28 days: not known.".to_owned() };
    let numbers = kpis(days);
    if numbers.iter().all(|kpi| kpi.middle.is_none()) {
        return "28 days: not known yet.".to_owned();
    }
    let one = |kpi: &Kpi| {
        let [last, week, before, month] =
            [kpi.last, kpi.week, kpi.week_before, kpi.middle].map(|value| kpi.says(value));
        format!("{} {last} ({week}, {before}, {month})", kpi.name)
    };
    let each: Vec<String> = numbers.iter().map(one).collect();
    format!("{} (and the middle of 7 days, the 7 before, 28): {}.", last.day.format("%a"), each.join(", "))
}

/// One number over four weeks.
#[derive(Debug, Clone)]
pub struct Kpi {
    /// What it is.
    pub name: &'static str,
    /// Whether it is a share, 0 to 1.
    pub is_share: bool,
    /// Day by day, the oldest first; `None` = not known.
    pub days: Vec<Option<f64>>,
    /// The latest day's.
    pub last: Option<f64>,
    /// The middle one of the last seven, of those that are known.
    pub week: Option<f64>,
    /// The same of the seven before.
    pub week_before: Option<f64>,
    /// The same of all.
    pub middle: Option<f64>,
}

impl Kpi {
    fn of(name: &'static str, is_share: bool, days: Vec<Option<f64>>) -> Self {
        let middle = |days: &[Option<f64>]| {
            let mut known: Vec<f64> = days.iter().flatten().copied().collect();
            known.sort_by(f64::total_cmp);
            known.len().checked_sub(1).and_then(|n| known.get(n / 2).copied())
        };
        let (weeks, week) = days.split_at(days.len().saturating_sub(7));
        let (_, before) = weeks.split_at(weeks.len().saturating_sub(7));
        let (week, week_before, all) = (middle(week), middle(before), middle(&days));
        Self { name, is_share, last: days.last().copied().flatten(), week, week_before, middle: all, days }
    }

    /// A value as a person reads it.
    #[must_use]
    pub fn says(&self, value: Option<f64>) -> String {
        match value {
            None => "?".to_owned(),
            Some(value) if self.is_share => format!("{:.0} %", value * 100.0),
            Some(value) => number(value),
        }
    }
}

/// The five numbers.
#[must_use]
pub fn kpis(days: &[Day]) -> Vec<Kpi> {
    #[expect(clippy::cast_precision_loss, reason = "counts of one day")]
    let whole = |n: Option<u64>| n.map(|n| n as f64);
    #[expect(clippy::cast_precision_loss, reason = "minutes of one day")]
    let minutes = |n: Option<i64>| n.map(|n| n as f64);
    vec![
        Kpi::of("made", true, days.iter().map(|day| day.made).collect()),
        Kpi::of("on time", true, days.iter().map(|day| day.on_time).collect()),
        Kpi::of("missed", false, days.iter().map(|day| whole(day.n_missed)).collect()),
        Kpi::of("pages", false, days.iter().map(|day| whole(day.n_pages)).collect()),
        Kpi::of("min to take", false, days.iter().map(|day| minutes(day.minutes_to_ack)).collect()),
    ]
}
