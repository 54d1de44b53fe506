//! Where a rehearsal is played: the agent's own mirror, judge, step and render on a clock that jumps.
//!
//! Given: an [`Office`], what is wrong with the vendor and the ways out, orders, and instants that do not go back.
//! Gives: for each pass what changed and what was told, and the next instant at which anything can change.
//! Does not: read, send, store or wait. Every read is answered from the office at once, whole, and every message that
//! a way out takes arrives two seconds later.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chrono::TimeDelta;

use super::office::Office;
use crate::{
    alerts::{
        alert::{Alert, AlertKey, Labels},
        orders::{Ask, Inputs, News, Order, Receipt, Reply},
        page::{LinkKey, Page},
        policy::Policy,
        step::{Quiet, Transition},
    },
    config,
    model::{AddressMark, AgencyName, ClientId, Endpoint, Instant, Section, ShiftKey},
    notify::{
        message::{Channel, Message, MessageId},
        voice::Telling,
    },
    on_call::{Marks, Override, Via, picture::OnCallPicture},
    pipeline,
    reach::Reach,
    rules::{gateway_health::GatewayHealth, rule::Rule, ruleset::Ruleset},
    source::fetched::{Batch, Extent, Fetched, Read, ReadFault, RejectedRow, RequestRecord, Rows, Span},
    watch::{Watch, rota::Rota},
};

/// The agent's tick.
pub const SECOND: TimeDelta = TimeDelta::seconds(1);
/// How far back and ahead a read of a whole schedule reaches.
const READ_BACK: TimeDelta = TimeDelta::days(8);
const READ_AHEAD: TimeDelta = TimeDelta::days(31);
/// What links are made with: they lead nowhere.
const LINK_SECRET: [u8; 32] = [7; 32];
/// Which of the two watches is that of what belongs to no agency.
const INSTALLATION: usize = 1;
/// How long the vendor takes when nobody says.
const USUALLY_TAKES: Duration = Duration::from_millis(300);

/// Everything that does not change while a rehearsal is played.
#[derive(Debug, Clone)]
pub struct Cast {
    /// The agency that is watched.
    pub agency: config::Agency,
    /// The pseudo-agency of what belongs to none.
    pub installation: config::Agency,
    /// The rules.
    pub rules: Vec<Rule>,
    /// Routes, receivers, people.
    pub policy: Arc<Policy>,
    /// How texts are worded.
    pub telling: Arc<Telling>,
}

/// What is wrong with the vendor.
#[derive(Debug, Clone, Default)]
pub struct Vendor {
    /// Nobody asks it anything.
    pub unread: bool,
    /// Sections that fail, with the code.
    pub failing: BTreeMap<Section, String>,
    /// How long it takes to answer; `None` = as usual.
    pub takes: Option<Duration>,
    /// It answers without a single shift.
    pub shows_no_shifts: bool,
    /// Rows that it garbles.
    pub garbled: BTreeSet<ShiftKey>,
}

/// What one pass did.
#[derive(Debug, Default)]
pub struct Passed {
    /// Alerts that went from one state to another, each with the labels it had.
    pub turns: Vec<(Transition, Labels)>,
    /// What was told.
    pub messages: Vec<Message>,
    /// Why what could have been told was not.
    pub quiet: Vec<(AlertKey, Labels, Quiet)>,
}

/// One agency and the installation, in the middle of a rehearsal.
#[derive(Debug)]
pub struct Stage {
    watches: [Watch; 2],
    telling: Arc<Telling>,
    /// What the vendor would show.
    pub office: Office,
    /// What is wrong with it.
    pub vendor: Vendor,
    /// People whom no text or call reaches.
    pub unreachable: BTreeSet<String>,
    on_call: Arc<OnCallPicture>,
    rota: Rota,
    reach: Reach,
    /// Ways out that fail, each with since when; a way that works again stays, with `None`.
    pub ways: BTreeMap<String, Option<Instant>>,
    inputs: [Inputs; 2],
    n_inputs: i64,
    wanted: BTreeMap<Instant, BTreeSet<Read>>,
    under_way: BTreeMap<Instant, Vec<(AgencyName, MessageId, Channel, News)>>,
    held: Vec<Message>,
}

impl Stage {
    /// Nobody has looked yet.
    #[must_use]
    pub fn new(cast: &Cast, office: Office, now: Instant) -> Self {
        let reach = Reach::new(LinkKey::new(&LINK_SECRET));
        let paging = &cast.policy.paging;
        // A number counts as answered unless a test says otherwise: the agent has been in use.
        let contacts = paging.roster.people().flat_map(|person| &person.contacts);
        let marks = Marks { verified: contacts.map(|contact| contact.mark.clone()).collect(), ..Marks::default() };
        let on_call = OnCallPicture {
            roster: Arc::clone(&paging.roster),
            escalation: Arc::new(paging.escalation.clone()),
            marks: Some(Arc::new(marks)),
        };
        let watch = |agency: &config::Agency, installation: bool| {
            let ruleset = Arc::new(Ruleset::of_agency(&cast.rules, installation));
            let mut policy = Policy::clone(&cast.policy);
            policy.confirm_timeout = cast.agency.wellsky.confirm_timeout;
            policy.paging.zones.insert(cast.agency.name.clone(), cast.agency.timezone);
            Watch::fresh(agency, ruleset, Arc::new(policy), reach.clone(), now)
        };
        Self {
            watches: [watch(&cast.agency, false), watch(&cast.installation, true)],
            telling: Arc::clone(&cast.telling),
            office,
            vendor: Vendor::default(),
            unreachable: BTreeSet::new(),
            on_call: Arc::new(on_call),
            rota: Rota::default(),
            reach,
            ways: BTreeMap::new(),
            inputs: Default::default(),
            n_inputs: 0,
            wanted: BTreeMap::new(),
            under_way: BTreeMap::new(),
            held: Vec::new(),
        }
    }

    /// Every alert that is not forgotten.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.watches.iter().flat_map(|watch| watch.book.alerts()).map(AsRef::as_ref)
    }

    /// Every page that is not forgotten.
    pub fn pages(&self) -> impl Iterator<Item = &Page> {
        self.watches.iter().flat_map(|watch| watch.book.pages()).map(AsRef::as_ref)
    }

    /// The rules of telling.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        self.watches[0].book.policy()
    }

    /// Somebody stands in on a schedule, as an override says it. False when there is no such schedule.
    pub fn stand_in(&mut self, schedule: &str, over: Override) -> bool {
        let picture = Arc::make_mut(&mut self.on_call);
        let Some(mut changed) = picture.roster.schedule(schedule).cloned() else { return false };
        changed.overrides.push(over);
        picture.roster = Arc::new(picture.roster.as_ref().clone().with_schedules([changed]));
        true
    }

    /// Whether an answer ever came from an address.
    pub fn answers(&mut self, mark: &AddressMark, ever: bool) {
        self.mark(|marks| {
            if ever {
                marks.verified.insert(mark.clone());
            } else {
                marks.verified.remove(mark);
            }
        });
    }

    /// An address takes no texts any more, since an instant, or takes them again.
    pub fn refuses_texts(&mut self, mark: &AddressMark, since: Option<Instant>) {
        self.mark(|marks| {
            match since {
                Some(since) => marks.opted_out.insert(mark.clone(), since),
                None => marks.opted_out.remove(mark),
            };
        });
        let bad = self.on_call.marks.iter().flat_map(|marks| marks.opted_out.keys());
        let bad = bad.map(|mark| (mark.clone(), Via::Sms)).collect();
        self.reach.change(|phones| phones.set_bad(bad));
    }

    fn mark(&mut self, change: impl FnOnce(&mut Marks)) {
        let picture = Arc::make_mut(&mut self.on_call);
        change(Arc::make_mut(picture.marks.get_or_insert_default()));
    }

    /// Whose pages a reply from this phone is about; nobody's when no page was ever told to it.
    #[must_use]
    pub fn addressed(&self, phone: &AddressMark, reply: &Reply) -> Vec<AgencyName> {
        self.reach.phones().addressed(phone, reply)
    }

    /// An order reaches the agency that `agency` names.
    pub fn order(&mut self, agency: &AgencyName, ask: Ask, at: Instant) {
        self.n_inputs += 1;
        let n = self.n_inputs;
        let place = self.place(agency);
        self.inputs[place].orders.push(Order { n, at, ask });
    }

    /// Reads everything: the lists, the shifts of every client that is `wanted`, all visits.
    pub fn read_everything(&mut self, wanted: impl Fn(&ClientId) -> bool, now: Instant) {
        // Whole days: the mirror remembers each span that was read by itself.
        let day = now - TimeDelta::seconds(now.timestamp().rem_euclid(86_400));
        let span = Span { from: day - READ_BACK, until: day + READ_AHEAD };
        let clients: Vec<ClientId> =
            self.office.clients().map(|client| client.id.clone()).filter(|id| wanted(id)).collect();
        let mut reads = vec![Read::Clients(Extent::Full), Read::Caregivers(Extent::Full)];
        reads.extend(clients.into_iter().map(|client| Read::Shifts { client, span, confirming: false }));
        reads.push(Read::Visits { client: None, span, confirming: false });
        for read in reads {
            self.read(read, now);
        }
    }

    /// Makes one read, unless nobody asks.
    pub fn read(&mut self, read: Read, now: Instant) {
        if self.vendor.unread {
            return;
        }
        let fetched = self.answer(read, now);
        let (wanted, _) = pipeline::take_in(&mut self.watches[0], &fetched, now);
        if !wanted.is_empty() {
            self.wanted.entry(now + SECOND).or_default().extend(wanted);
        }
    }

    /// Makes the reads that were wanted by now, takes note of what arrived, and decides.
    pub fn pass(&mut self, now: Instant) -> Passed {
        let later = self.wanted.split_off(&(now + TimeDelta::microseconds(1)));
        for read in std::mem::replace(&mut self.wanted, later).into_values().flatten() {
            self.read(read, now);
        }
        self.take_receipts(now);
        self.rota.look(&self.on_call, now);
        for (place, watch) in self.watches.iter_mut().enumerate() {
            self.rota.tell(watch, place == INSTALLATION);
        }
        let mut passed = Passed::default();
        for place in 0..self.watches.len() {
            self.pass_over(place, now, &mut passed);
        }
        passed
    }

    /// The next instant after `now` at which anything can change by itself.
    #[must_use]
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let agendas = self.watches.iter().filter_map(|watch| watch.agenda.next());
        let wanted = self.wanted.keys().next().copied().filter(|_| !self.vendor.unread);
        let under_way = self.under_way.keys().next().copied();
        let waiting = self.inputs.iter().any(|inputs| !inputs.orders.is_empty() || !inputs.receipts.is_empty());
        let unseen = self.watches.iter().any(|watch| watch.unseen || !watch.later.is_empty());
        let at_once = (waiting || unseen).then_some(now);
        agendas
            .chain(wanted)
            .chain(under_way)
            .chain(at_once)
            .chain(self.rota.until())
            .min()
            .map(|at| at.max(now + SECOND))
    }

    fn place(&self, agency: &AgencyName) -> usize {
        usize::from(self.watches[0].settings.name != *agency)
    }

    fn pass_over(&mut self, place: usize, now: Instant, passed: &mut Passed) {
        let gateways: Vec<GatewayHealth> = self
            .ways
            .iter()
            .map(|(name, failing_since)| GatewayHealth {
                name: name.clone(),
                failing_since: *failing_since,
                oldest_waiting: None,
            })
            .collect();
        let watch = &mut self.watches[place];
        let inputs = std::mem::take(&mut self.inputs[place]);
        let thought = pipeline::think(watch, &self.telling, &inputs, &gateways, now);
        let (orders_done, receipts_done) = (thought.step.delta.orders_done, thought.step.delta.receipts_done);
        self.inputs[place] = Inputs {
            orders: inputs.orders.into_iter().filter(|order| Some(order.n) > orders_done).collect(),
            receipts: inputs.receipts.into_iter().filter(|receipt| Some(receipt.n) > receipts_done).collect(),
        };
        let delta = &thought.step.delta;
        let labels_of = |key: &AlertKey| {
            let changed = delta.alerts.iter().find(|alert| alert.key == *key);
            changed
                .or_else(|| watch.book.alert(key).map(AsRef::as_ref))
                .map(|alert| alert.labels.clone())
                .unwrap_or_default()
        };
        passed.turns.extend(delta.transitions.iter().map(|turn| (turn.clone(), labels_of(&turn.key))));
        passed.quiet.extend(thought.step.quiet.iter().map(|(key, quiet)| (key.clone(), labels_of(key), *quiet)));
        let messages = thought.rendered.messages.clone();
        let wanted = thought.happens(watch);
        watch.n += 1;
        if !wanted.is_empty() {
            self.wanted.entry(now + SECOND).or_default().extend(wanted);
        }
        for message in &messages {
            self.send(message.clone(), now);
        }
        passed.messages.extend(messages);
    }

    fn send(&mut self, message: Message, now: Instant) {
        let stuck = self.ways.iter().any(|(way, since)| since.is_some() && way.starts_with(message.channel.as_str()));
        if stuck {
            self.held.push(message);
            return;
        }
        let Message { agency, id, channel, recipient, .. } = message;
        let mut arrives = |after: i64, news: News| {
            let at = self.under_way.entry(now + SECOND * i32::try_from(after).unwrap_or(1)).or_default();
            at.push((agency.clone(), id.clone(), channel, news));
        };
        arrives(1, News::Sent);
        if matches!(channel, Channel::Sms | Channel::Call) {
            let news = if self.unreachable.contains(&recipient) { News::Undelivered } else { News::Delivered };
            arrives(2, news);
        }
    }

    fn take_receipts(&mut self, now: Instant) {
        let working = |message: &Message| {
            !self.ways.iter().any(|(way, since)| since.is_some() && way.starts_with(message.channel.as_str()))
        };
        let (free, held) = std::mem::take(&mut self.held).into_iter().partition(working);
        self.held = held;
        for message in free {
            self.send(message, now);
        }
        let later = self.under_way.split_off(&(now + TimeDelta::microseconds(1)));
        for (at, news) in std::mem::replace(&mut self.under_way, later) {
            for (agency, message, channel, news) in news {
                self.n_inputs += 1;
                let n = self.n_inputs;
                let place = self.place(&agency);
                self.inputs[place].receipts.push(Receipt { n, message, channel, at, news });
            }
        }
    }

    /// What the vendor says to a read.
    fn answer(&self, read: Read, now: Instant) -> Fetched {
        let endpoint = endpoint_of(&read);
        let code = read.section().and_then(|section| self.vendor.failing.get(&section));
        let request = RequestRecord {
            endpoint,
            code: code.map_or("200", String::as_str).to_owned(),
            at: now,
            took: self.vendor.takes.unwrap_or(USUALLY_TAKES),
            ok: code.is_none(),
            waited: Duration::ZERO,
        };
        let outcome = match code {
            Some(code) => Err(ReadFault::Transient { endpoint, code: code.clone() }),
            None => Ok(self.rows(&read, now)),
        };
        let agency = self.watches[0].settings.name.clone();
        Fetched {
            agency,
            read,
            started_at: now,
            finished_at: now,
            outcome,
            shift_tasks: Vec::new(),
            requests: vec![request],
        }
    }

    fn rows(&self, read: &Read, now: Instant) -> Rows {
        let office = &self.office;
        let mut rejected = Vec::new();
        let batch = match read {
            Read::Clients(_) => Batch::Clients(office.clients().cloned().collect()),
            Read::Client(id) => Batch::Clients(office.clients().filter(|client| client.id == *id).cloned().collect()),
            Read::Caregivers(_) => Batch::Caregivers(office.caregivers().cloned().collect()),
            Read::Caregiver(id) => {
                Batch::Caregivers(office.caregivers().filter(|caregiver| caregiver.id == *id).cloned().collect())
            }
            Read::Shifts { .. } if self.vendor.shows_no_shifts => Batch::Shifts(Vec::new()),
            Read::Shifts { client, span, .. } => {
                let (bad, good) = office
                    .shifts_of(client, *span)
                    .into_iter()
                    .partition(|shift| self.vendor.garbled.contains(&shift.key));
                rejected = Vec::from_iter(bad).iter().map(garbled).collect();
                Batch::Shifts(good)
            }
            Read::Visits { client, span, .. } => {
                // What is yet to come nobody has checked in to.
                let span = Span { until: span.until.min(now + TimeDelta::microseconds(1)), ..*span };
                Batch::Visits(office.visits_of(client.as_ref(), span))
            }
            Read::Visit(id) => {
                let all = office.visits_of(None, Span { from: Instant::MIN_UTC, until: now });
                Batch::Visits(all.into_iter().filter(|visit| visit.id == *id).collect())
            }
            Read::Locations => Batch::Locations(Vec::new()),
        };
        Rows { batch, complete: true, rejected }
    }
}

fn garbled(shift: &crate::model::Shift) -> RejectedRow {
    RejectedRow {
        endpoint: Endpoint::Appointment,
        id: Some(shift.key.id.to_string()),
        client: Some(shift.key.client.clone()),
        caregiver: None,
        reason: "its start makes no sense",
    }
}

fn endpoint_of(read: &Read) -> Endpoint {
    match read.section() {
        Some(Section::Clients) => Endpoint::Patients,
        Some(Section::Caregivers) => Endpoint::Practitioners,
        Some(Section::Shifts) => Endpoint::Appointment,
        Some(Section::Visits) => Endpoint::Encounter,
        None => Endpoint::Locations,
    }
}
