//! One caregiver held against one shift: what forbids it, and what speaks for it.

use chrono::{Days, NaiveDate, TimeDelta};

use super::{Reason, Terms, sheet::Place};
use crate::{
    mirror::{Mirror, shifts::ShiftEntry},
    model::{
        Caregiver, Client, Instant, PhiGrant, Shift,
        local_time::{local_date, start_of_day},
        week::first_day,
    },
    report::lookup::shifts::label,
};

/// Checked in so long after the start is on time.
const ON_TIME: TimeDelta = TimeDelta::minutes(7);
/// Of somebody known to live further away than this, distance gives no points, where no radius is set.
const FAR_MILES: f64 = 20.0;
/// The client saw somebody lately when it was within so many days.
const LATELY_DAYS: i64 = 8;

/// One caregiver and one shift.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) mirror: &'a Mirror,
    pub(super) terms: &'a Terms,
    pub(super) entry: &'a ShiftEntry,
    pub(super) caregiver: &'a Caregiver,
    pub(super) now: Instant,
}

impl<'a> Candidate<'a> {
    fn shift(self) -> &'a Shift {
        &self.entry.shift
    }

    fn client(self) -> Option<&'a Client> {
        self.mirror.client(&self.shift().key.client)
    }

    /// Their other shifts that stand.
    fn others(self) -> impl Iterator<Item = &'a ShiftEntry> {
        let own = &self.entry.shift.key;
        let all = self.mirror.shifts().of_caregiver(&self.caregiver.id);
        all.filter(move |other| other.shift.key != *own && !other.shift.is_cancelled())
    }

    /// Everything that forbids it; nothing = they could take it.
    pub(super) fn forbidden_by(self) -> Vec<String> {
        let (shift, terms, caregiver) = (self.shift(), self.terms, self.caregiver);
        let mut why = Vec::new();
        if caregiver.active == Some(false) {
            why.push("not active".to_owned());
        }
        if caregiver.hired == Some(false) {
            why.push("not hired".to_owned());
        }
        if shift.caregiver.as_ref() == Some(&caregiver.id) {
            why.push("is on it already".to_owned());
        }
        why.extend(self.overlaps());
        let length = shift.end - shift.start();
        let zone = self.mirror.settings().timezone;
        let day = local_date(zone, shift.start());
        let that_day = self.planned((day, 1)) + length;
        if let Some(max) = terms.max_day.filter(|max| that_day > *max) {
            why.push(format!("would work {} that day, at most {}", hours(that_day), hours(max)));
        }
        let that_week = self.that_week() + length;
        if let Some(max) = terms.max_week.filter(|max| that_week > *max) {
            why.push(format!("would work {} that week, at most {}", hours(that_week), hours(max)));
        }
        for needed in self.lacks() {
            why.push(format!("lacks {needed}, which this client needs"));
        }
        let (sheet, client) = (&terms.sheet, &shift.key.client);
        let row = sheet.caregivers.get(&caregiver.id);
        let refuses = |ids: &[String], id: &str| ids.iter().any(|one| one == id);
        if row.is_some_and(|row| refuses(&row.do_not_send, client.as_str())) {
            why.push("not to be sent to this client, by the caregiver's row".to_owned());
        }
        if sheet.clients.get(client).is_some_and(|row| refuses(&row.do_not_send, caregiver.id.as_str())) {
            why.push("not to be sent to this client, by the client's row".to_owned());
        }
        if let Some(row) = row {
            let (from, to) =
                (shift.start().with_timezone(&zone).naive_local(), shift.end.with_timezone(&zone).naive_local());
            if row.is_off(from, to) {
                why.push("has time off".to_owned());
            }
            if row.is_available(from, to) == Some(false) {
                why.push("not available then".to_owned());
            }
        }
        if let (Some(miles), Some(radius)) = (self.miles(), terms.radius_miles)
            && miles > radius
        {
            why.push(format!("lives {miles:.0} miles away, at most {radius:.0}"));
        }
        why
    }

    /// Shifts that lie over this one, or too near to travel.
    fn overlaps(self) -> Vec<String> {
        let (shift, buffer) = (self.shift(), self.terms.travel_buffer);
        let mut why = Vec::new();
        for other in self.others() {
            let (start, end) = (other.shift.start(), other.shift.end);
            let name = label(self.mirror, &other.shift.key);
            if start < shift.end && end > shift.start() {
                why.push(format!("has the shift {name} then"));
            } else if other.shift.key.client != shift.key.client {
                let between = if start >= shift.end { start - shift.end } else { shift.start() - end };
                if between < buffer {
                    let (has, needs) = (between.num_minutes(), buffer.num_minutes());
                    why.push(format!("{has} min from or to the shift {name}, travel is given {needs}"));
                }
            }
        }
        why
    }

    /// What the client needs and they do not have, by tag or credential.
    fn lacks(self) -> Vec<&'a str> {
        let settings = self.mirror.settings();
        let Some(client) = self.client() else { return Vec::new() };
        let wanted = |tag: &str| client.tags.iter().any(|id| id.as_str() == tag || settings.tag_name(id) == tag);
        let credentials = self.terms.sheet.caregivers.get(&self.caregiver.id).map(|row| row.credentials.as_slice());
        let has = |needed: &&String| {
            let tags = &self.caregiver.tags;
            tags.iter().any(|id| id.as_str() == needed.as_str() || settings.tag_name(id) == needed.as_str())
                || credentials.unwrap_or_default().iter().any(|one| one.eq_ignore_ascii_case(needed))
        };
        let requires = self.terms.requires.iter().filter(|(tag, _)| wanted(tag));
        let mut lacks: Vec<&str> =
            requires.flat_map(|(_, needed)| needed.iter().filter(|needed| !has(needed))).map(String::as_str).collect();
        lacks.sort_unstable();
        lacks.dedup();
        lacks
    }

    /// Planned time of their other shifts inside so many days from one on.
    fn planned(self, (day, n_days): (NaiveDate, u64)) -> TimeDelta {
        let zone = self.mirror.settings().timezone;
        let (from, until) = (start_of_day(zone, day), start_of_day(zone, day + Days::new(n_days)));
        self.others()
            .map(|other| other.shift.end.min(until) - other.shift.start().max(from))
            .filter(|time| *time > TimeDelta::zero())
            .sum()
    }

    /// Planned time of their other shifts in the shift's week.
    fn that_week(self) -> TimeDelta {
        let day = local_date(self.mirror.settings().timezone, self.shift().start());
        self.planned((first_day(day, self.terms.week_starts), 7))
    }

    /// How far away they live, where both places are known.
    fn miles(self) -> Option<f64> {
        let sheet = &self.terms.sheet;
        let home = sheet.caregivers.get(&self.caregiver.id)?.place?;
        let there: Place = sheet.clients.get(&self.shift().key.client)?.place?;
        Some(home.miles_to(there))
    }

    /// What speaks for them and what is not known, in the order of the weights.
    pub(super) fn reasons(self) -> Vec<Reason> {
        let weights = self.terms.weights;
        let mut reasons = Vec::new();
        let mut add = |says: String, points: u32| reasons.push(Reason { says, points });
        let client = &self.shift().key.client;
        let with_client: Vec<&ShiftEntry> = self.others().filter(|other| other.shift.key.client == *client).collect();
        let (past, ahead): (Vec<&ShiftEntry>, Vec<&ShiftEntry>) =
            with_client.into_iter().partition(|other| other.shift.end <= self.now);
        match (past.len(), ahead.len()) {
            (0, 0) => add("not with this client in the last 8 days, nor planned".to_owned(), 0),
            (0, n) => add(format!("is planned with this client {n} more times"), weights.worked_before),
            (n, _) => add(format!("was with this client {n} times in the last 8 days"), weights.worked_before),
        }
        if let Some(last) = past.iter().map(|other| other.shift.end).max() {
            let days = (self.now - last).num_days().clamp(0, LATELY_DAYS);
            let points = part(weights.recency, LATELY_DAYS - days, LATELY_DAYS);
            add(format!("last {days} days ago"), points);
        }
        let row = self.terms.sheet.caregivers.get(&self.caregiver.id);
        let asked_for = self
            .terms
            .sheet
            .clients
            .get(client)
            .is_some_and(|row| row.asked_for.iter().any(|id| id == self.caregiver.id.as_str()));
        if asked_for {
            add("the client asked for them".to_owned(), weights.asked_for);
        }
        let (says, points) = self.distance(weights.distance);
        add(says, points);
        let length = self.shift().end - self.shift().start();
        let week = self.that_week();
        let left = self.terms.overtime_after - week - length;
        if left < TimeDelta::zero() {
            add(format!("overtime: {} that week with this shift", hours(week + length)), 0);
        } else {
            let points = part(weights.overtime, left.num_minutes(), self.terms.overtime_after.num_minutes());
            add(format!("{} that week with this shift", hours(week + length)), points);
        }
        let (says, points) = self.punctuality(weights.reliability);
        add(says, points);
        match row.and_then(|row| row.hours_wanted) {
            None => {}
            Some(wanted) => {
                let wanted = TimeDelta::minutes(whole(wanted * 60.0));
                let points = if week < wanted {
                    part(weights.wants_hours, (wanted - week).num_minutes(), wanted.num_minutes())
                } else {
                    0
                };
                add(format!("wants {} a week", hours(wanted)), points);
            }
        }
        if row.is_none_or(|row| row.availability.is_none()) {
            add("availability not known".to_owned(), 0);
        }
        if self.caregiver.active.is_none() || self.caregiver.hired.is_none() {
            add("whether they are active and hired is not known".to_owned(), 0);
        }
        reasons
    }

    fn distance(self, weight: u32) -> (String, u32) {
        if let Some(miles) = self.miles() {
            let far = self.terms.radius_miles.unwrap_or(FAR_MILES).max(1.0);
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

    /// How often they came on time to shifts that memory holds; half the points where nobody knows.
    fn punctuality(self, weight: u32) -> (String, u32) {
        let (mut n, mut n_on_time) = (0, 0);
        for other in self.others().filter(|other| other.shift.start() < self.now) {
            if let Some(came_at) = self.mirror.standing(other, self.now).came_at {
                n += 1;
                n_on_time += i64::from(came_at <= other.shift.start() + ON_TIME);
            }
        }
        if n == 0 {
            return ("punctuality not known".to_owned(), weight / 2);
        }
        (format!("on time {n_on_time} of {n} times in the last 8 days"), part(weight, n_on_time, n))
    }
}

/// So much of a weight.
fn part(weight: u32, n: i64, of: i64) -> u32 {
    if of <= 0 {
        return 0;
    }
    u32::try_from(i64::from(weight) * n.clamp(0, of) / of).unwrap_or(0)
}

/// `38 h 30`.
fn hours(time: TimeDelta) -> String {
    format!("{} h {:02}", time.num_hours(), time.num_minutes() % 60)
}

/// What is left without its fraction; the sheet's numbers are small.
#[expect(clippy::cast_possible_truncation, reason = "clamped before")]
const fn whole(number: f64) -> i64 {
    number.clamp(0.0, 1e12) as i64
}
