//! `escalation_policies`: whom a page asks, and after how long whom next.

use std::time::Duration;

use super::{
    duration,
    names::Names,
    reading::{Fields, Reading},
    suggest::nearest,
    tree::{Node, Place, Value},
};
use crate::{
    model::PersonName,
    on_call::{EscalationPolicy, EscalationStep, Roster, Target, Via},
};

/// From step one until it begins again.
const REPEAT: Duration = Duration::from_mins(15);
/// How long a way may go without a sign of delivery.
const UNCONFIRMED_AFTER: Duration = Duration::from_mins(2);
/// How long an acknowledgement lasts when nobody says.
pub const ACK_EXPIRES: Duration = Duration::from_mins(20);
/// The same for uncovered shifts.
pub const ACK_EXPIRES_UNCOVERED: Duration = Duration::from_hours(1);
/// A wait that is longer than a night is a slip.
const AFTER_MAX: Duration = Duration::from_hours(24);

/// What policies may refer to.
pub struct Known<'a> {
    /// `people`.
    pub people: &'a Names,
    /// `schedules`.
    pub schedules: &'a Names,
    /// Who they are, and how they can be reached.
    pub roster: &'a Roster,
    /// Whether there is a gateway for texts.
    pub can_text: bool,
    /// Whether one of them can call.
    pub can_call: bool,
    /// What `global` lacks to send mail; `None` when it lacks nothing, or is broken itself.
    pub mail_lacks: Option<&'static str>,
}

/// The names in `escalation_policies:`, for whoever refers to them before the section is read. Says nothing of what is
/// wrong: the section's own reading does.
pub fn names_of(node: Option<&Node>, names: &mut Names, cx: &mut Reading<'_>) {
    let Some(node) = node else { return };
    let Value::List(items) = &node.value else { return names.doubt() };
    let n_faults = cx.faults.len();
    for item in items {
        let name = match &item.value {
            Value::Map(entries) => entries.iter().find(|(key, _)| key.text == "name").map(|(_, node)| node),
            _ => None,
        };
        match name.map(|node| (&node.value, node.at)) {
            Some((Value::Scalar { text, .. }, at)) => names.add(text, at, "", cx),
            _ => names.doubt(),
        }
    }
    cx.faults.truncate(n_faults);
}

/// Reads `escalation_policies:`.
pub fn read_list(node: &Node, known: &Known<'_>, names: &mut Names, cx: &mut Reading<'_>) -> Vec<EscalationPolicy> {
    let Some(items) = cx.list(node, "escalation_policies") else { return Vec::new() };
    let read = items.iter().enumerate();
    read.filter_map(|(n, item)| read_policy(item, &format!("escalation_policies[{n}]"), known, names, cx)).collect()
}

fn read_policy(
    node: &Node,
    path: &str,
    known: &Known<'_>,
    names: &mut Names,
    cx: &mut Reading<'_>,
) -> Option<EscalationPolicy> {
    let mut fields = Fields::of(node, path, cx)?;
    let name_node = fields.need("name", "write the name that page_configs call it by", cx);
    let name = name_node.and_then(|node| cx.word(node, &format!("{path}.name")));
    if let (Some(name), Some(node)) = (&name, name_node) {
        names.add(name, node.at, &format!("{path}.name"), cx);
    }
    let repeat_node = fields.get("repeat");
    let repeat = fields.positive("repeat", cx);
    let unconfirmed_after = fields.positive("unconfirmed_after", cx).unwrap_or(UNCONFIRMED_AFTER);
    let ack_expires = fields.positive("ack_expires", cx).unwrap_or(ACK_EXPIRES);
    let ack_expires_uncovered = fields.positive("ack_expires_uncovered", cx).unwrap_or(ACK_EXPIRES_UNCOVERED);
    let steps_path = format!("{path}.steps");
    let mut steps: Vec<EscalationStep> = Vec::new();
    if let Some(node) = fields.need("steps", "write steps: [{notify: [{schedule: …}], via: [sms]}]", cx) {
        let items = cx.list(node, &steps_path).unwrap_or_default();
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            cx.error(node.at, format!("{steps_path} is empty"), "write at least one step, or nobody is ever told");
        }
        for (n, item) in items.iter().enumerate() {
            let after = steps.last().map(|step| step.after);
            steps.extend(read_step(item, &format!("{steps_path}[{n}]"), n, after, known, cx));
        }
    }
    let elsewhere = [
        ("repeat_interval", "write repeat"),
        ("delay", "write after in a step"),
        ("receiver", "receivers name policies: write page_configs: [{policy: …}] there"),
    ];
    fields.finish(&elsewhere, cx);
    let last = steps.last()?.after;
    // Where nobody says, every step is taken before the first is taken again.
    let repeat = match (repeat, repeat_node) {
        (Some(repeat), Some(node)) if repeat <= last => {
            let what = format!(
                "{path}.repeat is {}, so the step after {} is never taken",
                duration::format(repeat),
                duration::format(last)
            );
            cx.error(node.at, what, "write one that is longer than the last step's after");
            repeat
        }
        (Some(repeat), _) => repeat,
        (None, _) if last < REPEAT => REPEAT,
        (None, _) => last + REPEAT,
    };
    Some(EscalationPolicy { name: name?, repeat, unconfirmed_after, ack_expires, ack_expires_uncovered, steps })
}

fn read_step(
    node: &Node,
    path: &str,
    n: usize,
    before: Option<Duration>,
    known: &Known<'_>,
    cx: &mut Reading<'_>,
) -> Option<EscalationStep> {
    let mut fields = Fields::of(node, path, cx)?;
    let notify_path = format!("{path}.notify");
    let notify_node = fields.need("notify", "write [{schedule: on-call}] or [{person: office-lead}]", cx);
    let mut notify = Vec::new();
    if let Some(node) = notify_node {
        let items = cx.list(node, &notify_path).unwrap_or_default();
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            cx.error(node.at, format!("{notify_path} is empty"), "write whom the step tells, or remove the step");
        }
        for (n, item) in items.iter().enumerate() {
            notify.extend(read_target(item, &format!("{notify_path}[{n}]"), known, cx));
        }
    }
    let via_path = format!("{path}.via");
    let via_node = fields.get("via");
    let via = match via_node {
        Some(node) => read_via(node, &via_path, known, cx),
        None if known.mail_lacks.is_some() => vec![Via::Sms],
        None => vec![Via::Sms, Via::Email],
    };
    let via_all = fields.flag("via_all", cx).unwrap_or(false);
    let after_node = fields.get("after");
    let after = match after_node {
        Some(node) => cx.duration(node, &format!("{path}.after"), Duration::ZERO, AFTER_MAX)?,
        None if n == 0 => Duration::ZERO,
        None => {
            let what = format!("{path}.after is not set");
            cx.error(fields.at, what, "write how long after the first step it is taken, such as 10m");
            return None;
        }
    };
    let after_at = after_node.map_or(fields.at, |node| node.at);
    if n == 0 && !after.is_zero() {
        let what = format!("{path}.after is {}, and the first step is taken at once", duration::format(after));
        cx.error(after_at, what, "write 0m; a route's group_wait holds a page back");
    }
    if let Some(before) = before.filter(|before| *before >= after) {
        let what = format!(
            "{path}.after is {}, not later than the step before it ({})",
            duration::format(after),
            duration::format(before)
        );
        cx.error(after_at, what, "it counts from the first step: write a longer one");
    }
    let at = via_node.map_or(fields.at, |node| node.at);
    let elsewhere = [
        ("person", "write notify: [{person: …}]"),
        ("schedule", "write notify: [{schedule: …}]"),
        ("delay", "write after"),
    ];
    fields.finish(&elsewhere, cx);
    for target in &notify {
        warn_of_unreachable(target, &via, &via_path, at, known, cx);
    }
    Some(EscalationStep { notify, via, via_all, after })
}

fn read_target(node: &Node, path: &str, known: &Known<'_>, cx: &mut Reading<'_>) -> Option<Target> {
    let mut fields = Fields::of(node, path, cx)?;
    let (schedule, person) = (fields.get("schedule"), fields.get("person"));
    let (at, is_empty) = (fields.at, fields.entries().is_empty());
    fields.finish(&[("user", "write person"), ("people", "write an entry for each: {person: …}")], cx);
    match (schedule, person) {
        (Some(node), None) => {
            let name = cx.word(node, &format!("{path}.schedule"))?;
            known.schedules.check(&name, node.at, &format!("{path}.schedule"), "schedules", cx);
            Some(Target::Schedule(name))
        }
        (None, Some(node)) => {
            let name = cx.word(node, &format!("{path}.person"))?;
            known.people.check(&name, node.at, &format!("{path}.person"), "people", cx);
            Some(Target::Person(PersonName::new(name)))
        }
        (Some(_), Some(node)) => {
            cx.error(node.at, format!("{path} names a schedule and a person"), "write each as an entry of its own");
            None
        }
        (None, None) => {
            if is_empty {
                cx.error(at, format!("{path} names nobody"), "write {schedule: …} or {person: …}");
            }
            None
        }
    }
}

fn read_via(node: &Node, path: &str, known: &Known<'_>, cx: &mut Reading<'_>) -> Vec<Via> {
    let mut via: Vec<Via> = Vec::new();
    let named = cx.words(node, path).unwrap_or_default();
    if named.is_empty() && matches!(&node.value, Value::List(items) if items.is_empty()) {
        cx.error(node.at, format!("{path} is empty"), "write the ways in their order: [sms, call, email]");
    }
    for (n, (text, at)) in named.iter().enumerate() {
        let path = format!("{path}[{n}]");
        let Some(found) = Via::ALL.into_iter().find(|via| via.as_str() == text) else {
            let instead = match (text.as_str(), nearest(text, Via::ALL.map(Via::as_str))) {
                ("text" | "phone", _) => "write sms for a text, call for a call".to_owned(),
                ("voice", _) => "write call".to_owned(),
                ("mail", _) => "write email".to_owned(),
                (_, Some(near)) => format!("did you mean {near}?"),
                (_, None) => "write one of: sms, call, email".to_owned(),
            };
            cx.error(*at, format!("{path} is \"{text}\""), instead);
            continue;
        };
        if via.contains(&found) {
            cx.error(*at, format!("{path} \"{text}\" stands here a second time"), "remove it");
            continue;
        }
        match found {
            Via::Call if known.can_text && !known.can_call => {
                let what = format!("{path}: no gateway can call");
                cx.error(*at, what, "add a twilio entry with `from` under sms_gateways");
            }
            Via::Sms | Via::Call if !known.can_text => {
                let what = format!("{path}: there is no gateway for {text}");
                cx.error(*at, what, "add one under sms_gateways");
            }
            Via::Email => {
                if let Some(missing) = known.mail_lacks {
                    cx.error(*at, format!("{path}: global.{missing} is not set"), format!("set global.{missing}"));
                }
            }
            Via::Sms | Via::Call => {}
        }
        via.push(found);
    }
    via
}

/// A person whom none of the step's ways reaches is skipped when their turn comes.
fn warn_of_unreachable(target: &Target, via: &[Via], path: &str, at: Place, known: &Known<'_>, cx: &mut Reading<'_>) {
    let people = match target {
        Target::Person(name) => vec![name.clone()],
        Target::Schedule(name) => known.roster.people_of(name),
    };
    for name in people {
        let Some(person) = known.roster.person(&name) else { continue };
        // One whose addresses are faulty has none here, and was spoken of.
        if person.contacts.is_empty() || via.is_empty() || via.iter().any(|via| person.contact(*via).is_some()) {
            continue;
        }
        let ways = via.iter().map(|via| via.as_str()).collect::<Vec<_>>().join(" or ");
        let what = format!("{path}: {name} has no address for {ways}, and is skipped");
        cx.warn(at, what, format!("give {name} such an address, or name another way"));
    }
}
