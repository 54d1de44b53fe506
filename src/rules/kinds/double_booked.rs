//! `double_booked {of}`: two shifts of one caregiver, or of one client, at one time.
//!
//! Of a client it may be meant: some need two people at once.

use super::pair::Pair;
use crate::{
    mirror::Mirror,
    rules::{
        finding::{Closing, Window},
        look::Look,
    },
};

/// Who is booked twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The caregiver.
    Caregiver,
    /// The client.
    Client,
}

/// The window of two shifts: from when it is known until their common time is over.
#[must_use]
pub fn look(of: Of, pair: Pair<'_>, mirror: &Mirror) -> Look {
    let one = match of {
        Of::Caregiver => pair.one_caregiver(),
        Of::Client => pair.first.shift.key.client == pair.second.shift.key.client,
    };
    if !one || !pair.overlap() || !pair.stands(mirror) {
        return Look::never(Closing::Recovered);
    }
    let opens_at = pair.first.known_at().max(pair.second.known_at());
    let closes_at = Some(pair.first.shift.end.min(pair.second.shift.end));
    Look::certain(Window { opens_at, closes_at }, opens_at)
}
