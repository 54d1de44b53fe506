//! Reads what was billed: one client and one week at a time, when nothing else waits for the budget. The endpoint and its breaker
//! are its own.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use chrono::{Days, NaiveDate};
use serde_json::Value;

use super::{
    access::Trace,
    budget::Priority,
    client::Source,
    exchange::{Question, Target},
    fetched::{ReadFault, RequestRecord},
    paging::{End, Next, PAGE_ROWS, PageSeen, Paging},
    wire::{bundle, charge, value},
};
use crate::{
    clock::Clock,
    details::charges::{ClientCharges, WINDOW_DAYS},
    model::{ClientId, Endpoint, Instant},
};

/// More charges than twenty pages has no client in a week.
const PAGES_MAX: u32 = 20;

/// What came of one such read.
#[derive(Debug)]
pub struct ChargesFetched {
    /// The week, to be stored; `complete` is false where rows may be missing. Else why there is none.
    pub outcome: Result<ClientCharges, ReadFault>,
    /// Every request it made.
    pub requests: Vec<RequestRecord>,
}

impl Source {
    /// Reads a client's charges of the week that begins with `first`. Never fails as a call. `now` is the instant used when
    /// nothing was sent.
    pub async fn fetch_charges(
        &self,
        client: &ClientId,
        first: NaiveDate,
        now: Instant,
        clock: &Clock,
    ) -> ChargesFetched {
        let mut trace = Trace::new(clock);
        let mut pages = self.charge_pages(client, first, &mut trace).await;
        if matches!(pages, Ok((_, End::Mismatch))) {
            // The numbers moved while we read: once more.
            pages = self.charge_pages(client, first, &mut trace).await;
        }
        let read_at = trace.started_at.unwrap_or(now);
        let outcome = pages.map(|(rows, end)| week(client, first, read_at, &rows, end == End::Complete));
        ChargesFetched { outcome, requests: trace.requests }
    }

    async fn charge_pages(
        &self,
        client: &ClientId,
        first: NaiveDate,
        trace: &mut Trace<'_>,
    ) -> Result<(Vec<Value>, End), ReadFault> {
        let endpoint = Endpoint::ChargeItem;
        let last = first + Days::new(WINDOW_DAYS - 1);
        let day = |day: NaiveDate| day.format("%Y%m%d").to_string();
        let filters = [("startDate", day(first)), ("endDate", day(last)), ("clientId", client.to_string())];
        let asker = self.asker();
        let known = self.pinned_base.or_else(|| asker.with(endpoint, |state| state.page_base));
        let mut paging = Paging::new(known, PAGES_MAX);
        let mut rows = Vec::new();
        let mut number: Option<u32> = None;
        loop {
            let mut query = vec![("_count", PAGE_ROWS.to_string())];
            query.extend(number.map(|page| ("_page", page.to_string())));
            let question = Question {
                endpoint,
                target: Target::Search { filters: &filters, query: &query },
                priority: Priority::Spare,
                whose: hash(client.as_str()),
                patient: false,
                probe: false,
            };
            let page = match asker.ask(question, trace, bundle::read).await {
                Ok(page) => page,
                Err(fault) if rows.is_empty() => return Err(fault),
                // What came is evidence; what did not is missing.
                Err(_) => return Ok((rows, End::Incomplete)),
            };
            let seen = PageSeen { keys: page.rows.iter().map(row_key).collect(), total: page.total };
            rows.extend(page.rows);
            let next = paging.take(seen);
            if let Some(learned) = paging.learned() {
                asker.with(endpoint, |state| state.page_base = Some(learned));
            }
            match next {
                Next::Ask(page) => number = Some(page),
                Next::Done(end) => return Ok((rows, end)),
            }
        }
    }
}

fn week(client: &ClientId, first: NaiveDate, read_at: Instant, rows: &[Value], complete: bool) -> ClientCharges {
    let mut week =
        ClientCharges { client: client.clone(), first, read_at, complete, charges: Vec::new(), faults: Vec::new() };
    let mut seen = HashSet::new();
    for row in rows.iter().filter(|row| seen.insert(row_key(row))) {
        match charge::charge(row, client) {
            Ok(charge) => week.charges.extend(charge),
            Err(fault) => week.faults.push(fault),
        }
    }
    week
}

/// The row's id, or all of it where it has none.
fn row_key(row: &Value) -> String {
    value::usable_id(row.get("id")).unwrap_or_else(|| format!("#{:x}", hash(&row.to_string())))
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
