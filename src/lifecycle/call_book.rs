//! Calls and texts with clients: read on as the provider lists them, and once a day noted on the clients' records.
//!
//! Given: an agency that has it switched on, its gateway, the roster. Gives: what is kept of each call, and each closed day's
//! notes, decided once. Does not: look back before it was switched on, or move on over a stretch that could not be read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
    time::Duration,
};

use chrono::{Days, NaiveDate, TimeDelta};
use chrono_tz::Tz;
use tokio::sync::watch as channel;

use super::{Floor, Post, complaints::Complaint, told_to, wait};
use crate::{
    clock::real_now,
    config::RingCentralDigest,
    mirror::Mirror,
    model::{
        ClientId, Instant, PhiGrant, Section,
        local_time::{local_date, start_of_day},
    },
    notify::{
        calls::{self, KeptCall, PhoneRecord, Wanted},
        channel::{Channels, Moment},
    },
    report::lookup::phone::Number,
    store::{Scheduled, StoreError},
};

/// How often the list is read.
const LOOK_EVERY: Duration = Duration::from_mins(10);
const LOOK_EVERY_MIN: Duration = Duration::from_millis(500);
/// A call is listed once it is over, under when it began.
const OVERLAP: TimeDelta = TimeDelta::hours(4);
/// So much is read at once, less where it holds too much.
const STRETCH: TimeDelta = TimeDelta::hours(6);
const STRETCH_MIN: TimeDelta = TimeDelta::minutes(1);
/// After so long nobody wants to read of it.
const LONGEST_AGO: TimeDelta = TimeDelta::days(7);
/// For so many days what comes late is told of.
const LATE_DAYS: u64 = 3;

/// Reads one agency's calls until stopped; nothing, where it is not switched on.
pub async fn calls_loop(floor: Floor, post: Arc<Post>, channels: channel::Receiver<Arc<Channels>>) {
    let mut stop = floor.stop.clone();
    let (digest, dry_run, zone) = {
        let watch = post.watch.lock().await;
        let write = &watch.settings.wellsky.write;
        (write.ringcentral_digest.clone(), write.dry_run, watch.settings.timezone)
    };
    let Some(digest) = digest else { return told_to(&mut stop).await };
    let book = CallBook { digest, dry_run, zone, floor, post, channels };
    let usual = (LOOK_EVERY.min(book.digest.grace) / book.floor.clock.speed().max(1)).max(LOOK_EVERY_MIN);
    while !book.floor.is_stopping() {
        // Broken off anywhere, it goes on where the store says.
        let looked = tokio::select! {
            looked = book.look() => looked,
            () = told_to(&mut stop) => return,
        };
        let pause = match looked {
            Ok(pause) => pause.map_or(usual, |pause| pause.max(usual)),
            Err(fault) => {
                book.floor.store_refuses(&fault);
                tracing::error!(agency = %book.post.name, error = %fault, "store: calls could not be kept; they are read again");
                usual
            }
        };
        tokio::select! {
            () = wait(pause) => {}
            () = told_to(&mut stop) => return,
        }
    }
}

struct CallBook {
    digest: RingCentralDigest,
    dry_run: bool,
    zone: Tz,
    floor: Floor,
    post: Arc<Post>,
    channels: channel::Receiver<Arc<Channels>>,
}

impl CallBook {
    /// Under which name it is kept up to when the list was read.
    fn list(&self) -> String {
        format!("calls/{}/{}", self.post.name, self.digest.gateway)
    }

    /// Reads on and decides what is due. Gives how long the gateway wants to be left alone, if it said so.
    async fn look(&self) -> Result<Option<Duration>, StoreError> {
        let store = &self.floor.store;
        let now = gateways_now(&self.floor);
        let list = self.list();
        let Some(read_until) = store.listened(&list).await? else {
            // What lies before is not looked for, however soon the list is read again.
            store.put_calls(&self.post.name, Vec::new(), (list, now + OVERLAP)).await?;
            return Ok(None);
        };
        let known = {
            let watch = self.post.watch.lock().await;
            if watch.mirror.section(Section::Clients).read_at.is_none() {
                // After a start nobody is known yet, and everybody would be a stranger.
                return Ok(None);
            }
            known_numbers(&watch.mirror)
        };
        let mut from = read_until.max(now - LONGEST_AGO) - OVERLAP;
        let mut stretch = STRETCH;
        while from < now {
            let until = (from + stretch).min(now);
            let channels = Arc::clone(&self.channels.borrow());
            let wanted = Wanted { account: self.digest.account, texts: self.digest.texts, from, until };
            let records = match channels.calls(&self.digest.gateway, wanted).await {
                Some(Ok(Some(records))) => records,
                Some(Ok(None)) if stretch > STRETCH_MIN => {
                    stretch = stretch / 2;
                    continue;
                }
                Some(Ok(None)) => {
                    tracing::error!(agency = %self.post.name, %from, "calls: a minute holds more calls than can be read; it is passed over");
                    Vec::new()
                }
                Some(Err(silence)) => {
                    self.complain(&silence.why);
                    return Ok(silence.ask_after);
                }
                None => return Ok(None),
            };
            let kept = self.kept(records, &known);
            store.put_calls(&self.post.name, kept, (list.clone(), until.max(read_until))).await?;
            from = until;
        }
        self.decide(now).await?;
        Ok(None)
    }

    fn complain(&self, why: &str) {
        let mut complaints = self.post.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = complaints.about(Complaint::Read("calls"), real_now()) {
            tracing::warn!(agency = %self.post.name, n, why, "calls: the log of calls cannot be read; it is read again, nothing is passed over");
        }
    }

    /// What is kept of those that were with clients.
    fn kept(&self, records: Vec<PhoneRecord>, known: &BTreeMap<String, BTreeSet<ClientId>>) -> Vec<KeptCall> {
        let with = |record: PhoneRecord| {
            let number = Number::read(record.other.reveal(PhiGrant::COMPARE))?;
            let clients = known.get(&number.digits)?.clone();
            Some(KeptCall::of(record, clients, self.zone))
        };
        records.into_iter().filter_map(with).collect()
    }

    /// Decides every day that is closed, the earliest first.
    async fn decide(&self, read_until: Instant) -> Result<(), StoreError> {
        let (store, now) = (&self.floor.store, self.floor.clock.now());
        let name = format!("calls/{}", self.post.name);
        let row = |until: Instant, outcome: &str| Scheduled {
            name: name.clone(),
            timetable: "each day".to_owned(),
            until,
            at: now,
            outcome: outcome.to_owned(),
        };
        let Some(decided) = store.scheduled().await?.remove(&name) else {
            return store.put_scheduled(row(now, "noted"), Vec::new(), None).await.map(drop);
        };
        for (day, end) in closed_days(decided.until, self.digest.grace, read_until, now, self.zone) {
            let open = store.open_calls(&self.post.name, (day - Days::new(LATE_DAYS), day)).await?;
            let given = calls::Given {
                agency: &self.post.name,
                telling: &self.floor.telling,
                owners: &self.digest.owners,
                dry_run: self.dry_run,
                now,
            };
            let mut messages = calls::digests(day, false, &open, given);
            for late in (day - Days::new(LATE_DAYS)).iter_days().take_while(|late| *late < day) {
                messages.append(&mut calls::digests(late, true, &open, given));
            }
            let n_ambiguous = open.iter().filter(|one| one.clients.len() > 1).count();
            let (n_calls, n_notes) = (open.len(), messages.len());
            if store.put_calls_decided(&self.post.name, row(end, "sent"), day, messages).await? {
                self.floor.nudges.send.notify_one();
                tracing::info!(agency = %self.post.name, %day, n_calls, n_ambiguous, n_notes, "calls: a day's calls and texts with clients are noted");
            }
        }
        Ok(())
    }
}

/// The days that ended after `decided`, are closed at `now`, and whose calls were all read; each with its end.
fn closed_days(
    decided: Instant,
    grace: Duration,
    read_until: Instant,
    now: Instant,
    zone: Tz,
) -> Vec<(NaiveDate, Instant)> {
    let grace = TimeDelta::from_std(grace).unwrap_or_default();
    let first = local_date(zone, decided.max(now - LONGEST_AGO));
    let ends = first.iter_days().map(|day| (day, start_of_day(zone, day + Days::new(1))));
    ends.take_while(|(_, end)| *end + grace <= now && *end <= read_until).filter(|(_, end)| *end > decided).collect()
}

/// Whose each number is. One that a caregiver has as well is no client's: the call may be about anybody.
fn known_numbers(mirror: &Mirror) -> BTreeMap<String, BTreeSet<ClientId>> {
    let digits = |phones: &[String]| -> Vec<String> {
        phones.iter().filter_map(|phone| Number::read(phone)).map(|number| number.digits).collect()
    };
    let mut known: BTreeMap<String, BTreeSet<ClientId>> = BTreeMap::new();
    for client in mirror.roster().filter(|client| client.is_client != Some(false)) {
        for number in digits(client.person.phones.reveal(PhiGrant::COMPARE)) {
            known.entry(number).or_default().insert(client.id.clone());
        }
    }
    for caregiver in mirror.caregivers() {
        for number in digits(caregiver.person.phones.reveal(PhiGrant::COMPARE)) {
            known.remove(&number);
        }
    }
    known
}

/// The present as the gateway stamps it.
fn gateways_now(floor: &Floor) -> Instant {
    let moment = Moment::of(&floor.clock);
    moment.real.min(moment.now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_closed_after_its_grace_once_and_when_it_was_read() {
        let at = |text: &str| text.parse::<Instant>().unwrap();
        let zone = chrono_tz::America::Denver;
        let grace = Duration::from_mins(30);
        let days = |decided: &str, read: &str, now: &str| -> Vec<String> {
            let days = closed_days(at(decided), grace, at(read), at(now), zone);
            days.into_iter().map(|(day, _)| day.to_string()).collect()
        };
        let (noon, midnight) = ("2026-11-24T19:00:00Z", "2026-11-25T07:00:00Z");
        assert!(days(noon, midnight, "2026-11-25T07:29:59Z").is_empty(), "not yet");
        assert_eq!(days(noon, midnight, "2026-11-25T07:30:00Z"), ["2026-11-24"]);
        assert!(days(noon, "2026-11-25T06:59:59Z", "2026-11-25T12:00:00Z").is_empty(), "not wholly read");
        assert!(days(midnight, "2026-11-25T08:00:00Z", "2026-11-25T08:00:00Z").is_empty(), "decided before");
        assert_eq!(days(midnight, "2026-11-27T08:00:00Z", "2026-11-27T08:00:00Z"), ["2026-11-25", "2026-11-26"]);
        let long = days("2026-01-01T07:00:00Z", "2026-11-25T08:00:00Z", "2026-11-25T08:00:00Z");
        assert_eq!((long.len(), long.last().map(String::as_str)), (7, Some("2026-11-24")), "no more than a week");
        // The night of 25 hours.
        assert_eq!(
            days("2026-10-31T07:00:00Z", "2026-11-02T07:30:00Z", "2026-11-02T07:30:00Z"),
            ["2026-10-31", "2026-11-01"]
        );
    }
}
