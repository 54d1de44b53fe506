//! Messages as they are made of real steps: to whom they go, what they follow.

use super::*;
use crate::{
    alerts::{stage::*, step::Step},
    model::people::Nobody,
    notify::{cover_list::NoCovers, receiver::Receiver, voice::Voice},
    rules::finding::Closing,
};

fn telling() -> Telling {
    let voice = Voice {
        title: "CCA".into(),
        zone: chrono_tz::UTC,
        location_zones: std::collections::HashMap::new(),
        clock_12h: false,
    };
    Telling { voices: std::collections::HashMap::new(), installation: voice, external_url: None, shadow: None }
}

fn rendered(stage: &Stage, made: &Step, former: &[&str]) -> Rendered {
    let former = former.iter().map(|address| Phi::new((*address).to_owned())).collect();
    let telling = telling();
    let given = Given {
        policy: stage.book.policy(),
        former: &former,
        telling: &telling,
        people: &Nobody,
        covers: &NoCovers,
        now: stage.now,
    };
    render(&made.intents, given)
}

/// `sms/former -> +12025550100`, a line a message.
fn to_whom(messages: &[Message]) -> Vec<String> {
    let line = |message: &Message| format!("{} -> {}", message.recipient, message.address.reveal(PhiGrant::SEND));
    messages.iter().map(line).collect()
}

/// A page that was told, and the step that closes it after the receivers became others.
fn closed_after(change: impl FnOnce(&mut Policy)) -> (Stage, Step) {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1))]);
    stage.until(4_000);
    let mut new = policy();
    change(&mut new);
    stage.reload(new);
    let made = stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    (stage, made)
}

const TOLD: [&str; 2] = ["+12025550100", "office@example.com"];

#[test]
fn a_closing_goes_to_the_address_that_was_told() {
    let (stage, made) = closed_after(|policy| {
        let on_call = policy.receivers.get_mut("on-call").unwrap();
        on_call.sms[0].to = vec![Phi::new("+12025550122".to_owned())];
        on_call.sms[0].gateways = vec!["other".to_owned()];
        on_call.sms[0].text = Some("for those who are in it".to_owned());
        on_call.email[0].to = vec![Phi::new("new@example.com".to_owned())];
    });
    let Rendered { messages, n_out_of_reach, .. } = rendered(&stage, &made, &TOLD);
    assert_eq!(to_whom(&messages), ["email/former -> office@example.com", "sms/former -> +12025550100"]);
    assert_eq!(n_out_of_reach, 0);
    assert_eq!(messages[1].gateways, ["other"]);
    let Content::Sms { text } = messages[1].content.reveal(PhiGrant::SEND) else { unreachable!("a text") };
    assert!(text.starts_with("CCA CLOSED"), "{text}");
    let shown = format!("{messages:?} {made:?}");
    assert!(!TOLD.iter().any(|address| shown.contains(address)), "an address is never shown: {shown}");
    assert!(messages.iter().all(|message| !message.follows.is_empty()), "and follows what they were told");
}

#[test]
fn another_receiver_that_has_the_address_lends_its_settings() {
    let (stage, made) = closed_after(|policy| {
        let on_call = policy.receivers.remove("on-call").unwrap();
        policy.route.routes.pop();
        policy.receivers.insert("night".to_owned(), Receiver { name: "night".to_owned(), ..on_call });
    });
    let Rendered { messages, n_out_of_reach, .. } = rendered(&stage, &made, &[]);
    assert_eq!(to_whom(&messages), ["email/former -> office@example.com", "sms/former -> +12025550100"]);
    assert_eq!(messages.iter().map(|message| message.receiver.as_str()).collect::<Vec<_>>(), ["night", "night"]);
    assert_eq!(n_out_of_reach, 0);
}

#[test]
fn who_cannot_be_reached_any_more_is_counted() {
    let (stage, made) = closed_after(|policy| policy.receivers.get_mut("on-call").unwrap().sms.clear());
    let Rendered { messages, n_out_of_reach, .. } = rendered(&stage, &made, &TOLD);
    assert_eq!(to_whom(&messages), ["email/0/0 -> office@example.com"]);
    assert_eq!(n_out_of_reach, 1, "there is no way for texts");
}

#[test]
fn two_who_left_get_two_messages() {
    let mut old = policy();
    old.receivers.get_mut("on-call").unwrap().sms = vec![sms(2)];
    let mut stage = Stage::new(old);
    stage.pass(vec![broken("Page", shift(1))]);
    stage.until(100);
    let mut new = policy();
    new.receivers.get_mut("on-call").unwrap().sms[0].to = vec![Phi::new("+12025550122".to_owned())];
    stage.reload(new);
    let made = stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    let messages = rendered(&stage, &made, &["+12025550100", "+12025550101"]).messages;
    assert_eq!(messages.len(), 2);
    assert_ne!(messages[0].id, messages[1].id);
}

/// (own id, what it replies to) of the mails of a step.
fn threads(stage: &Stage, made: &Step) -> Vec<(String, Option<String>)> {
    let thread = |message: &Message| match message.content.reveal(PhiGrant::SEND) {
        Content::Email { message_id, in_reply_to, .. } => Some((message_id.clone(), in_reply_to.clone())),
        _ => None,
    };
    rendered(stage, made, &[]).messages.iter().filter_map(thread).collect()
}

#[test]
fn mails_reply_to_the_first_mail_that_told_of_it() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Warn", shift(1))]);
    stage.now = noon() + TimeDelta::seconds(300);
    let made = stage.pass(vec![]);
    let [(first, None)] = &threads(&stage, &made)[..] else { panic!("the first mail replies to nothing") };
    stage.now = noon() + TimeDelta::seconds(10_000);
    let one_more = stage.pass(vec![broken("Warn", shift(2))]);
    let one_more = threads(&stage, &one_more);
    stage.now += TimeDelta::hours(25);
    let repeat = stage.pass(vec![]);
    let repeat = threads(&stage, &repeat);
    stage.now += TimeDelta::hours(2);
    let end = stage.pass(vec![fine("Warn", shift(1), Closing::Covered)]);
    for (threads, what) in [(one_more, "one more"), (repeat, "the repeat"), (threads(&stage, &end), "the end")] {
        let [(_, replies_to)] = &threads[..] else { panic!("one mail: {what}") };
        assert_eq!(replies_to.as_ref(), Some(first), "{what}");
    }
}

#[test]
fn the_end_of_what_a_summary_told_replies_to_the_summary() {
    let mut stage = Stage::starting(policy(), None);
    stage.pass((1..=9).map(|n| broken("Warn", shift(n))).collect());
    stage.now = noon() + TimeDelta::seconds(600);
    let made = stage.pass(vec![]);
    let [(summary, None)] = &threads(&stage, &made)[..] else { panic!("one mail that sums up") };
    stage.now += TimeDelta::hours(2);
    let made = stage.pass(vec![fine("Warn", shift(1), Closing::Covered)]);
    assert_eq!(threads(&stage, &made)[0].1.as_ref(), Some(summary));
}

/// A group of a webhook and a mailbox with a template, told of four alerts; the first of them is over.
fn one_of_four_is_over() -> (Stage, Step) {
    let mut policy = policy();
    let office = policy.receivers.get_mut("office").unwrap();
    office.webhook = vec![webhook()];
    office.email[0].text = Some("{{ status }} {% for alert in alerts %}{{ alert.status }} {% endfor %}".to_owned());
    let mut stage = Stage::new(policy);
    stage.pass((1..=4).map(|n| broken("Warn", shift(n))).collect());
    stage.until(300);
    stage.ack("Warn", shift(4), 20_000);
    stage.pass(vec![broken("Page", shift(3))]);
    stage.now = noon() + TimeDelta::seconds(9_000);
    let made = stage.pass(vec![fine("Warn", shift(1), Closing::Covered)]);
    (stage, made)
}

#[test]
fn a_group_of_which_one_is_over_still_fires() {
    let (stage, made) = one_of_four_is_over();
    let messages = rendered(&stage, &made, &[]).messages;
    let body = |message: &Message| match message.content.reveal(PhiGrant::SEND) {
        Content::Webhook { body } | Content::Email { text: body, .. } => body.clone(),
        Content::Sms { text } | Content::Call { text, .. } => text.clone(),
        Content::Record(note) => note.text.clone(),
    };
    let hook = messages.iter().find(|message| message.channel == Channel::Webhook).map(body).unwrap();
    let hook: serde_json::Value = serde_json::from_str(&hook).unwrap();
    let shown: Vec<(&str, &str)> = hook["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| (alert["status"].as_str().unwrap(), alert["labels"]["shift"].as_str().unwrap()))
        .collect();
    let start = "@2026-11-24T16:00:00Z";
    let want =
        [("resolved", 1), ("firing", 2), ("firing", 4)].map(|(status, n)| (status, format!("9001{n:04}{start}")));
    assert_eq!(
        shown.iter().map(|(status, shift)| (*status, (*shift).to_owned())).collect::<Vec<_>>(),
        want,
        "the muted one is left out"
    );
    assert_eq!(hook["status"], "firing");
    let mail =
        messages.iter().find(|message| message.channel == Channel::Email && message.receiver == "office").map(body);
    assert_eq!(mail.as_deref().map(str::trim), Some("firing resolved firing firing"));
}

#[test]
fn a_shift_that_two_rules_told_of_closes_once() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1))]);
    stage.until(20);
    stage.pass(vec![broken("Critical", shift(1))]);
    stage.until(10_000);
    let over = ["Page", "Critical"].map(|rule| fine(rule, shift(1), Closing::Covered));
    let made = stage.pass(over.to_vec());
    let [intent] = &made.intents[..] else { panic!("one group") };
    let texts: Vec<String> = rendered(&stage, &made, &[])
        .messages
        .iter()
        .map(|message| match message.content.reveal(PhiGrant::SEND) {
            Content::Sms { text } | Content::Call { text, .. } => text.clone(),
            Content::Email { subject, text, .. } => format!("{subject}\n{text}"),
            Content::Webhook { body } => body.clone(),
            Content::Record(note) => note.text.clone(),
        })
        .collect();
    assert_eq!(intent.resolved.len(), 2, "both were told");
    assert_eq!(texts[0], "CCA CLOSED: Tue 16:00-20:00, North: covered. Nothing more to do. Shift 90010001.");
    assert!(texts[1].starts_with("[CCA] Closed: ") && texts[1].matches("Shift 90010001").count() == 1, "{}", texts[1]);
}
