//! The loop that reads what was billed, one client and week at a time: for whoever asks with `hours --read`, and each night.
//!
//! It asks for at most one request in ten of the agency's rate, and for none while the watch's own reads are behind their plan.
//! Only the weeks of clients with a shift or a visit around them are read. What the night still has to read is found again after
//! a restart by what is stored.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use chrono::{Days, NaiveDate, TimeDelta};

use super::{
    Floor, Post,
    charge_book::{Came, Week},
    complaints::Complaint,
    rereading::Night,
    told_to, wait,
};
use crate::{
    clock,
    details::{
        DetailSection,
        charges::{ClientCharges, ClientDays, keys, wanted},
    },
    mirror::past_line::{PastState, as_utc},
    model::{
        Endpoint, Instant,
        local_time::{local_date, start_of_day},
    },
    source::client::Source,
    store::{Store, StoreError},
};

/// One request in so many may be one of these.
const SHARE: f64 = 10.0;
/// What is to be read is looked for so often.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Reads one agency's charges until stopped; nothing where the section is off.
pub async fn charges_loop(floor: Floor, post: Arc<Post>) {
    let Some(source) = post.source.clone() else { return };
    let mut stop = floor.stop.clone();
    let (wanted, rate) = {
        let watch = post.watch.lock().await;
        (watch.settings.wellsky.sections.charges, watch.settings.wellsky.requests_per_second)
    };
    let Some(pace) = wanted else { return told_to(&mut stop).await };
    let again = TimeDelta::from_std(pace.again).unwrap_or(TimeDelta::days(1));
    let pause = Duration::from_secs_f64(SHARE / rate.max(0.001));
    let mut begun: Option<NaiveDate> = None;
    while !floor.is_stopping() {
        plan_asked(&floor, &post, again).await;
        plan_night(&floor, &post, &mut begun).await;
        let next = post.charges.lock().unwrap_or_else(PoisonError::into_inner).next();
        let idle = match next {
            None => LOOK_EVERY.min(pause * 2),
            Some(week) => {
                let behind = {
                    let planner = post.planner.lock().await;
                    planner.behind(floor.clock.now()) > planner.settings().detect_within
                };
                if !behind {
                    read_one(&floor, &post, &source, &week).await;
                }
                pause
            }
        };
        tokio::select! {
            () = wait(idle) => {}
            () = told_to(&mut stop) => return,
        }
    }
}

/// Once the visits of the days are here, it is known whose charges are to be read.
async fn plan_asked(floor: &Floor, post: &Post, again: TimeDelta) {
    let unplanned = post.charges.lock().unwrap_or_else(PoisonError::into_inner).unplanned();
    for (id, from, to) in unplanned {
        let over = {
            let past = post.past.lock().unwrap_or_else(PoisonError::into_inner);
            past.job(id).is_none_or(|job| job.n_done == job.n_reads)
        };
        if !over {
            continue;
        }
        let now = floor.clock.now();
        match due(&floor.store, post, (from, to), now - again, now).await {
            Ok(weeks) => post.charges.lock().unwrap_or_else(PoisonError::into_inner).plan(id, weeks),
            Err(fault) => {
                tracing::error!(agency = %post.name, error = %fault, "store: whose charges are to be read could not be looked up; it is tried again");
            }
        }
    }
}

/// After the time at which hours are read again, the charges of the same days are.
async fn plan_night(floor: &Floor, post: &Post, begun: &mut Option<NaiveDate>) {
    let now = floor.clock.now();
    let Some(Night { today, n_days, due_at }) = Night::due(post, now, *begun).await else { return };
    let days = (today - Days::new(u64::from(n_days)), today - Days::new(1));
    match due(&floor.store, post, days, due_at, now).await {
        Ok(weeks) => {
            *begun = Some(today);
            let n_reads = weeks.len();
            post.charges.lock().unwrap_or_else(PoisonError::into_inner).plan_night(weeks);
            tracing::info!(agency = %post.name, n_days, n_reads, "charges: the last days are read again, with what the watch leaves over");
        }
        Err(fault) => {
            tracing::error!(agency = %post.name, error = %fault, "store: whose charges are to be read could not be looked up; it is tried again");
        }
    }
}

/// The weeks around shifts and visits of `from..=to` that were not wholly read since `since`.
pub async fn due(
    store: &Store,
    post: &Post,
    (from, to): (NaiveDate, NaiveDate),
    since: Instant,
    now: Instant,
) -> Result<Vec<Week>, StoreError> {
    let (days, today) = client_days(store, post, (from, to), now).await?;
    let kept = read(store, post, (from, to)).await?;
    let kept: HashMap<Week, (Instant, bool)> =
        kept.into_iter().map(|one| ((one.first, one.client.clone()), (one.read_at, one.complete))).collect();
    let fresh = |week: &Week| kept.get(week).is_some_and(|(read_at, complete)| *complete && *read_at >= since);
    Ok(wanted(&days, today).into_iter().filter(|week| !fresh(week)).collect())
}

/// What is stored of the weeks around these days.
pub async fn read(
    store: &Store,
    post: &Post,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<Vec<ClientCharges>, StoreError> {
    let (first, last) = keys(from, to);
    let rows = store.details_between(&post.name, DetailSection::Charges, (&first, &last)).await?;
    Ok(rows.iter().filter_map(ClientCharges::restore).collect())
}

/// The days on which each client has a shift or a visit, from memory and the archive; and today.
async fn client_days(
    store: &Store,
    post: &Post,
    (from, to): (NaiveDate, NaiveDate),
    now: Instant,
) -> Result<(ClientDays, NaiveDate), StoreError> {
    let mut days = ClientDays::new();
    let (zone, early, late) = {
        let watch = post.watch.lock().await;
        let zone = watch.settings.timezone;
        let (early, late) = (start_of_day(zone, from), start_of_day(zone, to + Days::new(1)));
        let mut note = |client: &crate::model::ClientId, at: Instant| {
            let day = local_date(zone, at);
            if from <= day && day <= to {
                days.entry(client.clone()).or_default().insert(day);
            }
        };
        for entry in watch.mirror.shifts().running(early, late).filter(|entry| !entry.shift.is_cancelled()) {
            note(&entry.shift.key.client, entry.shift.start());
        }
        for entry in watch.mirror.visits().iter() {
            if let (Some(client), Some(check_in)) = (&entry.visit.client, entry.visit.check_in) {
                note(client, watch.mirror.visit_instant(entry, check_in).unwrap_or_else(|| as_utc(check_in)));
            }
        }
        (zone, early, late)
    };
    // A time without an offset may mean another day; the weeks hold the days around anyway.
    for line in store.past_lines(&post.name, early, late).await? {
        if let (PastState::Stands, Some(client), Some(start)) = (line.state, line.client, line.start) {
            let day = local_date(zone, start).clamp(from, to);
            days.entry(client).or_default().insert(day);
        }
    }
    Ok((days, local_date(zone, now)))
}

async fn read_one(floor: &Floor, post: &Post, source: &Source, week: &Week) {
    let (first, client) = week;
    let fetched = source.fetch_charges(client, *first, floor.clock.now(), &floor.clock).await;
    for request in &fetched.requests {
        floor.metrics.request(&post.name, request);
    }
    floor.api_book.record(&post.name, &fetched.requests);
    let endpoint = Endpoint::ChargeItem;
    let came = match fetched.outcome {
        Ok(charges) => {
            for fault in &charges.faults {
                floor.metrics.rejected_rows(&post.name, endpoint, 1);
                let mut complaints = post.complaints.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(n) = complaints.about(Complaint::Row(endpoint), clock::real_now()) {
                    tracing::warn!(agency = %post.name, %endpoint, row = fault.id.as_deref().unwrap_or("without id"), reason = %fault.reason, n, "source: a row makes no sense and was left out");
                }
            }
            let stored = floor.store.put_details(&post.name, vec![charges.row()]).await;
            match stored {
                Ok(()) if charges.complete => Came::Whole,
                Ok(()) => Came::Short("the answer was not complete".to_owned()),
                Err(fault) => {
                    tracing::error!(agency = %post.name, error = %fault, "store: charges could not be kept; they will be read again");
                    floor.store_refuses(&fault);
                    Came::Short(fault.to_string())
                }
            }
        }
        Err(fault) => {
            let section = DetailSection::Charges.as_str();
            let mut complaints = post.complaints.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(n) = complaints.about(Complaint::Read(section), clock::real_now()) {
                tracing::warn!(agency = %post.name, section, n, error = %fault, "source: charges could not be read; keeping what was known");
            }
            Came::Nothing(fault)
        }
    };
    let said = match &came {
        Came::Whole => Ok(floor.clock.now()),
        Came::Short(why) => Err(why.clone()),
        Came::Nothing(fault) => Err(fault.to_string()),
    };
    post.details.lock().unwrap_or_else(PoisonError::into_inner).charged(said);
    post.charges.lock().unwrap_or_else(PoisonError::into_inner).done(week, came);
}
