//! Reminders to caregivers: a text before the start, one when no check-in is seen, one when no check-out is.
//!
//! Given: the mirror, who wants reminders, what was reminded of already, an instant.
//! Gives: messages, those to withdraw, the reads that have to come first, and what became of earlier ones.
//! Does not: remind of what it is not sure of. Each text rests on a read that would have shown a check-in, a check-out or
//! somebody else on the shift; where that cannot be had in time, nobody is reminded. No text says who the client is.
//!
//! One text a person, shift and moment: the message's id is made from these, so that a restart sends none twice. What is known
//! of each is stored with the step ([`Settled`]), so that a restart can still withdraw one, and measures none twice.

use std::collections::HashMap;

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;

use crate::{
    alerts::{notice::REMINDERS, phones::Phones, step::Why},
    config::Reminders,
    mirror::{Mirror, shifts::ShiftEntry},
    model::{AddressMark, AgencyName, Caregiver, CaregiverId, Instant, Phi, PhiGrant, ShiftKey},
    notify::{
        gsm7::{self, SEPTETS_MAX},
        message::{Channel, Content, Message, MessageId},
        voice::{Telling, place},
    },
    on_call::Via,
    source::fetched::{Read, Span},
};

#[cfg(test)]
mod tests;

/// So often is looked: a reminder is worth a minute, not a second.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(15);
/// Nobody is reminded of a start that is nearer than this: they are there or on their way.
const AHEAD_MIN: TimeDelta = TimeDelta::minutes(5);
/// A check-in is asked for so long after its moment, no longer: by then people are at it.
const CHECK_IN_LATE: TimeDelta = TimeDelta::minutes(10);
/// A check-out may be asked for the next morning, when quiet hours held it.
const CHECK_OUT_LATE: TimeDelta = TimeDelta::hours(14);
/// Quiet hours do not hold what is about a shift that starts so soon.
const SOON: TimeDelta = TimeDelta::hours(2);
/// A check-in within this time of the text counts as cleared by it.
pub const CLEARED_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// The longest shift that is looked back at.
const SHIFT_MAX: TimeDelta = TimeDelta::hours(24);

/// What a reminder is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// A shift starts soon.
    Before,
    /// It has started, and nobody has checked in.
    CheckIn,
    /// It is over, and nobody has checked out.
    CheckOut,
}

/// What became of a reminder; the `outcome` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It was decided, and is sent.
    Sent,
    /// Its phone takes no texts.
    OptedOut,
    /// There is no phone that could take one.
    NoPhone,
    /// It was withdrawn: by then it was not true any more.
    Withdrawn,
    /// They checked in soon after.
    Cleared,
    /// They did not.
    NotCleared,
}

impl Moment {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Before, Self::CheckIn, Self::CheckOut];

    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::CheckIn => "check_in",
            Self::CheckOut => "check_out",
        }
    }
}

impl Outcome {
    /// Each of them.
    pub const ALL: [Self; 6] =
        [Self::Sent, Self::OptedOut, Self::NoPhone, Self::Withdrawn, Self::Cleared, Self::NotCleared];

    /// By its label's value.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::OptedOut => "opted_out",
            Self::NoPhone => "no_phone",
            Self::Withdrawn => "withdrawn",
            Self::Cleared => "cleared",
            Self::NotCleared => "not_cleared",
        }
    }
}

/// What is known of a reminder, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Its message.
    pub id: MessageId,
    /// Whom it went to.
    pub caregiver: CaregiverId,
    /// The shift, as [`ShiftKey::label`] names it whole.
    pub shift: String,
    /// What it is about.
    pub moment: Moment,
    /// When it was decided.
    pub at: Instant,
    /// What became of it so far.
    pub outcome: Outcome,
}

/// How many there were, as far back as the store was read at the start, and since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Texts that were sent.
    pub sent: u64,
    /// Missed check-ins that came soon after the text about them.
    pub cleared: u64,
    /// Those that did not.
    pub not_cleared: u64,
}

impl Counts {
    /// Added up from counts by moment and outcome, as they are stored.
    #[must_use]
    pub fn of(counts: &[(String, String, u64)]) -> Self {
        let mut sum = Self::default();
        for (_, word, n) in counts {
            let outcome = Outcome::of(word);
            match outcome {
                Some(Outcome::Cleared) => sum.cleared += n,
                Some(Outcome::NotCleared) => sum.not_cleared += n,
                _ => {}
            }
            if !matches!(outcome, Some(Outcome::OptedOut | Outcome::NoPhone) | None) {
                sum.sent += n;
            }
        }
        sum
    }
}

/// How it stands with reminders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// People who asked for them.
    pub n_people: usize,
    /// Texts of which it is not known yet whether they leave in time, or helped.
    pub n_waiting: usize,
    /// How many there were.
    pub counts: Counts,
}

/// One that was decided.
#[derive(Debug, Clone)]
struct Told {
    at: Instant,
    shift: ShiftKey,
    caregiver: CaregiverId,
    moment: Moment,
    useful_until: Instant,
    /// Nothing more is to be seen of it.
    done: bool,
}

/// What was reminded of, as far as this process knows. The outbox knows the rest.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    next_look: Option<Instant>,
    told: HashMap<MessageId, Told>,
    /// What another process sent, until the shifts are looked at.
    left: Vec<Settled>,
    counts: Counts,
}

impl Memory {
    /// What was stored: those that were sent lately and of which no more is known, and the counts.
    #[must_use]
    pub fn restored(left: Vec<Settled>, counts: Counts) -> Self {
        Self { left, counts, ..Self::default() }
    }

    /// How it stands, for whoever asked for reminders.
    #[must_use]
    pub fn summary(&self, settings: &Reminders) -> Summary {
        let open = self.told.values().filter(|told| !told.done).count();
        Summary { n_people: settings.people.len(), n_waiting: open + self.left.len(), counts: self.counts }
    }
}

/// What reminders are made from.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// Whose.
    pub agency: &'a AgencyName,
    /// What is wanted.
    pub settings: &'a Reminders,
    /// What the agency looks like.
    pub mirror: &'a Mirror,
    /// Which phones take nothing.
    pub phones: &'a Phones,
    /// Titles and zones.
    pub telling: &'a Telling,
    /// The gateways, in the order to try.
    pub gateways: &'a [String],
    /// How old a row may be that a text rests on.
    pub data_age_max: TimeDelta,
    /// The instant of the pass.
    pub now: Instant,
}

/// What one look came to. Nothing of it has happened until it is committed.
#[derive(Debug, Default)]
pub struct Looked {
    /// Texts, one to one phone each.
    pub messages: Vec<Message>,
    /// Texts that are true no more, to withdraw if they have not left.
    pub cancels: Vec<MessageId>,
    /// Reads that have to come before a text.
    pub reads_wanted: Vec<Read>,
    /// What became of reminders.
    pub outcomes: Vec<(Moment, Outcome)>,
    /// The same one by one, as it is stored.
    pub settled: Vec<Settled>,
    /// What is known after it.
    pub memory: Memory,
}

/// Looks, when it is time to. `None` = not yet.
#[must_use]
pub fn look(given: Given<'_>, memory: &Memory) -> Option<Looked> {
    let now = given.now;
    // A clock that stepped back must not keep everybody waiting for it to catch up.
    if memory.next_look.is_some_and(|at| now < at && at - now <= LOOK_EVERY) {
        return None;
    }
    let mut looked = Looked { memory: memory.clone(), ..Looked::default() };
    looked.memory.next_look = Some(now + LOOK_EVERY);
    take_up(given, &mut looked);
    follow_up(given, &mut looked);
    let mirror = given.mirror;
    if let Some(before) = given.settings.before {
        for entry in mirror.shifts().starting(now + AHEAD_MIN, now + before) {
            before_the_start(given, entry, &mut looked);
        }
    }
    if let Some(after) = given.settings.check_in {
        for entry in mirror.shifts().starting(now - after - CHECK_IN_LATE, now - after + TimeDelta::microseconds(1)) {
            at_the_start(given, entry, entry.shift.start() + after, &mut looked);
        }
    }
    if let Some(after) = given.settings.check_out {
        for entry in mirror.shifts().starting(now - after - CHECK_OUT_LATE - SHIFT_MAX, now) {
            let edge = entry.shift.end + after;
            if edge <= now && now < edge + CHECK_OUT_LATE {
                after_the_end(given, entry, edge, &mut looked);
            }
        }
    }
    Some(looked)
}

fn before_the_start(given: Given<'_>, entry: &ShiftEntry, looked: &mut Looked) {
    let Some(caregiver) = wanted(given, entry, entry.shift.caregiver.as_ref()) else { return };
    let start = entry.shift.start();
    let zone = given.mirror.zone_of(&entry.shift.key.client);
    let held = start - given.now > SOON && !is_open(given.settings, zone, given.now);
    if is_known(given, entry, caregiver, Moment::Before, looked) || held || !stands(given, entry) {
        return;
    }
    if is_fresh(given, entry, looked) {
        tell(given, entry, caregiver, Moment::Before, start, looked);
    }
}

fn at_the_start(given: Given<'_>, entry: &ShiftEntry, edge: Instant, looked: &mut Looked) {
    let Some(caregiver) = wanted(given, entry, entry.shift.caregiver.as_ref()) else { return };
    if given.now >= entry.shift.end
        || is_known(given, entry, caregiver, Moment::CheckIn, looked)
        || !stands(given, entry)
    {
        return;
    }
    let sure = given.mirror.check_ins_read_at(entry).is_some_and(|at| at >= edge);
    if !sure {
        looked.reads_wanted.push(visits_of(entry));
    }
    if is_fresh(given, entry, looked) && sure {
        let useful_until = (given.now + CHECK_IN_LATE).min(entry.shift.end);
        tell(given, entry, caregiver, Moment::CheckIn, useful_until, looked);
    }
}

fn after_the_end(given: Given<'_>, entry: &ShiftEntry, edge: Instant, looked: &mut Looked) {
    let mirror = given.mirror;
    let open = mirror.visits_of(entry).find(|visit| visit.visit.check_out.is_none() && visit.missed_at.is_none());
    let Some(open) = open else { return };
    let who = open.visit.caregiver.as_ref().or(entry.shift.caregiver.as_ref());
    let Some(caregiver) = wanted(given, entry, who) else { return };
    let zone = mirror.zone_of(&entry.shift.key.client);
    // Whoever stays on for the next shift of the same client has nothing to check out of yet.
    let stays = mirror.shifts().of_client(&entry.shift.key.client).any(|next| {
        next.shift.caregiver.as_ref() == Some(caregiver)
            && next.shift.start() <= given.now
            && given.now < next.shift.end
    });
    if stays || is_known(given, entry, caregiver, Moment::CheckOut, looked) || !is_open(given.settings, zone, given.now)
    {
        return;
    }
    if open.seen_at < edge || given.now - open.seen_at > given.data_age_max {
        looked.reads_wanted.push(visits_of(entry));
        return;
    }
    tell(given, entry, caregiver, Moment::CheckOut, given.now + SOON, looked);
}

/// Whoever wants reminders, of a shift that is still to be worked.
fn wanted<'a>(given: Given<'_>, entry: &ShiftEntry, who: Option<&'a CaregiverId>) -> Option<&'a CaregiverId> {
    let who = who.filter(|who| given.settings.people.contains(*who))?;
    let out = entry.shift.is_cancelled() || given.mirror.is_inactive(&entry.shift.key.client);
    (!out).then_some(who)
}

/// Nobody is there yet, and the shift was not missing when it was last read.
fn stands(given: Given<'_>, entry: &ShiftEntry) -> bool {
    entry.missed_at.is_none() && entry.visits.is_empty() && given.mirror.carried_into(entry).is_none()
}

/// The shift's own row was read lately; else it is to be read first.
fn is_fresh(given: Given<'_>, entry: &ShiftEntry, looked: &mut Looked) -> bool {
    let fresh = given.now - entry.seen_at <= given.data_age_max;
    if !fresh {
        let span = around(entry);
        let client = entry.shift.key.client.clone();
        looked.reads_wanted.push(Read::Shifts { client, span, confirming: false });
    }
    fresh
}

fn visits_of(entry: &ShiftEntry) -> Read {
    Read::Visits { client: Some(entry.shift.key.client.clone()), span: around(entry), confirming: false }
}

fn around(entry: &ShiftEntry) -> Span {
    Span { from: entry.shift.start() - TimeDelta::hours(12), until: entry.shift.end + TimeDelta::hours(12) }
}

fn is_known(given: Given<'_>, entry: &ShiftEntry, who: &CaregiverId, moment: Moment, looked: &Looked) -> bool {
    looked.memory.told.contains_key(&id_of(given.agency, &entry.shift.key, who, moment))
}

fn id_of(agency: &AgencyName, shift: &ShiftKey, who: &CaregiverId, moment: Moment) -> MessageId {
    MessageId::of_note(agency, &format!("reminder/{}/{who}/{}", shift.label(true), moment.as_str()))
}

/// Whether texts that can wait may go now, by the client's wall clock.
fn is_open(settings: &Reminders, zone: Tz, now: Instant) -> bool {
    let time: NaiveTime = now.with_timezone(&zone).time();
    let (from, to) = (settings.from, settings.to);
    if from <= to { from <= time && time < to } else { time >= from || time < to }
}

fn tell(
    given: Given<'_>,
    entry: &ShiftEntry,
    who: &CaregiverId,
    moment: Moment,
    useful_until: Instant,
    looked: &mut Looked,
) {
    let id = id_of(given.agency, &entry.shift.key, who, moment);
    let phone = given.mirror.caregiver(who).and_then(phone_of);
    let outcome = match &phone {
        None => Outcome::NoPhone,
        Some(phone) if given.phones.bad().contains(&(AddressMark::of(phone), Via::Sms)) => Outcome::OptedOut,
        Some(_) => Outcome::Sent,
    };
    looked.outcomes.push((moment, outcome));
    looked.settled.push(Settled {
        id: id.clone(),
        caregiver: who.clone(),
        shift: entry.shift.key.label(true),
        moment,
        at: given.now,
        outcome,
    });
    looked.memory.counts.sent += u64::from(outcome == Outcome::Sent);
    let told = Told {
        at: given.now,
        shift: entry.shift.key.clone(),
        caregiver: who.clone(),
        moment,
        useful_until,
        done: outcome != Outcome::Sent,
    };
    looked.memory.told.insert(id.clone(), told);
    let (Some(phone), Outcome::Sent) = (phone, outcome) else { return };
    let message = Message {
        id,
        agency: given.agency.clone(),
        receiver: REMINDERS.to_owned(),
        recipient: who.to_string(),
        channel: Channel::Sms,
        gateways: given.gateways.to_vec(),
        address: phone,
        content: Phi::new(Content::Sms { text: text(given, entry, moment) }),
        why: Why::Routine,
        urgency: 2,
        created_at: given.now,
        useful_until,
        fired_at: given.now,
        follows: Vec::new(),
    };
    let shadow = given.telling.shadow.as_ref().filter(|shadow| shadow.holds(given.now));
    looked.messages.push(match shadow {
        Some(shadow) => shadow.divert(message),
        None => message,
    });
}

fn text(given: Given<'_>, entry: &ShiftEntry, moment: Moment) -> String {
    let client = &entry.shift.key.client;
    let voice = given.telling.voice(given.agency);
    let zone = given.mirror.zone_of(client);
    let when = voice.span(entry.shift.start(), Some(entry.shift.end), zone);
    let place = place(&given.mirror.location_of(client));
    let shift = if place.is_empty() { format!("shift {when}") } else { format!("shift {when} {place}") };
    let says = match moment {
        Moment::Before => "is yours. If you cannot come, call the office now.",
        Moment::CheckIn => "no check-in seen yet. Please check in, or call the office.",
        Moment::CheckOut => "no check-out seen yet. Please check out, or call the office.",
    };
    let colon = if moment == Moment::Before { "" } else { ":" };
    gsm7::cut(&gsm7::transliterate(&format!("{}: {shift}{colon} {says} STOP ends this.", voice.title)), SEPTETS_MAX)
}

/// The first number that can take a text: ten digits, or one with its country. None with an extension.
fn phone_of(caregiver: &Caregiver) -> Option<Phi<String>> {
    let phones = caregiver.person.phones.reveal(PhiGrant::SEND);
    phones.iter().find_map(|written| {
        let digits: String = written.chars().filter(char::is_ascii_digit).collect();
        if written.chars().any(char::is_alphabetic) || written.contains('#') {
            return None;
        }
        match (written.trim_start().starts_with('+'), digits.len()) {
            (true, 8..=15) => Some(Phi::new(format!("+{digits}"))),
            (false, 10) => Some(Phi::new(format!("+1{digits}"))),
            (false, 11) if digits.starts_with('1') => Some(Phi::new(format!("+{digits}"))),
            _ => None,
        }
    })
}

/// Takes up what another process sent, as soon as its shift is in sight; what is long over is only not sent again.
fn take_up(given: Given<'_>, looked: &mut Looked) {
    let left = std::mem::take(&mut looked.memory.left);
    let (Some(first), Some(last)) = (left.iter().map(|one| one.at).min(), left.iter().map(|one| one.at).max()) else {
        return;
    };
    // Whoever was taken off a shift has it no more; it is still the shift.
    let near = given.mirror.shifts().starting(first - CHECK_OUT_LATE - SHIFT_MAX, last + SHIFT_MAX);
    let near: HashMap<String, &ShiftEntry> = near.map(|entry| (entry.shift.key.label(true), entry)).collect();
    for one in left {
        let Some(entry) = near.get(&one.shift) else { continue };
        let useful_until = match one.moment {
            Moment::Before => entry.shift.start(),
            Moment::CheckIn => (one.at + CHECK_IN_LATE).min(entry.shift.end),
            Moment::CheckOut => one.at + SOON,
        };
        let mut told = Told {
            at: one.at,
            shift: entry.shift.key.clone(),
            caregiver: one.caregiver,
            moment: one.moment,
            useful_until,
            done: one.outcome != Outcome::Sent,
        };
        told.done |= is_over(&told, given.now);
        looked.memory.told.insert(one.id, told);
    }
}

/// So long after it nothing is looked for any more.
fn is_over(told: &Told, now: Instant) -> bool {
    match told.moment {
        Moment::CheckIn => now >= told.at + CLEARED_WITHIN + CLEARED_WITHIN,
        Moment::Before | Moment::CheckOut => now >= told.useful_until,
    }
}

/// What became of those that were told: a check-in that came, a text that is true no more.
fn follow_up(given: Given<'_>, looked: &mut Looked) {
    let (now, mirror) = (given.now, given.mirror);
    looked.memory.told.retain(|_, told| now < told.useful_until + TimeDelta::days(1));
    for (id, told) in &mut looked.memory.told {
        if told.done {
            continue;
        }
        let entry = mirror.shift(&told.shift);
        let arrived = entry.is_some_and(|entry| !entry.visits.is_empty() || mirror.carried_into(entry).is_some());
        let is_theirs = entry.is_some_and(|entry| {
            entry.shift.caregiver.as_ref() == Some(&told.caregiver) && !entry.shift.is_cancelled()
        });
        let left = entry.is_some_and(|entry| mirror.visits_of(entry).any(|visit| visit.visit.check_out.is_some()));
        let moot = match told.moment {
            Moment::Before | Moment::CheckIn => arrived || !is_theirs,
            Moment::CheckOut => entry.is_none() || left,
        };
        if moot {
            looked.cancels.push(id.clone());
        }
        // What helped is known once a read was made that would show it; until then, and for a while, it is asked for.
        let judged_at = told.at + CLEARED_WITHIN;
        let looked_at = entry.and_then(|entry| mirror.check_ins_read_at(entry));
        let waits = looked_at.is_none_or(|at| at < judged_at);
        if let (Moment::CheckIn, Some(entry)) = (told.moment, entry)
            && waits
            && !arrived
            && now >= judged_at
        {
            looked.reads_wanted.push(visits_of(entry));
        }
        let outcome = match told.moment {
            Moment::CheckIn if arrived => Some(Outcome::Cleared),
            Moment::CheckIn if is_theirs && !waits => Some(Outcome::NotCleared),
            _ if moot => Some(Outcome::Withdrawn),
            _ => None,
        };
        told.done = outcome.is_some() || is_over(told, now);
        if let Some(outcome) = outcome {
            looked.outcomes.push((told.moment, outcome));
            looked.settled.push(Settled {
                id: id.clone(),
                caregiver: told.caregiver.clone(),
                shift: told.shift.label(true),
                moment: told.moment,
                at: told.at,
                outcome,
            });
            looked.memory.counts.cleared += u64::from(outcome == Outcome::Cleared);
            looked.memory.counts.not_cleared += u64::from(outcome == Outcome::NotCleared);
        }
    }
}
