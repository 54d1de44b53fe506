//! A replay: what rules would have said over an agency's past, and how many pages a day a later page would have spared.
//!
//! The past is played through the agent's own passes. Each change is read in the second in which it was seen; nothing in it is
//! ever too old, so the rules about the vendor and about sight say nothing here and are left out. Nobody owns anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{Days, NaiveDate, TimeDelta};
use serde::Serialize;

use super::{
    office::Office,
    past::{Past, PastShift, PastVisit, Turn},
    record::LifeLine,
    theatre::{Cast, SECOND, Stage},
};
use crate::{
    model::{
        CaregiverId, ClientId, Instant, ShiftKey, ShiftStatus, Visit, VisitId, VisitTime,
        local_time::{local_date, start_of_day},
    },
    notify::message::{Channel, Content},
    rules::rule::{Kind, Rule},
    source::fetched::{Extent, Read, Span},
};

/// Delays that are compared, in minutes after the start.
pub const DELAYS: [i64; 7] = [5, 10, 15, 20, 30, 45, 60];
/// What had begun long before is told in this time, and not counted.
const WARM_UP: TimeDelta = TimeDelta::days(1);
/// Evidence never ages in a replay.
const NEVER_OLD: Duration = Duration::from_hours(24 * 4000);
/// Around each change so much of a client's schedule is read.
const AROUND: Days = Days::new(2);
/// Each day so much more of it ahead: farther than the widest shipped band.
const AHEAD: u64 = 5;
/// Farther ahead nothing is read, as the agent does.
const AHEAD_MAX: u64 = 31;

/// What came of a replay.
#[derive(Debug, Clone, Serialize)]
pub struct Replayed {
    /// Included.
    pub from: Instant,
    /// Excluded.
    pub until: Instant,
    /// How many days that is.
    pub n_days: f64,
    /// How many shifts began in it.
    pub n_shifts: usize,
    /// How many alerts fired, by local day and alert.
    pub fired: BTreeMap<NaiveDate, BTreeMap<String, usize>>,
    /// How many messages were decided, by local day, receiver and way.
    #[serde(serialize_with = "told_as_list")]
    pub told: BTreeMap<NaiveDate, BTreeMap<(String, Channel), usize>>,
    /// What each delay would have come to.
    pub delays: Vec<Delay>,
    /// Each message, when it was decided: its receiver, way, and first line.
    #[serde(skip)]
    pub said: Vec<(Instant, String, Channel, String)>,
    /// What the past could not tell.
    pub unknown: Vec<String>,
}

/// What a page so long after the start would have come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Delay {
    /// So many minutes after the start.
    pub minutes: i64,
    /// Shifts to which somebody came, but later.
    pub later: usize,
    /// Shifts to which nobody was seen to come.
    pub never: usize,
    /// Both, for each day.
    pub a_day: f64,
}

#[derive(Serialize)]
struct ToldOnDay<'t> {
    day: NaiveDate,
    to: &'t str,
    by: Channel,
    n: usize,
}

fn told_as_list<S: serde::Serializer>(
    told: &BTreeMap<NaiveDate, BTreeMap<(String, Channel), usize>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        told.iter()
            .flat_map(|(day, told)| told.iter().map(|((to, by), n)| ToldOnDay { day: *day, to, by: *by, n: *n })),
    )
}

/// Whether a kind of rule can be replayed.
#[must_use]
pub const fn is_replayed(kind: &Kind) -> bool {
    kind.exception().is_some()
        || matches!(
            kind,
            Kind::UncoveredShift { .. }
                | Kind::MissedCheckIn { .. }
                | Kind::NoShow { .. }
                | Kind::MissedCheckOut { .. }
                | Kind::RunawayVisit { .. }
        )
}

/// Replays the past in `[from, until)`. `on_day` is called with each day that begins and how many there are.
#[must_use]
pub fn replay(past: &Past, cast: &Cast, from: Instant, until: Instant, on_day: &mut dyn FnMut(i64, i64)) -> Replayed {
    let mut unknown = past.unknown.clone();
    let from = match past.since {
        Some(since) if since > from => {
            let zone = cast.agency.timezone;
            unknown
                .insert(0, format!("nothing is known from before {}", since.with_timezone(&zone).format("%F %H:%M")));
            since
        }
        _ => from,
    };
    let mut cast = cast.clone();
    cast.agency.wellsky.detect_within = NEVER_OLD;
    cast.rules.retain(|rule| is_replayed(&rule.kind));
    leave_out(past, &mut cast.rules, &mut unknown);
    for rule in &mut cast.rules {
        rule.max_data_age = None;
    }
    let n_days = num_days(from, until);
    let (delays, n_shifts) = delays(&past.shifts, from, until);
    let mut replayed = Replayed {
        from,
        until,
        n_days,
        n_shifts,
        fired: BTreeMap::new(),
        told: BTreeMap::new(),
        delays,
        said: Vec::new(),
        unknown,
    };
    Replay::begin(past, &cast, from - WARM_UP, until).run(&cast, &mut replayed, on_day);
    replayed
}

/// Takes out the rules that such a past would only mislead, and says what it knows by halves.
fn leave_out(past: &Past, rules: &mut Vec<Rule>, unknown: &mut Vec<String>) {
    let is_plan = |rule: &Rule| {
        matches!(rule.kind, Kind::LateChange { .. } | Kind::ClientWithoutShifts { .. } | Kind::OvertimeAhead { .. })
    };
    if !past.knows_plans && rules.iter().any(is_plan) {
        unknown.push(
            "what was planned ahead at the time, and how it changed, is not known from one reading: rules about late changes, weeks \
             and clients without shifts are left out"
                .to_owned(),
        );
        rules.retain(|rule| !is_plan(rule));
    }
    if !past.gone.is_empty() && rules.iter().any(|rule| matches!(rule.kind, Kind::InactiveCaregiverAssigned)) {
        unknown.push(
            "since when somebody does not work any more is not kept: they are taken to have worked until their last visit"
                .to_owned(),
        );
    }
}

/// So many days ahead the schedule is read each day, so that each rule sees as far as it looks.
fn ahead(rules: &[Rule]) -> Days {
    let of = |rule: &Rule| match &rule.kind {
        Kind::ClientWithoutShifts { for_ } => for_.as_secs().div_ceil(86_400) + 2,
        Kind::OvertimeAhead { .. } => 8,
        _ => AHEAD,
    };
    Days::new(rules.iter().map(of).max().unwrap_or(AHEAD).clamp(AHEAD, AHEAD_MAX))
}

/// How many shifts nobody had checked in to so long after their start, for each delay; and how many shifts there were.
///
/// A shift counts when somebody was on it at that moment, it had not ended by then, and that moment lies in `[from, until)`.
#[must_use]
pub fn delays(shifts: &[PastShift], from: Instant, until: Instant) -> (Vec<Delay>, usize) {
    let days = num_days(from, until);
    let all = DELAYS.map(|minutes| {
        let delay = TimeDelta::minutes(minutes);
        let (mut later, mut never) = (0, 0);
        for one in shifts {
            let due = one.shift.start() + delay;
            if due < from || due >= until || due >= one.shift.end || one.caregiver_at(due).is_none() {
                continue;
            }
            match one.came_at() {
                Some(came) if came <= due => {}
                Some(_) => later += 1,
                None => never += 1,
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of shifts stay far below 2^52")]
        Delay { minutes, later, never, a_day: (later + never) as f64 / days }
    });
    let n = shifts.iter().filter(|one| (from..until).contains(&one.shift.start()));
    (all.to_vec(), n.filter(|one| one.caregiver_at(one.shift.start()).is_some() || !one.shift.is_cancelled()).count())
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a few months")]
fn num_days(from: Instant, until: Instant) -> f64 {
    ((until - from).num_seconds().max(1) as f64 / 86_400.0).max(1.0 / 24.0)
}

/// Something that becomes visible.
#[derive(Debug, Clone)]
enum Change {
    Enter(ShiftKey, Option<CaregiverId>),
    Turn(ShiftKey, Turn),
    CheckIn(Box<Visit>),
    CheckOut(ClientId, VisitId, Instant),
    Leaves(CaregiverId),
    Day,
}

impl Change {
    fn client(&self) -> Option<&ClientId> {
        match self {
            Self::Enter(key, _) | Self::Turn(key, _) => Some(&key.client),
            Self::CheckIn(visit) => visit.client.as_ref(),
            Self::CheckOut(client, ..) => Some(client),
            Self::Day | Self::Leaves(_) => None,
        }
    }
}

/// A visit becomes visible, and its end.
fn come_and_go(visit: &PastVisit, add: &mut impl FnMut(Instant, Change)) {
    let open = Visit { check_out: None, ..visit.visit.clone() };
    add(visit.seen_at, Change::CheckIn(Box::new(open)));
    if let (Some(at), Some(client), Some(VisitTime::Instant(out))) =
        (visit.closed_at, &visit.visit.client, visit.visit.check_out)
    {
        add(at.max(visit.seen_at), Change::CheckOut(client.clone(), visit.visit.id.clone(), out));
    }
}

struct Replay<'p> {
    stage: Stage,
    changes: BTreeMap<Instant, Vec<Change>>,
    shifts: BTreeMap<&'p ShiftKey, &'p PastShift>,
    clients: BTreeSet<ClientId>,
    ahead: Days,
    until: Instant,
}

impl<'p> Replay<'p> {
    fn begin(past: &'p Past, cast: &Cast, from: Instant, until: Instant) -> Self {
        let zone = cast.agency.timezone;
        let mut office = Office::default();
        let mut changes: BTreeMap<Instant, Vec<Change>> = BTreeMap::new();
        let mut add = |at: Instant, change: Change| changes.entry(at.max(from)).or_default().push(change);
        for client in &past.clients {
            office.put_client(client.clone());
        }
        for caregiver in &past.caregivers {
            office.add_caregiver(caregiver.clone());
        }
        let mut clients: BTreeSet<ClientId> = past.clients.iter().map(|client| client.id.clone()).collect();
        // Far away, nothing of a shift can say anything.
        let ahead = ahead(&cast.rules);
        let far = start_of_day(zone, local_date(zone, until) + ahead + Days::new(1));
        let (first, last) = (from - TimeDelta::days(8), far);
        for one in past.shifts.iter().filter(|one| first < one.shift.end && one.shift.start() < last) {
            let key = &one.shift.key;
            if clients.insert(key.client.clone()) {
                office.put_client(super::office::client(key.client.clone(), None, Vec::new()));
            }
            match one.entered.filter(|at| *at > from) {
                Some(at) => add(at, Change::Enter(key.clone(), one.shift.caregiver.clone())),
                None => office.put_shift(one.shift.clone()),
            }
            for (at, turn) in &one.turns {
                add(*at, Change::Turn(key.clone(), turn.clone()));
            }
            for visit in &one.visits {
                come_and_go(visit, &mut add);
            }
        }
        for visit in past.loose.iter().filter(|visit| first < visit.seen_at && visit.seen_at < until) {
            if let Some(client) = visit.visit.client.clone()
                && clients.insert(client.clone())
            {
                office.put_client(super::office::client(client, None, Vec::new()));
            }
            come_and_go(visit, &mut add);
        }
        let visits = || past.shifts.iter().flat_map(|one| &one.visits).chain(&past.loose);
        for one in &past.gone {
            let theirs = visits().filter(|visit| visit.visit.caregiver.as_ref() == Some(&one.id));
            let last = theirs.map(|visit| visit.closed_at.unwrap_or(visit.seen_at)).max();
            add(last.unwrap_or(from), Change::Leaves(one.id.clone()));
        }
        let mut day = local_date(zone, from);
        while start_of_day(zone, day) < until {
            add(start_of_day(zone, day), Change::Day);
            day = day + Days::new(1);
        }
        let shifts = past.shifts.iter().map(|one| (&one.shift.key, one)).collect();
        Self { stage: Stage::new(cast, office, from), changes, shifts, clients, ahead, until }
    }

    fn run(mut self, cast: &Cast, replayed: &mut Replayed, on_day: &mut dyn FnMut(i64, i64)) {
        let zone = cast.agency.timezone;
        let n_all = (self.until - replayed.from).num_days().max(1);
        let Some((&first, _)) = self.changes.first_key_value() else { return };
        let mut now = first;
        while now < self.until {
            let later = self.changes.split_off(&(now + TimeDelta::microseconds(1)));
            let changes: Vec<Change> = std::mem::replace(&mut self.changes, later).into_values().flatten().collect();
            if changes.iter().any(|change| matches!(change, Change::Day)) {
                on_day((now - replayed.from).num_days().max(0), n_all);
            }
            self.carry_out(changes, now, zone);
            let passed = self.stage.pass(now);
            let day = local_date(zone, now);
            for (turn, labels) in passed.turns {
                let fired = turn.to == "firing" && turn.from.as_deref() != Some("acknowledged");
                if fired && now >= replayed.from {
                    let life = LifeLine { key: turn.key, labels, of: String::new(), turns: Vec::new() };
                    *replayed.fired.entry(day).or_default().entry(life.title()).or_default() += 1;
                }
            }
            for message in passed.messages.into_iter().filter(|_| now >= replayed.from) {
                let receiver = match message.receiver.as_str() {
                    crate::alerts::notice::PEOPLE => message.recipient.clone(),
                    _ => message.receiver.clone(),
                };
                let text = match message.content.reveal(crate::model::PhiGrant::REHEARSAL) {
                    Content::Sms { text } | Content::Call { text, .. } => text.clone(),
                    // Its words may name people; its subject never does.
                    Content::Email { subject, .. } => subject.clone(),
                    Content::Webhook { .. } | Content::Record(_) => String::new(),
                };
                *replayed.told.entry(day).or_default().entry((receiver.clone(), message.channel)).or_default() += 1;
                replayed.said.push((now, receiver, message.channel, text));
            }
            let next = [self.changes.keys().next().copied(), self.stage.next(now)];
            match next.into_iter().flatten().min() {
                Some(next) => now = next.max(now + SECOND),
                None => break,
            }
        }
        on_day(n_all, n_all);
    }

    fn carry_out(&mut self, changes: Vec<Change>, now: Instant, zone: chrono_tz::Tz) {
        let mut touched: BTreeSet<ClientId> = BTreeSet::new();
        let (mut is_day, mut left) = (false, false);
        let mut shift_day = BTreeSet::new();
        for change in changes {
            touched.extend(change.client().cloned());
            let office = &mut self.stage.office;
            match change {
                Change::Enter(key, caregiver) => {
                    if let Some(one) = self.shifts.get(&key) {
                        let mut shift = one.shift.clone();
                        shift.caregiver = caregiver;
                        shift_day.insert((key.client.clone(), key.start));
                        office.put_shift(shift);
                    }
                }
                Change::Turn(key, turn) => {
                    shift_day.insert((key.client.clone(), key.start));
                    match turn {
                        Turn::Gone => {
                            office.remove_shift(&key);
                        }
                        Turn::Caregiver(caregiver) => {
                            if let Some(shift) = office.shift_mut(&key) {
                                shift.caregiver = caregiver;
                            }
                        }
                        Turn::Cancelled => {
                            if let Some(shift) = office.shift_mut(&key) {
                                shift.status = ShiftStatus::Cancelled;
                            }
                        }
                    }
                }
                Change::CheckIn(visit) => office.put_visit(*visit),
                Change::CheckOut(client, id, out) => {
                    if let Some(visit) = office.visit_mut(&client, &id) {
                        visit.check_out = Some(VisitTime::Instant(out));
                    }
                }
                Change::Leaves(caregiver) => {
                    left = true;
                    if let Some(caregiver) = office.caregiver_mut(&caregiver) {
                        caregiver.active = Some(false);
                    }
                }
                Change::Day => is_day = true,
            }
        }
        let day = local_date(zone, now);
        let around = Span { from: start_of_day(zone, day - AROUND), until: start_of_day(zone, day + self.ahead) };
        if is_day {
            self.stage.read(Read::Clients(Extent::Full), now);
            touched.clone_from(&self.clients);
        }
        if is_day || left {
            self.stage.read(Read::Caregivers(Extent::Full), now);
        }
        for client in touched {
            self.stage.read(Read::Shifts { client: client.clone(), span: around, confirming: false }, now);
            self.stage.read(Read::Visits { client: Some(client), span: around, confirming: false }, now);
        }
        // A change farther away than what is read anyway.
        for (client, start) in shift_day.into_iter().filter(|(_, start)| !around.contains(*start)) {
            let day = local_date(zone, start);
            let span = Span { from: start_of_day(zone, day), until: start_of_day(zone, day + Days::new(1)) };
            self.stage.read(Read::Shifts { client, span, confirming: false }, now);
        }
    }
}
