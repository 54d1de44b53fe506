//! Which stretches of time were read completely, and when: the only ground on which a missing row means anything.

use serde::{Deserialize, Serialize};

use crate::{model::Instant, source::fetched::Span};

/// How many stretches are kept; hot, this month, next month and a few odd ones. The oldest read goes first.
const SPANS_MAX: usize = 8;

/// Complete reads of one list, newest stamp per stretch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadSpans(Vec<(Span, Instant)>);

impl ReadSpans {
    /// Notes a complete read of `span` that began at `as_of`.
    pub fn note(&mut self, span: Span, as_of: Instant) {
        self.0.retain(|(old, at)| !(span.from <= old.from && old.until <= span.until && *at <= as_of));
        if self.0.iter().any(|(old, at)| old.from <= span.from && span.until <= old.until && *at >= as_of) {
            return;
        }
        // Most clients have one or two: no room is kept for more.
        self.0.reserve_exact(1);
        self.0.push((span, as_of));
        if self.0.len() > SPANS_MAX {
            let oldest = self.0.iter().enumerate().min_by_key(|(_, (_, at))| *at).map(|(i, _)| i);
            if let Some(oldest) = oldest {
                self.0.swap_remove(oldest);
            }
        }
    }

    /// When the newest complete read whose stretch holds `at` began.
    #[must_use]
    pub fn covering(&self, at: Instant) -> Option<Instant> {
        self.0.iter().filter(|(span, _)| span.contains(at)).map(|(_, as_of)| *as_of).max()
    }

    /// The newest complete read, made after `after`, of a stretch that holds every check-in a shift planned for
    /// `[start, end)` could have had by then.
    #[must_use]
    pub fn covering_visit(&self, start: Instant, end: Instant, after: Option<Instant>) -> Option<Instant> {
        self.0
            .iter()
            .filter(|(span, as_of)| span.contains(start) && span.until >= end.min(*as_of))
            .map(|(_, as_of)| *as_of)
            .filter(|as_of| after.is_none_or(|after| *as_of > after))
            .max()
    }

    /// The newest complete read of any stretch.
    #[must_use]
    pub fn newest(&self) -> Option<Instant> {
        self.0.iter().map(|(_, as_of)| *as_of).max()
    }

    /// The newest complete read of a stretch that does not hold `at`.
    #[must_use]
    pub fn newest_beside(&self, at: Instant) -> Option<Instant> {
        self.0.iter().filter(|(span, _)| !span.contains(at)).map(|(_, as_of)| *as_of).max()
    }

    /// Takes over another list's stretches that were read after `after`.
    pub fn absorb(&mut self, other: &Self, after: Option<Instant>) {
        for (span, as_of) in &other.0 {
            if after.is_none_or(|after| *as_of > after) {
                self.note(*span, *as_of);
            }
        }
    }

    /// Forgets reads that began after `limit`, which no read can have done.
    pub fn forget_read_after(&mut self, limit: Instant) {
        self.0.retain(|(_, as_of)| *as_of <= limit);
    }

    /// Forgets stretches that end before `before`.
    pub fn forget(&mut self, before: Instant) {
        self.0.retain(|(span, _)| span.until > before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::local_time::from_micros;

    fn at(s: i64) -> Instant {
        from_micros(s * 1_000_000)
    }

    fn span(from: i64, until: i64) -> Span {
        Span { from: at(from), until: at(until) }
    }

    #[test]
    fn the_newest_read_that_holds_the_instant_counts() {
        let mut spans = ReadSpans::default();
        assert_eq!(spans.covering(at(5)), None, "nothing was read");
        spans.note(span(0, 10), at(100));
        spans.note(span(5, 20), at(200));
        assert_eq!(spans.covering(at(4)), Some(at(100)), "only the first holds it");
        assert_eq!(spans.covering(at(5)), Some(at(200)), "from is included");
        assert_eq!(spans.covering(at(20)), None, "until is excluded");
        spans.note(span(0, 30), at(150));
        assert_eq!(spans.covering(at(6)), Some(at(200)), "an older read that came late does not hide a newer one");
        assert_eq!(spans.covering(at(25)), Some(at(150)));
    }

    #[test]
    fn a_visit_read_must_reach_as_far_as_a_check_in_could() {
        let mut spans = ReadSpans::default();
        spans.note(span(0, 100), at(150));
        assert_eq!(spans.covering_visit(at(90), at(200), None), None, "a check-in at 120 would not have been in it");
        assert_eq!(spans.covering_visit(at(50), at(100), None), Some(at(150)), "the shift was over by then");
        assert_eq!(spans.covering_visit(at(50), at(100), Some(at(150))), None, "spoilt for this client");
    }

    #[test]
    fn the_list_is_bounded() {
        let mut spans = ReadSpans::default();
        for i in 0..50 {
            spans.note(span(i * 10, i * 10 + 15), at(i));
        }
        assert_eq!(spans.0.len(), SPANS_MAX);
        assert_eq!(spans.covering(at(495)), Some(at(49)), "the newest stay");
        assert_eq!(spans.covering(at(5)), None, "the oldest go");
    }
}
