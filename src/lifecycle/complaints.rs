//! One line where an outage would write hundreds: what repeats is counted and said once a minute.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::model::{Endpoint, Instant};

/// The same complaint is written again after this at the earliest, real time.
const AGAIN_AFTER: TimeDelta = TimeDelta::minutes(1);

/// What is complained about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Complaint {
    /// Reads of a section fail.
    Read(&'static str),
    /// Rows of an endpoint make no sense.
    Row(Endpoint),
    /// An Alertmanager does not take what is sent on to it.
    Alertmanager,
}

/// What was complained about, and when.
#[derive(Debug, Default)]
pub struct Complaints {
    said: BTreeMap<Complaint, (Instant, u64)>,
}

impl Complaints {
    /// It happened once more. The number of times since the last line, when it is time for a line: the first at once,
    /// then one a minute at most. The metrics count each.
    pub fn about(&mut self, what: Complaint, real_now: Instant) -> Option<u64> {
        match self.said.get_mut(&what) {
            Some((at, n)) if real_now - *at < AGAIN_AFTER && real_now >= *at => {
                *n += 1;
                None
            }
            Some((at, n)) => {
                *at = real_now;
                Some(std::mem::take(n) + 1)
            }
            None => {
                self.said.insert(what, (real_now, 0));
                Some(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::noon;

    #[test]
    fn the_first_is_said_at_once_and_the_rest_once_a_minute_with_their_number() {
        let mut complaints = Complaints::default();
        let reads = Complaint::Read("shifts");
        assert_eq!(complaints.about(reads, noon()), Some(1));
        for s in 1..60 {
            assert_eq!(complaints.about(reads, noon() + TimeDelta::seconds(s)), None, "{s} s");
        }
        assert_eq!(complaints.about(Complaint::Row(Endpoint::Appointment), noon()), Some(1), "another matter");
        assert_eq!(complaints.about(reads, noon() + TimeDelta::seconds(60)), Some(60));
        assert_eq!(complaints.about(reads, noon() + TimeDelta::seconds(600)), Some(1));
        assert_eq!(complaints.about(reads, noon()), Some(1), "a clock that went back silences nothing");
    }
}
