//! The agenda's law: judging only what changed and what is due gives, at every second, what judging everything
//! gives. Tested over generated histories with incomplete and failed reads, deletions, moves, reloads, rows that
//! cannot be read, agency-wide empty answers, and both daylight-saving nights; and the other way round: leaving out
//! one agenda entry is found.
//!
//! The histories live in a small world of seconds: three clients, a dozen shifts, bands of a minute.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngSeed, TestRunner},
};

use super::{
    finding::{RuleId, Verdict},
    gateway_health::GatewayHealth,
    judge::{Scope, all_verdicts, judge, judge_all},
    kinds::{double_booked::Of, short_visit::Below},
    ledger::Ledger,
    rule::{Kind, Rule},
    ruleset::Ruleset,
    where_clause::Where,
};
use crate::{
    agenda::Agenda,
    mirror::{
        Mirror,
        changes::Changes,
        settings::{NaiveReading, Settings},
    },
    model::{
        CaregiverId, Client, ClientId, Endpoint, Instant, Person, Shift, ShiftId, ShiftKey, ShiftRef, ShiftStatus,
        Subject, Visit, VisitTime,
    },
    source::fetched::{Batch, Extent, Fetched, Read, ReadFault, RejectedRow, RequestRecord, Rows, Span},
};

const SECONDS: i64 = 110;
const CLIENTS: u8 = 3;

/// One thing that happens, in the world or between the agent and the vendor.
#[derive(Debug, Clone)]
enum Event {
    CallOut(u8),
    Cover(u8),
    Cancel(u8),
    Delete(u8),
    Move(u8, i8),
    CheckIn(u8),
    CheckOut(u8),
    DeleteVisit(u8),
    Roster(u8),
    ReadShifts { client: u8, how: How },
    ReadVisits { client: Option<u8>, how: How },
    ReadRoster { how: How },
    Reload(u8),
    Gateway(bool),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Well,
    Late,
    Incomplete,
    BadRow,
    Empty,
    Fails,
}

#[derive(Debug, Clone)]
struct PlannedShift {
    client: u8,
    id: u8,
    start: i64,
    lasts: i64,
    covered: bool,
}

#[derive(Debug, Clone)]
struct History {
    shifts: Vec<PlannedShift>,
    events: Vec<(i64, Event)>,
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        6 => Just(How::Well), 2 => Just(How::Late), 2 => Just(How::Incomplete), 1 => Just(How::BadRow),
        1 => Just(How::Empty), 2 => Just(How::Fails)
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => any::<u8>().prop_map(Event::CallOut),
        2 => any::<u8>().prop_map(Event::Cover),
        1 => any::<u8>().prop_map(Event::Cancel),
        2 => any::<u8>().prop_map(Event::Delete),
        1 => (any::<u8>(), -20..20_i8).prop_map(|(i, by)| Event::Move(i, by)),
        3 => any::<u8>().prop_map(Event::CheckIn),
        2 => any::<u8>().prop_map(Event::CheckOut),
        1 => any::<u8>().prop_map(Event::DeleteVisit),
        1 => any::<u8>().prop_map(Event::Roster),
        12 => (0..CLIENTS, how()).prop_map(|(client, how)| Event::ReadShifts { client, how }),
        8 => (proptest::option::of(0..CLIENTS), how()).prop_map(|(client, how)| Event::ReadVisits { client, how }),
        1 => how().prop_map(|how| Event::ReadRoster { how }),
        1 => any::<u8>().prop_map(Event::Reload),
        1 => any::<bool>().prop_map(Event::Gateway),
    ]
}

fn history() -> impl Strategy<Value = History> {
    let shift =
        (0..CLIENTS, 0..4_u8, 0..24_i64, 2..12_i64, any::<bool>()).prop_map(|(client, id, start, lasts, covered)| {
            PlannedShift { client, id, start: start * 5 - 20, lasts: lasts * 5, covered }
        });
    (proptest::collection::vec(shift, 1..8), proptest::collection::vec((0..SECONDS, event()), 5..45)).prop_map(
        |(shifts, mut events)| {
            events.sort_by_key(|(at, _)| *at);
            History { shifts, events }
        },
    )
}

fn rule(name: &str, kind: Kind, where_: Option<&str>) -> Rule {
    Rule {
        id: RuleId::new(name),
        group: "law".to_owned(),
        alert: name.to_owned(),
        kind,
        for_: Duration::ZERO,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        where_: where_.map(|source| Arc::new(Where::compile(source).unwrap())),
        max_data_age: Some(Duration::from_secs(12)),
    }
}

fn ruleset(variant: u8) -> Ruleset {
    let s = Duration::from_secs;
    let within = |n: u64| Kind::UncoveredShift { within: s(n), written: format!("{n}s") };
    let mut rules = vec![
        rule("uncovered-60", within(60), None),
        rule("uncovered-15", within(15), None),
        rule("started", within(0), None),
        rule("check-in", Kind::MissedCheckIn { after: s(4) }, None),
        rule("no-show", Kind::NoShow { after: s(11) }, None),
        rule("check-out", Kind::MissedCheckOut { after: s(5) }, None),
        rule("runaway", Kind::RunawayVisit { after: s(20), longest: s(35) }, None),
        rule("late", Kind::LateCheckIn { by: s(2) }, None),
        rule("short", Kind::ShortVisit { below: Below::Share(0.5) }, None),
        rule("overrun", Kind::Overrun { by: s(3) }, None),
        rule("unscheduled", Kind::UnscheduledVisit, None),
        rule("mismatch", Kind::CaregiverMismatch, None),
        rule("double-caregiver", Kind::DoubleBooked { of: Of::Caregiver }, None),
        rule("double-client", Kind::DoubleBooked { of: Of::Client }, None),
        rule("tight", Kind::TightTurnaround { under: s(8) }, None),
        rule("overtime", Kind::OvertimeAhead { weekly_hours: 0.02 }, None),
        rule("inactive", Kind::InactiveCaregiverAssigned, None),
        rule("late-change", Kind::LateChange { within: s(15) }, None),
        rule("no-shifts", Kind::ClientWithoutShifts { for_: s(30) }, None),
        rule("latency", Kind::ApiLatency { quantile: 0.9, above: s(2), over: s(20) }, None),
        rule("errors", Kind::ApiErrors { ratio: 0.2, over: s(20) }, None),
        rule("down", Kind::ApiDown { after: s(9) }, None),
        rule("blind", Kind::Blind { after: s(6), idle: s(25) }, None),
        rule("anomaly", Kind::SourceAnomaly, None),
        rule("delivery", Kind::DeliveryFailing { after: s(7) }, None),
        rule("watchdog", Kind::Watchdog, None),
    ];
    match variant % 4 {
        0 => {}
        1 => rules.truncate(23),
        2 => {
            rules[1] = rule("uncovered-15", within(25), Some(r#"!client.tags.exists(t, t == "41")"#));
            rules[3] = rule("check-in", Kind::MissedCheckIn { after: s(7) }, Some("caregiver.hired"));
        }
        _ => rules.retain(|rule| rule.alert != "blind" && rule.alert != "no-show"),
    }
    Ruleset::new(rules)
}

/// What is true, as opposed to what was read.
struct World {
    base: Instant,
    naive: bool,
    shifts: Vec<(Shift, bool)>,
    visits: Vec<(Visit, bool)>,
    tags: [bool; CLIENTS as usize],
    now: Instant,
}

impl World {
    fn new(base: Instant, naive: bool, planned: &[PlannedShift]) -> Self {
        let shifts = planned
            .iter()
            .map(|p| {
                let start = base + TimeDelta::seconds(p.start);
                let id = ShiftRef::Vendor(ShiftId::new(format!("s{}", p.id)));
                let shift = Shift {
                    key: ShiftKey { start, client: client_id(p.client), id },
                    end: start + TimeDelta::seconds(p.lasts),
                    caregiver: p.covered.then(|| CaregiverId::from("g1")),
                    status: ShiftStatus::Active(None),
                };
                (shift, true)
            })
            .collect();
        Self { base, naive, shifts, visits: Vec::new(), tags: [false; CLIENTS as usize], now: base }
    }

    fn live(&mut self, i: u8) -> Option<&mut (Shift, bool)> {
        let n = self.shifts.len();
        self.shifts.get_mut(usize::from(i) % n).filter(|(_, there)| *there)
    }

    fn time(&self) -> VisitTime {
        if self.naive {
            VisitTime::Naive(self.now.with_timezone(&chrono_tz::America::Denver).naive_local())
        } else {
            VisitTime::Instant(self.now)
        }
    }

    /// Something happens at the agency, or a read is made and brings this.
    fn happen(&mut self, event: &Event) -> Option<Fetched> {
        let time = self.time();
        match event {
            Event::CallOut(i) => self.live(*i)?.0.caregiver = None,
            Event::Cover(i) => self.live(*i)?.0.caregiver = Some("g2".into()),
            Event::Cancel(i) => self.live(*i)?.0.status = ShiftStatus::Cancelled,
            Event::Delete(i) => self.live(*i)?.1 = false,
            Event::Move(i, by) => {
                let (shift, _) = self.live(*i)?;
                let by = TimeDelta::seconds(i64::from(*by));
                shift.key.start += by;
                shift.end += by;
            }
            Event::CheckIn(i) => {
                let (shift, _) = self.live(*i)?.clone();
                let n = self.visits.len();
                let refers = i % 3 != 0;
                let visit = Visit {
                    id: format!("v{n}").as_str().into(),
                    client: Some(shift.key.client.clone()),
                    caregiver: shift.caregiver.clone(),
                    shift: match &shift.key.id {
                        ShiftRef::Vendor(id) if refers => Some(id.clone()),
                        _ => None,
                    },
                    check_in: Some(time),
                    check_out: None,
                    status: None,
                };
                self.visits.push((visit, true));
            }
            Event::CheckOut(i) => {
                let n = self.visits.len().max(1);
                self.visits.get_mut(usize::from(*i) % n)?.0.check_out = Some(time);
            }
            Event::DeleteVisit(i) => {
                let n = self.visits.len().max(1);
                self.visits.get_mut(usize::from(*i) % n)?.1 = false;
            }
            Event::Roster(i) => {
                let tag = &mut self.tags[usize::from(*i % CLIENTS)];
                *tag = !*tag;
            }
            Event::ReadShifts { client, how } => {
                let client = client_id(*client);
                let rows = self.shifts.iter().filter(|(shift, there)| *there && shift.key.client == client);
                let rows: Vec<Shift> = rows.map(|(shift, _)| shift.clone()).collect();
                let read = Read::Shifts { client, span: self.span(), confirming: false };
                return Some(self.fetched(read, Endpoint::Appointment, rows, *how, Batch::Shifts));
            }
            Event::ReadVisits { client, how } => {
                let client = client.map(client_id);
                let rows =
                    self.visits.iter().filter(|(visit, there)| *there && (client.is_none() || visit.client == client));
                let rows: Vec<Visit> = rows.map(|(visit, _)| visit.clone()).collect();
                let read = Read::Visits { client, span: self.span(), confirming: false };
                return Some(self.fetched(read, Endpoint::Encounter, rows, *how, Batch::Visits));
            }
            Event::ReadRoster { how } => {
                let rows = (0..CLIENTS).map(|i| client(i, self.tags[usize::from(i)])).collect();
                let read = Read::Clients(Extent::Full);
                return Some(self.fetched(read, Endpoint::Patients, rows, *how, Batch::Clients));
            }
            Event::Reload(_) | Event::Gateway(_) => {}
        }
        None
    }

    fn span(&self) -> Span {
        Span { from: self.base - TimeDelta::hours(1), until: self.base + TimeDelta::hours(1) }
    }

    fn fetched<T>(
        &self,
        read: Read,
        endpoint: Endpoint,
        mut rows: Vec<T>,
        how: How,
        batch: impl FnOnce(Vec<T>) -> Batch,
    ) -> Fetched {
        let lag = TimeDelta::seconds(match how {
            How::Late => 3,
            How::Fails => 1,
            _ => 0,
        });
        let started_at = self.now - lag;
        match how {
            How::Incomplete => {
                rows.pop();
            }
            How::Empty => rows.clear(),
            _ => {}
        }
        let bad = RejectedRow {
            endpoint,
            id: Some("bad".to_owned()),
            client: (endpoint == Endpoint::Encounter).then(|| client_id(1)),
            caregiver: None,
            reason: "no start",
        };
        let rejected = if how == How::BadRow { vec![bad] } else { Vec::new() };
        let ok = how != How::Fails;
        let request = RequestRecord {
            endpoint,
            code: if ok { "200" } else { "500" }.to_owned(),
            at: started_at,
            took: Duration::from_secs(if how == How::Late { 3 } else { 1 }),
            ok,
            waited: Duration::ZERO,
        };
        Fetched {
            agency: "main".into(),
            read,
            started_at,
            finished_at: self.now,
            outcome: if ok {
                Ok(Rows { batch: batch(rows), complete: how != How::Incomplete, rejected })
            } else {
                Err(ReadFault::Transient { endpoint, code: "500".to_owned() })
            },
            shift_tasks: Vec::new(),
            requests: vec![request; 4],
        }
    }
}

fn client_id(i: u8) -> ClientId {
    ClientId::new(format!("c{i}"))
}

fn client(i: u8, tagged: bool) -> Client {
    Client {
        id: client_id(i),
        active: Some(!(tagged && i == 2)),
        is_client: Some(!(tagged && i == 2)),
        status: None,
        location: None,
        tags: if tagged { vec!["41".into()] } else { Vec::new() },
        vendor_agency: None,
        person: Person::default(),
    }
}

type Verdicts = BTreeMap<(RuleId, Subject), Verdict>;

/// Runs a history both ways. `drop_wake` leaves out the nth entry that would have been put into the agenda.
/// Gives how many entries were put in, or the first difference.
fn run(history: &History, base: Instant, naive: bool, drop_wake: Option<usize>) -> Result<usize, String> {
    let mut settings = Settings::new("main".into(), chrono_tz::America::Denver);
    settings.naive = if naive { NaiveReading::Local } else { NaiveReading::Auto };
    settings.api_span = Duration::from_mins(1);
    let mut world = World::new(base, naive, &history.shifts);
    let mut mirror = Mirror::new(settings.clone(), base);
    let mut rules = ruleset(0);
    let mut ledger = Ledger::default();
    let mut agenda = Agenda::new();
    let mut known = Verdicts::new();
    let mut gateways = vec![GatewayHealth { name: "email".to_owned(), failing_since: None, oldest_waiting: None }];
    let mut n_wakes = 0;
    let mut events = history.events.iter().peekable();
    let mut rows = BTreeMap::new();
    for second in 0..SECONDS {
        let now = base + TimeDelta::seconds(second);
        world.now = now;
        let mut changes = Changes::default();
        let mut reload = second == 0;
        while let Some((_, event)) = events.next_if(|(at, _)| *at == second) {
            match event {
                Event::Reload(variant) => {
                    rules = ruleset(*variant);
                    ledger = Ledger::default();
                    if variant % 5 == 4 {
                        // A restart: the mirror comes back from its rows.
                        mirror = Mirror::restore(settings.clone(), rows.values().cloned().collect(), now);
                    }
                    known.clear();
                    reload = true;
                }
                Event::Gateway(failing) => gateways[0].failing_since = failing.then_some(now),
                _ => {}
            }
            if let Some(fetched) = world.happen(event) {
                let applied = mirror.apply(&fetched, now);
                for (section, key) in applied.delta.removes {
                    rows.remove(&(section, key));
                }
                for row in applied.delta.upserts {
                    rows.insert((row.section, row.key.clone()), row);
                }
                changes.absorb(applied.changes);
            }
        }
        let scope = Scope {
            ruleset: &rules,
            mirror: &mirror,
            ledger: &ledger,
            gateways: &gateways,
            on_call: &[],
            open: &|_, _| true,
            now,
        };
        let judged = if reload {
            agenda.clear_subjects();
            judge_all(&scope, [])
        } else {
            let due: Vec<Subject> = agenda.due_subjects(now).cloned().collect();
            judge(&scope, &changes, &due)
        };
        for (wake, at) in judged.wakes {
            if at.is_some_and(|at| at <= now) {
                return Err(format!("second {second}: a wake that is not ahead: {wake:?}"));
            }
            if at.is_some() {
                n_wakes += 1;
                if drop_wake == Some(n_wakes - 1) {
                    agenda.set((wake, None));
                    continue;
                }
            }
            agenda.set((wake, at));
        }
        let looked: BTreeSet<Subject> = judged.findings.iter().map(|finding| finding.subject.clone()).collect();
        known.retain(|(_, subject), _| !looked.contains(subject));
        known.extend(judged.findings.into_iter().map(|f| ((f.rule, f.subject), f.verdict)));
        ledger.absorb(judged.ledger);

        let full = Scope {
            ruleset: &rules,
            mirror: &mirror,
            ledger: &ledger,
            gateways: &gateways,
            on_call: &[],
            open: &|_, _| true,
            now,
        };
        let mut expected = all_verdicts(&full);
        let there: BTreeSet<Subject> = expected.keys().map(|(_, subject)| subject.clone()).collect();
        // What left the mirror since is judged once, as it leaves.
        known.retain(|(_, subject), _| there.contains(subject));
        let waits: BTreeSet<Subject> = expected
            .iter()
            // What is only held, because nothing was read that would tell, wants no read and waits for none; the ledger is
            // about windows that wait.
            .filter(|((_, s), v)| {
                matches!(v, Verdict::Unjudged { because } if because.wants.is_some())
                    && matches!(s, Subject::Shift(_) | Subject::Visit(_))
            })
            .map(|((_, s), _)| s.clone())
            .collect();
        let in_ledger: BTreeSet<Subject> = ledger.unjudged().map(|(subject, _)| subject.clone()).collect();
        if waits != in_ledger {
            return Err(format!("second {second}: waiting {waits:?}, remembered {in_ledger:?}"));
        }
        if known != expected {
            expected.retain(|key, verdict| known.get(key) != Some(verdict));
            let said: Vec<_> = expected.keys().map(|key| (key, known.get(key))).collect();
            return Err(format!("second {second}: expected {expected:#?}\nsaid {said:#?}"));
        }
    }
    Ok(n_wakes)
}

fn at(text: &str) -> Instant {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn hold(cases: u32, seed: u64, base: &str, naive: bool) {
    let config = Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let base = at(base);
    let result = TestRunner::new(config).run(&history(), |history| {
        run(&history, base, naive, None).map_err(TestCaseError::fail)?;
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn the_law_holds_on_an_ordinary_night() {
    hold(900, 1, "2026-07-07T09:00:00Z", false);
}

#[test]
fn the_law_holds_when_times_are_wall_clock() {
    hold(900, 2, "2026-07-07T09:00:00Z", true);
}

#[test]
fn the_law_holds_in_the_night_that_loses_an_hour() {
    hold(900, 3, "2026-03-08T08:59:10Z", true);
}

#[test]
fn the_law_holds_in_the_night_that_has_an_hour_twice() {
    hold(900, 4, "2026-11-01T07:59:10Z", true);
}

#[test]
fn leaving_out_one_agenda_entry_is_found() {
    let base = at("2026-07-07T09:00:00Z");
    let config = Config { cases: 1, rng_seed: RngSeed::Fixed(5), failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let (mut n_tried, mut n_found, mut n_histories_found) = (0, 0, 0);
    let n_histories = 40;
    for _ in 0..n_histories {
        let history = history().new_tree(&mut runner).unwrap().current();
        let n_wakes = run(&history, base, false, None).expect("the law holds before anything is left out");
        let mut found = 0;
        for k in (0..n_wakes).step_by((n_wakes / 12).max(1)) {
            n_tried += 1;
            found += usize::from(run(&history, base, false, Some(k)).is_err());
        }
        n_found += found;
        n_histories_found += usize::from(found > 0);
    }
    // Not every entry matters: a later change often replaces it before it is due.
    assert!(n_found * 10 > n_tried, "{n_found} of {n_tried} left-out entries were found");
    assert!(n_histories_found * 10 > n_histories * 8, "only in {n_histories_found} of {n_histories} histories");
}

/// In a history without a single read after the first, every entry is the last word on its subject.
#[test]
fn without_new_reads_the_first_left_out_edge_is_found() {
    let base = at("2026-07-07T09:00:00Z");
    let shifts = vec![PlannedShift { client: 0, id: 0, start: 70, lasts: 20, covered: false }];
    let events = vec![(0, Event::ReadShifts { client: 0, how: How::Well })];
    let history = History { shifts, events };
    let n = run(&history, base, false, None).unwrap();
    assert!(n >= 4);
    let found = (0..n).filter(|k| run(&history, base, false, Some(*k)).is_err()).count();
    assert!(found * 2 > n, "{found} of {n}");
}
