//! One caregiver held against one shift: what forbids it, and what speaks for it.

use std::collections::HashMap;

use chrono::{Days, NaiveDate, TimeDelta};

use super::{
    Reason, Terms,
    bar::{Bar, Forbids},
    past::{OnTime, Past, With, count},
    sheet::{self, CaregiverRow, ClientRow, Place},
};
use crate::{
    mirror::{Mirror, shifts::ShiftEntry},
    model::{
        Caregiver, CaregiverId, Client, Instant, PhiGrant, Shift,
        local_time::{local_date, start_of_day},
        week::first_day,
    },
};

/// Of somebody known to live further away than this, distance gives no points, where no radius is set.
const FAR_MILES: f64 = 20.0;
/// The client saw somebody lately when it was within so many days.
const LATELY_DAYS: i64 = 56;
/// Memory holds visits from so many days ago.
const REMEMBERED: TimeDelta = TimeDelta::days(8);
/// Of a shift so many days are looked at.
const DAYS_MAX: usize = 32;
/// What lies longer ago is named by its month.
const BY_MONTH: TimeDelta = TimeDelta::days(45);

/// The shift that somebody is wanted for, and what is the same for everybody.
pub(super) struct Open<'a> {
    mirror: &'a Mirror,
    terms: &'a Terms,
    past: &'a Past,
    entry: &'a ShiftEntry,
    now: Instant,
    /// Who was with this client, in the past that is kept and in memory.
    with: HashMap<CaregiverId, With>,
    /// Since when that is known, in words.
    since: String,
}

impl<'a> Open<'a> {
    pub(super) fn new(
        mirror: &'a Mirror,
        terms: &'a Terms,
        past: &'a Past,
        entry: &'a ShiftEntry,
        now: Instant,
    ) -> Self {
        let client = &entry.shift.key.client;
        let mut with = past.with(client);
        for visit in mirror.visits().of_client(client) {
            let Some(came) = visit.visit.check_in.and_then(|time| mirror.visit_instant(visit, time)) else { continue };
            // What the past counts is not counted twice.
            if came > now || past.until().is_some_and(|until| came < until) {
                continue;
            }
            let planned = || visit.shift.as_ref().and_then(|key| mirror.shift(key)?.shift.caregiver.as_ref());
            if let Some(caregiver) = visit.visit.caregiver.as_ref().or_else(planned) {
                count(&mut with, caregiver, came);
            }
        }
        let since = past.since().map_or(now - REMEMBERED, |since| since.min(now - REMEMBERED));
        let day = local_date(mirror.zone_of(client), since);
        let since = day.format(if now - since > BY_MONTH { "%b %Y" } else { "%-d %b" }).to_string();
        Self { mirror, terms, past, entry, now, with, since }
    }
}

/// One caregiver held against it.
pub(super) struct Candidate<'a> {
    open: &'a Open<'a>,
    caregiver: &'a Caregiver,
    /// Their other shifts that stand.
    others: Vec<&'a ShiftEntry>,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(open: &'a Open<'a>, caregiver: &'a Caregiver) -> Self {
        let own = &open.entry.shift.key;
        let all = open.mirror.shifts().of_caregiver(&caregiver.id);
        let others = all.filter(|other| other.shift.key != *own && !other.shift.is_cancelled()).collect();
        Self { open, caregiver, others }
    }

    fn shift(&self) -> &'a Shift {
        &self.open.entry.shift
    }

    fn client(&self) -> Option<&'a Client> {
        self.open.mirror.client(&self.shift().key.client)
    }

    fn row(&self) -> Option<&'a CaregiverRow> {
        self.open.terms.sheet.caregivers.get(&self.caregiver.id)
    }

    fn client_row(&self) -> Option<&'a ClientRow> {
        self.open.terms.sheet.clients.get(&self.shift().key.client)
    }

    /// Everything that forbids it; nothing = they could take it.
    pub(super) fn forbidden_by(&self) -> Vec<Forbids> {
        let (shift, terms, caregiver) = (self.shift(), self.open.terms, self.caregiver);
        let mut why = Vec::new();
        let mut add = |bar: Bar, says: String| why.push(Forbids { bar, says });
        if caregiver.active == Some(false) {
            add(Bar::NotCurrent, "not active".to_owned());
        }
        if caregiver.hired == Some(false) {
            add(Bar::NotCurrent, "not hired".to_owned());
        }
        if shift.caregiver.as_ref() == Some(&caregiver.id) {
            add(Bar::OnIt, "is on it already".to_owned());
        }
        self.overlaps(&mut add);
        let zone = self.open.mirror.settings().timezone;
        let first = local_date(zone, shift.start());
        let last = local_date(zone, shift.end - TimeDelta::seconds(1));
        let days: Vec<NaiveDate> = first.iter_days().take(DAYS_MAX).take_while(|day| *day <= last.max(first)).collect();
        let longest = |spans: &mut dyn Iterator<Item = (NaiveDate, u64)>| {
            let with_it = spans.map(|span| self.planned(span) + within(shift, self.stretch(span)));
            with_it.max().unwrap_or_default()
        };
        let that_day = longest(&mut days.iter().map(|day| (*day, 1)));
        if let Some(max) = terms.max_day.filter(|max| that_day > *max) {
            add(Bar::LongDay, format!("would work {} that day, at most {}", hours(that_day), hours(max)));
        }
        let that_week = longest(&mut days.iter().map(|day| (first_day(*day, terms.week_starts), 7)));
        if let Some(max) = terms.max_week.filter(|max| that_week > *max) {
            add(Bar::LongWeek, format!("would work {} that week, at most {}", hours(that_week), hours(max)));
        }
        for needed in self.lacks() {
            add(Bar::Lacks, format!("lacks {needed}, which this client needs"));
        }
        let refuses = |ids: &[String], id: &str| ids.iter().any(|one| one == id);
        let row = self.row();
        if row.is_some_and(|row| refuses(&row.do_not_send, shift.key.client.as_str())) {
            add(Bar::DoNotSend, "not to be sent to this client, by the caregiver's row".to_owned());
        }
        if self.client_row().is_some_and(|row| refuses(&row.do_not_send, caregiver.id.as_str())) {
            add(Bar::DoNotSend, "not to be sent to this client, by the client's row".to_owned());
        }
        if let Some(row) = row {
            let (from, to) =
                (shift.start().with_timezone(&zone).naive_local(), shift.end.with_timezone(&zone).naive_local());
            if row.is_off(from, to) {
                add(Bar::TimeOff, "has time off".to_owned());
            }
            if row.is_available(from, to) == Some(false) {
                add(Bar::NotAvailable, "not available then".to_owned());
            }
        }
        if let (Some(miles), Some(radius)) = (self.miles(), terms.radius_miles)
            && miles > radius
        {
            add(Bar::TooFar, format!("lives {miles:.0} miles away, at most {radius:.0}"));
        }
        for (wish, fits) in self.wishes() {
            if fits == Some(false) {
                add(wish.bar(), wish.forbids().to_owned());
            }
        }
        why
    }

    /// What the client's row and branch ask of whoever comes, and whether they are so; `None` = not known.
    fn wishes(&self) -> Vec<(Wish, Option<bool>)> {
        let (row, settings) = (self.row(), self.open.mirror.settings());
        let same = |a: &str, b: &str| a.trim().eq_ignore_ascii_case(b.trim()) || a.to_lowercase() == b.to_lowercase();
        let tags = || self.caregiver.tags.iter().map(|tag| settings.tag_name(tag));
        let mut wishes = Vec::new();
        if let Some(wanted) = self.client_row().and_then(|row| row.gender_wanted.as_deref()) {
            let by_tag = || tags().map(sheet::gender).find(|tag| matches!(tag.as_str(), "female" | "male"));
            let is = row.and_then(|row| row.gender.clone()).or_else(by_tag);
            wishes.push((Wish::Gender, is.map(|is| is == wanted)));
        }
        if let Some(wanted) = self.client_row().map(|row| row.languages_wanted.as_slice()).filter(|all| !all.is_empty())
        {
            let by_tag = tags().any(|tag| wanted.iter().any(|one| same(one, tag)));
            let speaks = row.and_then(|row| row.languages.as_ref());
            let speaks = speaks.map(|all| all.iter().any(|one| wanted.iter().any(|wanted| same(one, wanted))));
            wishes.push((Wish::Language, if by_tag { Some(true) } else { speaks }));
        }
        if let Some(payer) = self.client_row().and_then(|row| row.payer.as_deref()) {
            let may = row.and_then(|row| row.payers.as_ref()).map(|all| all.iter().any(|one| same(one, payer)));
            wishes.push((Wish::Payer, may));
        }
        // Where nobody wrote down branches, nothing is asked: most agencies send everybody everywhere.
        if let (Some(branches), Some(location)) =
            (row.and_then(|row| row.branches.as_ref()), self.client().and_then(|client| client.location.as_ref()))
        {
            let label = settings.location_label(Some(location));
            let works = branches.iter().any(|one| same(one, &label) || same(one, location.as_str()));
            wishes.push((Wish::Branch, Some(works)));
        }
        wishes
    }

    /// Shifts that lie over this one, or too near to travel.
    fn overlaps(&self, add: &mut dyn FnMut(Bar, String)) {
        let (shift, buffer) = (self.shift(), self.open.terms.travel_buffer);
        for other in &self.others {
            let (start, end) = (other.shift.start(), other.shift.end);
            let name = || {
                let zone = self.open.mirror.zone_of(&other.shift.key.client);
                let (from, until) = (start.with_timezone(&zone), end.with_timezone(&zone));
                format!("{} {}-{}", other.shift.key.id, from.format("%a %H:%M"), until.format("%H:%M"))
            };
            if start < shift.end && end > shift.start() {
                add(Bar::Overlap, format!("has the shift {} then", name()));
            } else if other.shift.key.client != shift.key.client {
                let between = if start >= shift.end { start - shift.end } else { shift.start() - end };
                if between < buffer {
                    let (has, needs) = (between.num_minutes(), buffer.num_minutes());
                    let says = format!("{has} min from or to the shift {}, travel is given {needs}", name());
                    add(Bar::Travel, says);
                }
            }
        }
    }

    /// What the client needs and they do not have, by tag or credential.
    fn lacks(&self) -> Vec<&'a str> {
        if self.open.terms.requires.is_empty() {
            return Vec::new();
        }
        let settings = self.open.mirror.settings();
        let Some(client) = self.client() else { return Vec::new() };
        let wanted = |tag: &str| client.tags.iter().any(|id| id.as_str() == tag || settings.tag_name(id) == tag);
        let credentials = self.row().map(|row| row.credentials.as_slice());
        let has = |needed: &&String| {
            let tags = &self.caregiver.tags;
            tags.iter().any(|id| id.as_str() == needed.as_str() || settings.tag_name(id) == needed.as_str())
                || credentials.unwrap_or_default().iter().any(|one| one.eq_ignore_ascii_case(needed))
        };
        let requires = self.open.terms.requires.iter().filter(|(tag, _)| wanted(tag));
        let mut lacks: Vec<&str> =
            requires.flat_map(|(_, needed)| needed.iter().filter(|needed| !has(needed))).map(String::as_str).collect();
        lacks.sort_unstable();
        lacks.dedup();
        lacks
    }

    /// Planned time of their other shifts inside so many days from one on.
    fn planned(&self, days: (NaiveDate, u64)) -> TimeDelta {
        let stretch = self.stretch(days);
        self.others.iter().map(|other| within(&other.shift, stretch)).sum()
    }

    fn stretch(&self, (day, n_days): (NaiveDate, u64)) -> (Instant, Instant) {
        let zone = self.open.mirror.settings().timezone;
        (start_of_day(zone, day), start_of_day(zone, day + Days::new(n_days)))
    }

    /// Planned time of their other shifts in the shift's week.
    fn that_week(&self) -> TimeDelta {
        let day = local_date(self.open.mirror.settings().timezone, self.shift().start());
        self.planned((first_day(day, self.open.terms.week_starts), 7))
    }

    /// How far away they live, where both places are known.
    fn miles(&self) -> Option<f64> {
        let home = self.row()?.place?;
        let there: Place = self.client_row()?.place?;
        Some(home.miles_to(there))
    }

    /// What speaks for them and what is not known, in the order of the weights.
    pub(super) fn reasons(&self) -> Vec<Reason> {
        let (terms, weights) = (self.open.terms, self.open.terms.weights);
        let mut reasons = Vec::new();
        let mut add = |says: String, points: u32| reasons.push(Reason { says, points });
        let (client, since) = (&self.shift().key.client, &self.open.since);
        let is_ahead = |other: &&&ShiftEntry| other.shift.key.client == *client && other.shift.start() > self.open.now;
        let n_ahead = self.others.iter().filter(is_ahead).count();
        match (self.open.with.get(&self.caregiver.id), n_ahead) {
            (None, 0) => add(format!("no visit with this client known since {since}, none planned"), 0),
            (None, n) => add(
                format!("{} planned with this client", counted(n, "more visit is", "more visits are")),
                weights.worked_before,
            ),
            (Some(with), _) => {
                let n = usize::try_from(with.n).unwrap_or(usize::MAX);
                let visits = counted(n, "visit", "visits");
                add(format!("{visits} with this client since {since}"), weights.worked_before);
                let days = (self.open.now - with.last).num_days().max(0);
                let points = part(weights.recency, LATELY_DAYS - days, LATELY_DAYS);
                let ago = match days {
                    0 => "less than a day ago".to_owned(),
                    1 => "a day ago".to_owned(),
                    days => format!("{days} days ago"),
                };
                add(format!("the last {ago}"), points);
            }
        }
        let row = self.row();
        let asks = |row: &ClientRow| row.asked_for.iter().any(|id| id == self.caregiver.id.as_str());
        if self.client_row().is_some_and(asks) {
            add("the client asked for them".to_owned(), weights.asked_for);
        }
        let (says, points) = self.distance(weights.distance);
        add(says, points);
        let length = self.shift().end - self.shift().start();
        let week = self.that_week();
        let left = terms.overtime_after - week - length;
        if left < TimeDelta::zero() {
            add(format!("overtime: {} that week with this shift", hours(week + length)), 0);
        } else {
            let points = part(weights.overtime, left.num_minutes(), terms.overtime_after.num_minutes());
            add(format!("{} that week with this shift", hours(week + length)), points);
        }
        let (says, points) = self.punctuality(weights.reliability);
        add(says, points);
        if let Some(share) = row.and_then(|row| row.answers_texts) {
            add(format!("answers {} of 100 texts", whole(share)), part(weights.answers_texts, whole(share), 100));
        }
        if let Some(wanted) = row.and_then(|row| row.hours_wanted) {
            let wanted = TimeDelta::minutes(whole(wanted * 60.0));
            let points = if week < wanted {
                part(weights.wants_hours, (wanted - week).num_minutes(), wanted.num_minutes())
            } else {
                0
            };
            add(format!("wants {} a week", hours(wanted)), points);
        }
        for (wish, fits) in self.wishes() {
            match fits {
                Some(true) => add(wish.fits().to_owned(), 0),
                None => add(wish.unknown().to_owned(), 0),
                Some(false) => {}
            }
        }
        if row.is_none_or(|row| row.availability.is_none()) {
            add("availability not known".to_owned(), 0);
        }
        if self.caregiver.active.is_none() || self.caregiver.hired.is_none() {
            add("active and hired or not is not known".to_owned(), 0);
        }
        reasons
    }

    fn distance(&self, weight: u32) -> (String, u32) {
        if let Some(miles) = self.miles() {
            let far = self.open.terms.radius_miles.unwrap_or(FAR_MILES).max(1.0);
            let tenths = |miles: f64| whole(miles * 10.0);
            let points = part(weight, (tenths(far) - tenths(miles)).max(0), tenths(far));
            return (format!("lives {miles:.1} miles away"), points);
        }
        let Some(client) = self.client() else { return ("distance not known".to_owned(), 0) };
        let same = |a: &crate::model::Phi<String>, b: &crate::model::Phi<String>| {
            let (a, b) = (a.reveal(PhiGrant::COMPARE).trim(), b.reveal(PhiGrant::COMPARE).trim());
            !a.is_empty() && a.eq_ignore_ascii_case(b)
        };
        let (theirs, there) = (&self.caregiver.person, &client.person);
        if same(&theirs.postal_code, &there.postal_code) {
            ("same zip".to_owned(), part(weight, 4, 5))
        } else if same(&theirs.city, &there.city) {
            ("same city".to_owned(), part(weight, 1, 2))
        } else {
            ("distance not known".to_owned(), 0)
        }
    }

    /// How often they came on time, in the past that is kept and in memory; half the points where nobody knows.
    fn punctuality(&self, weight: u32) -> (String, u32) {
        let Open { mirror, past, now, since, .. } = self.open;
        let mut all: OnTime = past.on_time(&self.caregiver.id);
        for other in self.others.iter().filter(|other| other.shift.start() < *now) {
            let Some(came) = mirror.standing(other, *now).came_at else { continue };
            if past.until().is_none_or(|until| came >= until) {
                all.add(came, other.shift.start());
            }
        }
        let OnTime { n, on_time } = all;
        if n == 0 {
            return ("punctuality not known".to_owned(), weight / 2);
        }
        (format!("on time {on_time} of {n} times since {since}"), part(weight, on_time.into(), n.into()))
    }
}

/// What a client's row or branch asks of whoever comes. The words do not say what it is: they stand where no client may be
/// told of.
#[derive(Clone, Copy)]
enum Wish {
    Gender,
    Language,
    Payer,
    Branch,
}

impl Wish {
    const fn bar(self) -> Bar {
        match self {
            Self::Gender => Bar::Gender,
            Self::Language => Bar::Language,
            Self::Payer => Bar::Payer,
            Self::Branch => Bar::Branch,
        }
    }

    const fn forbids(self) -> &'static str {
        match self {
            Self::Gender => "not of the gender that the client asked for",
            Self::Language => "speaks no language that the client asked for",
            Self::Payer => "may not work for this client's payer",
            Self::Branch => "does not work for this branch",
        }
    }

    const fn fits(self) -> &'static str {
        match self {
            Self::Gender => "of the gender that the client asked for",
            Self::Language => "speaks a language that the client asked for",
            Self::Payer => "may work for this client's payer",
            Self::Branch => "works for this branch",
        }
    }

    const fn unknown(self) -> &'static str {
        match self {
            Self::Gender => "gender (the client asked for one) not known",
            Self::Language => "languages (the client asked for some) not known",
            Self::Payer => "leave to work for this client's payer not known",
            Self::Branch => "branches not known",
        }
    }
}

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// How much of a shift lies inside a stretch.
fn within(shift: &Shift, (from, until): (Instant, Instant)) -> TimeDelta {
    (shift.end.min(until) - shift.start().max(from)).max(TimeDelta::zero())
}

/// So much of a weight.
fn part(weight: u32, n: i64, of: i64) -> u32 {
    if of <= 0 {
        return 0;
    }
    u32::try_from(i64::from(weight) * n.clamp(0, of) / of).unwrap_or(0)
}

/// `38 h 30`.
pub(super) fn hours(time: TimeDelta) -> String {
    format!("{} h {:02}", time.num_hours(), time.num_minutes() % 60)
}

/// What is left without its fraction; the sheet's numbers are small.
#[expect(clippy::cast_possible_truncation, reason = "clamped before")]
const fn whole(number: f64) -> i64 {
    number.clamp(0.0, 1e12) as i64
}
