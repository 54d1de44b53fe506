//! How often a phone is texted: the first text at once, then at most one in two minutes and ten in an hour, over all
//! agencies.
//!
//! Given: when a phone was texted lately, and how urgent the next text is. Gives: the earliest instant for it.
//! Does not: hold, bundle or send; that is `bundle`'s.
//!
//! What can't wait goes at once: a critical page, the word on who has it, an end, a question to the owner. But a storm of
//! them is one too: more than three in a minute wait for the minute to pass, and once a phone gets several pages in one
//! text, only what is critical and questions are spared the ordinary pace.

use chrono::TimeDelta;

use crate::model::Instant;

/// Between two texts to one phone.
pub const GAP: TimeDelta = TimeDelta::minutes(2);
/// In any [`HOUR`] to one phone.
pub const HOURLY: usize = 10;
/// How far back texts count.
pub const HOUR: TimeDelta = TimeDelta::hours(1);
/// Of what can't wait, in any minute.
const PROMPT_A_MINUTE: usize = 3;
const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// Whether a text can wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pace {
    /// Critical, or a question that runs out: at once.
    Urgent,
    /// Who has it, and that it is over: at once, unless the phone is in a storm.
    Prompt,
    /// Everything else.
    Ordinary,
}

/// The earliest instant for the next text. `texts`: when the phone was texted, oldest first; `stormy`: it got several
/// pages in one text lately, or some wait for it.
#[must_use]
pub fn next_at(texts: &[Instant], pace: Pace, stormy: bool, now: Instant) -> Instant {
    let nth_last = |n: usize| texts.len().checked_sub(n).and_then(|i| texts.get(i)).copied();
    let at = match pace {
        Pace::Urgent => nth_last(PROMPT_A_MINUTE).map(|at| at + MINUTE),
        Pace::Prompt if !stormy => nth_last(PROMPT_A_MINUTE).map(|at| at + MINUTE),
        Pace::Prompt | Pace::Ordinary => {
            let by_gap = nth_last(1).map(|at| at + GAP);
            let by_hour = nth_last(HOURLY).map(|at| at + HOUR);
            by_gap.max(by_hour)
        }
    };
    at.map_or(now, |at| at.max(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::local_time::from_micros;

    #[test]
    fn the_first_text_goes_at_once_and_the_next_ones_wait() {
        let now = from_micros(1_800_000_000_000_000);
        let ago = |seconds: &[i64]| seconds.iter().map(|s| now - TimeDelta::seconds(*s)).collect::<Vec<_>>();
        let every_three = [1740, 1560, 1380, 1200, 1020, 840, 660, 480, 300, 121];
        for (texts, pace, stormy, want, shows) in [
            (&[][..], Pace::Ordinary, false, 0, "the first"),
            (&[1][..], Pace::Ordinary, false, 119, "the second waits two minutes"),
            (&[119][..], Pace::Ordinary, false, 1, "to the second"),
            (&[120][..], Pace::Ordinary, false, 0, "and no longer"),
            (&every_three[1..], Pace::Ordinary, false, 0, "the tenth in an hour"),
            (
                &every_three[..],
                Pace::Ordinary,
                false,
                3600 - 1740,
                "the eleventh waits for the first to be an hour old",
            ),
            (&every_three[..], Pace::Urgent, false, 0, "what is critical does not"),
            (&[10][..], Pace::Urgent, true, 0, "nor for two minutes, in a storm either"),
            (&[30, 20, 10][..], Pace::Urgent, false, 30, "but three in a minute are enough"),
            (&[60, 20, 10][..], Pace::Urgent, false, 0, "a minute later the next goes"),
            (&[10][..], Pace::Prompt, false, 0, "an end goes at once"),
            (&[10][..], Pace::Prompt, true, 110, "unless there are so many that they come together"),
        ] {
            assert_eq!((next_at(&ago(texts), pace, stormy, now) - now).num_seconds(), want, "{shows}");
        }
    }
}
