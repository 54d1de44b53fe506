//! What was billed of one client in one week of the calendar, as it is read and kept.
//!
//! Given: days on which somebody was or was to be at a client. Gives: the weeks to ask for, and what came as a row.
//! Does not: compare them with hours (`report::hours::charges`).
//!
//! Weeks lie on a grid that never moves, so that a second read of a week replaces the first, and a charge is in one week only,
//! whichever of a charge's days the vendor goes by.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::{DetailSection, rows::DetailRow};
use crate::model::{CaregiverId, ClientId, Instant, PhiGrant, VisitTime};

/// Days of one read. Contract §8 no. 24.
pub const WINDOW_DAYS: u64 = 7;

/// One charge. Ids, times and a number: nothing that anybody wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The vendor's id; `None` of a row without one.
    pub id: Option<String>,
    /// Whose work it is.
    pub caregiver: Option<CaregiverId>,
    /// From when, as the vendor writes it: without an offset nobody knows the zone.
    pub start: VisitTime,
    /// Until when.
    pub end: Option<VisitTime>,
    /// How many minutes were billed, of which a credit is negative; `None` = no quantity in hours or minutes could be read.
    pub minutes: Option<i64>,
}

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeFault {
    /// Its id, where it had one.
    pub id: Option<String>,
    /// What was wrong, without any value of the row.
    pub reason: String,
}

#[derive(Serialize, Deserialize)]
struct Body {
    complete: bool,
    charges: Vec<Charge>,
    faults: Vec<ChargeFault>,
}

/// One client's charges of one week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCharges {
    /// Whose.
    pub client: ClientId,
    /// The first day that was asked for.
    pub first: NaiveDate,
    /// When the read began.
    pub read_at: Instant,
    /// Whether a charge that is missing proves anything.
    pub complete: bool,
    /// The charges.
    pub charges: Vec<Charge>,
    /// Rows that could not be read; each may be the one that is missing.
    pub faults: Vec<ChargeFault>,
}

impl ClientCharges {
    /// Whether everything of the week was read, row by row.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.complete && self.faults.is_empty()
    }

    /// As the store keeps it.
    #[must_use]
    pub fn row(&self) -> DetailRow {
        let body = Body { complete: self.complete, charges: self.charges.clone(), faults: self.faults.clone() };
        DetailRow::of(DetailSection::Charges, key(self.first, self.client.as_str()), self.read_at, &body)
    }

    /// From the store; `None` of a row that this version does not read.
    #[must_use]
    pub fn restore(row: &DetailRow) -> Option<Self> {
        let (first, client) = row.key.split_once('/')?;
        let Body { complete, charges, faults } = row.read(PhiGrant::COMPARE)?;
        Some(Self {
            client: ClientId::new(client),
            first: first.parse().ok()?,
            read_at: row.read_at,
            complete,
            charges,
            faults,
        })
    }
}

/// The key of a row: by day first, so that a range of weeks is a range of keys.
#[must_use]
pub fn key(first: NaiveDate, client: &str) -> String {
    format!("{first}/{client}")
}

/// The keys that the weeks of a stretch of days lie between; the second is not included.
#[must_use]
pub fn keys(from: NaiveDate, to: NaiveDate) -> (String, String) {
    let last = window_of(to + Days::new(1));
    (key(window_of(from - Days::new(1)), ""), key(last + Days::new(1), ""))
}

/// The first day of the week of the grid that holds `day`.
#[must_use]
pub fn window_of(day: NaiveDate) -> NaiveDate {
    let into = (day - NaiveDate::default()).num_days().rem_euclid(7);
    day - Days::new(into.unsigned_abs())
}

/// The weeks that may hold the charges of what began on `day`: by the agency's days or by those of UTC. None that begins after
/// `today`.
pub fn windows(day: NaiveDate, today: NaiveDate) -> BTreeSet<NaiveDate> {
    let days = [day - Days::new(1), day, day + Days::new(1)];
    days.into_iter().map(window_of).filter(|first| *first <= today).collect()
}

/// Days with a shift or a visit, by client.
pub type ClientDays = BTreeMap<ClientId, BTreeSet<NaiveDate>>;

/// The weeks to be asked for, by client.
#[must_use]
pub fn wanted(days: &ClientDays, today: NaiveDate) -> BTreeSet<(NaiveDate, ClientId)> {
    let of_client = |(client, days): (&ClientId, &BTreeSet<NaiveDate>)| {
        let firsts: BTreeSet<NaiveDate> = days.iter().flat_map(|day| windows(*day, today)).collect();
        firsts.into_iter().map(|first| (first, client.clone())).collect::<Vec<_>>()
    };
    days.iter().flat_map(of_client).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn weeks_lie_on_a_grid_and_hold_the_days_around() {
        // 1970-01-01 was a Thursday.
        assert_eq!(window_of(day("2026-11-25")), day("2026-11-19"));
        assert_eq!(window_of(day("2026-11-26")), day("2026-11-26"));
        let firsts = |text: &str, today: &str| windows(day(text), day(today)).into_iter().collect::<Vec<_>>();
        assert_eq!(firsts("2026-11-22", "2026-12-30"), [day("2026-11-19")], "in the middle of a week");
        assert_eq!(firsts("2026-11-25", "2026-12-30"), [day("2026-11-19"), day("2026-11-26")], "its last day");
        assert_eq!(firsts("2026-11-25", "2026-11-25"), [day("2026-11-19")], "and nothing of the future");
        let (from, until) = keys(day("2026-11-20"), day("2026-11-25"));
        let inside = |first: &str| (from.as_str()..until.as_str()).contains(&key(day(first), "7").as_str());
        assert_eq!(["2026-11-12", "2026-11-19", "2026-11-26", "2026-12-03"].map(inside), [false, true, true, false]);
        let days = ClientDays::from([
            ("7".into(), BTreeSet::from([day("2026-11-20"), day("2026-11-21"), day("2026-11-23")])),
            ("8".into(), BTreeSet::from([day("2026-11-26")])),
        ]);
        assert_eq!(wanted(&days, day("2026-12-30")).len(), 3, "a read a client and week, no more");
    }

    #[test]
    fn a_week_is_kept_as_it_was_read() {
        let charges = ClientCharges {
            client: "7000101".into(),
            first: day("2026-11-19"),
            read_at: Instant::default(),
            complete: true,
            charges: vec![Charge {
                id: Some("66000001".into()),
                caregiver: Some("8000201".into()),
                start: VisitTime::Naive("2026-11-20T13:00:00".parse().unwrap()),
                end: None,
                minutes: Some(240),
            }],
            faults: vec![ChargeFault { id: None, reason: "it has no start".into() }],
        };
        assert_eq!(ClientCharges::restore(&charges.row()), Some(charges.clone()));
        assert!(!charges.is_whole());
    }
}
