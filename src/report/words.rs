//! What was stored, as a person says it. No times: a page knows the zone, a stored word does not.

use super::alert_story::{MessageStep, MessageStory};
use crate::{alerts::step::Transition, notify::message::Channel};

/// Why an alert ended: `covered`, `somebody arrived`, `over by the clock, nothing got better`.
#[must_use]
pub fn reason(word: &str) -> String {
    match word {
        "covered" => "covered",
        "arrived" => "somebody arrived",
        "checked_out" => "checked out",
        "cancelled" => "cancelled",
        "moved" => "moved to another time, and watched there",
        "removed" => "removed from the schedule",
        "client_inactive" => "the client is no longer one",
        "recovered" => "recovered",
        "rule_removed" => "its rule is no longer loaded",
        "expired" => "over by the clock; nothing got better",
        other => return other.replace('_', " "),
    }
    .to_owned()
}

/// One turn of an alert.
#[must_use]
pub fn turn(turn: &Transition) -> String {
    match (turn.to.as_str(), turn.reason.as_str()) {
        ("pending", _) => "true, and waits whether it lasts".to_owned(),
        ("firing", "") => "fires".to_owned(),
        ("firing", "acknowledgement expired") => "fires again: the acknowledgement ran out".to_owned(),
        ("firing", "posted") => "fires: posted by another program".to_owned(),
        ("firing", why) => format!("fires: {why}"),
        ("acknowledged", why) => why.to_owned(),
        ("resolved", why) => format!("over: {}", reason(why)),
        (to, "") => to.to_owned(),
        (to, why) => format!("{to}: {why}"),
    }
}

/// Where a message stands; while it waits, why.
#[must_use]
pub fn message(message: &MessageStory) -> String {
    let gateway = message.steps.iter().rev().find_map(|step| step.gateway.as_deref());
    let taker = match (message.channel, gateway) {
        (Channel::Sms | Channel::Call, Some(gateway)) => format!("gateway {gateway}"),
        (Channel::Sms | Channel::Call, None) => "the gateway".to_owned(),
        (Channel::Email, _) => "the mail server".to_owned(),
        (Channel::Webhook, _) => "the other program".to_owned(),
        (Channel::Record, _) => "WellSky".to_owned(),
    };
    let why = message.steps.iter().rev().map(|step| step.why.as_str()).find(|why| !why.is_empty());
    let because = why.map_or_else(String::new, |why| format!(" ({why})"));
    match message.state.as_str() {
        "queued" if message.steps.is_empty() => "waits to be sent".to_owned(),
        "queued" => format!("did not leave{because}; it is tried again"),
        "held" => "held: it answers an earlier message that has not left yet".to_owned(),
        "claimed" => "is being sent".to_owned(),
        "uncertain" => format!("may have left{because}; {taker} is asked before it is sent again"),
        "sent" => format!("{taker} took it"),
        "delivered" => "delivered".to_owned(),
        "undelivered" => format!("not delivered{because}"),
        "refused" => format!("{taker} refused it for good{because}"),
        "expired" => format!("its useful time passed before it left{because}"),
        "cancelled" => "withdrawn: there was nothing left to say".to_owned(),
        other => other.to_owned(),
    }
}

/// What came of one try.
#[must_use]
pub fn step(step: &MessageStep) -> String {
    let by = step.gateway.as_ref().map_or_else(String::new, |gateway| format!(" by {gateway}"));
    let because = if step.why.is_empty() { String::new() } else { format!(": {}", step.why) };
    let twice = if step.doubles { "; an earlier try may have arrived too" } else { "" };
    match step.outcome.as_str() {
        "sent" => format!("sent{by}{twice}"),
        "delivered" => "delivered".to_owned(),
        "undelivered" => format!("not delivered{because}"),
        "retried" => format!("did not leave{by}{because}"),
        "uncertain" => format!("may have left{by}{because}"),
        "not_there" => "the provider was asked, and does not have it".to_owned(),
        "refused" => format!("refused{by}{because}"),
        other => format!("{other}{because}"),
    }
}

/// Why an endpoint was out, from the code of its first failure.
#[must_use]
pub fn cause(code: &str) -> String {
    match code {
        "timeout" => "no answer in time".to_owned(),
        "connect" => "no connection".to_owned(),
        "protocol" => "an answer that makes no sense".to_owned(),
        "401" | "403" => format!("refused us ({code})"),
        code => format!("answered {code}"),
    }
}
