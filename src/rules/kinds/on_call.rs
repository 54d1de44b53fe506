//! `nobody_on_call {within}`, `on_call_fault`, `unverified_number`: whether a page would find somebody.

use std::time::Duration;

use super::delta;
use crate::{
    model::Subject,
    rules::{
        finding::{Closing, Tells, Window},
        look::{Look, Particulars},
        on_call_health::OnCallHealth,
    },
};

/// How many faults are spelt out; the rest is a number.
const SPELT_OUT: usize = 5;

/// Broken from `within` before the hole until somebody is on call. `None` health = nobody needs it any more.
#[must_use]
pub fn nobody(within: Duration, health: Option<&OnCallHealth>) -> Look {
    match health.and_then(|health| health.gap) {
        Some((from, _)) => {
            let opens_at = from.checked_sub_signed(delta(within)).unwrap_or(from);
            Look::certain(Window { opens_at, closes_at: None }, opens_at)
        }
        None => Look::never(Closing::Recovered),
    }
}

/// Broken while there is any fault.
#[must_use]
pub fn fault(health: Option<&OnCallHealth>) -> Look {
    since(health.filter(|health| !health.faults.is_empty()))
}

/// Broken while nobody has ever answered from the number.
#[must_use]
pub fn unverified(health: Option<&OnCallHealth>) -> Look {
    since(health.filter(|health| health.unverified))
}

fn since(health: Option<&OnCallHealth>) -> Look {
    health.map_or(Look::never(Closing::Recovered), |health| {
        Look::certain(Window { opens_at: health.since, closes_at: None }, health.since)
    })
}

/// What its alert tells.
#[must_use]
pub fn particulars(subject: &Subject, health: Option<&OnCallHealth>, of_the_hole: bool) -> Particulars {
    let mut particulars = Particulars::of(subject, Tells::Summary);
    let Some(health) = health else { return particulars };
    if let Some((from, until)) = health.gap.filter(|_| of_the_hole) {
        particulars.deadline = Some(from);
        particulars.starts_at = Some(from);
        particulars.ends_at = Some(until);
    } else if !health.faults.is_empty() {
        let mut cause: Vec<&str> = health.faults.iter().take(SPELT_OUT).map(String::as_str).collect();
        let more = format!("and {} more", health.faults.len().saturating_sub(SPELT_OUT));
        if health.faults.len() > SPELT_OUT {
            cause.push(&more);
        }
        particulars.annotations = vec![("cause".to_owned(), cause.join("; "))];
    }
    particulars
}
