//! Who was with whom in the last year: summed up from the archive, beside the passes, and handed to each watch.
//!
//! A whole year is read once a day, a month at a time; in between only what left memory since. Nobody waits for it: until it
//! was read, whoever ranks knows what memory holds.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::{
    lifecycle::{self, Floor},
    mirror::{Mirror, NaiveClock},
    model::{AgencyName, ClientId, Instant, VisitTime},
    report::cover::Past,
    store::{Store, StoreError},
};

/// So far back.
const BACK: TimeDelta = TimeDelta::days(365);
/// What is younger is in memory.
const REMEMBERED: TimeDelta = TimeDelta::days(8);
/// So much is read at once.
const STRETCH: TimeDelta = TimeDelta::days(31);
/// A time without an offset may mean another instant by this much.
const NAIVE_SLACK: TimeDelta = TimeDelta::days(1);
/// The whole year is read again.
const WHOLE_EVERY: TimeDelta = TimeDelta::hours(24);
/// What left memory is added.
const ADD_EVERY: TimeDelta = TimeDelta::hours(1);
/// Hours go by on the agent's clock, which may run faster.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How an agency's written times are read: copied out of its mirror.
pub(crate) struct Clocks {
    clock: NaiveClock,
    zone: Tz,
    /// Of clients whose clocks are not the agency's.
    zones: HashMap<ClientId, Tz>,
}

impl Clocks {
    /// Of a mirror.
    pub(crate) fn of(mirror: &Mirror) -> Self {
        let zone = mirror.settings().timezone;
        let zones = mirror.client_ids().map(|id| (id.clone(), mirror.zone_of(id)));
        Self { clock: mirror.naive_clock().clone(), zone, zones: zones.filter(|(_, other)| *other != zone).collect() }
    }

    fn at(&self, time: VisitTime, client: Option<&ClientId>) -> Option<Instant> {
        let zone = client.and_then(|client| self.zones.get(client)).copied().unwrap_or(self.zone);
        self.clock.at(time, zone)
    }
}

/// The sum as of `now`: `known` with what left memory since, or everything anew.
pub(crate) async fn gather(
    store: &Store,
    agency: &AgencyName,
    clocks: &Clocks,
    known: Option<Past>,
    now: Instant,
) -> Result<Past, StoreError> {
    let until = now - REMEMBERED;
    let mut past = known.unwrap_or_default();
    let mut from = past.until().unwrap_or(now - BACK);
    while from < until {
        let to = (from + STRETCH).min(until);
        let lines = store.past_lines(agency, from - NAIVE_SLACK, to + NAIVE_SLACK).await?;
        past.absorb((from, to), &lines, &|time, client| clocks.at(time, client));
        from = to;
    }
    Ok(past)
}

/// Keeps every watch's past, until stopped.
pub(super) async fn cover_past_loop(floor: Floor) {
    let mut stop = floor.stop.clone();
    let mut whole_at: HashMap<AgencyName, Instant> = HashMap::new();
    let mut looked_at: Option<Instant> = None;
    loop {
        let now = floor.clock.now();
        if looked_at.is_none_or(|at| now - at >= ADD_EVERY || now < at) {
            looked_at = Some(now);
            for post in floor.posts.iter().filter(|post| post.source.is_some()) {
                if *stop.borrow() {
                    return;
                }
                let is_whole = whole_at.get(&post.name).is_some_and(|at| now - *at < WHOLE_EVERY && now >= *at);
                let (clocks, known) = {
                    let watch = post.watch.lock().await;
                    (Clocks::of(&watch.mirror), is_whole.then(|| Past::clone(&watch.past)))
                };
                match gather(&floor.store, &post.name, &clocks, known, now).await {
                    Ok(past) => {
                        post.watch.lock().await.past = Arc::new(past);
                        if !is_whole {
                            whole_at.insert(post.name.clone(), now);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(agency = %post.name, %error, "cover: the past could not be read; who was with whom is known from memory alone until it can be");
                    }
                }
            }
        }
        tokio::select! {
            () = lifecycle::wait(LOOK_EVERY) => {}
            () = lifecycle::told_to(&mut stop) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::lookup::{before_memory, cover_of, past_rows, profile_with_past, shifts_with_past, wish_of},
        http::lookup::{Day, ShiftsWish},
        mirror::{
            fixture::{DAY, HOUR, Reading, at, caregiver, client, mirror, shift, visit},
            past,
            row::ArchiveDelta,
        },
        model::{Shift, ShiftStatus, Visit, local_time::local_date},
        report::{
            cover::Terms,
            lookup::{Kind, shifts::State},
        },
        source::fetched::{Batch, Read, Rows, Span},
        store::PastDay,
    };

    const NOW: i64 = 100 * DAY;

    fn delta(batch: Batch) -> ArchiveDelta {
        let span = Span { from: at(-DAY), until: at(NOW) };
        let read = match &batch {
            Batch::Shifts(_) => Read::Shifts { client: "c1".into(), span, confirming: false },
            _ => Read::Visits { client: None, span, confirming: false },
        };
        let rows = Rows { batch, complete: true, rejected: Vec::new() };
        past::take_in(Vec::new(), &read, &rows, at(NOW)).0
    }

    fn day(section: &str, n: i64, missing: &[&str]) -> PastDay {
        let day = local_date(chrono_tz::America::Denver, at(n * DAY));
        let missing = missing.iter().map(|id| ClientId::new(*id)).collect();
        PastDay { section: section.to_owned(), day, at: at(NOW - HOUR), missing }
    }

    /// A past of five shifts of one client; memory knows nothing of it.
    async fn office() -> (Store, Mirror) {
        let store = Store::in_memory().await.unwrap();
        let cancelled = Shift { status: ShiftStatus::Cancelled, ..shift("s3", "c1", 12 * DAY, 2, Some("g1")) };
        let shifts = vec![
            shift("s1", "c1", 10 * DAY, 2, Some("g1")),
            shift("s2", "c1", 11 * DAY, 2, Some("g1")),
            cancelled,
            shift("s4", "c1", 13 * DAY, 2, Some("g2")),
            shift("s5", "c2", 10 * DAY, 2, Some("g2")),
        ];
        let came = |id: &str, of: &str, who: &str, start: i64, until: Option<i64>| Visit {
            caregiver: Some(who.into()),
            ..visit(id, Some(of), "c1", start, until)
        };
        let visits = vec![
            came("v1", "s1", "g1", 10 * DAY + 60, Some(10 * DAY + HOUR)),
            // Somebody else came.
            came("v4", "s4", "g1", 13 * DAY + 900, None),
        ];
        let agency = AgencyName::new("main");
        let days = [10, 11, 12, 13].into_iter().map(|n| day("shifts", n, &[]));
        let days = days.chain([day("visits", 10, &["c2"]), day("visits", 11, &[])]).collect();
        store.save_past(&agency, delta(Batch::Shifts(shifts)), days, at(NOW)).await.unwrap();
        store.save_past(&agency, delta(Batch::Visits(visits)), Vec::new(), at(NOW)).await.unwrap();
        let mut mirror = mirror();
        Reading::clients(NOW, vec![client("c1", Some(true), Some(true)), client("c2", Some(true), Some(true))])
            .into(&mut mirror);
        Reading::caregivers(NOW, vec![caregiver("g1"), caregiver("g2")]).into(&mut mirror);
        Reading::shifts("c1", NOW, vec![shift("open", "c1", NOW + DAY, 2, None)]).into(&mut mirror);
        (store, mirror)
    }

    #[tokio::test]
    async fn who_was_with_whom_long_ago_counts_for_cover() {
        let (store, mirror) = office().await;
        let (agency, clocks) = (AgencyName::new("main"), Clocks::of(&mirror));
        let past = gather(&store, &agency, &clocks, None, at(NOW)).await.unwrap();
        let says = |past: &Past| {
            let found = cover_of(&mirror, &Terms::default(), past, "open", at(NOW)).unwrap().shown(None);
            let g1 = found.ranked.iter().find(|one| one.caregiver.as_str() == "g1").unwrap().clone();
            g1.reasons.into_iter().map(|reason| reason.says).collect::<Vec<_>>()
        };
        let all = says(&past);
        assert!(all.contains(&"2 visits with this client since Jul 2026".to_owned()), "{all:?}");
        assert!(all.contains(&"the last 86 days ago".to_owned()), "{all:?}");
        assert!(all.contains(&"on time 1 of 2 times since Jul 2026".to_owned()), "{all:?}");
        // What left memory since is added, and nothing twice.
        let later = gather(&store, &agency, &clocks, Some(past.clone()), at(NOW + HOUR)).await.unwrap();
        assert_eq!(later.until(), Some(at(NOW + HOUR) - REMEMBERED));
        assert_eq!(says(&later), all);
        assert!(says(&Past::default())[0].starts_with("no visit with this client known since"));
    }

    #[tokio::test]
    async fn shifts_and_visits_of_long_ago_are_found_and_say_what_was_not_read() {
        let (store, mirror) = office().await;
        let (agency, zone) = (AgencyName::new("main"), mirror.settings().timezone);
        let found = async |wish: ShiftsWish| {
            let before = before_memory(zone, &wish, at(NOW)).unwrap();
            let rows = past_rows(&store, &agency, zone, &before).await;
            let found = shifts_with_past(&mirror, &wish, Some(&before), &rows, at(NOW));
            let shifts = found.shifts.iter().map(|one| (one.answer.reference.clone(), one.answer.state)).collect();
            let shifts: Vec<(String, State)> = shifts;
            (shifts, found.freshness.complete)
        };
        let date = |n: i64| local_date(zone, at(n * DAY));
        let of = |all: &[(&str, State)]| all.iter().map(|(id, state)| ((*id).to_owned(), *state)).collect::<Vec<_>>();
        let span = |client: Option<&str>, caregiver: Option<&str>, from: i64, to: i64| ShiftsWish {
            client: client.map(Into::into),
            caregiver: caregiver.map(Into::into),
            from: Some(date(from)),
            to: Some(date(to)),
            ..ShiftsWish::default()
        };
        let all = of(&[("s1", State::Done), ("s2", State::Missed), ("s3", State::Cancelled), ("s4", State::Running)]);
        assert_eq!(found(span(Some("c1"), None, 10, 13)).await, (all.clone(), true));
        assert_eq!(found(span(Some("c1"), None, 9, 13)).await, (all, false), "a day that nobody read");
        assert_eq!(found(span(None, Some("g2"), 10, 13)).await.0, of(&[("s5", State::Unseen), ("s4", State::Running)]));
        let on = ShiftsWish { day: Some(Day::On(date(10))), ..ShiftsWish::default() };
        assert_eq!(found(on).await, (of(&[("s1", State::Done), ("s5", State::Unseen)]), true));
        let missed = ShiftsWish { states: vec![State::Missed], ..span(Some("c1"), None, 10, 13) };
        assert_eq!(found(missed).await.0, of(&[("s2", State::Missed)]));
        assert!(before_memory(zone, &ShiftsWish::default(), at(NOW)).is_none(), "today lies in memory");

        let wish = wish_of(Kind::Caregiver, "g1", at(9 * DAY), at(NOW));
        let rows = past_rows(&store, &agency, zone, &wish).await;
        let profile = profile_with_past(&mirror, (Kind::Caregiver, "g1"), &rows, &wish, at(NOW)).unwrap().shown(None);
        assert_eq!(profile.shifts.iter().map(|one| one.reference.as_str()).collect::<Vec<_>>(), ["s1", "s2", "s3"]);
        let visits: Vec<_> =
            profile.visits.iter().map(|one| (one.id.as_str(), one.shift.is_some(), one.open)).collect();
        assert_eq!(visits, [("v1", true, false), ("v4", true, true)]);
        assert!(!profile.shifts_freshness.complete && profile.since == at(9 * DAY));
    }
}
