//! `client_without_shifts {for}`: a client has no shift, and none starts for so long.
//!
//! An absence: it needs complete reads that reach as far. Where the schedule was not read so far ahead, nothing is said.

use std::time::Duration;

use chrono::TimeDelta;

use super::delta;
use crate::{
    mirror::Mirror,
    model::{Client, ClientId, Instant, Section, Subject},
    rules::{
        exception::Exception,
        finding::{Closing, Tells, Window},
        look::{Look, Particulars},
    },
};

/// How old a read may be when the gap begins: plans for weeks ahead are not read every minute.
const READ_BEFORE: TimeDelta = TimeDelta::hours(24);

/// The window of the gap that lasts at `now`, or of the next one: from its beginning until a shift is near enough.
#[must_use]
pub fn look(for_: Duration, id: &ClientId, mirror: &Mirror, now: Instant) -> Look {
    let for_ = delta(for_);
    if !mirror.client(id).is_some_and(is_one) || mirror.is_inactive(id) {
        return Look::never(Closing::ClientInactive);
    }
    let Some(newest) = mirror.newest_schedule_read(id) else { return Look::unsettled(Section::Shifts) };
    let mut since = mirror.began_at();
    let mut window = None;
    for entry in mirror.shifts().of_client(id).filter(|entry| !entry.shift.is_cancelled()) {
        let closes_at = entry.shift.start() - for_;
        if closes_at > since && closes_at > now {
            window = Some(Window { opens_at: since, closes_at: Some(closes_at) });
            break;
        }
        since = since.max(entry.shift.end);
    }
    let window = window.unwrap_or(Window { opens_at: since, closes_at: None });
    if now < window.opens_at {
        // There is one soon enough. What is known of the days behind it is asked when it is over.
        return Look::certain(window, window.opens_at);
    }
    let from = window.opens_at.max(newest);
    match mirror.schedule_read_at(id, from, from + for_) {
        Some(read_at) if read_at >= window.opens_at - READ_BEFORE => Look::certain(window, window.opens_at),
        _ => Look::unsettled(Section::Shifts),
    }
}

/// Whether a row of the list is a client for whom somebody should plan.
fn is_one(client: &Client) -> bool {
    matches!((client.is_client, client.active), (Some(true), None | Some(true)) | (None, Some(true)))
}

/// What its alert tells.
#[must_use]
pub fn particulars(id: &ClientId, mirror: &Mirror) -> Particulars {
    Particulars {
        location: mirror.location_of(id),
        client: Some(id.clone()),
        ..Particulars::of(&Subject::Client(id.clone()), Tells::Exception(Exception::NoShifts))
    }
}
