//! Plays one test from its first instant to its last, and says what came of it.

use std::{collections::BTreeMap, sync::Arc};

use chrono::TimeDelta;

use super::{
    alert_pick::AlertPick,
    file::Test,
    office::{self, Office},
    record::{Entry, Kind, LifeLine, Record, Told, Turn},
    script::{Act, Does},
    theatre::{Cast, Passed, Stage},
};
use crate::{
    alerts::{
        alert::{AlertKey, Labels},
        orders::{Action, Ask},
        page::parse_reply,
        step::Quiet,
    },
    config::tree::Place,
    model::{
        AddressMark, CaregiverId, ClientId, Instant, PersonName, PhiGrant, Section, Shift, ShiftId, ShiftKey, ShiftRef,
        ShiftStatus, Subject, Visit, VisitId, VisitTime,
    },
    notify::message::{Content, Message},
    on_call::{Override, Via},
    rules::finding::Tells,
};

/// How a test came out.
#[derive(Debug, Clone)]
pub struct Played {
    /// Everything that came of it.
    pub record: Record,
    /// What did not come as expected, or could not happen: where, what, and what came instead.
    pub failures: Vec<Failure>,
}

/// One thing that is not as the test says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Where it stands in the file.
    pub place: Place,
    /// What was expected, as written.
    pub expected: String,
    /// What came instead.
    pub got: String,
}

/// Clients of whom a test says nothing. An agency has others: one that shows a single client's schedule empty could not
/// tell a removed shift from a broken answer. They are read at first, and when the mirror asks for them.
const OTHERS: [&str; 2] = ["another client", "yet another client"];
/// Their shifts lie so far behind a test's end that nothing opens on them.
const OTHERS_AFTER: TimeDelta = TimeDelta::days(5);

/// Plays a test.
#[must_use]
pub fn play(test: &Test, cast: &Cast) -> Played {
    let mut run = Run::begin(test, cast);
    let mut now = test.begins;
    let mut read_at = test.begins;
    let mut acts = test.acts.iter().peekable();
    loop {
        while let Some(act) = acts.next_if(|act| act.at <= now) {
            run.act(act);
        }
        run.enter(now);
        if read_at <= now {
            let first = read_at == test.begins;
            run.stage.read_everything(|client| first || !OTHERS.contains(&client.as_str()), now);
            read_at += test.reads;
        }
        let passed = run.stage.pass(now);
        run.note(passed, now);
        let entered = run.to_enter.keys().next().copied();
        let next = [acts.peek().map(|act| act.at), Some(read_at), run.stage.next(now), entered];
        match next.into_iter().flatten().min() {
            Some(next) if next <= test.ends => now = next,
            _ => break,
        }
    }
    run.end()
}

struct Run<'t> {
    test: &'t Test,
    stage: Stage,
    /// Where each shift stands now.
    keys: BTreeMap<String, ShiftKey>,
    /// Every key that a shift ever had.
    names: BTreeMap<ShiftKey, String>,
    to_enter: BTreeMap<Instant, Vec<Shift>>,
    visits: BTreeMap<String, u32>,
    record: Record,
    quiet: BTreeMap<AlertKey, Quiet>,
    failures: Vec<Failure>,
    n_heard: u64,
}

impl<'t> Run<'t> {
    fn begin(test: &'t Test, cast: &Cast) -> Self {
        let mut office = Office::default();
        for client in &test.clients {
            office.put_client(client.clone());
        }
        for caregiver in &test.caregivers {
            office.add_caregiver(caregiver.as_str().into());
        }
        for other in OTHERS {
            office.put_client(office::client(other.into(), None, Vec::new()));
            office.put_shift(other_shift(other, test.ends + OTHERS_AFTER));
        }
        let mut to_enter: BTreeMap<Instant, Vec<Shift>> = BTreeMap::new();
        for planned in test.shifts.values() {
            match planned.entered {
                Some(at) => to_enter.entry(at).or_default().push(planned.shift.clone()),
                None => office.put_shift(planned.shift.clone()),
            }
        }
        let keys: BTreeMap<String, ShiftKey> =
            test.shifts.iter().map(|(name, planned)| (name.clone(), planned.shift.key.clone())).collect();
        Self {
            test,
            stage: Stage::new(cast, office, test.begins),
            names: keys.iter().map(|(name, key)| (key.clone(), name.clone())).collect(),
            keys,
            to_enter,
            visits: BTreeMap::new(),
            record: Record::default(),
            quiet: BTreeMap::new(),
            failures: Vec::new(),
            n_heard: 0,
        }
    }

    fn end(self) -> Played {
        let Self { test, record, mut failures, .. } = self;
        for expectation in &test.expected {
            if let Err(got) = expectation.check(&record, &test.expected, test.zone) {
                failures.push(Failure { place: expectation.place, expected: expectation.text.clone(), got });
            }
        }
        Played { record, failures }
    }

    fn enter(&mut self, now: Instant) {
        let later = self.to_enter.split_off(&(now + TimeDelta::microseconds(1)));
        for shift in std::mem::replace(&mut self.to_enter, later).into_values().flatten() {
            self.stage.office.put_shift(shift);
        }
    }

    fn act(&mut self, act: &Act) {
        self.record.line.push(Entry { at: act.at, kind: Kind::Happens, text: act.text.clone() });
        if let Err(got) = self.carry_out(act) {
            self.failures.push(Failure { place: act.place, expected: act.text.clone(), got });
        }
    }

    fn carry_out(&mut self, act: &Act) -> Result<(), String> {
        let vendor = &mut self.stage.vendor;
        match &act.does {
            Does::CallsOut(who, name) => {
                let shift = self.shift(name)?;
                if shift.caregiver.as_ref().is_none_or(|caregiver| caregiver.as_str() != who) {
                    return Err(format!("{who} is not on {name} then"));
                }
                shift.caregiver = None;
            }
            Does::Takes(who, name) => self.shift(name)?.caregiver = Some(CaregiverId::new(who.as_str())),
            Does::ChecksIn(who, name, as_of) => self.check_in(who, name, as_of.unwrap_or(act.at))?,
            Does::ChecksOut(who, name, as_of) => self.check_out(who, name, as_of.unwrap_or(act.at))?,
            Does::Cancelled(name) => self.shift(name)?.status = ShiftStatus::Cancelled,
            Does::Moves(name, from, until) => {
                let key = self.key(name);
                let Some(mut shift) = self.stage.office.remove_shift(&key) else {
                    return Err(format!("{name} is not on the schedule then"));
                };
                shift.key.start = *from;
                shift.end = *until;
                self.names.insert(shift.key.clone(), name.clone());
                self.keys.insert(name.clone(), shift.key.clone());
                self.stage.office.put_shift(shift);
            }
            Does::Removed(name) => {
                let key = self.key(name);
                if self.stage.office.remove_shift(&key).is_none() {
                    return Err(format!("{name} is not on the schedule then"));
                }
            }
            Does::ClientEnds(name) => {
                if let Some(client) = self.stage.office.client_mut(&ClientId::new(name.as_str())) {
                    (client.active, client.is_client) = (Some(false), Some(false));
                }
            }
            Does::CaregiverEnds(name) => {
                if let Some(caregiver) = self.stage.office.caregiver_mut(&CaregiverId::new(name.as_str())) {
                    (caregiver.active, caregiver.hired) = (Some(false), Some(false));
                }
            }
            Does::Fails(section, code) => {
                let sections = section.map_or_else(|| Section::ALL.to_vec(), |one| vec![one]);
                vendor.failing.extend(sections.into_iter().map(|section| (section, code.clone())));
            }
            Does::Slow(takes) => vendor.takes = Some(*takes),
            Does::ShowsNoShifts => vendor.shows_no_shifts = true,
            Does::Garbles(name) => {
                let key = self.key(name);
                self.stage.vendor.garbled.insert(key);
            }
            Does::Works => *vendor = super::theatre::Vendor { unread: vendor.unread, ..Default::default() },
            Does::ReadingStops => vendor.unread = true,
            Does::ReadingGoesOn => vendor.unread = false,
            Does::WayStops(way) => {
                self.stage.ways.insert(way.clone(), Some(act.at));
            }
            Does::WayWorks(way) => {
                self.stage.ways.insert(way.clone(), None);
            }
            Does::Acknowledges(by, pick, length) => self.acknowledge(by, pick, *length, act.at)?,
            Does::OutOfReach(who) => {
                self.stage.unreachable.insert(who.clone());
            }
            Does::InReach(who) => {
                self.stage.unreachable.remove(who);
            }
            Does::StandsIn(who, schedule, start, end) => {
                let over = Override { person: PersonName::new(who.as_str()), start: *start, end: *end };
                if !self.stage.stand_in(schedule, over) {
                    return Err(format!("there is no schedule {schedule} then"));
                }
            }
            Does::NeverAnswered(who) => {
                let phone = self.phone(who)?;
                self.stage.answers(&phone, false);
            }
            Does::RefusesTexts(who) => {
                let phone = self.phone(who)?;
                self.stage.refuses_texts(&phone, Some(act.at));
            }
            Does::TakesTexts(who) => {
                let phone = self.phone(who)?;
                self.stage.refuses_texts(&phone, None);
            }
            Does::AnswersTest(who) => {
                let phone = self.phone(who)?;
                self.stage.answers(&phone, true);
            }
            Does::Replies(who, text) => self.reply(who, text, act.at)?,
            Does::Presses(who, action) => self.press(who, *action, act.at)?,
        }
        Ok(())
    }

    fn key(&self, name: &str) -> ShiftKey {
        // The reader has checked that every name is a shift's.
        self.keys.get(name).cloned().unwrap_or_else(|| other_shift(name, self.test.ends).key)
    }

    fn shift(&mut self, name: &str) -> Result<&mut Shift, String> {
        let key = self.key(name);
        self.stage.office.shift_mut(&key).ok_or_else(|| format!("{name} is not on the schedule then"))
    }

    fn check_in(&mut self, who: &str, name: &str, at: Instant) -> Result<(), String> {
        let shift = self.shift(name)?.clone();
        let n = self.visits.entry(name.to_owned()).or_default();
        *n += 1;
        let id = visit_id(name, *n);
        let shift_id = match &shift.key.id {
            ShiftRef::Vendor(id) => Some(id.clone()),
            ShiftRef::Ordinal { .. } => None,
        };
        self.stage.office.put_visit(Visit {
            id,
            client: Some(shift.key.client),
            caregiver: Some(who.into()),
            shift: shift_id,
            check_in: Some(VisitTime::Instant(at)),
            check_out: None,
            status: None,
        });
        Ok(())
    }

    fn check_out(&mut self, who: &str, name: &str, at: Instant) -> Result<(), String> {
        let client = self.key(name).client;
        let n = self.visits.get(name).copied().unwrap_or(0);
        let newest = (1..=n).rev().map(|n| visit_id(name, n));
        for id in newest {
            if let Some(visit) = self.stage.office.visit_mut(&client, &id)
                && visit.check_out.is_none()
                && visit.caregiver.as_ref().is_some_and(|caregiver| caregiver.as_str() == who)
            {
                visit.check_out = Some(VisitTime::Instant(at));
                return Ok(());
            }
        }
        Err(format!("{who} has not checked in to {name} before"))
    }

    fn acknowledge(
        &mut self,
        by: &str,
        pick: &AlertPick,
        length: Option<std::time::Duration>,
        at: Instant,
    ) -> Result<(), String> {
        let open = self.record.lives.iter().rev().find(|life| {
            pick.picks(life)
                && life.turns.last().is_some_and(|turn| turn.state == "firing" || turn.state == "acknowledged")
        });
        let Some(key) = open.map(|life| life.key.clone()) else { return Err(format!("{pick} does not fire then")) };
        let policy = self.stage.policy();
        let uncovered = self.stage.alerts().any(|alert| alert.key == key && alert.facts.tells == Tells::Uncovered);
        let usual = if uncovered { policy.ack_expires_uncovered } else { policy.ack_expires };
        let until = at + TimeDelta::from_std(length.unwrap_or(usual)).unwrap_or(TimeDelta::minutes(20));
        let agency = key.agency.clone();
        let ask = Ask::Acknowledge { key, by: by.to_owned(), note: String::new(), until };
        self.stage.order(&agency, ask, at);
        Ok(())
    }

    /// The phone that a person is texted on.
    fn phone(&self, who: &str) -> Result<AddressMark, String> {
        let person = self.stage.policy().paging.roster.person(&PersonName::new(who));
        let phone = person.and_then(|person| person.contacts.iter().find(|contact| contact.via == Via::Sms));
        phone.map(|contact| contact.mark.clone()).ok_or_else(|| format!("{who} has no number for texts"))
    }

    /// A text comes back from the phone that a person is texted on. `CODE` in it stands for the code of the page told last.
    fn reply(&mut self, who: &str, text: &str, at: Instant) -> Result<(), String> {
        let phone = self.phone(who)?;
        let roster = Arc::clone(&self.stage.policy().paging.roster);
        let last = self.stage.pages().filter(|page| page.codes.contains_key(&phone));
        let last = last.max_by_key(|page| page.told.iter().filter(|told| told.mark == phone).map(|told| told.at).max());
        let words: Vec<&str> = text.split_whitespace().collect();
        let text = match (&words[..], last.and_then(|page| page.codes.get(&phone))) {
            ([digit, "CODE", rest @ ..], Some(code)) => [&[*digit, code.as_str()], rest].concat().join(" "),
            ([_, "CODE", ..], None) => return Err(format!("no page was told to {who} before")),
            _ => text.to_owned(),
        };
        let Some(reply) = parse_reply(&text) else { return Err(format!("\"{text}\" is no reply that is understood")) };
        let speakers = roster.people_with(&phone).into_iter().map(|person| person.name.clone()).collect();
        self.n_heard += 1;
        let heard = format!("rehearsal/{}", self.n_heard);
        // As at the desk: who was never told of a page is not answered.
        let ask = Ask::Reply { phone: phone.clone(), speakers, reply: reply.clone(), heard, written_at: Some(at) };
        for agency in self.stage.addressed(&phone, &reply) {
            self.stage.order(&agency, ask.clone(), at);
        }
        Ok(())
    }

    /// The link of the page that a person was told last is used.
    fn press(&mut self, who: &str, action: Action, at: Instant) -> Result<(), String> {
        let person = PersonName::new(who);
        let links = self.stage.pages().flat_map(|page| page.links.iter().map(move |link| (page, link)));
        let last = links.filter(|(_, link)| link.person == person).max_by_key(|(_, link)| link.at);
        let Some((page, link)) = last else {
            return Err(format!("{who} was given no link before; links need web: {{ external_url: … }}"));
        };
        let (agency, page, proof) = (page.key.group.agency.clone(), page.key.topic(), link.hash.clone());
        self.stage.order(&agency, Ask::Press { page, person, action, proof }, at);
        Ok(())
    }

    fn note(&mut self, passed: Passed, now: Instant) {
        for (turn, labels) in passed.turns {
            let is_new = turn.from.as_deref().is_none_or(|from| from == "resolved");
            let known = self.record.lives.iter().rposition(|life| life.key == turn.key).filter(|_| !is_new);
            let place = known.unwrap_or_else(|| {
                let of = self.name_of(&turn.key.subject);
                self.record.lives.push(LifeLine {
                    key: turn.key.clone(),
                    labels: Labels::new(),
                    of,
                    turns: Vec::new(),
                });
                self.record.lives.len() - 1
            });
            let Some(life) = self.record.lives.get_mut(place) else { continue };
            if !labels.is_empty() {
                life.labels = labels;
            }
            let turn = Turn { at: now, state: turn.to, reason: turn.reason };
            let text = format!("{}: {}", life.title(), turn.words());
            life.turns.push(turn);
            self.record.line.push(Entry { at: now, kind: Kind::Alert, text });
        }
        for message in passed.messages {
            let told = told(&message, now);
            self.record.line.push(Entry { at: now, kind: Kind::Told, text: told.words() });
            self.record.told.push(told);
        }
        for (key, _, quiet) in passed.quiet {
            if self.quiet.insert(key.clone(), quiet) != Some(quiet)
                && let Some(life) = self.record.lives.iter().rev().find(|life| life.key == key)
            {
                let text = format!("{}: {}", life.title(), quiet_words(quiet));
                self.record.line.push(Entry { at: now, kind: Kind::Quiet, text });
            }
        }
    }

    /// The test's own name of what an alert is about.
    fn name_of(&self, subject: &Subject) -> String {
        let shift = |key: &ShiftKey| self.names.get(key).cloned().unwrap_or_else(|| key.id.to_string());
        match subject {
            Subject::Shift(key) => shift(key),
            // The later one of the two: the one that is in the way.
            Subject::ShiftPair(pair) => shift(&pair.1),
            Subject::Visit(id) => id.as_str().rsplit_once('/').map_or(id.as_str(), |(shift, _)| shift).to_owned(),
            Subject::Client(id) => id.to_string(),
            Subject::Caregiver(id) | Subject::CaregiverWeek(id, _) => id.to_string(),
            Subject::Endpoint(endpoint) => endpoint.to_string(),
            Subject::Gateway(name) | Subject::Schedule(name) | Subject::Policy(name) => name.clone(),
            Subject::Person(name) => name.to_string(),
            Subject::Section(section) => section.to_string(),
            Subject::Agency | Subject::Posted(_) => String::new(),
        }
    }
}

/// The `n`th visit of a shift.
fn visit_id(shift: &str, n: u32) -> VisitId {
    VisitId::new(format!("{shift}/{n}"))
}

fn other_shift(client: &str, start: Instant) -> Shift {
    Shift {
        key: ShiftKey { start, client: client.into(), id: ShiftRef::Vendor(ShiftId::from(client)) },
        end: start + TimeDelta::hours(1),
        // Each has its own: two that share one would be at two places at once.
        caregiver: Some(format!("a caregiver of {client}").as_str().into()),
        status: ShiftStatus::Active(None),
    }
}

fn told(message: &Message, at: Instant) -> Told {
    let text = match message.content.reveal(PhiGrant::REHEARSAL) {
        Content::Sms { text } | Content::Call { text, .. } => text.clone(),
        Content::Email { subject, text, .. } => format!("{subject}\n{text}"),
        Content::Webhook { body } => body.clone(),
        Content::Record(note) => note.text.clone(),
    };
    let (receiver, recipient) = (message.receiver.clone(), message.recipient.clone());
    Told { at, receiver, recipient, channel: message.channel, text }
}

fn quiet_words(quiet: Quiet) -> &'static str {
    match quiet {
        Quiet::Pending => "waits for its time",
        Quiet::Inhibited => "a worse alert speaks for it",
        Quiet::Grouping => "waits for company",
        Quiet::TooSoon => "told already",
        Quiet::Acknowledged => "somebody owns it",
        Quiet::Unjudged => "cannot be judged: what is known is too old",
        Quiet::Confirming => "a second look is awaited",
        Quiet::Muted => "muted at this time",
        Quiet::CatchingUp => "everything is judged before anything is told",
        Quiet::NoReceiver => "its receiver tells nobody",
        Quiet::Paged => "people are paged about it",
        Quiet::Silenced => "somebody silenced it",
        Quiet::Flapping => "opened and closed so often that it is told rarely",
        Quiet::Standing => "stands for long: listed in the evening, paged two hours before it starts",
    }
}
