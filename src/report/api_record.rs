//! The record of one agency's API: uptime, requests, errors and latency over three spans, outages, and a chart by hour.
//!
//! Given: slices and outages as stored, with what is not stored yet added. Gives: [`ApiRecord`].
//! Does not: say how the API is at this moment; that is the view's to say.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{
    api_log::{OutageNews, Unkept},
    api_slice::{ApiSlice, Length, SliceRow},
    words,
};
use crate::model::{AgencyName, Endpoint, Instant};

/// How many hours the chart shows, the present one among them.
pub const CHART_HOURS: i64 = 48;
/// How far back outages and the longest span go.
pub const LONGEST: TimeDelta = TimeDelta::days(30);
/// At most so many outages of one endpoint are listed.
pub const OUTAGES_MAX: usize = 100;

/// The answer of `GET /api/v1/api`.
///
/// Shares are of *observed* time: after a good answer an endpoint counts as up until the next request, five minutes at
/// most; after a failure as down until the next request, an hour at most. While the agent does not run, or does not ask,
/// nothing is observed: that is unknown, not up. Times are the agent's clock, except latency, which is real time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApiRecord {
    /// Whose API.
    pub agency: String,
    /// When it was summed up.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Instant,
    /// The endpoints that were ever asked in the last 30 days, in label order.
    pub endpoints: Vec<EndpointRecord>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EndpointRecord {
    /// The `endpoint` label.
    pub endpoint: Endpoint,
    /// The last hour (cut at five minutes), 24 hours and 30 days (cut at the hour).
    pub spans: Vec<SpanRecord>,
    /// Outages of the last 30 days, newest first, at most [`OUTAGES_MAX`].
    pub outages: Vec<Outage>,
    /// How many older ones are not listed.
    pub n_outages_left_out: u64,
    /// Hour by hour, oldest first, [`CHART_HOURS`] of them; an hour without observation is there with `null`s.
    pub hours: Vec<HourRecord>,
}

/// One endpoint over one span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SpanRecord {
    /// `1h`, `24h` or `30d`.
    pub span: String,
    /// Where it begins.
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// How much of it was observed, seconds.
    pub observed_seconds: f64,
    /// The share of that in which it answered, 0 to 1; `null` when nothing was observed.
    pub uptime: Option<f64>,
    /// Requests that were made.
    pub requests: u64,
    /// Those that count as errors of the API, by class: `timeout`, `connect`, `protocol`, `4xx`, `5xx`.
    pub errors: BTreeMap<String, u64>,
    /// The share of errors among requests, 0 to 1; `null` without requests.
    pub error_ratio: Option<f64>,
    /// Half of the requests took no longer, seconds (the upper bound of a class); `null` without requests.
    pub p50_seconds: Option<f64>,
    /// 95 in a hundred took no longer.
    pub p95_seconds: Option<f64>,
    /// 99 in a hundred took no longer.
    pub p99_seconds: Option<f64>,
}

/// One hour of one endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HourRecord {
    /// Where it begins.
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// How much of it was observed, seconds.
    pub observed_seconds: f64,
    /// The share of that in which it answered; `null` when nothing was observed.
    pub uptime: Option<f64>,
    /// Requests that were made.
    pub requests: u64,
    /// Those that count as errors of the API.
    pub errors: u64,
    /// Half of the requests took no longer, seconds; `null` without requests.
    pub p50_seconds: Option<f64>,
    /// 99 in a hundred took no longer.
    pub p99_seconds: Option<f64>,
}

/// At least two failures in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Outage {
    /// The first failure.
    #[schema(value_type = String, format = DateTime)]
    pub since: Instant,
    /// The next good answer; `null` while there is none. After a restart it is the first good answer after it: the agent
    /// did not look in between.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Instant>,
    /// The code of the first failure: a status number, `timeout`, `connect`, `protocol`.
    pub cause: String,
    /// That, as a person says it.
    pub cause_words: String,
}

/// An outage as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutageRow {
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// The first failure.
    pub since: Instant,
    /// The next good answer.
    pub until: Option<Instant>,
    /// The first failure's code.
    pub code: String,
}

/// What is stored of one agency's API, as far as a record needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiRows {
    /// Slices of both lengths, in any order.
    pub slices: Vec<SliceRow>,
    /// Outages of the last 30 days, in any order, those that are open among them.
    pub outages: Vec<OutageRow>,
}

impl ApiRows {
    /// With what is not stored yet, as the store would take it in.
    #[must_use]
    pub fn with(mut self, unkept: &Unkept) -> Self {
        self.slices.extend(unkept.rows());
        for news in &unkept.outages {
            match news {
                OutageNews::Began { endpoint, since, code } => {
                    if !self.outages.iter().any(|one| one.endpoint == *endpoint && one.until.is_none()) {
                        let (endpoint, since, code) = (*endpoint, *since, code.clone());
                        self.outages.push(OutageRow { endpoint, since, until: None, code });
                    }
                }
                OutageNews::Ended { endpoint, until } => {
                    let open = |one: &&mut OutageRow| one.endpoint == *endpoint && one.until.is_none();
                    for one in self.outages.iter_mut().filter(open) {
                        one.until = Some((*until).max(one.since));
                    }
                }
            }
        }
        self
    }
}

/// The first instant that a record at `now` reads slices of a length from.
#[must_use]
pub fn reads_from(length: Length, now: Instant) -> Instant {
    match length {
        Length::FiveMinutes => length.floor(now - TimeDelta::hours(1)),
        Length::Hour => length.floor(now - LONGEST),
    }
}

impl ApiRecord {
    /// The record at `now`.
    #[must_use]
    pub fn of(agency: &AgencyName, rows: &ApiRows, now: Instant) -> Self {
        let asked = |endpoint: &Endpoint| {
            rows.slices.iter().any(|row| row.endpoint == *endpoint)
                || rows.outages.iter().any(|row| row.endpoint == *endpoint)
        };
        let endpoints = Endpoint::ALL.into_iter().filter(asked);
        Self {
            agency: agency.to_string(),
            as_of: now,
            endpoints: endpoints.map(|endpoint| EndpointRecord::of(endpoint, rows, now)).collect(),
        }
    }
}

impl EndpointRecord {
    fn of(endpoint: Endpoint, rows: &ApiRows, now: Instant) -> Self {
        let sum = |length: Length, from: Instant| {
            let mut sum = ApiSlice::default();
            let inside = |row: &&SliceRow| {
                row.endpoint == endpoint && row.length == length && row.from >= from && row.from <= now
            };
            rows.slices.iter().filter(inside).for_each(|row| sum.add(&row.slice));
            sum
        };
        let spans = [
            ("1h", Length::FiveMinutes, TimeDelta::hours(1)),
            ("24h", Length::Hour, TimeDelta::hours(24)),
            ("30d", Length::Hour, LONGEST),
        ];
        let spans = spans.into_iter().map(|(span, length, back)| {
            let from = length.floor(now - back);
            SpanRecord::of(span, from, &sum(length, from))
        });

        let mut by_hour: BTreeMap<Instant, ApiSlice> = BTreeMap::new();
        for row in rows.slices.iter().filter(|row| row.endpoint == endpoint && row.length == Length::Hour) {
            by_hour.entry(row.from).or_default().add(&row.slice);
        }
        let last = Length::Hour.floor(now);
        let hours = (0..CHART_HOURS).rev().map(|back| {
            let from = last - TimeDelta::hours(back);
            HourRecord::of(from, by_hour.get(&from).unwrap_or(&ApiSlice::default()))
        });

        let mut outages: Vec<&OutageRow> = rows.outages.iter().filter(|row| row.endpoint == endpoint).collect();
        outages.sort_by_key(|row| std::cmp::Reverse(row.since));
        Self {
            endpoint,
            spans: spans.collect(),
            n_outages_left_out: outages.len().saturating_sub(OUTAGES_MAX) as u64,
            outages: outages.into_iter().take(OUTAGES_MAX).map(Outage::of).collect(),
            hours: hours.collect(),
        }
    }

    /// One of its spans, by its name.
    #[must_use]
    pub fn span(&self, name: &str) -> Option<&SpanRecord> {
        self.spans.iter().find(|span| span.span == name)
    }
}

impl SpanRecord {
    fn of(span: &str, from: Instant, sum: &ApiSlice) -> Self {
        Self {
            span: span.to_owned(),
            from,
            observed_seconds: sum.observed.as_secs_f64(),
            uptime: sum.uptime(),
            requests: sum.n_requests,
            error_ratio: ratio(sum.n_errors(), sum.n_requests),
            errors: sum.errors.clone(),
            p50_seconds: sum.took.percentile(50),
            p95_seconds: sum.took.percentile(95),
            p99_seconds: sum.took.percentile(99),
        }
    }
}

impl HourRecord {
    fn of(from: Instant, slice: &ApiSlice) -> Self {
        Self {
            from,
            observed_seconds: slice.observed.as_secs_f64(),
            uptime: slice.uptime(),
            requests: slice.n_requests,
            errors: slice.n_errors(),
            p50_seconds: slice.took.percentile(50),
            p99_seconds: slice.took.percentile(99),
        }
    }
}

impl Outage {
    fn of(row: &OutageRow) -> Self {
        let cause_words = words::cause(&row.code);
        Self { since: row.since, until: row.until, cause: row.code.clone(), cause_words }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests;
