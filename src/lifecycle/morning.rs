//! The list of a morning: once a day, whoever was told in the night is asked what became of it.
//!
//! Given: the agencies, their clocks, and what was kept of the night. Gives: one stored order a day and person; the step
//! that takes it tells them. Does not: ask at night, ask twice, or ask for what the schedule says by itself. Somebody's quiet
//! hours hold the list until they end; what nobody could be asked any more on that day stands in the on-call log.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use super::{Floor, Post};
use crate::{
    alerts::{disposition::MorningList, orders::Ask},
    model::{
        AgencyName, Instant, PersonName,
        local_time::{instant_of, local_date},
    },
    report::on_call_log::morning,
};

/// After this time of the day nobody is asked any more.
const UNTIL: NaiveTime = NaiveTime::from_hms_opt(20, 0, 0).unwrap();
/// How often is looked again while somebody's quiet hours hold a list.
const LOOKED_AGAIN: TimeDelta = TimeDelta::minutes(1);
/// A first list, and one after a long time without any, reaches back so far.
const FIRST: TimeDelta = TimeDelta::days(1);
const LONGEST: TimeDelta = TimeDelta::days(7);

/// Which lists are decided, as far as this process knows. All of it can be read back from the store.
#[derive(Debug, Default)]
pub(super) struct Mornings {
    done: BTreeMap<AgencyName, NaiveDate>,
    looked_at: BTreeMap<AgencyName, Instant>,
}

/// The day whose list is due at `now`: from its time in the morning on, until the evening.
fn due(zone: Tz, at: NaiveTime, now: Instant) -> Option<NaiveDate> {
    let day = local_date(zone, now);
    let (from, until) = (instant_of(zone, day.and_time(at)), instant_of(zone, day.and_time(UNTIL)));
    (from <= now && now < until).then_some(day)
}

/// What a day's list tells of: from after the list before until its own time. A list that comes late tells of the same.
fn span(zone: Tz, at: NaiveTime, day: NaiveDate, last: Option<NaiveDate>) -> (Instant, Instant) {
    let until = instant_of(zone, day.and_time(at));
    let last = last.map_or(until - FIRST, |last| instant_of(zone, last.and_time(at)));
    (last.max(until - LONGEST), until)
}

impl Mornings {
    /// Looks whether a list of this agency is due, and stores its order. True when the store refused.
    pub(super) async fn look(&mut self, floor: &Floor, post: &Post, now: Instant) -> bool {
        let (zone, at) = {
            let settings = &post.watch.lock().await.settings;
            (settings.timezone, settings.morning_list)
        };
        let Some(at) = at else { return false };
        let Some(day) = due(zone, at, now) else { return false };
        if post.source.is_none() || self.done.get(&post.name) == Some(&day) {
            return false;
        }
        if self.looked_at.get(&post.name).is_some_and(|looked| (now - *looked).abs() < LOOKED_AGAIN) {
            return false;
        }
        match self.decide(floor, post, (zone, at, day), now).await {
            Ok(()) => {
                self.looked_at.insert(post.name.clone(), now);
                false
            }
            Err(fault) => {
                floor.store_refuses(&fault);
                tracing::error!(agency = %post.name, error = %fault, "store: the list of the morning could not be made; trying again with the next tick");
                true
            }
        }
    }

    async fn decide(
        &mut self,
        floor: &Floor,
        post: &Post,
        (zone, at, day): (Tz, NaiveTime, NaiveDate),
        now: Instant,
    ) -> Result<(), crate::store::StoreError> {
        let last = floor.store.last_morning(&post.name, day).await?;
        let before = last.before;
        let (from, until) = span(zone, at, day, before);
        let (lives, people) = floor.store.night(&post.name, from, until).await?;
        let list = morning(lives, people);
        let (now_told, waiting) = whom(&list, &last.told, &quiet(post, &list.people, now).await);
        if !(last.is_decided && now_told.is_empty()) {
            let asks = if list.n_open == 0 || now_told.is_empty() {
                Vec::new()
            } else {
                tracing::info!(
                    agency = %post.name, %day, n_shifts = list.n_shifts, n_open = list.n_open,
                    "morning: what became of the night is asked"
                );
                vec![Ask::Morning { day, list: MorningList { people: now_told.clone(), ..list } }]
            };
            floor.store.put_morning(&post.name, day, now, now_told, asks).await?;
            floor.nudges.inputs_stored();
        }
        if waiting == 0 {
            self.done.insert(post.name.clone(), day);
        }
        Ok(())
    }
}

/// Those whose quiet hours hold what can wait.
async fn quiet(post: &Post, people: &[PersonName], now: Instant) -> BTreeSet<PersonName> {
    let watch = post.watch.lock().await;
    let roster = &watch.book.policy().paging.roster;
    let holds = |name: &&PersonName| {
        let hours = roster.person(name).and_then(|person| person.quiet_hours);
        hours.is_some_and(|hours| hours.until(now).is_some())
    };
    people.iter().filter(holds).cloned().collect()
}

/// Who is asked now, and how many are later.
fn whom(list: &MorningList, told: &BTreeSet<PersonName>, quiet: &BTreeSet<PersonName>) -> (Vec<PersonName>, usize) {
    if list.n_open == 0 {
        return (Vec::new(), 0);
    }
    let wanted = list.people.iter().filter(|person| !told.contains(*person)).cloned();
    let (later, now): (Vec<PersonName>, Vec<PersonName>) = wanted.partition(|person| quiet.contains(person));
    (now, later.len())
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};
    use chrono_tz::America::Denver;

    use super::*;

    fn half_past_seven() -> NaiveTime {
        NaiveTime::from_hms_opt(7, 30, 0).unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_list_is_due_from_its_time_in_the_morning_until_the_evening() {
        for (now, is_due, shows) in [
            ((2026, 11, 24, 14, 29, 59), None, "07:29:59"),
            ((2026, 11, 24, 14, 30, 0), Some("2026-11-24"), "07:30"),
            ((2026, 11, 25, 2, 59, 59), Some("2026-11-24"), "19:59:59, late after a stop"),
            ((2026, 11, 25, 3, 0, 0), None, "20:00"),
            ((2026, 11, 25, 7, 30, 0), None, "00:30"),
            // Sun 2026-03-08: one hour less. Sun 2026-11-01: one more.
            ((2026, 3, 8, 13, 29, 59), None, "07:29:59 on the short night"),
            ((2026, 3, 8, 13, 30, 0), Some("2026-03-08"), "07:30 on the short night"),
            ((2026, 11, 1, 14, 29, 59), None, "07:29:59 on the long night"),
            ((2026, 11, 1, 14, 30, 0), Some("2026-11-01"), "07:30 on the long night"),
        ] {
            let (year, month, date, hour, min, s) = now;
            let now = Utc.with_ymd_and_hms(year, month, date, hour, min, s).unwrap();
            assert_eq!(due(Denver, half_past_seven(), now), is_due.map(day), "{shows}");
        }
    }

    #[test]
    fn quiet_hours_hold_a_list_and_nobody_is_asked_twice() {
        let name = |text: &str| PersonName::new(text);
        let people = vec![name("night-1"), name("night-2"), name("office")];
        let list = MorningList { n_shifts: 2, n_open: 1, open: Vec::new(), people };
        let (told, quiet) = (BTreeSet::from([name("office")]), BTreeSet::from([name("night-1"), name("office")]));
        assert_eq!(whom(&list, &told, &quiet), (vec![name("night-2")], 1));
        assert_eq!(whom(&list, &told, &BTreeSet::new()), (vec![name("night-1"), name("night-2")], 0));
        let nothing = MorningList { n_open: 0, ..list };
        assert_eq!(whom(&nothing, &told, &quiet), (Vec::new(), 0), "nothing is asked, so nobody is");
    }

    #[test]
    fn nights_join_without_a_hole_over_both_changes_of_the_clock_and_after_a_stop() {
        for (last, today, hours) in [
            (Some("2026-11-23"), "2026-11-24", 24),
            (Some("2026-03-07"), "2026-03-08", 23),
            (Some("2026-10-31"), "2026-11-01", 25),
            (Some("2026-11-21"), "2026-11-24", 72),
            (Some("2026-09-01"), "2026-11-24", 7 * 24),
            (None, "2026-11-24", 24),
        ] {
            let (from, until) = span(Denver, half_past_seven(), day(today), last.map(day));
            assert_eq!((until - from).num_hours(), hours, "{last:?} {today}");
            if let Some(last) = last.filter(|_| hours < 7 * 24) {
                assert_eq!(
                    from,
                    span(Denver, half_past_seven(), day(last), None).1,
                    "{last}: where the one before ended"
                );
            }
        }
    }
}
