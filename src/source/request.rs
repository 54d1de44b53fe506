//! A [`Read`] as the vendor's searches: paths, filters, and days.
//!
//! Given: a read and the agency's zone.
//! Gives: the fewest searches that cover it. Pure.
//!
//! Nobody knows whether the vendor's days are UTC or the agency's own, so the days of both readings are asked for,
//! a day more on both sides where that costs no further call, and the rows are filtered by instant afterwards.
//! The paths are the vendor contract's smallest safe read set; no path that writes exists in this crate.

use chrono::{Datelike, Days as DayCount, NaiveDate, TimeDelta};
use chrono_tz::Tz;

use super::fetched::{Extent, Read, Span};
use crate::model::{
    Endpoint, Instant,
    local_time::{local_date, start_of_day},
};

/// Days per call: `startDate` and six more. Contract §3.1 and §8 no. 24.
const DAYS_MAX: u64 = 7;
/// `updated` has no stated zone, so a day more is asked for.
const UPDATED_MARGIN: TimeDelta = TimeDelta::hours(24);

/// No read asks for a longer stretch: the far read's two months. What is wanted beyond is not asked for.
const SPAN_MAX: TimeDelta = TimeDelta::days(64);

/// What a read asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// One row by id.
    One {
        /// Where.
        endpoint: Endpoint,
        /// The vendor's id.
        id: String,
    },
    /// One or more searches, all of which are needed.
    Searches(Vec<Search>),
}

/// One search; perhaps many pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Where.
    pub endpoint: Endpoint,
    /// The body's filters (or the query's, for a GET list).
    pub filters: Vec<(&'static str, String)>,
    /// `_sort`.
    pub sort: Option<&'static str>,
    /// At most so many pages; more means the read is incomplete.
    pub pages_max: u32,
}

/// The path of a search, with its slashes as the vendor publishes them.
#[must_use]
pub const fn search_path(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Token => TOKEN_PATH,
        Endpoint::Patients => "/v1/patients/_search/",
        Endpoint::Practitioners => "/v1/practitioners/_search/",
        Endpoint::Appointment => "/v1/appointment/_search/",
        Endpoint::Encounter => "/v1/encounter/_search/",
        Endpoint::Locations => "/v1/locations/_search",
        // Neither is searched; see `one_path` and `ACTIVITIES_PATH`.
        Endpoint::TaskLog => "/v1/encounter/",
        Endpoint::CarePlan => ACTIVITIES_PATH,
        Endpoint::ChargeItem => "/v1/chargeitem/_search/",
    }
}

/// The GET list that may stand in for a search whose route is refused; only where the vendor is known to have one.
#[must_use]
pub const fn list_path(endpoint: Endpoint) -> Option<&'static str> {
    match endpoint {
        Endpoint::Patients => Some("/v1/patients/"),
        Endpoint::Appointment => Some("/v1/appointment/"),
        _ => None,
    }
}

/// The collection that one id is under, with its slash, and the resource's name.
#[must_use]
pub const fn one_path(endpoint: Endpoint) -> Option<(&'static str, &'static str)> {
    match endpoint {
        Endpoint::Patients => Some(("/v1/patients/", "Patient")),
        Endpoint::Practitioners => Some(("/v1/practitioners/", "Practitioner")),
        Endpoint::Encounter | Endpoint::TaskLog => Some(("/v1/encounter/", "Encounter")),
        _ => None,
    }
}

/// The list of care activities; its filters stand in the query. Contract §3.6.
pub const ACTIVITIES_PATH: &str = "/v1/careplan/activity-metadata/";

/// Under the host root, not under `/v1`.
pub const TOKEN_PATH: &str = "/oauth/accesstoken";

/// The searches (or the one row) that answer `read`.
#[must_use]
pub fn asks(read: &Read, zone: Tz) -> Asks {
    let search = |endpoint, filters, pages_max| Search { endpoint, filters, sort: None, pages_max };
    match read {
        Read::Clients(extent) => Asks::Searches(vec![search(Endpoint::Patients, updated(extent), 1000)]),
        Read::Caregivers(extent) => {
            // The filter is known to work here (it is not for clients): applicants need not be read.
            let mut filters = updated(extent);
            if *extent == Extent::Full {
                filters.extend([("active", "true".to_owned()), ("is_hired", "true".to_owned())]);
            }
            Asks::Searches(vec![search(Endpoint::Practitioners, filters, 1000)])
        }
        Read::Client(id) => Asks::One { endpoint: Endpoint::Patients, id: id.to_string() },
        Read::Caregiver(id) => Asks::One { endpoint: Endpoint::Practitioners, id: id.to_string() },
        Read::Visit(id) => Asks::One { endpoint: Endpoint::Encounter, id: id.to_string() },
        Read::Shifts { client, span, .. } => {
            let dates = shift_dates(*span, zone);
            let searches = dates.into_iter().map(|dates| {
                let filters = std::iter::once(("clientId", client.to_string())).chain(dates).collect();
                search(Endpoint::Appointment, filters, 20)
            });
            Asks::Searches(searches.collect())
        }
        Read::Visits { client, span, .. } => {
            let searches = weeks(days_of(*span, zone)).into_iter().map(|(first, last)| {
                let mut filters = vec![("startDate", yyyymmdd(first)), ("endDate", yyyymmdd(last))];
                filters.extend(client.as_ref().map(|client| ("clientId", client.to_string())));
                Search {
                    endpoint: Endpoint::Encounter,
                    filters,
                    // Newest first, so that a short span of a large agency needs no old pages.
                    sort: client.is_none().then_some("-startDate"),
                    pages_max: if client.is_some() { 20 } else { 500 },
                }
            });
            Asks::Searches(searches.collect())
        }
        Read::Locations => Asks::Searches(vec![search(Endpoint::Locations, Vec::new(), 50)]),
    }
}

/// The hot read's span: yesterday to five days ahead, one call. Its ends are the instants for which the answer is
/// complete whichever way the vendor reads days.
#[must_use]
pub fn hot_span(now: Instant, zone: Tz) -> Span {
    let today = local_date(zone, now);
    sure_span(shifted(today, -1), shifted(today, 5), zone)
}

/// The far read's span: this calendar month and the next, two calls.
#[must_use]
pub fn far_span(now: Instant, zone: Tz) -> Span {
    let today = local_date(zone, now);
    let first = today.with_day(1).unwrap_or(today);
    let after_next = shifted(shifted(first, 31).with_day(1).unwrap_or(today), 31).with_day(1).unwrap_or(today);
    sure_span(first, shifted(after_next, -1), zone)
}

/// The span of a visit read: yesterday to tomorrow, so that a visit that began last night is in it.
#[must_use]
pub fn visit_span(now: Instant, zone: Tz) -> Span {
    let today = local_date(zone, now);
    sure_span(shifted(today, -1), shifted(today, 1), zone)
}

/// The read over a stretch that takes a bounded number of calls, whatever its span was reckoned from.
#[must_use]
pub fn bounded(mut read: Read) -> Read {
    if let Read::Shifts { span, .. } | Read::Visits { span, .. } = &mut read
        && span.until - span.from > SPAN_MAX
    {
        span.until = span.from + SPAN_MAX;
    }
    read
}

/// The instants that lie in `first..=last` both by UTC days and by the zone's.
fn sure_span(first: NaiveDate, last: NaiveDate, zone: Tz) -> Span {
    let end = shifted(last, 1);
    let utc = |date: NaiveDate| date.and_time(chrono::NaiveTime::MIN).and_utc();
    Span { from: start_of_day(zone, first).max(utc(first)), until: start_of_day(zone, end).min(utc(end)) }
}

/// The days that hold the span under both readings.
fn days_of(span: Span, zone: Tz) -> (NaiveDate, NaiveDate) {
    let last_instant = (span.until - TimeDelta::microseconds(1)).max(span.from);
    let first = local_date(zone, span.from).min(span.from.date_naive());
    let last = local_date(zone, last_instant).max(last_instant.date_naive());
    if day_count(first, last) + 2 <= DAYS_MAX { (shifted(first, -1), shifted(last, 1)) } else { (first, last) }
}

/// The date filters of the fewest calls: days where they fit in one, else whichever of weeks and months is fewer.
fn shift_dates(span: Span, zone: Tz) -> Vec<Vec<(&'static str, String)>> {
    let (first, last) = days_of(span, zone);
    let weeks = weeks((first, last));
    let mut months = vec![first.with_day(1).unwrap_or(first)];
    while let Some(next) = months.last().and_then(|month| shifted(*month, 31).with_day(1)).filter(|next| *next <= last)
    {
        months.push(next);
    }
    if months.len() < weeks.len() {
        return months.iter().map(|month| vec![("monthNo", month.format("%Y%m").to_string())]).collect();
    }
    weeks
        .iter()
        .map(|(first, last)| {
            let more = day_count(*first, *last) - 1;
            let mut filters = vec![("startDate", yyyymmdd(*first))];
            filters.extend((more > 0).then(|| ("additionalDays", more.to_string())));
            filters
        })
        .collect()
}

fn weeks((first, last): (NaiveDate, NaiveDate)) -> Vec<(NaiveDate, NaiveDate)> {
    let mut weeks = Vec::new();
    let mut from = first;
    while from <= last {
        let until = (from + DayCount::new(DAYS_MAX - 1)).min(last);
        weeks.push((from, until));
        from = shifted(until, 1);
    }
    weeks
}

fn updated(extent: &Extent) -> Vec<(&'static str, String)> {
    match extent {
        Extent::Full => Vec::new(),
        Extent::UpdatedSince(since) => {
            vec![("updated", format!("ge{}", (*since - UPDATED_MARGIN).format("%Y-%m-%dT%H:%M:%S")))]
        }
    }
}

fn day_count(first: NaiveDate, last: NaiveDate) -> u64 {
    u64::try_from((last - first).num_days() + 1).unwrap_or(0)
}

fn shifted(date: NaiveDate, days: i64) -> NaiveDate {
    date + TimeDelta::days(days)
}

fn yyyymmdd(date: NaiveDate) -> String {
    date.format("%Y%m%d").to_string()
}

#[cfg(test)]
mod tests {
    use chrono_tz::{America::Denver, Australia::Brisbane, Pacific::Kiritimati, UTC};

    use super::*;
    use crate::model::ClientId;

    fn at(text: &str) -> Instant {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn shift_filters(span: Span, zone: Tz) -> Vec<String> {
        let read = Read::Shifts { client: ClientId::from("7"), span, confirming: false };
        let Asks::Searches(searches) = asks(&read, zone) else { panic!("searches") };
        searches
            .iter()
            .map(|search| {
                search.filters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
            })
            .collect()
    }

    #[test]
    fn the_hot_read_is_one_call_in_every_zone_and_on_both_clock_change_nights() {
        for zone in [Denver, Brisbane, Kiritimati, UTC] {
            for now in [
                "2026-07-06T13:00:00Z",
                "2026-03-08T08:30:00Z",
                "2026-03-08T09:30:00Z",
                "2026-11-01T07:30:00Z",
                "2026-11-01T08:30:00Z",
                "2026-12-31T23:59:59Z",
            ] {
                let span = hot_span(at(now), zone);
                let filters = shift_filters(span, zone);
                let yesterday = yyyymmdd(shifted(local_date(zone, at(now)), -1));
                assert_eq!(filters, [format!("clientId=7&startDate={yesterday}&additionalDays=6")], "{zone} {now}");
                assert!(span.contains(at(now)), "{zone} {now}");
                assert!(span.contains(at(now) + TimeDelta::hours(72)), "the widest shipped band: {zone} {now}");
            }
        }
    }

    #[test]
    fn spans_become_the_fewest_calls() {
        let rows: &[(&str, &str, &[&str], &str)] = &[
            (
                "2026-07-06T13:00:00Z",
                "2026-07-06T17:00:00Z",
                &["clientId=7&startDate=20260705&additionalDays=2"],
                "one day and a day on both sides",
            ),
            (
                "2026-07-06T01:00:00Z",
                "2026-07-06T02:00:00Z",
                &["clientId=7&startDate=20260704&additionalDays=3"],
                "UTC and local days differ: both",
            ),
            (
                "2026-07-06T06:00:00Z",
                "2026-07-13T00:00:00Z",
                &["clientId=7&startDate=20260706&additionalDays=6"],
                "exactly seven days: no room for more",
            ),
            (
                "2026-07-06T06:00:00Z",
                "2026-07-13T00:00:01Z",
                &["clientId=7&monthNo=202607"],
                "an eighth day: the month is one call",
            ),
            (
                "2026-07-28T06:00:00Z",
                "2026-08-05T00:00:00Z",
                &["clientId=7&startDate=20260728&additionalDays=6", "clientId=7&startDate=20260804"],
                "over a month's end: two weeks are no more than two months",
            ),
            (
                "2026-07-01T06:00:00Z",
                "2026-09-01T00:00:00Z",
                &["clientId=7&monthNo=202607", "clientId=7&monthNo=202608"],
                "two months",
            ),
        ];
        for (from, until, expected, shows) in rows {
            assert_eq!(shift_filters(Span { from: at(from), until: at(until) }, Denver), *expected, "{shows}");
        }
    }

    #[test]
    fn the_far_read_is_this_month_and_the_next() {
        for (now, months) in [
            ("2026-07-06T13:00:00Z", ["202607", "202608"]),
            ("2026-12-31T23:00:00Z", ["202612", "202701"]),
            ("2026-01-31T12:00:00Z", ["202601", "202602"]),
            ("2026-07-01T03:00:00Z", ["202606", "202607"]),
        ] {
            let expected = months.map(|month| format!("clientId=7&monthNo={month}"));
            assert_eq!(shift_filters(far_span(at(now), Denver), Denver), expected, "{now}");
        }
    }

    #[test]
    fn a_wanted_stretch_is_bounded() {
        let months = |until: &str| {
            let span = Span { from: at("2026-07-06T06:00:00Z"), until: at(until) };
            let read = bounded(Read::Shifts { client: "7".into(), span, confirming: true });
            let Asks::Searches(searches) = asks(&read, Denver) else { panic!("searches") };
            searches.len()
        };
        assert_eq!(months("2026-09-08T06:00:00Z"), 3, "64 days");
        assert_eq!(months("9999-12-31T23:59:59Z"), 3, "and so is a mistyped year");
    }

    #[test]
    fn visits_are_asked_for_by_day_at_most_seven_a_call() {
        let read = |client: Option<&str>, from, until| Read::Visits {
            client: client.map(ClientId::from),
            span: Span { from: at(from), until: at(until) },
            confirming: false,
        };
        let Asks::Searches(one) = asks(&read(Some("7"), "2026-07-06T06:00:00Z", "2026-07-07T00:00:00Z"), Denver) else {
            panic!()
        };
        assert_eq!(
            one[0].filters,
            [("startDate", "20260705".to_owned()), ("endDate", "20260707".to_owned()), ("clientId", "7".to_owned())]
        );
        assert_eq!(one[0].sort, None);
        let Asks::Searches(all) = asks(&read(None, "2026-07-01T06:00:00Z", "2026-07-15T00:00:00Z"), Denver) else {
            panic!()
        };
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].filters, [("startDate", "20260701".to_owned()), ("endDate", "20260707".to_owned())]);
        assert_eq!(all[0].sort, Some("-startDate"));
    }

    #[test]
    fn people_are_asked_for_in_full_or_since_a_day_before() {
        let Asks::Searches(full) = asks(&Read::Clients(Extent::Full), Denver) else { panic!() };
        assert!(full[0].filters.is_empty(), "the active filter answers nothing for clients");
        let since = Extent::UpdatedSince(at("2026-07-06T13:00:00Z"));
        let Asks::Searches(since) = asks(&Read::Clients(since), Denver) else { panic!() };
        assert_eq!(since[0].filters, [("updated", "ge2026-07-05T13:00:00".to_owned())]);
    }
}
