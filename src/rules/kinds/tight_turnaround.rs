//! `tight_turnaround {under}`: less than `under` from the end of one client's shift to the start of another's.

use std::time::Duration;

use chrono::TimeDelta;

use super::{delta, pair::Pair};
use crate::{
    mirror::Mirror,
    rules::{
        finding::{Closing, Window},
        look::Look,
    },
};

/// The window of two shifts of one caregiver: from when it is known until the second one starts.
#[must_use]
pub fn look(under: Duration, pair: Pair<'_>, mirror: &Mirror) -> Look {
    let (first, second) = (&pair.first.shift, &pair.second.shift);
    let between = second.start() - first.end;
    let tight = between >= TimeDelta::zero() && between < delta(under);
    if !tight || !pair.one_caregiver() || first.key.client == second.key.client || !pair.stands(mirror) {
        return Look::never(Closing::Recovered);
    }
    let opens_at = pair.first.known_at().max(pair.second.known_at());
    Look::certain(Window { opens_at, closes_at: Some(second.start()) }, opens_at)
}
