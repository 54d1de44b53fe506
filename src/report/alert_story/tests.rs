use super::*;
use crate::{
    alerts::alert::AlertKey,
    model::{Subject, local_time::from_micros},
    rules::finding::RuleId,
};

fn at(seconds: i64) -> Instant {
    from_micros((1_796_119_200 + seconds) * 1_000_000)
}

fn life(active: i64, resolved: Option<i64>) -> Life {
    Life {
        agency: "main".into(),
        fingerprint: "00000000000000ff".to_owned(),
        labels: [("alertname", "NoShow"), ("shift", "90010001@2026-12-01T10:00:00Z")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        active_at: at(active),
        edge_at: None,
        seen_at: Some(at(active)),
        fired_at: Some(at(active)),
        acknowledged_at: None,
        acknowledged_by: None,
        resolved_at: resolved.map(at),
        reason: resolved.map(|_| "arrived".to_owned()),
    }
}

fn turn(seconds: i64, from: &str, to: &str, reason: &str) -> Transition {
    Transition {
        at: at(seconds),
        key: AlertKey { agency: "main".into(), rule: RuleId::new("visits/NoShow"), subject: Subject::Agency },
        from: Some(from.to_owned()).filter(|from| !from.is_empty()),
        to: to.to_owned(),
        reason: reason.to_owned(),
        note: (reason == "acknowledged by night-1").then(|| "calling around".to_owned()),
    }
}

fn message(state: &str, steps: Vec<MessageStep>) -> MessageStory {
    MessageStory {
        id: "m".to_owned(),
        decided_at: at(1),
        told: Told::Firing,
        why: Why::FirstFiring,
        receiver: "on-call".to_owned(),
        recipient: "sms/0/0".to_owned(),
        channel: Channel::Sms,
        state: state.to_owned(),
        ended_at: None,
        due_at: None,
        useful_until: at(900),
        steps,
        words: String::new(),
    }
}

fn step(outcome: &str, why: &str) -> MessageStep {
    MessageStep {
        at: at(2),
        attempt: 1,
        gateway: Some("twilio".to_owned()),
        outcome: outcome.to_owned(),
        why: why.to_owned(),
        doubles: false,
        words: String::new(),
    }
}

#[test]
fn every_turn_and_message_stands_in_its_life() {
    // As the store gives them: newest first.
    let rows = AlertRows {
        lives: vec![life(100, None), life(0, Some(100))],
        turns: vec![
            turn(160, "acknowledged", "firing", "acknowledgement expired"),
            turn(130, "firing", "acknowledged", "acknowledged by night-1"),
            turn(100, "resolved", "firing", ""),
            turn(100, "firing", "resolved", "arrived"),
            turn(0, "", "firing", ""),
            turn(-50, "firing", "resolved", "expired"),
        ],
        messages: vec![
            MessageRow { active_at: at(100), message: message("sent", vec![step("sent", "")]) },
            MessageRow {
                active_at: at(0),
                message: message("delivered", vec![step("sent", ""), step("delivered", "")]),
            },
            MessageRow { active_at: at(-500), message: message("sent", Vec::new()) },
        ],
        n_messages_left_out: 3,
        ..AlertRows::default()
    };
    let story = AlertStory::tell("00000000000000ff", rows).unwrap();
    let told: Vec<Vec<&str>> =
        story.lives.iter().map(|life| life.turns.iter().map(|turn| turn.words.as_str()).collect()).collect();
    assert_eq!(
        told,
        [
            vec!["fires", "acknowledged by night-1", "fires again: the acknowledgement ran out"],
            vec!["fires", "over: somebody arrived"],
        ],
        "what was before the first life is nobody's"
    );
    assert_eq!(story.lives[0].turns[1].note.as_deref(), Some("calling around"));
    let states: Vec<(&str, usize)> =
        story.lives.iter().map(|life| (life.state.as_str(), life.messages.len())).collect();
    assert_eq!(states, [("firing", 1), ("resolved", 1)], "the state is the last turn's");
    assert_eq!(story.lives[1].messages[0].words, "delivered");
    assert_eq!(story.lives[1].shift.as_deref(), Some("90010001@2026-12-01T10:00:00Z"));
    assert_eq!((story.n_messages_left_out, story.n_lives_left_out), (3, 0));
}

#[test]
fn an_alert_of_which_nothing_is_kept_has_no_story() {
    let rows = AlertRows { turns: vec![turn(0, "", "firing", "")], ..AlertRows::default() };
    assert_eq!(AlertStory::tell("00000000000000ff", rows), None);
}

#[test]
fn every_state_of_a_message_is_said() {
    for (state, steps, words) in [
        ("queued", vec![], "waits to be sent"),
        ("queued", vec![step("retried", "503")], "did not leave (503); it is tried again"),
        ("held", vec![], "held: it answers an earlier message that has not left yet"),
        ("claimed", vec![], "is being sent"),
        (
            "uncertain",
            vec![step("uncertain", "no answer in time")],
            "may have left (no answer in time); gateway twilio is asked before it is sent again",
        ),
        ("sent", vec![step("sent", "")], "gateway twilio took it"),
        ("delivered", vec![step("sent", ""), step("delivered", "")], "delivered"),
        ("undelivered", vec![step("sent", ""), step("undelivered", "")], "not delivered"),
        ("refused", vec![step("refused", "opted out")], "gateway twilio refused it for good (opted out)"),
        ("expired", vec![step("retried", "503")], "its useful time passed before it left (503)"),
        ("cancelled", vec![], "withdrawn: there was nothing left to say"),
    ] {
        assert_eq!(message(state, steps).in_words().words, words, "{state}");
    }
    let mail = MessageStory { channel: Channel::Email, ..message("sent", Vec::new()) };
    assert_eq!(mail.in_words().words, "the mail server took it");
    for (outcome, why, words) in [
        ("sent", "", "sent by twilio"),
        ("delivered", "", "delivered"),
        ("undelivered", "", "not delivered"),
        ("retried", "503", "did not leave by twilio: 503"),
        ("uncertain", "", "may have left by twilio"),
        ("not_there", "", "the provider was asked, and does not have it"),
        ("refused", "opted out", "refused by twilio: opted out"),
    ] {
        assert_eq!(words::step(&step(outcome, why)), words, "{outcome}");
    }
    let twice = MessageStep { doubles: true, ..step("sent", "") };
    assert_eq!(words::step(&twice), "sent by twilio; an earlier try may have arrived too");
}

#[test]
fn every_end_is_said() {
    for word in [
        "covered",
        "arrived",
        "checked_out",
        "cancelled",
        "moved",
        "removed",
        "client_inactive",
        "recovered",
        "rule_removed",
        "expired",
    ] {
        let said = words::reason(word);
        assert!(!said.is_empty() && !said.contains('_'), "{word}: {said}");
    }
}
