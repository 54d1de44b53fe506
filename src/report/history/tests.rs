use super::*;
use crate::{alerts::alert::Labels, model::local_time::from_micros};

fn at(seconds: i64) -> Instant {
    from_micros((1_796_119_200 + seconds) * 1_000_000)
}

/// Fired at 10, seen at 10, its edge at 8; told, sent at 12, delivered at 15, taken at 70, covered at 100.
fn row() -> LifeRow {
    LifeRow {
        agency: "main".to_owned(),
        alertname: "ShiftUncovered".to_owned(),
        fired_at: at(10),
        edge_at: Some(at(8)),
        seen_at: Some(at(10)),
        changed_at: None,
        told: true,
        sent_at: Some(at(12)),
        delivered_at: Some(at(15)),
        acknowledged_at: Some(at(70)),
        acknowledged_by: Some("night-1".to_owned()),
        said: false,
        resolved_at: Some(at(100)),
        reason: Some("covered".to_owned()),
    }
}

fn history(rows: &[LifeRow]) -> History {
    let mut tally = Tally::default();
    for row in rows {
        tally.take(row);
    }
    tally.sum_up(Span::Week, at(1000), &[], rows.len() as u64)
}

fn rule(rows: &[LifeRow]) -> RuleHistory {
    history(rows).rules.remove(0)
}

#[test]
fn each_part_of_an_alert_s_life_has_its_time() {
    let rule = rule(&[row()]);
    let p50 = [rule.detect, rule.send, rule.deliver, rule.acknowledge, rule.resolve].map(|times| times.p50_seconds);
    assert_eq!(p50, [2.0, 2.0, 5.0, 60.0, 90.0].map(Some));
    assert_eq!((rule.n_alerts, rule.n_told, rule.n_acknowledged, rule.n_open), (1, 1, 1, 0));
    assert_eq!(rule.closed, BTreeMap::from([("covered".to_owned(), 1)]));
}

#[test]
fn what_nobody_can_know_is_not_counted_as_zero() {
    let none = Times::default();
    for (row, of, why) in [
        (LifeRow { edge_at: None, ..row() }, "detect", "no edge"),
        (LifeRow { seen_at: None, ..row() }, "detect", "kept by an older version"),
        (LifeRow { changed_at: Some(at(9)), ..row() }, "detect", "it changed after its edge, between two reads"),
        (LifeRow { sent_at: None, ..row() }, "send", "nothing left"),
        (LifeRow { delivered_at: None, ..row() }, "deliver", "nobody reported it"),
        (LifeRow { acknowledged_at: None, ..row() }, "acknowledge", "nobody took it"),
        (LifeRow { acknowledged_at: Some(at(1)), ..row() }, "acknowledge", "its shift was owned before it fired"),
        (LifeRow { resolved_at: None, reason: None, ..row() }, "resolve", "it is not over"),
    ] {
        let rule = rule(&[row]);
        for (name, times) in [
            ("detect", rule.detect),
            ("send", rule.send),
            ("deliver", rule.deliver),
            ("acknowledge", rule.acknowledge),
            ("resolve", rule.resolve),
        ] {
            assert_eq!(times == none, name == of, "{why}: {name}");
        }
    }
    let before = rule(&[LifeRow { changed_at: Some(at(8)), ..row() }]);
    assert_eq!(before.detect.n, 1, "what changed before its edge was known to");
}

#[test]
fn rules_are_apart_and_in_order() {
    let other = |reason: &str| LifeRow { alertname: "NoShow".into(), reason: Some(reason.into()), ..row() };
    let open = LifeRow { resolved_at: None, reason: None, told: false, acknowledged_at: None, ..row() };
    let history = history(&[row(), other("arrived"), other("expired"), other("arrived"), open]);
    let told: Vec<(&str, u64, u64, u64)> =
        history.rules.iter().map(|rule| (rule.alertname.as_str(), rule.n_alerts, rule.n_open, rule.n_told)).collect();
    assert_eq!(told, [("NoShow", 3, 0, 3), ("ShiftUncovered", 2, 1, 1)]);
    assert_eq!(history.rules[0].closed, BTreeMap::from([("arrived".to_owned(), 2), ("expired".to_owned(), 1)]));
    assert!(Tally::default().sum_up(Span::Day, at(0), &[], 0).rules.is_empty(), "nothing fired");
}

#[test]
fn the_list_is_bounded_and_says_so() {
    let life = Life {
        agency: "main".into(),
        fingerprint: "00000000000000ff".to_owned(),
        labels: Labels::from([("alertname".to_owned(), "NoShow".to_owned())]),
        active_at: at(0),
        edge_at: None,
        seen_at: None,
        fired_at: Some(at(0)),
        acknowledged_at: None,
        acknowledged_by: None,
        resolved_at: None,
        reason: None,
    };
    let lives = vec![life; LATEST_MAX + 1];
    let history = Tally::default().sum_up(Span::Quarter, at(0), &lives, 1_000);
    assert_eq!((history.latest.len(), history.n_latest_left_out, history.n_not_summed), (200, 800, 1_000));
    assert_eq!((history.latest[0].location.as_str(), history.latest[0].shift.as_ref()), ("", None));
}

#[test]
fn spans_are_those_that_are_written() {
    for span in Span::ALL {
        assert_eq!(Span::parse(span.as_str()), Some(span));
        assert_eq!(serde_json::to_string(&span).unwrap(), format!("\"{span}\""));
    }
    for text in ["", "7", "1d", "7D", "365d"] {
        assert_eq!(Span::parse(text), None, "{text}");
    }
}

#[test]
fn what_was_acted_on_is_what_somebody_was_told_of_and_took_or_spoke_of() {
    let untaken = || LifeRow { acknowledged_at: None, acknowledged_by: None, ..row() };
    for (row, n, why) in [
        (row(), 1, "told and taken"),
        (LifeRow { told: false, ..row() }, 0, "taken on the board, and nobody was told"),
        (untaken(), 0, "nobody took it"),
        (LifeRow { said: true, ..untaken() }, 1, "somebody said what became of it"),
        (LifeRow { said: true, told: false, ..untaken() }, 0, "of what nobody was told of"),
    ] {
        assert_eq!(rule(&[row]).n_acted_on, n, "{why}");
    }
}

#[test]
fn people_have_their_own_times() {
    let other = LifeRow { acknowledged_by: Some("office-lead".into()), acknowledged_at: Some(at(40)), ..row() };
    let open = LifeRow { resolved_at: None, reason: None, acknowledged_at: Some(at(130)), ..row() };
    let mut tally = Tally::default();
    for row in [row(), other, open, LifeRow { acknowledged_by: None, acknowledged_at: None, ..row() }] {
        tally.take(&row);
    }
    let people = tally.people();
    let summed: Vec<_> = people
        .iter()
        .map(|(who, n, took, end)| (who.as_str(), *n, took.p50_seconds, took.p90_seconds, end.n, end.p50_seconds))
        .collect();
    assert_eq!(
        summed,
        [
            ("night-1", 2, Some(60.0), Some(120.0), 1, Some(90.0)),
            ("office-lead", 1, Some(30.0), Some(30.0), 1, Some(90.0))
        ]
    );
}
