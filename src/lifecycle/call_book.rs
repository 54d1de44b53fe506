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
            // This day is noted, too, however long it takes until the list can be read.
            self.decide(now).await?;
            return Ok(None);
        };
        let Some(known) = self.known().await else {
            if now - read_until > OVERLAP {
                self.complain("not all clients and caregivers were read yet, and nobody knows whose a number is");
            }
            return Ok(None);
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

    /// Whose each number is, among all agencies that read this gateway's calls. `None`: not all people were read yet.
    async fn known(&self) -> Option<BTreeMap<String, BTreeSet<ClientId>>> {
        let mut known = known_numbers(&self.post.watch.lock().await.mirror)?;
        // The installation's own post has an agency's settings, and no people.
        let agencies = self.floor.posts.iter().filter(|other| other.source.is_some());
        for other in agencies.filter(|other| other.name != self.post.name) {
            let watch = other.watch.lock().await;
            let digest = watch.settings.wellsky.write.ringcentral_digest.as_ref();
            if digest.is_some_and(|digest| digest.gateway == self.digest.gateway) {
                known = without(known, &watch.mirror)?;
            }
        }
        Some(known)
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

/// Whose each number is. One that a caregiver has as well is no client's: the call may be about anybody; nor is one with an
/// extension: whoever is behind the same switchboard calls by it. `None` until all people were read once: with a part of
/// them a number of two looks like one's own.
fn known_numbers(mirror: &Mirror) -> Option<BTreeMap<String, BTreeSet<ClientId>>> {
    all_read(mirror)?;
    let mut known: BTreeMap<String, BTreeSet<ClientId>> = BTreeMap::new();
    let mut shared = BTreeSet::new();
    for client in mirror.roster().filter(|client| client.is_client != Some(false)) {
        for number in numbers(client.person.phones.reveal(PhiGrant::COMPARE)) {
            if number.extension.is_some() {
                shared.insert(number.digits.clone());
            }
            known.entry(number.digits).or_default().insert(client.id.clone());
        }
    }
    // One that several clients have is told of as such.
    known.retain(|digits, clients| clients.len() > 1 || !shared.contains(digits));
    for caregiver in mirror.caregivers() {
        for number in numbers(caregiver.person.phones.reveal(PhiGrant::COMPARE)) {
            known.remove(&number.digits);
        }
    }
    Some(known)
}

/// The same without the numbers of another agency's people: the call may have been meant for either agency.
fn without(
    mut known: BTreeMap<String, BTreeSet<ClientId>>,
    other: &Mirror,
) -> Option<BTreeMap<String, BTreeSet<ClientId>>> {
    all_read(other)?;
    let clients = other.roster().filter(|client| client.is_client != Some(false)).map(|client| &client.person);
    for person in clients.chain(other.caregivers().map(|caregiver| &caregiver.person)) {
        for number in numbers(person.phones.reveal(PhiGrant::COMPARE)) {
            known.remove(&number.digits);
        }
    }
    Some(known)
}

/// `None` until all clients and caregivers were read once; what is stored of them counts.
fn all_read(mirror: &Mirror) -> Option<()> {
    [Section::Clients, Section::Caregivers].into_iter().try_for_each(|it| mirror.section(it).full_at.map(drop))
}

fn numbers(phones: &[String]) -> Vec<Number> {
    phones.iter().filter_map(|phone| Number::read(phone)).collect()
}

/// The present as the gateway stamps it.
fn gateways_now(floor: &Floor) -> Instant {
    let moment = Moment::of(&floor.clock);
    moment.real.min(moment.now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mirror::fixture::{self, Reading},
        model::Phi,
    };

    #[test]
    fn whose_a_number_is_nobody_guesses() {
        let phones = |phones: &[&str]| Phi::new(phones.iter().map(|&it| it.to_owned()).collect());
        let client = |id: &str, numbers: &[&str]| {
            let mut client = fixture::client(id, Some(true), Some(true));
            client.person.phones = phones(numbers);
            client
        };
        let clients = vec![
            client("c1", &["(202) 555-0101", "+1 202 555 0102"]),
            client("c2", &["2025550103", "2025550104"]),
            client("c3", &["2025550104"]),
            client("c4", &["2025550105"]),
            client("c5", &["(202) 555-0106 x12"]),
            client("c6", &["202-555-0107 x1"]),
            client("c7", &["202-555-0107"]),
        ];
        let mut caregiver = fixture::caregiver("g1");
        caregiver.person.phones = phones(&["12025550105"]);
        let mut mirror = fixture::mirror();
        Reading::clients(0, clients.clone()).into(&mut mirror);
        assert!(known_numbers(&mirror).is_none(), "caregivers are not read");
        Reading::caregivers(0, vec![caregiver.clone()]).incomplete().into(&mut mirror);
        assert!(known_numbers(&mirror).is_none(), "nor is a part of them enough");
        Reading::caregivers(1, vec![caregiver.clone()]).into(&mut mirror);
        let known = known_numbers(&mirror).expect("all are read");
        let whose: Vec<(&str, Vec<&str>)> =
            known.iter().map(|(digits, ids)| (digits.as_str(), ids.iter().map(ClientId::as_str).collect())).collect();
        let want = [
            ("2025550101", vec!["c1"]),
            ("2025550102", vec!["c1"]),
            ("2025550103", vec!["c2"]),
            ("2025550104", vec!["c2", "c3"]),
            ("2025550107", vec!["c6", "c7"]),
        ];
        assert_eq!(whose, want);
        let mut east = fixture::mirror();
        Reading::clients(0, vec![client("e1", &["202.555.0101"])]).into(&mut east);
        assert!(without(known.clone(), &east).is_none(), "the other agency is not wholly read");
        let mut hers = fixture::caregiver("g2");
        hers.person.phones = phones(&["2025550103"]);
        Reading::caregivers(0, vec![hers]).into(&mut east);
        let left = without(known, &east).expect("both are read");
        let left: Vec<&str> = left.keys().map(String::as_str).collect();
        assert_eq!(left, ["2025550102", "2025550104", "2025550107"], "nor does one agency guess for another");
        let mut halved = fixture::mirror();
        Reading::caregivers(0, vec![caregiver]).into(&mut halved);
        Reading::clients(0, clients).incomplete().into(&mut halved);
        assert!(known_numbers(&halved).is_none(), "a part of the clients");
    }

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
